"""Tests the principle on matrices and members, by `akp_keras.dispersion`."""
