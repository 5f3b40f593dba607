"""The probe set of an experiment: a door to `akp_keras.data`."""
