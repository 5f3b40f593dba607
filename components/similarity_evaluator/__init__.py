"""SavedModels and a probe set in, similarity matrices out: a door to `akp_keras.comparison`."""
