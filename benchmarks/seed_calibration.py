"""How far the p-values and intervals of `akp_keras.dispersion` can be trusted, by simulation.

    python benchmarks/seed_calibration.py                      # under a minute
    python benchmarks/seed_calibration.py --repetitions=2000   # standard errors of half a percent

Three tables, each reproducible from its seed:

1. How often three ways of permuting reject at 0.05, where families do not differ in dispersion
   (type-I error, to be near 0.05) and where they do (power).
2. How often intervals of the log dispersion ratio hold the truth (to be near 0.95), by the delta
   method, the jackknife and the BCa bootstrap, and how wide they are.
3. How often each verdict is given, over families whose dispersion follows generalisation, runs
   against it, has nothing to do with it, or does not differ.

Members are points in a Euclidean space of `dimensions`, families lie far apart unless said
otherwise. Heavy-tailed: multivariate Student's t with 4 degrees of freedom, so that some members
lie far out. Uneven: coordinate j has standard deviation 1/j, as representations have. Angles: the
distance is the angle between members seen from the origin, which is not Hilbertian; all centres are
equally far from the origin, so that families of one scale have one dispersion.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from scipy.stats import norm, t

from akp_keras import dispersion
from akp_keras.dispersion.centroids import (
    distances_to_centroid,
    squared_distances_to_centroid,
)
from akp_keras.dispersion.heterogeneity import analysis_of_variance, permuted_statistics
from akp_keras.dispersion.ratios import dispersion_ratio
from akp_keras.dispersion.westfall_young import permutation_pvalues

ALPHA = 0.05
QUICK_REPETITIONS = 200


@dataclass(frozen=True)
class Scenario:
    """Families to draw.

    Attributes:
        title: what a table calls it.
        sizes: number of members of each family.
        scales: standard deviation of each family about its centre.
        dimensions: of the space.
        shape: "normal", "heavy-tailed" or "uneven".
        separation: standard deviation of the families' centres, 0 = all at one place.
        angles: whether distances are angles, rather than Euclidean.
    """

    title: str
    sizes: tuple[int, ...]
    scales: tuple[float, ...]
    dimensions: int = 20
    shape: str = "normal"
    separation: float = 5.0
    angles: bool = False

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Distances among all members, (M, M), families one after another."""
        families = []
        for size, scale in zip(self.sizes, self.scales, strict=True):
            centre = rng.normal(0.0, self.separation, self.dimensions)
            if self.angles:
                centre *= np.sqrt(self.dimensions) / np.linalg.norm(centre)
            families.append(centre + scale * draw_members(rng, size, self.dimensions, self.shape))
        points = np.concatenate(families)
        if not self.angles:
            return squareform(pdist(points))
        return squareform(np.arccos(np.clip(1.0 - pdist(points, "cosine"), -1.0, 1.0)))


def draw_members(
    rng: np.random.Generator, members: int, dimensions: int, shape: str
) -> NDArray[np.float64]:
    """Members of one family about the origin, (members, dimensions)."""
    points = rng.normal(size=(members, dimensions))
    if shape == "heavy-tailed":
        points /= np.sqrt(rng.chisquare(4, size=(members, 1)) / 4)
    elif shape == "uneven":
        points /= np.arange(1, dimensions + 1)
    return points


TESTED = (
    Scenario("null, 4 × 8", (8,) * 4, (1.0,) * 4),
    Scenario("null, 4 × 8, at one place", (8,) * 4, (1.0,) * 4, separation=0.0),
    Scenario("null, sizes 4/8/12/20", (4, 8, 12, 20), (1.0,) * 4),
    Scenario("null, sizes 5/8/12/20, heavy-tailed", (5, 8, 12, 20), (1.0,) * 4, 20, "heavy-tailed"),
    Scenario("null, 6 families × 3", (3,) * 6, (1.0,) * 6),
    Scenario("null, 6 families × 5", (5,) * 6, (1.0,) * 6),
    Scenario("null, 7 families × 8, uneven", (8,) * 7, (1.0,) * 7, 200, "uneven"),
    Scenario("null, 7 families × 8, heavy-tailed", (8,) * 7, (1.0,) * 7, 20, "heavy-tailed"),
    Scenario("null, 7 families × 8, angles", (8,) * 7, (1.0,) * 7, angles=True),
    Scenario("null, sizes 5/8/12/20, angles", (5, 8, 12, 20), (1.0,) * 4, angles=True),
    Scenario("1.3 × in one of 4 × 8", (8,) * 4, (1.0, 1.0, 1.0, 1.3)),
    Scenario("1.3 × in the largest of 4/8/12/20", (4, 8, 12, 20), (1.0, 1.0, 1.0, 1.3)),
    Scenario("1.3 × in one of 10 × 5", (5,) * 10, (1.0,) * 9 + (1.3,)),
    Scenario("1.5 × in one of 4 × 8", (8,) * 4, (1.0, 1.0, 1.0, 1.5)),
    Scenario("1.5 × in one of 7 × 8, uneven", (8,) * 7, (1.0,) * 6 + (1.5,), 200, "uneven"),
)


