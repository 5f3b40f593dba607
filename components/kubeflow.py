"""A step as a Kubeflow component: a function's few lines, run in an image that holds the rest."""

from __future__ import annotations

from collections.abc import Callable

from kfp import dsl
from kfp.dsl.base_component import BaseComponent


def in_image(function: Callable, image: str) -> BaseComponent:
    """Makes a lightweight component of a function.

    Args:
        function: a module-level function whose source stands for itself: Kubeflow ships the
            source alone, so it imports what it calls.
        image: name of a container image with akp_keras, `components` and kfp in it; nothing is
            installed when it starts.

    Returns:
        The component; `.python_func` is the function.
    """
    return dsl.component(function, base_image=image, install_kfp_package=False)
