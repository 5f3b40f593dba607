"""All pairs at once against a loop over pairs, beside the machine's own peak.

    python -m benchmarks.similarity                        # M = 30, 60, 120, 240, n = 1024, d = 512
    python -m benchmarks.similarity --members=10,20 --samples=256 --features=64
    python -m benchmarks.similarity --grid                 # n and d varied at M = 20
    /usr/bin/time -v python -m benchmarks.similarity --memory   # 500 of 2048 × 1024 in 4 GiB
    python -m benchmarks.similarity --long=cka.rbf         # 3 of 20000 × 256 in 2 GiB: the peak
    python -m benchmarks.similarity --layers               # two models of 24 layers, n = 2048
    python -m benchmarks.similarity --plain                # n × n kernels beside plain NumPy

The loops are what known toolkits do for one pair, written plainly from their formulas: nothing is
kept from pair to pair. They run on a sample of pairs, and their time is that of the fastest of them
times the number of pairs; the last column but one says how far both differ on that sample. All
pairs at once are the best of `--repeats`. What memory was given back to the system is kept out of
all times: a virtual machine may take it from its host anew, for longer than what is computed in it
takes.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.stats
from absl import app, flags
from threadpoolctl import threadpool_limits

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
_LONG = flags.DEFINE_list("long", [], "measures of three representations of 20000 × 256 in 2 GiB")
_LAYERS = flags.DEFINE_bool("layers", False, "layers of one model against layers of another")
_PLAIN = flags.DEFINE_bool("plain", False, "one pair of 4000 × 256 beside plain NumPy")

# Widths of the layers of a residual network, after an average over positions.
_RESIDUAL = (64,) * 4 + (256,) * 4 + (512,) * 4 + (1024,) * 8 + (2048,) * 4


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
        nearest = np.argpartition(-cosines, 9, axis=1)[:, :10]
        near.append(np.zeros(cosines.shape, dtype=bool))
        np.put_along_axis(near[-1], nearest, True, axis=1)
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


# id -> who does it so, and the loop's body; of PyTorch see `benchmarks.similarity_pytorch`.
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
    drawn = {}
    for i in range(members):
        if rank is None:
            values = 0.5 * common @ rng.normal(size=(16, d)) + rng.normal(size=(n, d))
        else:
            values = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d))
            values += 0.5 * common[:, :1] @ np.ones((1, rank)) @ rng.normal(size=(rank, d))
        drawn[f"m{i:03d}"] = values.astype(np.float32)
    return drawn


def _peak(dtype: str, size: int = 2048) -> float:
    """Return the best of five products of the BLAS, in GFLOP/s."""
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
    """Return what all pairs by the Gram route need, without and with the ranks of the result.

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
        values, durations = [], []
        for i, j in chosen:
            start = time.perf_counter()
            values.append(loop(inputs[i], inputs[j]))
            durations.append(time.perf_counter() - start)
        each = min(durations)
        error = max(abs(v - result.values[i, j]) for v, (i, j) in zip(values, chosen, strict=True))
        total = each * len(pairs)
        loops = [f"{each * 1e3:9.1f}", f"{total:9.1f}", f"{total / seconds:7.0f}×"]
        print("  ".join([*columns, *loops, f"{error:8.0e}", who]), flush=True)
    return seconds


_HEADER = (
    "measure                      M       n      d  prepare s   pairs s    all s   GEMM"
    " +ranks  ms/pair loop   loop s    ratio     error  loop"
)


def _keep_freed_memory() -> None:
    """Make the C library keep what is freed, where it is glibc."""
    use_no_mappings, trim_threshold = (-4, 0), (-1, 2**31 - 1)
    for parameter, value in (use_no_mappings, trim_threshold):
        ctypes.CDLL(None).mallopt(parameter, value)


def main(arguments: list[str]) -> None:
    """Print the tables."""
    if _MEMORY.value:
        _memory()
        return
    if _LONG.value:
        _long(_LONG.value)
    if _PLAIN.value:
        _beside_plain_numpy()
    if _LAYERS.value:
        _two_models()
    if _LONG.value or _PLAIN.value or _LAYERS.value:
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


