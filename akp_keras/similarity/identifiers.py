"""Identifiers of measures: `family.estimator.variant[parameter=value,choice]`.

An identifier says everything that a value depends on. `knn.jaccard` is short for
`knn.jaccard[k=10,cosine]`, its canonical form with every parameter; a parameter whose values are
words may stand without its name.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_GRAMMAR = re.compile(r"^(?P<name>[a-z0-9_.]+)(?:\[(?P<parameters>[^\[\]]*)\])?$")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a measure.

    Attributes:
        name: as it stands before `=`.
        default: the value where it is left out; its type (int, float or str) is the type.
        choices: the words allowed, for a str.
        minimum: the smallest number allowed, for an int or a float.
        maximum: the largest.
    """

    name: str
    default: int | float | str
    choices: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf

    def parse(self, text: str, identifier: str) -> int | float | str:
        """Read a value.

        Raises:
            ValueError: if it is not one, with what would be.
        """
        if self.choices:
            if text not in self.choices:
                raise ValueError(
                    f"measure {identifier!r}: {self.name} is one of {', '.join(self.choices)}, "
                    f"not {text!r}{suggest(text, self.choices)}"
                )
            return text
        try:
            value = type(self.default)(text)
        except ValueError:
            value = math.nan
        if not self.minimum <= value <= self.maximum:
            kind = "a whole number" if isinstance(self.default, int) else "a number"
            raise ValueError(
                f"measure {identifier!r}: {self.name} is {kind} from {self.minimum:g} "
                f"to {self.maximum:g}, not {text!r}"
            )
        return value


def split(identifier: str) -> tuple[str, str]:
    """Split an identifier into its name and the text between the brackets.

    Raises:
        ValueError: if it is not a string of the form `name[parameter=value,…]`.
    """
    if not isinstance(identifier, str):
        raise ValueError(
            f"a measure is named by a string such as 'cka.linear', not by {identifier!r}"
        )
    match = _GRAMMAR.match(identifier.replace(" ", ""))
    if match is None:
        raise ValueError(
            f"measure {identifier!r} is not of the form name[parameter=value,…], "
            "for example cka.linear or knn.jaccard[k=10,cosine]"
        )
    return match["name"], match["parameters"] or ""


def parse_parameters(
    identifier: str, text: str, parameters: tuple[Parameter, ...]
) -> dict[str, int | float | str]:
    """Read the text between the brackets; what it leaves out has its default.

    Raises:
        ValueError: naming the parameter that is unknown, named twice or out of range.
    """
    values: dict[str, int | float | str] = {}
    known = {parameter.name: parameter for parameter in parameters}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            owners = [parameter.name for parameter in parameters if part in parameter.choices]
            if not owners:
                words = [word for parameter in parameters for word in parameter.choices]
                raise ValueError(
                    f"measure {identifier!r}: {part!r} is neither name=value nor one of "
                    f"{words}{suggest(part, words)}"
                )
            name, value = owners[0], part
        if name not in known:
            has = ", ".join(known) or "none"
            raise ValueError(
                f"measure {identifier!r} has no parameter {name!r}; it has {has}"
                f"{suggest(name, known)}"
            )
        if name in values:
            raise ValueError(f"measure {identifier!r} names {name} twice")
        values[name] = known[name].parse(value, identifier)
    return {
        parameter.name: values.get(parameter.name, parameter.default) for parameter in parameters
    }


def join(
    name: str, parameters: tuple[Parameter, ...], values: Mapping[str, int | float | str]
) -> str:
    """Write the canonical identifier: every parameter, in the declared order."""
    if not parameters:
        return name
    parts = [
        str(values[parameter.name])
        if parameter.choices
        else f"{parameter.name}={_number(values[parameter.name])}"
        for parameter in parameters
    ]
    return f"{name}[{','.join(parts)}]"


def _number(value: int | float | str) -> str:
    if isinstance(value, int) or float(f"{value:g}") != value:
        return repr(value)
    return f"{value:g}"


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Return the end of an error message, `; did you mean 'x'?`, or "" where nothing is near."""
    known = list(known)
    # A family's name alone means its first member.
    near = [name for name in known if wrong and name.startswith(f"{wrong}.")]
    near = near or difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