def table_of_tests(repetitions: int, permutations: int, seed: int) -> None:
    """Print how often each way of permuting rejects."""
    print(f"1. Rejections at {ALPHA}: {repetitions} repetitions, {permutations} permutations")
    schemes = ("labels", "residuals", "residuals, adjusted", "centred, adjusted")
    print(f"   {'':38}" + "".join(f"{name:>21}" for name in schemes))
    for scenario in TESTED:
        rng = np.random.default_rng(seed)
        rejected = np.zeros(len(schemes))
        for _ in range(repetitions):
            rejected += np.array(pvalues_of_schemes(scenario, permutations, rng)) <= ALPHA
        print(f"   {scenario.title:38}" + "".join(f"{r / repetitions:21.3f}" for r in rejected))
    print("   labels = scikit-bio's PERMDISP; residuals = vegan's permutest(betadisper), adjusted")
    print("   with its bias.adjust; centred, adjusted = akp_keras.dispersion\n")


def pvalues_of_schemes(
    scenario: Scenario, permutations: int, rng: np.random.Generator
) -> list[float]:
    """P-values of one draw, in the order of the table's columns."""
    squared = scenario.draw(rng) ** 2
    sizes = np.array(scenario.sizes)
    members = np.arange(len(squared))
    dealt = rng.permuted(np.tile(members, (permutations, 1)), axis=1)

    plain = unadjusted_distances(squared, members, sizes)
    by_labels = analysis_of_variance(unadjusted_distances(squared, dealt, sizes), sizes)
    pvalues = [pvalue(analysis_of_variance(plain, sizes), by_labels)]

    for values in (plain, plain * np.repeat(np.sqrt(sizes / (sizes - 1)), sizes)):
        means = np.repeat([part.mean() for part in np.split(values, np.cumsum(sizes)[:-1])], sizes)
        by_residuals = analysis_of_variance((values - means)[dealt], sizes)
        pvalues.append(pvalue(analysis_of_variance(values, sizes), by_residuals))

    statistics = permuted_statistics([squared], sizes, permutations, rng)
    pvalues.append(permutation_pvalues(statistics)[0].item())
    return pvalues


