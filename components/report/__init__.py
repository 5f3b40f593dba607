"""The page of an experiment: a door to `akp_keras.report`."""
