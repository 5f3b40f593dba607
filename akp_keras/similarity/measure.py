"""A measure, and a family of measures with parameters, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.pair_function import PairFunction
from akp_keras.similarity.statistic import Statistic, Value, plain


@dataclass(frozen=True)
class Measure:
    """A measure: what it declares, the statistic of pairs that it needs, and its value of it.

    Attributes:
        declaration: its declared properties.
        statistic: the prepare/compare pair; measures with an equal statistic share its work.
        value: turns the statistic of a block of pairs into the measure's values, NaN where it is
            not defined for a pair.
        undefined: why it may not be, for the error.
    """

    declaration: Declaration
    statistic: Statistic
    value: Value
    undefined: str = (
        "it is beyond the powers of ten that floats hold; divide the values by a constant"
    )

    @classmethod
    def from_function(
        cls,
        id: str,
        function: Callable[[np.ndarray, np.ndarray], float],
        *,
        larger_is_more_similar: bool,
        range: tuple[float, float] = (-np.inf, np.inf),
        symmetric: bool = True,
        **declared: Any,
    ) -> Measure:
        """Make a measure of a function of two arrays.

        The function is called for every pair. A measure that prepares something once for each
        representation is written as a `Statistic`.

        Args:
            id: its name, such as "mine.overlap".
            function: from (n, p) and (n, q) float64 to a number. To be sent to other processes it
                must be one that `pickle` finds by name.
            larger_is_more_similar: the direction.
            range: the smallest and the largest value.
            symmetric: whether exchanging both arrays changes nothing.
            **declared: further fields of `Declaration`, such as distances=("itself",), metric=True.

        Example:
            ```python
            overlap = Measure.from_function("mine.overlap", overlap, larger_is_more_similar=True)
            similarity.pairwise(representations, ["cka.linear", overlap])
            ```
        """
        texts = {
            "title": id,
            "formula": "",
            "reference": "",
            "cost": "",
            "invariances": frozenset(),
        }
        declaration = Declaration(
            id=id,
            larger_is_more_similar=larger_is_more_similar,
            range=range,
            symmetric=symmetric,
            **{**texts, **declared},
        )
        return cls(
            declaration, PairFunction(function, symmetric), plain, "the function returned NaN"
        )


@dataclass(frozen=True)
class Template:
    """A measure or, where it has parameters, a family of them.

    Attributes:
        name: the identifier without parameters.
        build: makes the measure from the values of the parameters, passed by keyword.
        parameters: in the order in which the canonical identifier names them.
    """

    name: str
    build: Callable[..., Measure]
    parameters: tuple[Parameter, ...] = ()
