"""What becomes of representations with positions: convolutional maps and sequences of tokens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from akp_keras.similarity.identifiers import suggest


def _flatten(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _global_average(values: np.ndarray) -> np.ndarray:
    places = tuple(range(1, values.ndim - 1))
    return values.mean(axis=places, dtype=np.float64).astype(
        np.result_type(values.dtype, np.float32), copy=False
    )


def _positions(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _first(values: np.ndarray) -> np.ndarray:
    if values.ndim != 3:
        raise ValueError(
            f"has shape {values.shape}; spatial='first' takes the first of a sequence of tokens, "
            "n × tokens × d"
        )
    return values[:, 0]


SPATIAL_POLICIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "flatten": _flatten,
    "global_average": _global_average,
    "positions": _positions,
    "mean": _global_average,
    "first": _first,
}
"""Name -> function of (n, …, c) values.

`flatten`: every unit at every position is a feature, (n, h·w·c); the only policy that keeps where
things are. `global_average`: the mean over positions, (n, c); `mean` is the same, as it is called
for tokens. `positions`: every position of every sample is a sample, (n·h·w, c); maps must have
equal height and width to be compared. `first`: the first token of each sequence, a class token.
"""


def check_policy(policy: str | None) -> None:
    """Make sure that a policy exists.

    Raises:
        ValueError: if it does not, with the nearest name.
    """
    if policy is not None and policy not in SPATIAL_POLICIES:
        raise ValueError(
            f"unknown spatial policy {policy!r}; it is one of {', '.join(SPATIAL_POLICIES)}"
            f"{suggest(str(policy), SPATIAL_POLICIES)}"
        )


def apply_policy(
    values: np.ndarray, policy: str | None, name: str, *, channels_first: bool | None = False
) -> np.ndarray:
    """Make an n × d representation.

    Args:
        values: (n, d), or (n, …, c) with positions between the first and the last axis.
        policy: a name of `SPATIAL_POLICIES`; it changes nothing where values have two axes.
        name: the representation's name, for messages.
        channels_first: whether values are (n, c, …) instead, as PyTorch's maps are; None where
            that is not known, which is refused where it matters.

    Raises:
        ValueError: if values have positions and no policy is named, or channels are needed and it
            is not known where they are.
    """
    check_policy(policy)
    if values.ndim == 2:
        return values
    if values.ndim < 2:
        raise ValueError(
            f"representation {name!r} has shape {values.shape}; n × d is needed, "
            "n samples of d features"
        )
    if policy is None:
        raise ValueError(
            f"representation {name!r} has shape {values.shape}: say with spatial= what becomes of "
            f"the positions, one of {', '.join(SPATIAL_POLICIES)}"
        )
    if channels_first is None and policy != "flatten":
        raise ValueError(
            f"representation {name!r} has shape {values.shape} and is PyTorch's: say with "
            f"channels_first=True or False where the channels are, which spatial={policy!r} keeps"
        )
    try:
        return SPATIAL_POLICIES[policy](np.moveaxis(values, 1, -1) if channels_first else values)
    except ValueError as error:
        raise ValueError(f"representation {name!r} {error}") from None
