"""All pairs of debiased linear CKA beside pytorch-cka, on the same arrays in one run.

    python -m venv .venv-torch
    .venv-torch/bin/pip install numpy scipy threadpoolctl absl-py torch pytorch-cka
    PYTHONPATH=. .venv-torch/bin/python -m benchmarks.similarity_pytorch

Both take M representations as NumPy has them and return M × M values. pytorch-cka holds all Gram
matrices of both sides at once, M n² numbers each; what memory cannot hold is left out with
`--members`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np
import torch
from absl import app, flags
from cka import cka_from_features
from threadpoolctl import threadpool_info

from akp_keras import similarity

_MEMBERS = flags.DEFINE_list("members", ["10", "30", "60"], "numbers of representations")
_SAMPLES = flags.DEFINE_integer("samples", 1024, "n")
_FEATURES = flags.DEFINE_integer("features", 512, "d")
_OFFSET = flags.DEFINE_float("offset", 3.0, "mean of the features, in units of their deviation")
_REPEATS = flags.DEFINE_integer("repeats", 3, "how often each is timed; the best counts")


def draw(members: int, samples: int, features: int, offset: float) -> dict[str, np.ndarray]:
    """Draw representations that share a part, float32 as networks return them."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(samples, 16))
    return {
        f"m{i:03d}": (
            0.5 * common @ rng.normal(size=(16, features))
            + rng.normal(size=(samples, features))
            + offset
        ).astype(np.float32)
        for i in range(members)
    }


def best(call: Callable[[], np.ndarray], repeats: int) -> tuple[np.ndarray, float]:
    """Return what a call returns, and the seconds of the fastest of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        values = call()
        seconds.append(time.perf_counter() - start)
    return values, min(seconds)


def by_pytorch_cka(some: dict[str, np.ndarray], dtype: torch.dtype) -> np.ndarray:
    """Return (M, M) values of pytorch-cka."""
    tensors = [torch.from_numpy(values).to(dtype) for values in some.values()]
    return cka_from_features(tensors, tensors).numpy()


def by_akp_keras(some: dict[str, np.ndarray], precision: str) -> np.ndarray:
    """Return (M, M) values of this library."""
    id = "cka.linear.debiased"
    return similarity.pairwise(some, [id], precision=precision)[id].values


def main(arguments: list[str]) -> None:
    """Print a row per number of representations and way."""
    blas = max((library["num_threads"] for library in threadpool_info()), default=1)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; BLAS {blas} threads")
    print("    M  way                       seconds  largest error")
    for members in map(int, _MEMBERS.value):
        some = draw(members, _SAMPLES.value, _FEATURES.value, _OFFSET.value)
        exact = by_akp_keras(some, "float64")
        ways = {
            "pytorch-cka, float32": (by_pytorch_cka, torch.float32),
            "pytorch-cka, float64": (by_pytorch_cka, torch.float64),
            "akp_keras, float32": (by_akp_keras, "float32"),
            "akp_keras, float64": (by_akp_keras, "float64"),
        }
        for way, (function, precision) in ways.items():
            values, seconds = best(functools.partial(function, some, precision), _REPEATS.value)
            error = np.abs(values - exact).max()
            print(f"{members:5d}  {way:<24}  {seconds:7.2f}  {error:13.0e}", flush=True)


if __name__ == "__main__":
    app.run(main)
