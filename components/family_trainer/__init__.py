"""Trains the members of families, by `akp_keras.training`."""
