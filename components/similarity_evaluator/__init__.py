"""Compares SavedModels on a probe set, by `akp_keras.comparison`."""
