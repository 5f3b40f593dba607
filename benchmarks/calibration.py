"""How far `akp_keras.dispersion.akp_test` keeps its level, and what it sees: by simulation.

    python benchmarks/calibration.py --simulations=100            # some minutes
    python benchmarks/calibration.py --simulations=1000 --write   # docs/calibration.md

Each row is drawn from its own seed and kept in --cache once it is done, so that a run that breaks
off goes on where it stopped. Standard errors at 1,000 simulations: 0.007 of a size near 0.05, at
most 0.016 of a power. `benchmarks/seed_calibration.py` does the same for the test within families.

Models are points: a family has a centre, drawn about one place in 12 dimensions, and its members
are drawn about it with as much variance. Generalisation falls from 0.95 to 0.6, evenly or with four
fifths of the families within four points ("bunched"). "×2" multiplies the centres' distance from
that place by 2 from the best to the worst family, "shifted" and "bent" move the centres as
generalisation falls, without more spread.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from akp_keras.dispersion.association import ranks_beyond_margin
from akp_keras.dispersion.centroids import MOST_IMAGINARY, imaginary_share
from akp_keras.dispersion.effect import Effect, effect_of
from akp_keras.dispersion.estimands import FamilyDistances, family_distances
from akp_keras.dispersion.heterogeneity import permuted_statistics
from akp_keras.dispersion.residual_test import (
    Hypothesis,
    ResidualSpread,
    SeedSpread,
    permuted_correlations,
    residual_spread,
)
from akp_keras.dispersion.trend import location_trend
from akp_keras.dispersion.westfall_young import permutation_pvalues

PAGE = Path(__file__).parents[1] / "docs" / "calibration.md"
DIMENSIONS = 12
ALPHA = 0.05
MARGIN = 0.01
BEST, WORST = 0.95, 0.6
# Datasets that share their permutations; each batch draws its own.
BATCH = 10


@dataclass(frozen=True)
class World:
    """How families are drawn.

    Attributes:
        generalisation: "even", "bunched", or "two at chance": all within eight points of the best
            but two, near 0.5.
        ratio: how many times further out the centre of the worst family is drawn than the best's.
        shift: how far the worst family's centre is moved, in standard deviations of the centres.
        bend: how far centres are moved along another direction, on a way that is not straight.
        way: "parabola", "saturating" or "step", that way.
        together: how far the last two families are moved, on a third direction.
        tails: "normal", "t4" (each coordinate) or "far t4" (all coordinates of a family at once).
        unbalanced: whether each fourth family has three times the members and two more.
        seed_ratio: how many times further out members of the worst family are drawn than the
            best's, about their centre.
        separation: multiplies the distances of centres.
        noise: relative standard deviation of independent noise on each distance.
        error: standard deviation of what is measured as a family's generalisation.
    """

    generalisation: str = "even"
    ratio: float = 1.0
    shift: float = 0.0
    bend: float = 0.0
    way: str = "parabola"
    together: float = 0.0
    tails: str = "normal"
    unbalanced: bool = False
    seed_ratio: float = 1.0
    separation: float = 1.0
    noise: float = 0.0
    error: float = 0.0


@dataclass(frozen=True)
class Design:
    """Numbers of families and members."""

    families: int
    members: int

    def __str__(self) -> str:
        return f"{self.families} × {self.members}"


DESIGNS = tuple(Design(*numbers) for numbers in ((10, 8), (20, 5), (40, 2), (80, 1), (40, 1)))


@dataclass(frozen=True)
class Draw:
    """Families as drawn: squared distances of members, numbers of members, generalisation."""

    squared: NDArray[np.float64]
    sizes: NDArray[np.int64]
    generalisation: NDArray[np.float64]

    @property
    def families(self) -> FamilyDistances:
        """Squared distances of the families."""
        return family_distances(self.squared, self.sizes)


def draw(world: World, design: Design, rng: np.random.Generator) -> Draw:
    """Draw the families of a world."""
    families = design.families
    generalisation = GENERALISATIONS[world.generalisation](families)
    lost = (BEST - generalisation) / (BEST - WORST)
    centres = _directions(world.tails, families, rng) * world.separation
    centres *= world.ratio ** lost[:, None]
    unit = np.sqrt(DIMENSIONS)
    for way in (
        world.shift * lost,
        world.bend * WAYS[world.way](lost),
        world.together * (np.arange(families) >= families - 2),
    ):
        direction = rng.normal(size=DIMENSIONS)
        centres += unit * np.outer(way, direction / np.linalg.norm(direction))
    sizes = np.full(families, design.members)
    if world.unbalanced:
        sizes[::4] = 3 * design.members + 2
    points = np.repeat(centres, sizes, axis=0)
    points += np.repeat(world.seed_ratio**lost, sizes)[:, None] * rng.normal(size=points.shape)
    distances = pdist(points)
    if world.noise:
        distances *= 1 + world.noise * rng.normal(size=len(distances))
    measured = generalisation + world.error * rng.normal(size=families)
    return Draw(squareform(distances**2), sizes, measured)


def _directions(tails: str, families: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if tails == "t4":
        return rng.standard_t(4, size=(families, DIMENSIONS))
    centres = rng.normal(size=(families, DIMENSIONS))
    if tails == "far t4":
        centres /= np.sqrt(rng.chisquare(4, size=(families, 1)) / 4)
    return centres


def _bunched(families: int) -> NDArray[np.float64]:
    near = round(0.8 * families)
    return np.r_[np.linspace(BEST, 0.91, near), np.linspace(0.89, WORST, families - near)]


GENERALISATIONS = {
    "even": lambda families: np.linspace(BEST, WORST, families),
    "bunched": _bunched,
    "two at chance": lambda families: np.r_[np.linspace(BEST, 0.87, families - 2), 0.52, 0.5],
}
WAYS = {
    "parabola": lambda lost: 4 * lost * (1 - lost),
    "saturating": lambda lost: 1.5 * (1 - np.exp(-6 * lost)),
    "step": lambda lost: 1.5 / (1 + np.exp(-12 * (lost - 0.5))),
}


def batches(
    world: World, design: Design, simulations: int, rng: np.random.Generator
) -> Iterator[list[Draw]]:
    """Draw families of a world, some at a time."""
    for start in range(0, simulations, BATCH):
        yield [draw(world, design, rng) for _ in range(min(BATCH, simulations - start))]


def rejections(
    spreads: list[ResidualSpread | SeedSpread],
    scores: list[NDArray[np.float64]],
    permutations: int,
    rng: np.random.Generator,
) -> int:
    """Count the hypotheses that are rejected at 0.05, over common permutations."""
    families = len(scores[0])
    hypotheses = [
        Hypothesis(spread, of_families, np.arange(families))
        for spread, of_families in zip(spreads, scores, strict=True)
    ]
    correlations = permuted_correlations(hypotheses, families, permutations, rng)
    raw, _ = permutation_pvalues(np.abs(correlations))
    return int((raw <= ALPHA).sum())


@dataclass(frozen=True)
class Request:
    """How a row is simulated."""

    simulations: int
    permutations: int
    rng: np.random.Generator


def across(drawn: Draw) -> ResidualSpread:
    """Return the spread of models of different families."""
    return residual_spread(drawn.families.across, location_trend(drawn.generalisation))


def between(drawn: Draw) -> ResidualSpread:
    """Return the spread of the families' centroids."""
    return residual_spread(drawn.families.between, location_trend(drawn.generalisation))


