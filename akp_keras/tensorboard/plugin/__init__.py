"""The page `akp` of TensorBoard: matrix, map and dispersion of families.

TensorBoard imports this package at its start and ends if that fails; therefore this module
imports nothing.
"""
