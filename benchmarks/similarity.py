"""All pairs at once against a loop over pairs, beside the machine's own peak.

    python -m benchmarks.similarity                        # M = 30, 60, 120, 240, n = 1024, d = 512
    python -m benchmarks.similarity --members=10,20 --samples=256 --features=64
    python -m benchmarks.similarity --grid                 # n and d varied at M = 20
    /usr/bin/time -v python -m benchmarks.similarity --memory   # 500 of 2048 × 1024 in 4 GiB

The loops are what known toolkits do for one pair, written plainly from their formulas: nothing is
kept from pair to pair. They run on a sample of pairs, and their time is that of the fastest of them
times the number of pairs; the last column but one says how far both differ on that sample. All
pairs at once are the best of `--repeats`. What memory was given back to the system is kept out of
all times: a virtual machine may take it from its host anew, for longer than what is computed in it
takes.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.stats
from absl import app, flags

from akp_keras import similarity

_MEMBERS = flags.DEFINE_list("members", ["30", "60", "120", "240"], "numbers of representations")
_PROCRUSTES_MEMBERS = flags.DEFINE_list(
    "procrustes_members", ["30", "60"], "numbers of representations where every pair is decomposed"
)
_SAMPLES = flags.DEFINE_integer("samples", 1024, "n")
_FEATURES = flags.DEFINE_integer("features", 512, "d")
_RANK = flags.DEFINE_integer("rank", 128, "rank of the low-rank representations")
_LOOP_PAIRS = flags.DEFINE_integer("loop_pairs", 5, "pairs on which the loops are timed")
_REPEATS = flags.DEFINE_integer("repeats", 3, "how often all pairs are computed")
_MEMORY_GB = flags.DEFINE_float("memory_gb", 4.0, "memory_gb of pairwise")
_GRID = flags.DEFINE_bool("grid", False, "vary n and d instead of M")
_MEMORY = flags.DEFINE_bool("memory", False, "500 representations of 2048 × 1024 in memory_gb")
_MEASURES = flags.DEFINE_list("measures", [], "only these rows")


def _cka_loop(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(y.T @ x) ** 2 / norms)


def _debiased_cka_loop(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        n = len(k)
        total = np.sum(k * m) + k.sum() * m.sum() / ((n - 1) * (n - 2))
        return total - 2 / (n - 2) * (k.sum(axis=0) @ m.sum(axis=1))

    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    return float(hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m)))


def _procrustes_loop(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return float(np.arccos(np.clip(scipy.linalg.orthogonal_procrustes(x, y)[1], 0, 1)))


def _mutual_loop(x: np.ndarray, y: np.ndarray) -> float:
    near = []
    for values in (x, y):
        values = values / np.linalg.norm(values, axis=1, keepdims=True)
        cosines = values @ values.T
        np.fill_diagonal(cosines, -np.inf)
        found = np.argpartition(-cosines, 9, axis=1)[:, :10]
        near.append(np.zeros(cosines.shape, dtype=bool))
        np.put_along_axis(near[-1], found, True, axis=1)
    return float(np.sum(near[0] & near[1]) / (10 * len(x)))


def _spearman_loop(x: np.ndarray, y: np.ndarray) -> float:
    upper = np.triu_indices(len(x), 1)
    return float(
        scipy.stats.spearmanr(1 - np.corrcoef(x)[upper], 1 - np.corrcoef(y)[upper]).statistic
    )


def _rsatoolbox_loop(x: np.ndarray, y: np.ndarray) -> float:
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    rdms = [calc_rdm(Dataset(values), method="correlation") for values in (x, y)]
    return float(compare(*rdms, method="spearman").item())


# id -> who does it so, and the loop's body. torch-cka's loop is that of the debiased formula, on
# tensors of a framework that would be three gigabytes more to install.
_LOOPS: dict[str, dict[str, Callable[[np.ndarray, np.ndarray], float]]] = {
    "cka.linear": {"formula": _cka_loop},
    "cka.linear.debiased": {"formula": _debiased_cka_loop},
    "procrustes.angular": {"scipy": _procrustes_loop},
    "knn.mutual": {"formula": _mutual_loop},
    "rsa.spearman": {"scipy": _spearman_loop, "rsatoolbox": _rsatoolbox_loop},
}


def _draw(members: int, n: int, d: int, rank: int | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    common = rng.normal(size=(n, 16))
    found = {}
    for i in range(members):
        if rank is None:
            values = 0.5 * common @ rng.normal(size=(16, d)) + rng.normal(size=(n, d))
        else:
            values = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d))
            values += 0.5 * common[:, :1] @ np.ones((1, rank)) @ rng.normal(size=(rank, d))
        found[f"m{i:03d}"] = values.astype(np.float32)
    return found


def _peak(dtype: str, size: int = 2048) -> float:
    """The best of five products of the BLAS, in GFLOP/s."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(size, size)).astype(dtype) for _ in range(2))
    a @ b
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds) / 1e9


def _gflop(id: str, members: int, n: int, d: int) -> tuple[float, float]:
    """What all pairs by the Gram route need, without and with the ranks of the result.

    The values take XXᵀ (one triangle) of each and one triangle of the product of M packed matrices
    of n²/2 entries; a rank takes XᵀX (one triangle) of an eighth more rows than features, and its
    Cholesky factor.
    """
    if not id.startswith("cka.linear"):
        return float("nan"), float("nan")
    small, large = min(n, d), max(n, d)
    rank = min(large, small * 9 / 8 + 16) * small**2 + small**3 / 3
    values = members * n * n * d + members**2 / 2 * n * n
    return values / 1e9, (values + members * rank) / 1e9


