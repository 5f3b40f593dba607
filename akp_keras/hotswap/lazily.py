"""Modules that are imported when they are first used.

A schedule is read and checked without Keras, also where only a flag is to be checked.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def lazily(name: str) -> Any:
    """Return a stand-in for a module, which is imported when one of its attributes is asked for."""
    return _LazyModule(name)
