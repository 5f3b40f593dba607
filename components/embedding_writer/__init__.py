"""TensorBoard's log directory of an experiment: a door to `akp_keras.tensorboard`."""