def _long(ids: list[str]) -> None:
    def draw(seed: int, n: int) -> np.ndarray:
        common, own = (np.random.default_rng(s).normal(size=(n, 256)) for s in (0, seed))
        return (common + own).astype(np.float32)

    def three(n: int) -> dict[str, Callable[[], np.ndarray]]:
        return {f"m{i}": functools.partial(draw, i, n) for i in (1, 2, 3)}

    print(
        "three representations of 20000 × 256 with memory_gb=2; peak: of this process so far\n"
        "difference: to the formula, of 2000 samples with memory_gb=0.02"
    )
    print("measure                 processor s  peak GiB  mean value  difference")
    for id in ids:
        start = time.process_time()
        result = similarity.pairwise(three(20_000), [id], memory_gb=2.0)[id]
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        mean = result.values[np.triu_indices(3, 1)].mean()
        value = similarity.pairwise(three(2_000), [id], memory_gb=0.02)[id].values[0, 1]
        pair = (draw(i, 2_000).astype(np.float64) for i in (1, 2))
        difference = f"{abs(value - _DIRECT[id](*pair)):10.0e}" if id in _DIRECT else "         –"
        print(f"{id:<22}  {seconds:11.0f}  {peak:8.2f}  {mean:10.6f}  {difference}", flush=True)


def _plain_kernel(x: np.ndarray, name: str) -> np.ndarray:
    """Make a centred kernel matrix in a dozen lines of NumPy."""
    x = x - x.mean(axis=0)
    squares = np.square(x).sum(axis=1)
    kernel = squares[:, None] + squares[None, :]
    kernel -= 2.0 * (x @ x.T)
    np.maximum(kernel, 0.0, out=kernel)
    if name == "rbf":
        median = np.median(kernel[np.triu_indices(len(x), 1)])
        kernel /= -2.0 * median
        np.exp(kernel, out=kernel)
    else:
        np.fill_diagonal(kernel, 0.0)
        np.sqrt(kernel, out=kernel)
    means = kernel.mean(axis=0)
    kernel -= means
    kernel -= means[:, None]
    kernel += means.mean()
    return kernel


def _plain_alignment(name: str, x: np.ndarray, y: np.ndarray) -> float:
    k, m = (_plain_kernel(values, name) for values in (x, y))
    value = float(np.vdot(k, m) / np.linalg.norm(k) / np.linalg.norm(m))
    return value if name == "rbf" else value**0.5


# id -> the formula for one pair, of which `--long` is the test at few samples.
_DIRECT: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "cka.rbf": functools.partial(_plain_alignment, "rbf"),
    "distance_correlation": functools.partial(_plain_alignment, "distance"),
    "rsa.spearman": _spearman_loop,
    "knn.mutual": _mutual_loop,
}


def _beside_plain_numpy() -> None:
    common = np.random.default_rng(0).normal(size=(4000, 8))
    pair = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        pair.append(common @ rng.normal(size=(8, 256)) + rng.normal(size=(4000, 256)))
    print("measure                 plain s   here s    value   difference")
    with threadpool_limits(1, "blas"):
        for id, name in (("cka.rbf", "rbf"), ("distance_correlation", "distance")):
            start = time.process_time()
            plain = _plain_alignment(name, *pair)
            middle = time.process_time()
            value = similarity.compare(*pair, id)
            end = time.process_time()
            print(
                f"{id:<22}  {middle - start:7.2f}  {end - middle:7.2f}  {value:7.4f}  "
                f"{abs(value - plain):11.0e}",
                flush=True,
            )


def _two_models() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=(2048, 16))
    models = [
        {
            f"{model}/layer{i:02d}": (
                0.5 * common @ rng.normal(size=(16, width)) + rng.normal(size=(2048, width))
            ).astype(np.float32)
            for i, width in enumerate(_RESIDUAL)
        }
        for model in "ab"
    ]
    ids = _MEASURES.value or ["cka.linear.debiased", "procrustes.angular"]
    print("seconds of the processor, which other programs do not change; best of --repeats")
    print("measure                  24 × 24 s  all pairs of 48 s  share")
    for id in ids:
        best = {}
        for _, (rows, columns) in itertools.product(
            range(_REPEATS.value), ((models[0], models[1]), (models[0] | models[1], None))
        ):
            # A thread that waits for others spins, which would count.
            with threadpool_limits(1, "blas"):
                start = time.process_time()
                similarity.pairwise(rows, [id], columns=columns, memory_gb=_MEMORY_GB.value)
                seconds = time.process_time() - start
            best[len(rows)] = min(seconds, best.get(len(rows), seconds))
        print(f"{id:<24} {best[24]:9.1f}  {best[48]:17.1f}  {best[24] / best[48]:5.2f}", flush=True)


if __name__ == "__main__":
    app.run(main)
