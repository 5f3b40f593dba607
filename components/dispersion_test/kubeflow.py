"""The Kubeflow components: a lightweight one, and one that is the command line."""

import functools

from akp_keras import kubeflow

component = functools.partial(kubeflow.component, "dispersion_test")
container_component = functools.partial(kubeflow.container_component, "dispersion_test")
