"""A distribution of stress, as text, from which schedules are drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from akp_keras.hotswap import Change

_CHANGE = re.compile(r"(?P<target>[^\[=]+)(?:\[(?P<pattern>.*?)\](?==))?=(?P<values>.+)")
_RANGE = re.compile(r"(?P<low>[0-9][0-9.e+-]*?)\.\.(?P<high>[0-9][0-9.e+-]*)")
_RIGHT = (
    "write kinds and times such as 'activation=tanh|sigmoid; weight=2 loss=hinge|poisson; "
    "swaps=1..3 times=0.1..1'"
)


@dataclass(frozen=True)
class Choice:
    """What is drawn for one target of a schedule's swaps.

    Attributes:
        target: as in `akp_keras.hotswap.Change`.
        pattern: the layer filter, or None.
        values: texts, one of which is drawn; in place of a number may stand a range, `a..b`.
    """

    target: str
    pattern: str | None
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        for value in self.values:
            for end in ("low", "high"):
                Change(self.target, _RANGE.sub(lambda match, end=end: match[end], value))
            for match in _RANGE.finditer(value):
                if float(match["low"]) > float(match["high"]):
                    raise ValueError(f"{self}: the range {match[0]} must rise")
        Change(self.target, Change(self.target, self._example).value, self.pattern)

    @property
    def _example(self) -> str:
        return _RANGE.sub(lambda match: match["low"], self.values[0])

    def __str__(self) -> str:
        pattern = "" if self.pattern is None else f"[{self.pattern}]"
        return f"{self.target}{pattern}={'|'.join(self.values)}"

    def draw(self, rng: np.random.Generator, in_force: str | None) -> Change | None:
        """Draw a change to another value than that in force; None if there is no other."""
        others = [value for value in self.values if value != in_force]
        if not others:
            return None
        value = others[rng.integers(len(others))]
        return Change(
            self.target, _RANGE.sub(lambda match: _between(match, rng), value), self.pattern
        )


@dataclass(frozen=True)
class Kind:
    """One kind of stress: what each swap of a schedule changes.

    Attributes:
        choices: one for each target.
        weight: the share of schedules of this kind is proportional to it, > 0.
    """

    choices: tuple[Choice, ...]
    weight: float = 1.0

    def __str__(self) -> str:
        weight = [] if self.weight == 1 else [f"weight={self.weight:g}"]
        return " ".join([*weight, *map(str, self.choices)])


@dataclass(frozen=True)
class StressDistribution:
    """Kinds of stress, and how many swaps of them take place when.

    Attributes:
        kinds: at least one.
        swaps: smallest and largest number of swaps, drawn uniformly, ≥ 1.
        times: earliest and latest time of swaps, as fractions of the training in [0, 1].
    """

    kinds: tuple[Kind, ...]
    swaps: tuple[int, int] = (1, 3)
    times: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def parse(cls, text: str) -> StressDistribution:
        """Read `target=value|value…; …; swaps=A..B times=A..B`.

        Between semicolons stands a kind of stress: one or more targets with the values from which
        each swap draws, and optionally `weight=`. A range `a..b` inside a value, as in
        `weights=noise(0.1..1)`, is drawn uniformly.

        Raises:
            ValueError: in one line, what is wrong and what would be right.
        """
        kinds, options = [], {}
        for part in filter(None, map(str.strip, text.split(";"))):
            words = dict(_word(word) for word in part.split())
            own = {key: words.pop(key) for key in ("swaps", "times") if key in words}
            if own and words:
                raise ValueError(f"{part!r} mixes a kind of stress with {', '.join(own)}; {_RIGHT}")
            options |= {key: _ends(key, value) for key, value in own.items()}
            if words:
                kinds.append(_kind(words))
        if not kinds:
            raise ValueError(f"{text!r} names no kind of stress; {_RIGHT}")
        low, high = options.get("swaps", (1, 3))
        if not (low == int(low) and high == int(high) and low >= 1):
            raise ValueError(f"swaps={low:g}..{high:g} must be whole numbers from 1")
        times = options.get("times", (0.0, 1.0))
        if times[1] > 1:
            raise ValueError(f"times={times[0]:g}..{times[1]:g} must be fractions from 0 to 1")
        return cls(tuple(kinds), (int(low), int(high)), times)

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        design = (
            f"swaps={self.swaps[0]}..{self.swaps[1]} times={self.times[0]:g}..{self.times[1]:g}"
        )
        return "; ".join([*map(str, self.kinds), design])

    def epochs_of_swaps(self, epochs: int) -> range:
        """Return the epochs at whose beginning swaps may take place, from 1.

        Raises:
            ValueError: if there is none.
        """
        low, high = (round(fraction * epochs, 9) for fraction in self.times)
        swappable = range(max(1, math.ceil(low)), min(epochs - 1, math.floor(high)) + 1)
        if not swappable:
            raise ValueError(
                f"times={self.times[0]:g}..{self.times[1]:g} hold the beginning of no epoch from 1 "
                f"to {epochs - 1} (--epochs={epochs})"
            )
        return swappable

    def kind_at(self, share: float) -> Kind:
        """Return the kind at a place in [0, 1) of their cumulated weights."""
        ends = np.cumsum([kind.weight for kind in self.kinds])
        return self.kinds[int(np.searchsorted(ends / ends[-1], share, side="right"))]


def canonical_stress(text: str) -> str:
    """Return a distribution in canonical form; raise a ValueError as `parse` does."""
    return str(StressDistribution.parse(text))


def _word(word: str) -> tuple[str, str]:
    match = _CHANGE.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r} must be target=values, weight=, swaps= or times=; {_RIGHT}")
    values = match["values"]
    return word[: -len(values) - 1], values


def _kind(words: Mapping[str, str]) -> Kind:
    weight = words.get("weight", "1")
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"weight={weight} must be a number above 0")
    choices = []
    for key, values in words.items():
        if key != "weight":
            match = _CHANGE.fullmatch(f"{key}={values}")
            choices.append(Choice(match["target"], match["pattern"], tuple(values.split("|"))))
    if not choices:
        raise ValueError(f"weight={weight} stands alone; {_RIGHT}")
    return Kind(tuple(choices), number)


def _ends(key: str, text: str) -> tuple[float, float]:
    match = _RANGE.fullmatch(text if ".." in text else f"{text}..{text}")
    try:
        low, high = float(match["low"]), float(match["high"])
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if low > high:
        raise ValueError(f"{key}={text} must be a number, or a range that rises, as in {key}=0..1")
    return low, high


def _between(match: re.Match[str], rng: np.random.Generator) -> str:
    return f"{rng.uniform(float(match['low']), float(match['high'])):.3g}"
