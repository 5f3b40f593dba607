"""The Kubeflow components: a lightweight one, and one that is the command line."""

from akp_keras.kubeflow import of_step

component, container_component = of_step("similarity_evaluator")
