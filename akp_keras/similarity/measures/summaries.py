"""Numbers and curves of one representation, compared by their difference.

They look at the cloud of samples and not at which sample is where: the order of the samples changes
nothing, so they have no row-permutation null.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.centring import uncentred
from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.nearest_neighbours import neighbours
from akp_keras.similarity.packing import stretches
from akp_keras.similarity.pair_distances import cosine_dissimilarities, positive_norms
from akp_keras.similarity.statistic import Prepared, Statistic, Tile, plain


def magnitude(factors: Factors) -> np.ndarray:
    """Return ‖x̄‖, the norm of the mean sample."""
    rows, norm = uncentred(factors)
    return np.array([float(np.linalg.norm(rows.mean(axis=0))) * norm])


def concentricity(factors: Factors) -> np.ndarray:
    """Return mean_i cos(xᵢ, x̄)."""
    rows = uncentred(factors)[0]
    mean = rows.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not length > 0.0:
        raise factors.degenerate("its mean sample is zero, so nothing has a cosine with it")
    return np.array([float(np.mean(rows @ (mean / length) / positive_norms(factors)))])


def uniformity(factors: Factors) -> np.ndarray:
    """Return log(n⁻² Σᵢⱼ exp(−2‖xᵢ − xⱼ‖²)) of samples scaled to norm 1."""
    above = sum(
        float(np.exp(-4.0 * stretch).sum())
        for stretch in stretches(cosine_dissimilarities(factors))
    )
    return np.array([math.log((factors.samples + 2.0 * above) / factors.samples**2)])


_TIMES = np.logspace(-1.0, 1.0, 256)


@dataclass(frozen=True)
class HeatTrace:
    """The weighted heat trace of the neighbourhood graph.

    exp(−2(t + 1/t)) tr exp(−tL)/n at 256 times t from 0.1 to 10, L the normalised Laplacian of the
    symmetrised graph of k nearest neighbours; exact eigenvalues, so nothing is random.

    Attributes:
        k: neighbours.
    """

    k: int

    def __call__(self, factors: Factors) -> np.ndarray:
        """Return (256,) the curve."""
        n = factors.samples
        adjacency = np.zeros((n, n))
        adjacency[np.arange(n)[:, None], neighbours(factors, self.k, "euclidean")] = 1.0
        adjacency = np.maximum(adjacency, adjacency.T)
        scale = 1.0 / np.sqrt(adjacency.sum(axis=1))
        eigenvalues = 1.0 - np.linalg.eigvalsh(adjacency * scale[:, None] * scale[None, :])
        trace = np.exp(-_TIMES[:, None] * eigenvalues[None, :]).mean(axis=1)
        return np.exp(-2.0 * (_TIMES + 1.0 / _TIMES)) * trace


@dataclass(frozen=True)
class LargestDifference(Statistic):
    """max |a − b| of a curve, or |a − b| of a number, a of X and b of Y.

    Attributes:
        summary: from factors to a (k,) curve.
    """

    tile: ClassVar[int] = 128
    is_exact: ClassVar[bool] = True
    needs_variance: ClassVar[bool] = False
    summary: Callable[[Factors], np.ndarray]

    @property
    def preparation(self) -> str:
        """The eigenvalues of a heat trace, and distances, cost more than the rest."""
        if isinstance(self.summary, HeatTrace):
            return "n²p + n³"
        return "n²p" if self.summary is uniformity else "np"

    @property
    def accuracy(self) -> str:
        """Neighbours are chosen."""
        is_graph = isinstance(self.summary, HeatTrace)
        return "distances within 1e-10 are tied" if is_graph else ""

    def memory(self, samples: int) -> float:
        """Count the matrix of which a heat trace takes the eigenvalues, and copies."""
        return 3 * 8.0 * samples**2 if isinstance(self.summary, HeatTrace) else 0.0

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the curve."""
        return {"curve": np.asarray(self.summary(factors), dtype=np.float64)}

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Compute all pairs by broadcasting."""
        return np.abs(
            np.asarray(left["curve"])[:, None, :] - np.asarray(right["curve"])[None, :, :]
        ).max(axis=-1)


def _difference(
    title: str,
    formula: str,
    reference: str,
    invariances: str,
    summary: Callable[[Factors], np.ndarray],
    highest: float = math.inf,
    min_samples: int = 2,
    number: bool = True,
) -> Measure:
    return Measure(
        Declaration(
            title=title,
            formula=formula,
            reference=reference,
            cost="1" if number else "256",
            larger_is_more_similar=False,
            range=(0.0, highest),
            invariances=invariant_to(invariances),
            distances=("itself",),
            metric=True,
            hilbertian=number,
            self_value=0.0,
            min_samples=min_samples,
            ordered_samples=False,
        ),
        LargestDifference(summary),
        plain,
    )


def _heat_trace(k: int) -> Measure:
    return _difference(
        "Intrinsic multi-scale distance (IMD)",
        "max_t e^{−2(t + 1/t)} |h_X(t) − h_Y(t)|, h = tr exp(−tL)/n of the graph of k neighbours",
        "Tsitsulin et al. 2020, arXiv 1905.11141, eq. 6, with exact eigenvalues",
        "O S T",
        HeatTrace(k),
        min_samples=k + 1,
        number=False,
    )


MEASURES = (
    Template(
        "magnitude",
        lambda: _difference(
            "Difference of magnitudes",
            "| ‖x̄‖ − ‖ȳ‖ |",
            "Wang et al. 2022, arXiv 2005.12398",
            "O",
            magnitude,
        ),
    ),
    Template(
        "concentricity",
        lambda: _difference(
            "Difference of concentricities",
            "|mean_i cos(xᵢ, x̄) − mean_i cos(yᵢ, ȳ)|",
            "Wang et al. 2022, arXiv 2005.12398",
            "O S",
            concentricity,
            highest=2.0,
        ),
    ),
    Template(
        "uniformity",
        lambda: _difference(
            "Difference of uniformities",
            "|u(X) − u(Y)|, u = log n⁻² Σ exp(−2‖xᵢ − xⱼ‖²) of samples scaled to norm 1",
            "Wang and Isola 2020, arXiv 2005.10242, eq. 3",
            "O S",
            uniformity,
            highest=8.0,
        ),
    ),
    Template("imd", _heat_trace, (Parameter("k", 5, minimum=1),)),
)
