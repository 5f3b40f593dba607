"""A setting, declared once: name, type, default, range, help and stage.

A setting is a field of a frozen dataclass that derives from `Group`. Flags, component parameters,
JSON and report texts are derived from it, and `Setting.check` validates its values.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing import Self

_WORDS = {bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The declaration of a setting.

    Attributes:
        name: name of the field, and keyword in Python.
        flag: name on command lines and among the parameters of components.
        kind: type of the value, or of its items: `bool`, `int`, `float` or `str`.
        several: whether the value is a tuple.
        optional: whether the value may be None.
        default: default value.
        help: one or two sentences, shown by `--help`.
        stage: heading of `--help` under which the flag is listed.
        least: smallest allowed number; None for no bound.
        most: largest allowed number; None for no bound.
        above: exclusive lower bound; None for no bound.
        below: exclusive upper bound; None for no bound.
        choices: allowed values; () for any.
        separator: separates the items of a text; with a newline, the flag is given once per item.
        parse: returns the canonical form of a value, or raises a ValueError.
        in_results: whether results depend on it; False for where and how work is done.
        holds_models: whether values name SavedModels, on whose files results depend.
    """

    name: str
    flag: str
    kind: type
    several: bool
    optional: bool
    default: Any
    help: str
    stage: str
    least: int | None = None
    most: int | None = None
    above: int | None = None
    below: int | None = None
    choices: tuple[str, ...] = ()
    separator: str = ","
    parse: Callable[[Any], Any] | None = None
    in_results: bool = True
    holds_models: bool = False

    def check(self, value: Any) -> Any:
        """Validate a value, or its text, and return its canonical form.

        Several values are a sequence, or a mapping that stands for the texts `key: value`.

        Raises:
            ValueError: in one line that names the flag, what is wrong, and what is valid.
        """
        if value is None and self.optional:
            return None
        value = self._split(value) if self.several else self._typed(value)
        if not self._allows(value):
            raise ValueError(f"--{self.flag}={value} must be {self.bounds()}")
        if self.parse is None:
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            named = str(error).startswith("--")
            raise ValueError(f"{error}" if named else f"--{self.flag}: {error}") from error

    def bounds(self) -> str:
        """Describe the allowed values; return "" if any value is allowed."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.least is not None and self.most is not None:
            return f"from {self.least} to {self.most}"
        words = {"at least": self.least, "above": self.above, "below": self.below}
        bounds = [f"{word} {bound}" for word, bound in words.items() if bound is not None]
        return " and ".join(bounds + ["finite"] * (self.kind is float and self.below is None))

    def text(self, value: Any) -> str:
        """Return a value as the text of its flag."""
        return self.separator.join(value) if self.several else str(value)

    def _allows(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if self.kind is str:
            return True
        return (
            (self.kind is int or math.isfinite(value))
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _typed(self, value: Any) -> Any:
        if self.kind is str:
            if isinstance(value, list | tuple):
                value = self.separator.join(map(str, value))
            if value is None or isinstance(value, bool | bytes):
                raise ValueError(f"--{self.flag}={value} must be text")
            return str(value)
        try:
            number = self.kind(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"--{self.flag}={value} must be {_WORDS[self.kind]}") from error
        # Kubeflow passes whole numbers as 3.0, but 3.5 epochs do not exist.
        if self.kind is int and not isinstance(value, str) and number != value:
            raise ValueError(f"--{self.flag}={value} must be {_WORDS[self.kind]}")
        return number

    def _split(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, Mapping):
            value = [f"{name}: {text}" for name, text in value.items()]
        if not isinstance(value, Iterable):
            raise ValueError(f"--{self.flag}={value} must be texts")
        if isinstance(value, str):
            texts = value.split(self.separator) if self.separator != "," else [value]
        else:
            # A text of several lines is a single item here.
            texts = [" ".join(str(item).split()) for item in value]
        if self.separator == ",":
            texts = [part for text in texts for part in split_at_commas(text)]
        values = tuple(text.strip() for text in texts if text.strip())
        if len(texts) > 1 and not values:
            raise ValueError(f"--{self.flag}={value} names nothing")
        return values


def setting(default: Any, help: str, **declared: Any) -> Any:
    """Declare a field of a `Group` as a setting; the keywords are attributes of `Setting`.

    `flag` defaults to the name of the field, and `stage` to that of the group.
    """
    return dataclasses.field(default=default, metadata={"help": help, **declared})


@dataclass(frozen=True, kw_only=True)
class Group:
    """Settings that belong together, validated when they are created.

    A class that derives from several groups has the settings of all of them.
    """

    _stage: ClassVar[str] = ""

    def __init_subclass__(cls, stage: str = "", **options: Any) -> None:
        """Set the heading of `--help` under which the class's own settings are listed."""
        super().__init_subclass__(**options)
        cls._stage = stage

    def __post_init__(self) -> None:
        """Replace values by their canonical form; raise as `Setting.check` does."""
        for declared in declarations(type(self)):
            value = declared.check(getattr(self, declared.name))
            object.__setattr__(self, declared.name, value)
        self.check()

    def check(self) -> None:
        """Raise a ValueError if settings do not fit together; subclasses extend it."""

    def values(self) -> dict[str, Any]:
        """Return the settings that results depend on, by name, in plain JSON types."""
        return {
            declared.name: list(value) if isinstance(value, tuple) else value
            for declared in declarations(type(self))
            if declared.in_results
            for value in (getattr(self, declared.name),)
        }

    @classmethod
    def of(cls, other: Group, **changed: Any) -> Self:
        """Copy the settings shared with another group, some of them changed by name."""
        theirs = {declared.name for declared in declarations(type(other))}
        common = [declared.name for declared in declarations(cls) if declared.name in theirs]
        return cls(**({name: getattr(other, name) for name in common} | changed))


@functools.cache
def declarations(group: type[Group]) -> tuple[Setting, ...]:
    """Return the settings of a class, in the order of its groups and of the lines in each."""
    types = typing.get_type_hints(group)
    fields = {field.name: field for field in dataclasses.fields(group)}
    owners: dict[str, type[Group]] = {}
    for owner in group.__mro__:
        for name in vars(owner).get("__annotations__", ()):
            if name in fields:
                owners.setdefault(name, owner)
    return tuple(_declaration(fields[name], types[name], owner) for name, owner in owners.items())


def _declaration(field: dataclasses.Field, annotation: Any, owner: type[Group]) -> Setting:
    types = typing.get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    (kind,) = (type_ for type_ in types if type_ is not type(None))
    several = typing.get_origin(kind) is tuple
    declared = {"flag": field.name, "stage": owner._stage, **field.metadata}
    return Setting(
        name=field.name,
        kind=typing.get_args(kind)[0] if several else kind,
        several=several,
        optional=len(types) > 1,
        default=field.default,
        **declared,
    )


def split_at_commas(text: str) -> list[str]:
    """Split at commas outside of square brackets, which hold a measure's parameters."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
