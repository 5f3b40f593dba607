"""Writes the report page of an experiment, by `akp_keras.report`."""
