"""Samples in the dtype that a signature wants, without loss."""

from __future__ import annotations

import numpy as np


def cast_samples(samples: np.ndarray, wanted: np.dtype, model: str) -> np.ndarray:
    """Cast samples, and refuses where that would make other samples of them.

    Floats are rounded to narrower floats, as every framework does; anything else must come out
    as it went in.

    Args:
        samples: (n, …) numbers, or text for a model that takes text.
        wanted: the dtype of the signature's input.
        model: what to call the model in the message.

    Returns:
        (n, …) in the wanted dtype; the very array where it has that dtype already.

    Raises:
        ValueError: if values would be lost, in one line.
    """
    if samples.dtype == wanted:
        return samples
    text = samples.dtype.kind in "SU"
    if text != (wanted.kind == "O"):
        raise ValueError(
            f"{model} takes {'text' if wanted.kind == 'O' else wanted}, the probe set holds "
            f"{'text' if text else samples.dtype}"
        )
    if text:
        return samples.astype(object)
    with np.errstate(all="ignore"):
        cast = samples.astype(wanted)
        if _is_float(samples.dtype) and _is_float(wanted):
            kept = np.array_equal(np.isfinite(cast), np.isfinite(samples))
        else:
            kept = np.array_equal(cast.astype(samples.dtype), samples)
    if not kept:
        raise ValueError(
            f"{model} takes {wanted}, and the probe set's {samples.dtype} values "
            f"(from {samples.min():g} to {samples.max():g}) are not all {wanted}; scale or round "
            "them as the model's own data are"
        )
    return cast


def _is_float(dtype: np.dtype) -> bool:
    # bfloat16 and the 8-bit floats are extension types, of kind "V".
    return dtype.kind == "f" or (dtype.kind == "V" and "float" in dtype.name)
