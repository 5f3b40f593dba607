"""Steps of an experiment, one folder each: a command line, a TFX and a Kubeflow component."""
