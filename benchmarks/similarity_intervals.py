"""How often the 95 % intervals over samples hold the value of the population.

    python -m benchmarks.similarity_intervals
    python -m benchmarks.similarity_intervals --samples=100,400 --draws=1000

Samples are drawn from Gaussian pairs (x, y) of known covariances, for which the population's value
of each measure is known in closed form: CKA and the Pearson correlation of squared Euclidean
dissimilarities are ‖Σxy‖²_F / (‖Σxx‖_F ‖Σyy‖_F), and the angular Procrustes distance is
arccos(‖Σxy‖_* / √(tr Σxx tr Σyy)).

In populations of `low rank` the representations share fewer dimensions than they have. Then
singular values of Σxy are zero which in samples are not, the bias of their sum falls as 1/√n, and
the jackknife, which takes off what falls as 1/n, takes off too little: the interval of a Procrustes
distance is too near.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from absl import app, flags

from akp_keras import similarity

_SAMPLES = flags.DEFINE_list("samples", ["100", "200", "400"], "numbers of samples")
_DRAWS = flags.DEFINE_integer("draws", 500, "how often samples are drawn")
_LEVEL = flags.DEFINE_float("level", 0.95, "level of the intervals")
_SEED = flags.DEFINE_integer("seed", 0, "of all that is drawn")

# Name -> noise in units of the deviation of the common part, dimensions of that part, widths.
_POPULATIONS = {
    "near": (0.3, 6, (6, 12)),
    "middling": (0.6, 6, (6, 12)),
    "far": (1.0, 6, (6, 12)),
    "low rank": (0.5, 4, (8, 12)),
}


class Population:
    """Pairs of representations that share a part, with their covariances.

    Args:
        noise: deviation of what they do not share.
        shared: dimensions of what they share.
        widths: of the two.
        seed: of the rotations.
    """

    def __init__(self, noise: float, shared: int, widths: tuple[int, int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.maps = [np.linalg.qr(rng.normal(size=(width, width)))[0][:shared] for width in widths]
        self.noise = noise

    def draw(self, samples: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Draw the samples of both."""
        common = rng.normal(size=(samples, len(self.maps[0])))
        return [
            common @ turn + self.noise * rng.normal(size=(samples, turn.shape[1]))
            for turn in self.maps
        ]

    def values(self) -> Mapping[str, float]:
        """Return measure -> value of the population."""
        a, b = self.maps
        xx, yy = (turn.T @ turn + self.noise**2 * np.eye(turn.shape[1]) for turn in (a, b))
        xy = a.T @ b
        cka = float(np.vdot(xy, xy) / np.linalg.norm(xx) / np.linalg.norm(yy))
        bures = float(np.linalg.norm(xy, "nuc") / math.sqrt(np.trace(xx) * np.trace(yy)))
        return {
            "cka.linear.debiased": cka,
            "rsa.pearson[squared_euclidean]": cka,
            "procrustes.angular": math.acos(bures),
        }


def rows(samples: int, draws: int, level: float, seed: int) -> Iterator[tuple]:
    """Yield population, measure, its value, the mean value, coverage and mean half width."""
    for name, parameters in _POPULATIONS.items():
        population = Population(*parameters, seed)
        known = population.values()
        rng = np.random.default_rng([seed, samples])
        held = {id: [] for id in known}
        for draw in range(draws):
            x, y = population.draw(samples, rng)
            results = similarity.pairwise(
                {"x": x}, list(known), columns={"y": y}, interval=level, seed=draw
            )
            for id, result in results.items():
                low, high = result.interval.low.item(), result.interval.high.item()
                held[id].append((result.values.item(), low <= known[id] <= high, (high - low) / 2))
        for id, value in known.items():
            mean, coverage, reach = np.mean(held[id], axis=0)
            yield name, id, value, mean, coverage, reach


def main(arguments: list[str]) -> None:
    """Print the table."""
    error = math.sqrt(_LEVEL.value * (1 - _LEVEL.value) / _DRAWS.value)
    print(f"{_DRAWS.value} draws; a coverage has a standard error of {error:.3f}")
    print(
        "     n  population  measure                          value  mean value  coverage  ± half"
    )
    for samples in map(int, _SAMPLES.value):
        for name, id, *numbers in rows(samples, _DRAWS.value, _LEVEL.value, _SEED.value):
            value, mean, coverage, reach = numbers
            print(
                f"{samples:6d}  {name:<10}  {id:<31}  {value:6.3f}  {mean:10.3f}  {coverage:8.3f}  "
                f"{reach:6.3f}",
                flush=True,
            )


if __name__ == "__main__":
    app.run(main)