def within(drawn: Draw) -> SeedSpread:
    """Return the spread of the families' seeds."""
    return SeedSpread(drawn.families.within)


def share_rejected(
    spread_of: Callable[[Draw], ResidualSpread | SeedSpread],
    world: World,
    design: Design,
    request: Request,
) -> float:
    """Return the share of rejections at 0.05."""
    rejected = 0
    for drawn in batches(world, design, request.simulations, request.rng):
        scores = [ranks_beyond_margin(families.generalisation, MARGIN) for families in drawn]
        spreads = [spread_of(families) for families in drawn]
        rejected += rejections(spreads, scores, request.permutations, request.rng)
    return rejected / request.simulations


def f_of_permdisp(world: World, design: Design, request: Request) -> dict[str, float]:
    """Return the share of rejections of F, and how often its p is said not to be calibrated."""
    rejected = cautioned = 0
    for drawn in batches(world, design, request.simulations, request.rng):
        for families in drawn:
            statistics = permuted_statistics(
                [families.squared], families.sizes, request.permutations, request.rng
            )
            rejected += permutation_pvalues(statistics)[0].item() <= ALPHA
            cautioned += imaginary_share(families.squared) > MOST_IMAGINARY
    return {
        "F of PERMDISP": rejected / request.simulations,
        "said not to be calibrated": cautioned / request.simulations,
    }