def _row(id: str, label: str, some: dict[str, np.ndarray], peak: float) -> float:
    names = list(some)
    members, (n, d) = len(names), some[names[0]].shape
    seconds, preparing = float("inf"), 0.0
    for _ in range(_REPEATS.value):
        # Threads of a BLAS keep their core for a while after the last product.
        time.sleep(0.5)
        stages: dict[str, float] = {}
        start = time.perf_counter()

        def progress(
            done: int,
            total: int,
            what: str,
            stages: dict[str, float] = stages,
            start: float = start,
        ) -> None:
            stages[what.split()[0]] = time.perf_counter() - start

        result = similarity.pairwise(some, [id], memory_gb=_MEMORY_GB.value, progress=progress)[id]
        if (elapsed := time.perf_counter() - start) < seconds:
            seconds, preparing = elapsed, stages["preparing"]
    columns = [f"{label:<24}", f"{members:4d}", f"{n:6d}", f"{d:5d}", f"{preparing:8.2f}"]
    columns += [f"{seconds - preparing:8.2f}", f"{seconds:8.2f}"]
    for needed in _gflop(id, members, n, d):
        share = needed / seconds / peak
        columns.append(f"{share:6.0%}" if share == share else "     –")
    for who, loop in _LOOPS[id].items():
        rng = np.random.default_rng(1)
        pairs = list(itertools.combinations(range(members), 2))
        chosen = [pairs[i] for i in rng.choice(len(pairs), _LOOP_PAIRS.value, replace=False)]
        inputs = {k: some[names[k]].astype(np.float64) for pair in chosen for k in pair}
        time.sleep(0.5)
        found, durations = [], []
        for i, j in chosen:
            start = time.perf_counter()
            found.append(loop(inputs[i], inputs[j]))
            durations.append(time.perf_counter() - start)
        each = min(durations)
        error = max(abs(v - result.values[i, j]) for v, (i, j) in zip(found, chosen, strict=True))
        total = each * len(pairs)
        found = [f"{each * 1e3:9.1f}", f"{total:9.1f}", f"{total / seconds:7.0f}×"]
        print("  ".join([*columns, *found, f"{error:8.0e}", who]), flush=True)
    return seconds


_HEADER = (
    "measure                      M       n      d  prepare s   pairs s    all s   GEMM"
    " +ranks  ms/pair loop   loop s    ratio     error  loop"
)


def _keep_freed_memory() -> None:
    """Makes the C library keep what is freed, where it is glibc."""
    use_no_mappings, trim_threshold = (-4, 0), (-1, 2**31 - 1)
    for parameter, value in (use_no_mappings, trim_threshold):
        ctypes.CDLL(None).mallopt(parameter, value)


def main(arguments: list[str]) -> None:
    """Prints the tables."""
    if _MEMORY.value:
        _memory()
        return
    if sys.platform == "linux":
        _keep_freed_memory()
    double, single = _peak("float64"), _peak("float32")
    print(f"peak of this machine's BLAS: {double:.0f} GFLOP/s float64, {single:.0f} float32")
    print(
        "GEMM, +ranks: the operations that linear CKA needs, without and with the ranks that come "
        "with it, over all its time, as a share of the float64 peak"
    )
    wanted = _MEASURES.value or list(_LOOPS)
    print(_HEADER)
    if _GRID.value:
        for n, d in itertools.product((256, 1024, 4096), (32, 256, 1024)):
            for id in wanted:
                _row(id, id, _draw(20, n, d), double)
        return
    n, d = _SAMPLES.value, _FEATURES.value
    for id in wanted:
        # The time of Procrustes is its pairs' alone: more members show nothing new, for long.
        members_of = _PROCRUSTES_MEMBERS if id.startswith("procrustes") else _MEMBERS
        seconds = [
            _row(id, id, _draw(members, n, d), double) for members in map(int, members_of.value)
        ]
        if len(seconds) > 1:
            print(
                f"    growth from the last but one M to the last: {seconds[-1] / seconds[-2]:.2f}"
            )
    if "procrustes.angular" in wanted:
        members = int(_PROCRUSTES_MEMBERS.value[-1])
        some = _draw(members, n, d, rank=min(_RANK.value, d))
        _row("procrustes.angular", f"procrustes, rank {_RANK.value}", some, double)


def _memory() -> None:
    def lazy(seed: int) -> Callable[[], np.ndarray]:
        return lambda: np.random.default_rng(seed).normal(size=(2048, 1024)).astype(np.float32)

    def progress(done: int, total: int, what: str) -> None:
        if done % 50 == 0 or done == total:
            print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)

    start = time.perf_counter()
    result = similarity.pairwise(
        {f"m{i:03d}": lazy(i) for i in range(500)},
        ["cka.linear"],
        memory_gb=_MEMORY_GB.value,
        progress=progress,
    )["cka.linear"]
    off = result.values[~np.eye(500, dtype=bool)]
    print(
        f"500 representations of 2048 × 1024: {time.perf_counter() - start:.0f} s, "
        f"linear CKA of independent data {off.mean():.4f} ± {off.std():.4f}"
    )


if __name__ == "__main__":
    app.run(main)
