"""Compositions of components: one experiment on TFX and on Kubeflow, and its lineage."""