def straight_or_curved(world: World, design: Design, request: Request) -> dict[str, float]:
    """Return the share of rejections under each form of the trend of location."""
    rejected = dict.fromkeys(TRENDS, 0)
    for drawn in batches(world, design, request.simulations, request.rng):
        scores = [ranks_beyond_margin(families.generalisation, MARGIN) for families in drawn]
        for name, trend in TRENDS.items():
            spreads = [
                residual_spread(families.families.across, trend(families.generalisation))
                for families in drawn
            ]
            rejected[name] += rejections(spreads, scores, request.permutations, request.rng)
    return {name: count / request.simulations for name, count in rejected.items()}


def _basis(*columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.qr(np.column_stack([np.ones(len(columns[0])), *columns]))[0]


TRENDS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "straight line": lambda values: location_trend(values, curved=False),
    "parabola": lambda values: _basis(values, (values - values.mean()) ** 2),
    "line in ranks": lambda values: _basis(rankdata(values)),
    "parabola in ranks": lambda values: _basis(rankdata(values), rankdata(values) ** 2),
    "spline, 4 knots": lambda values: location_trend(values, curved=True),
    "chosen": location_trend,
}


def ways_of_ranking(world: World, design: Design, request: Request) -> dict[str, float]:
    """Return the share of rejections under each way of ranking generalisation."""
    rejected = dict.fromkeys(RANKINGS, 0)
    for drawn in batches(world, design, request.simulations, request.rng):
        spreads = [across(families) for families in drawn]
        for name, ranking in RANKINGS.items():
            scores = [ranking(families.generalisation) for families in drawn]
            rejected[name] += rejections(spreads, scores, request.permutations, request.rng)
    return {name: count / request.simulations for name, count in rejected.items()}


def _chained(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of groups: each begins with the first family beyond the margin of the last's first."""
    groups, first = np.zeros(len(values)), -math.inf
    group = 0
    for place in np.argsort(values):
        if values[place] - first > MARGIN:
            group, first = group + 1, values[place]
        groups[place] = group
    return rankdata(groups)


RANKINGS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "ranks": rankdata,
    "ranks of merged groups": _chained,
    "differences up to the margin in part": lambda values: np.clip(
        (values[:, None] - values) / MARGIN, -1, 1
    ).sum(axis=1),
    "chosen": lambda values: ranks_beyond_margin(values, MARGIN),
}


def effects(world: World, design: Design, request: Request) -> dict[str, float]:
    """Return the coverage of the effect's interval, and the smallest ratio that could be seen."""
    truth = math.log(world.ratio) / (BEST - WORST)
    held, smallest = 0, []
    for drawn in batches(world, design, request.simulations, request.rng):
        for families in drawn:
            effect = _effect(families)
            _, lower, upper = effect.over(0.1)
            held += lower <= math.exp(0.1 * truth) <= upper
            smallest.append(effect.smallest_detectable ** (0.1 / effect.loss))
    return {"coverage": held / request.simulations, "smallest ratio": float(np.median(smallest))}


