"""Matrices in, dispersions and a verdict out: a door to `akp_keras.dispersion`."""
