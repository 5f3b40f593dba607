"""From an identifier to a measure, and from a pattern to identifiers."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from akp_keras.similarity import identifiers
from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.measures import FAMILIES

# What is taken where a measure is named: an identifier, or the measure itself.
MeasureLike: TypeAlias = "str | Measure"

_registered: dict[str, Template] = {}


@functools.cache
def _own_templates() -> Mapping[str, Template]:
    templates: dict[str, Template] = {}
    for family in FAMILIES:
        for template in family.MEASURES:
            if template.name in templates:
                raise ValueError(f"measure {template.name!r} is registered twice")
            templates[template.name] = template
    return templates


def templates() -> dict[str, Template]:
    """Return all templates by name, this library's before those of `register`."""
    return {**_own_templates(), **_registered}


def register(measure: Measure | Template) -> None:
    """Make a measure known by its identifier, wherever identifiers are taken in this process.

    A measure that was registered before is replaced, as when a notebook's cell is run again.

    Args:
        measure: a `Measure` whose `declaration.id` is its name, such as "mine.overlap", or a
            `Template` with parameters.

    Raises:
        ValueError: if the name is not of lower-case letters, digits, `_` and `.`, or is that of a
            measure of this library.
    """
    if isinstance(measure, Template):
        template = measure
    elif isinstance(measure, Measure):
        template = Template(measure.declaration.id, lambda: measure)
    else:
        raise ValueError(f"a Measure or a Template is registered, not {measure!r}")
    if identifiers.split(template.name) != (template.name, ""):
        raise ValueError(
            f"measure {template.name!r} cannot be registered: a name has no parameters in brackets"
        )
    if template.name in _own_templates():
        raise ValueError(f"measure {template.name!r} is one of this library and stays what it is")
    _registered[template.name] = template
    _find.cache_clear()


def unregister(name: str) -> None:
    """Forget a measure of `register`.

    Raises:
        ValueError: if no measure was registered under this name.
    """
    if name not in _registered:
        raise ValueError(
            f"measure {name!r} was not registered{identifiers.suggest(str(name), _registered)}"
        )
    del _registered[name]
    _find.cache_clear()


def find(measure: MeasureLike) -> Measure:
    """Return the measure of an identifier, or the measure itself.

    Raises:
        ValueError: if it is not known, or a parameter is wrong; with the nearest name.
    """
    if isinstance(measure, Measure):
        if not measure.declaration.id:
            raise ValueError(f"measure {measure.declaration.title!r} has no id in its declaration")
        return measure
    return _find(measure, *identifiers.split(measure))


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
    declaration = dataclasses.replace(
        measure.declaration,
        id=identifiers.join(name, template.parameters, values),
        preparation=measure.declaration.preparation or measure.statistic.preparation,
        accuracy=measure.declaration.accuracy or measure.statistic.accuracy,
    )
    return dataclasses.replace(measure, declaration=declaration)


def resolve(measures: Sequence[MeasureLike]) -> dict[str, Measure]:
    """Return the measures of a list by the names under which their results are found.

    Args:
        measures: identifiers, patterns as `list_measures` takes them, and measures.

    Returns:
        Identifiers as written, and canonical ones for what a pattern stands for and for measures.

    Raises:
        ValueError: if the list is empty or not a list, or a measure is not known.
    """
    if isinstance(measures, str | Measure) or not isinstance(measures, Iterable):
        shown = measures if isinstance(measures, str) else getattr(measures, "id", measures)
        raise ValueError(
            f"measures is the single {shown!r}; a list of measures is needed: [{shown!r}]"
        )
    resolved: dict[str, Measure] = {}
    for measure in measures:
        if isinstance(measure, str) and ("*" in measure or "?" in measure):
            resolved.update({identifier: find(identifier) for identifier in list_measures(measure)})
        else:
            key = measure if isinstance(measure, str) else find(measure).declaration.id
            resolved[key] = find(measure)
    if not resolved:
        raise ValueError("no measure is named")
    return resolved


def list_measures(pattern: str = "*") -> list[str]:
    """Return canonical identifiers, with default parameters, of the measures of a pattern.

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
    matches = [
        identifier
        for name, identifier in canonical.items()
        if wanted.fullmatch(name) or wanted.fullmatch(identifier)
    ]
    if not matches:
        raise ValueError(f"no measure matches {pattern!r}{identifiers.suggest(pattern, canonical)}")
    return matches


def declaration(measure: MeasureLike) -> Declaration:
    """Return the declared properties of a measure.

    Raises:
        ValueError: if it is not known, or a parameter is wrong; with the nearest name.
    """
    return find(measure).declaration
