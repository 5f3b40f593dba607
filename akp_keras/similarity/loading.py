"""Representations read one after the other, each held against those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from akp_keras.similarity.factors import Factors
from akp_keras.similarity.measure import Measure
from akp_keras.similarity.representation import Representation, align, load
from akp_keras.similarity.request import Request
from akp_keras.similarity.scratch import Scratch
from akp_keras.similarity.spatial import apply_policy


@dataclass(frozen=True)
class Loaded:
    """A representation that was read.

    Attributes:
        factors: its values, after the spatial policy.
        positions: how many rows belong to one sample.
    """

    factors: Factors
    positions: int


def load_all(request: Request, new_scratch: Callable[[], Scratch]) -> Iterator[Loaded]:
    """Read the representations of a request in order.

    Args:
        request: what is asked for.
        new_scratch: returns memory for the next one.

    Yields:
        Each with the samples of the first in the order of the first.

    Raises:
        ValueError: naming the representation, if it cannot be read or does not fit those before.
    """
    first: Loaded | None = None
    with_ids: tuple[str, np.ndarray] | None = None
    with_positions: Loaded | None = None
    for name, source in request.sources:
        representation = load(source, name)
        if representation.ids is not None:
            if with_ids is None:
                with_ids = (name, representation.ids)
            representation = align(representation, name, with_ids[1], with_ids[0])
        loaded = _factors(representation, name, callable(source), request, new_scratch())
        if first is None:
            first = loaded
            _check_samples(loaded.factors, request.measures)
        else:
            _check_against(loaded.factors, first.factors, request.measures)
        if loaded.positions > 1:
            with_positions = with_positions or loaded
            _check_positions(loaded, with_positions)
        yield loaded


def _factors(
    representation: Representation, name: str, is_called: bool, request: Request, scratch: Scratch
) -> Loaded:
    values = representation.values
    if representation.kind == "features":
        channels_first = request.channels_first
        if channels_first is None:
            channels_first = representation.channels_first
        values = apply_policy(values, request.spatial, name, channels_first=channels_first)
    if is_called:
        # The next call may return the same memory with other values in it.
        values = np.array(values)
    return Loaded(
        Factors(values, name, request.labels, scratch, representation.kind),
        positions=len(values) // max(len(representation.values), 1),
    )


def _check_samples(factors: Factors, measures: Mapping[str, Measure]) -> None:
    for measure in measures.values():
        least = measure.declaration.min_samples
        if factors.samples < least:
            raise ValueError(
                f"representation {factors.name!r} has {factors.samples} samples; "
                f"{measure.declaration.id} needs at least {least}"
            )


def _check_against(factors: Factors, first: Factors, measures: Mapping[str, Measure]) -> None:
    if factors.samples != first.samples:
        raise ValueError(
            f"representation {factors.name!r} has {factors.samples} samples, {first.name!r} has "
            f"{first.samples}; all are taken on the same samples"
        )
    for measure in measures.values():
        if measure.declaration.takes == "logits" and factors.features != first.features:
            raise ValueError(
                f"representation {factors.name!r} has {factors.features} classes, {first.name!r} "
                f"has {first.features}; {measure.declaration.id} compares logits of the same "
                "classes"
            )


def _check_positions(loaded: Loaded, first: Loaded) -> None:
    if loaded.positions != first.positions:
        raise ValueError(
            f"representation {loaded.factors.name!r} has {loaded.positions} positions a sample, "
            f"{first.factors.name!r} has {first.positions}; all are taken on the same samples and "
            "positions"
        )
