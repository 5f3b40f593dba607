"""The Kubeflow components: a lightweight one, and one that is the command line."""

import functools

from akp_keras import kubeflow

component = functools.partial(kubeflow.component, "family_trainer")
container_component = functools.partial(kubeflow.container_component, "family_trainer")
