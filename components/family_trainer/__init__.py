"""The members of one family, trained: a door to `akp_keras.training`."""
