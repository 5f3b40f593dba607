"""Samples in the dtype of a signature, without loss."""

from __future__ import annotations

import numpy as np


def cast_samples(samples: np.ndarray, wanted: np.dtype, model: str) -> np.ndarray:
    """Cast samples; refuse a cast that would change their values.

    Floats are rounded to narrower floats, as every framework does; other casts must be exact.

    Args:
        samples: (n, …) numbers, or text for a model that takes text.
        wanted: dtype of the signature's input.
        model: name of the model, for the message.

    Returns:
        (n, …) array of the wanted dtype; `samples` itself where it has that dtype already.

    Raises:
        ValueError: if values would change.
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
            "them as the model's training data"
        )
    return cast


def _is_float(dtype: np.dtype) -> bool:
    # bfloat16 and the 8-bit floats are extension types, of kind "V".
    return dtype.kind == "f" or (dtype.kind == "V" and "float" in dtype.name)
