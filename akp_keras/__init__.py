"""akp-keras: a Keras laboratory for the Anna Karenina principle in deep learning.

This package imports nothing heavy: TensorBoard imports its plugin through it, and
`akp_keras.similarity`, `akp_keras.dispersion` and `akp_keras.hotswap` are useful alone.
"""

__version__ = "0.1.0"
