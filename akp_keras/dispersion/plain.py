"""Results as the plain types of JSON, and back."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping


def to_plain(value: object) -> object:
    """Return a result in the types of JSON.

    Args:
        value: dataclasses, mappings, sequences, numbers, strings, None.

    Returns:
        Dictionaries in the order of attributes, lists, numbers; None for what is not finite.
    """
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: to_plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_plain(kind: object, value: object) -> object:
    """Return what `to_plain` made of a value of some type.

    Args:
        kind: a dataclass, or an annotation made of dataclasses, mappings, tuples and `None`.
        value: the plain value.

    Returns:
        The value of that type.

    Raises:
        KeyError: if an attribute is missing.
        TypeError: if a value is not of its type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return from_plain(next(part for part in arguments if part is not type(None)), value)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        names = [field.name for field in dataclasses.fields(kind)]
        return kind(**{name: from_plain(hints[name], value[name]) for name in names})
    if origin is tuple:
        entry_kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(
            from_plain(part, entry) for part, entry in zip(entry_kinds, value, strict=True)
        )
    if origin is not None and issubclass(origin, Mapping):
        return {key: from_plain(arguments[1], entry) for key, entry in value.items()}
    return value
