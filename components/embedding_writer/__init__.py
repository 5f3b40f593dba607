"""Writes TensorBoard's log directory of an experiment, by `akp_keras.tensorboard`."""
