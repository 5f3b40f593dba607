"""All pairs on an accelerator beside the CPU, by `keras.ops` on JAX.

    KERAS_BACKEND=jax python -m benchmarks.similarity_gpu
    KERAS_BACKEND=jax python -m benchmarks.similarity_gpu --members=20 --samples=256 --features=64

JAX computes in float32, so both sides keep factors in float32, and the last column says how far
values are from those of float64 on the CPU. The first call compiles; the best of `--repeats`
counts.
"""

from __future__ import annotations

import time

import numpy as np
from absl import app, flags

from akp_keras import similarity

_MEMBERS = flags.DEFINE_integer("members", 240, "number of representations")
_SAMPLES = flags.DEFINE_integer("samples", 2048, "n")
_FEATURES = flags.DEFINE_integer("features", 1024, "d")
_REPEATS = flags.DEFINE_integer("repeats", 3, "how often each is timed")
_MEMORY_GB = flags.DEFINE_float("memory_gb", 16.0, "memory_gb of pairwise")
_MEASURES = flags.DEFINE_list(
    "measures", ["cka.linear", "cka.linear.debiased", "cca.mean_squared"], "measures"
)


def main(arguments: list[str]) -> None:
    """Print a row per measure and device."""
    import keras

    rng = np.random.default_rng(0)
    common = rng.normal(size=(_SAMPLES.value, 16))
    some = {
        f"m{i:03d}": (
            0.5 * common @ rng.normal(size=(16, _FEATURES.value))
            + rng.normal(size=(_SAMPLES.value, _FEATURES.value))
        ).astype(np.float32)
        for i in range(_MEMBERS.value)
    }
    print(f"Keras on {keras.backend.backend()}, devices {keras.distribution.list_devices()}")
    print("measure                      M       n      d  device       seconds     error")
    for id in _MEASURES.value:
        exact = similarity.pairwise(some, [id], memory_gb=_MEMORY_GB.value, device="cpu")[id]
        for device in ("cpu", "accelerator"):
            seconds = []
            for _ in range(_REPEATS.value):
                start = time.perf_counter()
                result = similarity.pairwise(
                    some,
                    [id],
                    memory_gb=_MEMORY_GB.value,
                    device=device,
                    precision="float32",
                )[id]
                seconds.append(time.perf_counter() - start)
            error = np.abs(result.values - exact.values).max()
            print(
                f"{id:<24}  {_MEMBERS.value:4d}  {_SAMPLES.value:6d}  {_FEATURES.value:5d}  "
                f"{device:<11}  {min(seconds):7.2f}  {error:8.0e}",
                flush=True,
            )


if __name__ == "__main__":
    app.run(main)
