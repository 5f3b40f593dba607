"""The experiment as a pipeline of components, on TFX and on Kubeflow, and its lineage."""
