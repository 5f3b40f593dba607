"""A measure that is a plain function of two arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.factors import Factors
from akp_keras.similarity.statistic import PairStatistic, Prepared


@dataclass(frozen=True)
class PairFunction(PairStatistic):
    """A function of the values of two representations, as they are.

    Attributes:
        function: from (n, p) and (n, q) float64 to a number.
        symmetric: whether exchanging both changes nothing.
    """

    is_exact: ClassVar[bool] = True
    needs_variance: ClassVar[bool] = False
    selects: ClassVar[bool] = True
    layout: ClassVar[Mapping[str, str]] = {"values": "rows"}
    function: Callable[[np.ndarray, np.ndarray], float]
    symmetric: bool = True

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the values."""
        return {"values": np.asarray(factors.values, dtype=np.float64)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Call the function."""
        return float(self.function(left["values"], right["values"]))