def _effect(drawn: Draw) -> Effect:
    generalisation = drawn.generalisation
    trend, squared = location_trend(generalisation), drawn.families.across
    families = len(generalisation)
    curved = trend.shape[1] > 2
    left_out = np.full((families, families), np.nan)
    for place in range(families):
        rest = np.delete(np.arange(families), place)
        basis = location_trend(generalisation[rest], curved=curved)
        left_out[place, rest] = residual_spread(squared[np.ix_(rest, rest)], basis).values
    return effect_of(
        generalisation, residual_spread(squared, trend).values, left_out, per=0.1, level=0.95
    )


def power_at_the_smallest(design: Design, request: Request) -> dict[str, float]:
    """Return how often the ratio is seen that is said to be seen with a power of 0.8."""
    none = World()
    few = dataclasses.replace(request, simulations=max(request.simulations // 5, 10))
    stated = effects(none, design, few)["smallest ratio"]
    ratio = stated ** ((BEST - WORST) / 0.1)
    world = World(ratio=ratio, seed_ratio=ratio)
    return {"stated ratio": stated, "power there": share_rejected(across, world, design, request)}


NULLS = {
    "nothing": World(),
    "shifted": World(shift=2.0),
    "bent (parabola)": World(shift=1.0, bend=2.0),
    "bent (saturating)": World(shift=1.0, bend=2.0, way="saturating"),
    "bunched and bent": World("bunched", shift=1.0, bend=2.0),
    "t4, each coordinate": World(tails="t4"),
    "t4, whole families far out": World(tails="far t4"),
    "two at chance, shifted": World("two at chance", shift=2.0),
    "two at chance, elsewhere": World("two at chance", together=3.0),
    "unbalanced members, shifted": World(shift=1.0, unbalanced=True),
}
ALTERNATIVES = {
    "×1.5": World(ratio=1.5),
    "×2": World(ratio=2.0),
    "×2, bent (saturating)": World(ratio=2.0, shift=1.0, bend=2.0, way="saturating"),
}
FAR_APART = {
    "exact distances": World(separation=5.0),
    "1 % noise on each distance": World(separation=5.0, noise=0.01),
    "3 % noise on each distance": World(separation=5.0, noise=0.03),
}
SHAPES = {
    **{name: NULLS[name] for name in ("nothing", "bent (parabola)", "bent (saturating)")},
    "bent (step)": World(shift=1.0, bend=2.0, way="step"),
    "bunched and bent (parabola)": NULLS["bunched and bent"],
    "bunched and bent (saturating)": World("bunched", shift=1.0, bend=2.0, way="saturating"),
    "two at chance, elsewhere": NULLS["two at chance, elsewhere"],
    **{name: ALTERNATIVES[name] for name in ("×2", "×2, bent (saturating)")},
}
MEASURED = {
    "nothing": World(error=0.003),
    "×2": World(ratio=2.0, error=0.003),
    "×2, error of one point": World(ratio=2.0, error=0.01),
    "×2, bunched": World("bunched", ratio=2.0, error=0.003),
}

Row = Callable[[Request], Mapping[str, float]]


def tables() -> dict[str, dict[str, Row]]:
    """Return the rows of each table by their title."""

    def over_designs(
        spread_of: Callable[[Draw], ResidualSpread | SeedSpread],
        world: World,
        designs: tuple[Design, ...],
    ) -> Row:
        return lambda request: {
            str(design): share_rejected(spread_of, world, design, request) for design in designs
        }

    several = tuple(design for design in DESIGNS if design.members > 1)
    return {
        "size": {name: over_designs(across, world, DESIGNS) for name, world in NULLS.items()},
        "power": {
            name: over_designs(across, world, DESIGNS) for name, world in ALTERNATIVES.items()
        },
        "between": {
            name: over_designs(between, world, several)
            for name, world in {
                "nothing": World(),
                "seeds ×2": World(seed_ratio=2.0),
                "shifted": World(shift=2.0),
                "×2": World(ratio=2.0),
            }.items()
        },
        "within": {
            name: over_designs(within, world, several)
            for name, world in {
                **FAR_APART,
                "unbalanced members": World(unbalanced=True),
                "seeds ×2": World(seed_ratio=2.0),
            }.items()
        },
        "permdisp": {
            name: lambda request, world=world: f_of_permdisp(world, Design(7, 8), request)
            for name, world in FAR_APART.items()
        },
        "trends": {
            f"{design}, {name}": lambda request, world=world, design=design: straight_or_curved(
                world, design, request
            )
            for design in (
                Design(10, 2),
                Design(12, 2),
                Design(13, 2),
                Design(20, 2),
                Design(40, 1),
            )
            for name, world in SHAPES.items()
        },
        "rankings": {
            f"40 × 1, {name}": lambda request, world=world: ways_of_ranking(
                world, Design(40, 1), request
            )
            for name, world in MEASURED.items()
        },
        "effects": {
            f"{design}, ×{ratio:g}": lambda request, design=design, ratio=ratio: effects(
                World(ratio=ratio, seed_ratio=ratio), design, request
            )
            for design in DESIGNS
            for ratio in (1.0, 2.0)
        },
        "smallest": {
            str(design): lambda request, design=design: power_at_the_smallest(design, request)
            for design in DESIGNS
        },
    }


def run(
    wanted: list[str], simulations: int, permutations: int, seed: int, cache: Path | None
) -> dict[str, str]:
    """Simulate the rows that are not in the cache, and return the tables in Markdown."""
    known = json.loads(cache.read_text()) if cache and cache.exists() else {}
    written = {}
    for name, rows in tables().items():
        if name not in wanted:
            continue
        done = {}
        for title, row in rows.items():
            key = f"{name}/{title}/{simulations}/{permutations}/{seed}"
            if key not in known:
                rng = np.random.default_rng([seed, zlib.crc32(f"{name}/{title}".encode())])
                known[key] = dict(row(Request(simulations, permutations, rng)))
                if cache:
                    cache.write_text(json.dumps(known, indent=1) + "\n")
            done[title] = known[key]
            print(f"{name:10} {title:45}", *_cells(known[key]), sep="  ", flush=True)
        written[name] = _markdown(done)
    return written


def _cells(values: Mapping[str, float]) -> list[str]:
    return [f"{value:.3f}" for value in values.values()]


def _markdown(rows: Mapping[str, Mapping[str, float]]) -> str:
    columns = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    lines += [f"| {title} | " + " | ".join(_cells(values)) + " |" for title, values in rows.items()]
    return "\n".join(lines)


def write_page(page: Path, written: Mapping[str, str], simulations: int) -> None:
    """Put tables between their marks in the page."""
    text = page.read_text()
    for name, table in written.items():
        begin, end = f"<!-- table {name} -->", f"<!-- end {name} -->"
        if begin not in text:
            raise SystemExit(f"{page} has no mark {begin}; it says where the table goes")
        note = f"{simulations:,} simulations per cell."
        text = re.sub(
            f"{re.escape(begin)}.*?{re.escape(end)}",
            lambda _, table=table, note=note, begin=begin, end=end: (
                f"{begin}\n\n{table}\n\n{note}\n\n{end}"
            ),
            text,
            flags=re.DOTALL,
        )
    page.write_text(text)


def main() -> None:
    """Print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(tables())
    parser.add_argument("--tables", default=",".join(names), help="names with commas between")
    parser.add_argument("--simulations", type=int, default=200, help="per cell")
    parser.add_argument("--permutations", type=int, default=199, help="per test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="JSON file that keeps finished rows")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    arguments = parser.parse_args()
    wanted = arguments.tables.split(",")
    unknown = [name for name in wanted if name not in names]
    if unknown:
        parser.error(f"--tables names {unknown[0]!r}; there are {', '.join(names)}")
    written = run(
        wanted, arguments.simulations, arguments.permutations, arguments.seed, arguments.cache
    )
    if arguments.write:
        write_page(PAGE, written, arguments.simulations)


if __name__ == "__main__":
    main()
