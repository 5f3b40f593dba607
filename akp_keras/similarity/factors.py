"""One representation, and what is computed of it: each factor once, for all who need it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from akp_keras.similarity.scratch import Scratch

Arguments = ParamSpec("Arguments")
Factor = TypeVar("Factor")


class Undefined(ValueError):
    """A measure is not defined for a representation or a pair; the message says why.

    Attributes:
        reason: why, without the representation's name.
    """

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason


class Factors:
    """The values of one representation, and what was computed of them so far.

    A factor is a function of this object that is decorated by `once`, beside the statistics that
    need it. Factors are float64; what a statistic keeps of them is rounded by the engine.

    Args:
        values: (n, p) of any real dtype.
        name: the representation's name, for messages.
        labels: (n,) the samples' classes, or None.
        scratch: memory for large arrays. What is made of these factors may lie in it, and is
            valid until the scratch is passed to the next ones.
        kind: what the values are, see `representation.Representation`.

    Attributes:
        values: as passed.
        kind: as passed.
        name: as passed.
        labels: as passed, see `measures.outputs.labels`.
        scratch: as passed.
        samples: n.
        features: p.

    Raises:
        ValueError: if it has too few samples or features.
    """

    def __init__(
        self,
        values: np.ndarray,
        name: str,
        labels: np.ndarray | None = None,
        scratch: Scratch | None = None,
        kind: str = "features",
    ) -> None:
        if values.shape[0] < 2 or values.shape[1] < 1:
            raise ValueError(
                f"representation {name!r} has shape {values.shape}; at least two samples "
                "and one feature are needed"
            )
        self.values = values
        self.kind = kind
        self.name = name
        self.labels = labels
        self.scratch = Scratch() if scratch is None else scratch
        self.samples, self.features = values.shape
        self._computed: dict[Hashable, Any] = {}

    def check_finite(self) -> None:
        """Raise `Undefined` if a value is NaN or infinite."""
        finite = np.isfinite(self.values)
        if not finite.all():
            finite = finite.all(axis=1)
            reason = (
                f"holds NaN or infinite values in {np.sum(~finite)} samples, the first of them at "
                f"row {int(np.argmin(finite))}"
            )
            raise Undefined(f"representation {self.name!r} {reason}", reason)

    def degenerate(self, reason: str) -> Undefined:
        """Return the error for a representation on which a measure is not defined."""
        return Undefined(f"representation {self.name!r} is degenerate: {reason}", reason)

    def has(self, factor: Callable[..., Any], *arguments: Hashable) -> bool:
        """Say whether a factor has been computed already."""
        return (factor, *arguments) in self._computed

    def keep(self, factor: Callable[..., Any], *arguments: Hashable) -> Any:
        """Compute a factor, or return it where it has been."""
        key = (factor, *arguments)
        if key not in self._computed:
            self._computed[key] = _frozen(factor.__wrapped__(self, *arguments))
        return self._computed[key]


def once(
    function: Callable[Concatenate[Factors, Arguments], Factor],
) -> Callable[Concatenate[Factors, Arguments], Factor]:
    """Make a function of factors, and of hashable arguments, compute once per representation.

    What it returns is shared: arrays are made read-only.
    """

    @functools.wraps(function)
    def factor(factors: Factors, *arguments: Hashable) -> Factor:
        return factors.keep(factor, *arguments)

    return factor


def _frozen(result: Any) -> Any:
    for array in result if isinstance(result, tuple) else (result,):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return result
