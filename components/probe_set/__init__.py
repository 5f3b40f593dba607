"""Draws the probe set of an experiment, by `akp_keras.data`."""