def unadjusted_distances(
    squared: NDArray[np.float64], dealt: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Distances to centroids of members (…, M) dealt to families of these sizes: (…, M)."""
    parts = np.split(dealt, np.cumsum(sizes)[:-1], axis=-1)
    signed = [
        squared_distances_to_centroid(squared[part[..., :, None], part[..., None, :]])
        for part in parts
    ]
    return np.sqrt(np.abs(np.concatenate(signed, axis=-1)))


def pvalue(observed: float, permuted: NDArray[np.float64]) -> float:
    """Return the share of statistics, the observed included, not below the observed."""
    return (1 + np.count_nonzero(permuted >= observed * (1 - 1e-9))) / (1 + len(permuted))


def table_of_intervals(repetitions: int, resamples: int, seed: int) -> None:
    """Print coverage and width of the intervals of the log dispersion ratio."""
    print(f"2. Coverage (mean width) of 95 % intervals: {repetitions} repetitions")
    methods = ("delta method", "jackknife", "BCa bootstrap")
    print(f"   {'':38}" + "".join(f"{name:>21}" for name in methods))
    worst = np.ones(len(methods))
    for shape in ("normal", "heavy-tailed", "uneven"):
        for sizes, dimensions in (
            ((5, 5), 5),
            ((5, 5), 200),
            ((8, 8), 20),
            ((8, 8), 200),
            ((5, 20), 20),
            ((12, 12), 20),
            ((20, 20), 20),
        ):
            rng = np.random.default_rng(seed)
            held, width = np.zeros(len(methods)), np.zeros(len(methods))
            for _ in range(repetitions):
                limits = np.array(intervals(sizes, dimensions, shape, resamples, rng))
                # Equal scales, so the true log ratio is 0; every method is equivariant.
                held += (limits[:, 0] <= 0) & (limits[:, 1] >= 0)
                width += limits[:, 1] - limits[:, 0]
            held, width = held / repetitions, width / repetitions
            worst = np.minimum(worst, held)
            title = f"{shape}, {sizes[0]} against {sizes[1]}, {dimensions} dims"
            cells = "".join(f"{h:13.3f} ({w:5.2f})" for h, w in zip(held, width, strict=True))
            print(f"   {title:38}{cells}")
    print(f"   {'lowest':38}" + "".join(f"{w:13.3f}        " for w in worst))
    print("   jackknife = akp_keras.dispersion\n")


def intervals(
    sizes: tuple[int, int],
    dimensions: int,
    shape: str,
    resamples: int,
    rng: np.random.Generator,
) -> list[tuple[float, float]]:
    """Intervals of one draw, in the order of the table's columns."""
    blocks = [
        squareform(pdist(draw_members(rng, size, dimensions, shape), "sqeuclidean"))
        for size in sizes
    ]
    return [
        delta_interval(blocks),
        dispersion_ratio(*blocks).interval,
        bca_interval(blocks, resamples, rng),
    ]


def delta_interval(blocks: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the log ratio ± Welch's t times the delta method's standard error."""
    values = [distances_to_centroid(block) for block in blocks]
    variances = np.array([v.var(ddof=1) / len(v) / v.mean() ** 2 for v in values])
    degrees = variances.sum() ** 2 / sum(
        s**2 / (len(v) - 1) for s, v in zip(variances, values, strict=True)
    )
    half = t.ppf(0.975, degrees) * np.sqrt(variances.sum())
    ratio = np.log(values[0].mean() / values[1].mean())
    return ratio - half, ratio + half


def bca_interval(
    blocks: list[NDArray[np.float64]], resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Efron's BCa interval (J. Am. Stat. Assoc. 82, 1987) over resampled members."""
    logs = [np.log(distances_to_centroid(block).mean()) for block in blocks]
    ratio = logs[0] - logs[1]
    drawn = [bootstrap_logs(block, resamples, rng) for block in blocks]
    bootstrap = drawn[0] - drawn[1]
    influence = np.concatenate(
        [sign * jackknife_influence(block) for sign, block in zip((1, -1), blocks, strict=True)]
    )
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    below = np.clip((bootstrap < ratio).mean(), 1 / resamples, 1 - 1 / resamples)
    bias = norm.ppf(below)
    shifted = bias + norm.ppf([0.025, 0.975])
    lower, upper = np.quantile(bootstrap, norm.cdf(bias + shifted / (1 - acceleration * shifted)))
    return lower, upper


def bootstrap_logs(
    squared: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Log dispersions of resampled families; copies of one member make no pair."""
    members = len(squared)
    counts = np.zeros((0, members))
    while len(counts) < resamples:
        drawn = rng.multinomial(members, np.full(members, 1 / members), size=resamples)
        counts = np.concatenate([counts, drawn[drawn.max(axis=1) < members]])
    counts = counts[:resamples]
    sums = counts @ squared
    to_others = sums / (members - counts)
    pairs = (counts * sums).sum(axis=1) / (members**2 - (counts**2).sum(axis=1))
    distances = np.sqrt(np.abs(to_others - pairs[:, None] / 2))
    return np.log((counts * distances).sum(axis=1) / members)


def jackknife_influence(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Influence of each member on the log dispersion."""
    members = len(squared)
    without = np.array(
        [
            np.log(distances_to_centroid(np.delete(np.delete(squared, i, 0), i, 1)).mean())
            for i in range(members)
        ]
    )
    return (members - 1) * (without.mean() - without)


def table_of_verdicts(repetitions: int, permutations: int, seed: int) -> None:
    """Print how often each verdict is given, for seven families of eight members."""
    print(f"3. Verdicts at {ALPHA}: 7 families × 8, 3 layers, {repetitions} repetitions")
    verdicts = ("AKP", "anti-AKP", "neither", "undecidable")
    print(f"   {'':38}" + "".join(f"{name:>13}" for name in verdicts) + f"{'any false':>13}")
    names = [f"family{index}" for index in range(7)]
    families = np.repeat(names, 8).tolist()
    generalisation = dict(zip(names, np.linspace(0.9, 0.6, 7), strict=True))
    follows = tuple(np.geomspace(1.0, 2.0, 7))
    for title, scales, shuffled, truth in (
        ("less generalisation, more dispersion", follows, False, "AKP"),
        ("less generalisation, less dispersion", follows[::-1], False, "anti-AKP"),
        ("dispersions differ at random", follows, True, "neither"),
        ("dispersions do not differ", (1.0,) * 7, False, "neither"),
    ):
        rng = np.random.default_rng(seed)
        counts: Counter[str] = Counter()
        false = 0
        for _ in range(repetitions):
            drawn = tuple(rng.permutation(scales)) if shuffled else scales
            scenario = Scenario(title, (8,) * 7, drawn, shape="uneven")
            layers = {layer: scenario.draw(rng) for layer in range(3)}
            outcomes = dispersion.permutation_tests(
                layers,
                families,
                generalisation,
                permutations,
                seed=int(rng.integers(2**31)),
                crosscheck_permutations=0,
            ).values()
            given = [outcome.verdict for outcome in outcomes]
            counts.update(given)
            false += any(verdict in ("AKP", "anti-AKP") and verdict != truth for verdict in given)
        shares = "".join(f"{counts[name] / repetitions / 3:13.3f}" for name in verdicts)
        print(f"   {title:38}{shares}{false / repetitions:13.3f}")
    print("   any false = share of repetitions in which a layer was wrongly called AKP or anti-AKP")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=QUICK_REPETITIONS)
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--resamples", type=int, default=399)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table_of_tests(arguments.repetitions, arguments.permutations, arguments.seed)
    table_of_intervals(arguments.repetitions, arguments.resamples, arguments.seed)
    table_of_verdicts(max(arguments.repetitions // 2, 1), arguments.permutations, arguments.seed)


if __name__ == "__main__":
    main()
