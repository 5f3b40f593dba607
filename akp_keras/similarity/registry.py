"""From an identifier to a measure."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from akp_keras.similarity import identifiers
from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.statistic import Statistic, Value


@dataclass(frozen=True)
class Measure:
    """A measure: what it declares, the statistic of pairs that it needs, and its value of it.

    Attributes:
        declaration: its declared properties.
        statistic: the prepare/compare pair; measures with an equal statistic share its work.
        value: turns the statistic of a block of pairs into the measure's values.
    """

    declaration: Declaration
    statistic: Statistic
    value: Value


@dataclass(frozen=True)
class Template:
    """A measure or, where it has parameters, a family of them.

    Attributes:
        name: the identifier without parameters.
        build: makes the measure from the values of the parameters, given by keyword.
        parameters: in the order in which the canonical identifier gives them.
    """

    name: str
    build: Callable[..., Measure]
    parameters: tuple[Parameter, ...] = ()


@functools.cache
def templates() -> dict[str, Template]:
    """All registered templates by name, in the order of registration."""
    from akp_keras.similarity.measures import FAMILIES

    found: dict[str, Template] = {}
    for family in FAMILIES:
        for template in family.MEASURES:
            if template.name in found:
                raise ValueError(f"measure {template.name!r} is registered twice")
            found[template.name] = template
    return found


def find(identifier: str) -> Measure:
    """The measure of an identifier.

    Raises:
        ValueError: if there is none, or a parameter is wrong; with the nearest name.
    """
    return _find(identifier, *identifiers.split(identifier))


@functools.lru_cache(maxsize=512)
def _find(identifier: str, name: str, text: str) -> Measure:
    template = templates().get(name)
    if template is None:
        raise ValueError(
            f"unknown measure {identifier!r}{identifiers.suggest(name, templates())} "
            "(akp_keras.similarity.list_measures() names them all)"
        )
    values = identifiers.parse_parameters(identifier, text, template.parameters)
    measure = template.build(**values)
    canonical = identifiers.join(name, template.parameters, values)
    declaration = dataclasses.replace(measure.declaration, id=canonical)
    return dataclasses.replace(measure, declaration=declaration)


def list_measures(pattern: str = "*") -> list[str]:
    """Canonical identifiers, with default parameters, of the measures that match a pattern.

    Args:
        pattern: `*` stands for any text and `?` for one character; brackets are literal. It is
            held against the name and against the canonical identifier.

    Raises:
        ValueError: if nothing matches, with the nearest name.
    """
    if not isinstance(pattern, str):
        raise ValueError(f"a pattern is a string such as 'cka.*', not {pattern!r}")
    wanted = re.compile(
        "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    )
    canonical = {name: find(name).declaration.id for name in templates()}
    found = [
        identifier
        for name, identifier in canonical.items()
        if wanted.fullmatch(name) or wanted.fullmatch(identifier)
    ]
    if not found:
        raise ValueError(f"no measure matches {pattern!r}{identifiers.suggest(pattern, canonical)}")
    return found


def declaration(identifier: str) -> Declaration:
    """The declared properties of the measure of an identifier.

    Raises:
        ValueError: if there is none, or a parameter is wrong; with the nearest name.
    """
    return find(identifier).declaration
