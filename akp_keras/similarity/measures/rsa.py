"""Representational similarity analysis (Kriegeskorte, Mur and Bandettini 2008).

A representation is described by the dissimilarities of its pairs of samples; two descriptions are
compared by a correlation. Both choices are part of the identifier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.dissimilarity import (
    KINDS,
    DissimilarityOrder,
    DissimilarityProduct,
    WhitenedDissimilarityProduct,
)
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.inner_product import product
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.statistic import Statistic, Tile, Value, cosine, fraction

_INVARIANCES = {
    "correlation": invariant_to("S P"),
    "cosine": invariant_to("O S"),
    "euclidean": invariant_to("O S T"),
    "squared_euclidean": invariant_to("O S T"),
}


def _rho_a(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    n = float(np.asarray(left["samples"])[0])
    m = n * (n - 1) / 2
    return np.clip(12.0 * product(statistic, left, right) / (m**3 - m), -1.0, 1.0)


def _tau_a(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return statistic * np.sqrt(np.outer(left["untied"], right["untied"]))


@dataclass(frozen=True)
class _Comparison:
    """How two vectors of dissimilarities are compared."""

    title: str
    formula: str
    reference: str
    statistic: Callable[[str], Statistic]
    value: Value
    is_cosine: bool
    lowest: float = -1.0
    cost: str = "n²"
    # A rank correlation without correction for ties is below 1 even for equal vectors with ties.
    corrected: bool = True

    def __call__(self, dissimilarity: str) -> Measure:
        return Measure(
            Declaration(
                title=f"RSA, {self.title}",
                formula=self.formula.replace("kind", dissimilarity.replace("_", " ")),
                reference=self.reference,
                cost=self.cost,
                larger_is_more_similar=True,
                range=(self.lowest, 1.0),
                invariances=_INVARIANCES[dissimilarity],
                distances=("chord", "angle") if self.is_cosine else (),
                metric=self.is_cosine,
                hilbertian=self.is_cosine,
                self_value=1.0 if self.corrected else None,
                min_samples=4,
            ),
            self.statistic(dissimilarity),
            self.value,
        )


_KRIEGESKORTE = "Kriegeskorte, Mur and Bandettini 2008, Front. Syst. Neurosci. 2"
_SCHUETT = "Schütt et al. 2023, eLife 12:e82566"
_DIEDRICHSEN = "Diedrichsen et al. 2021, arXiv 2007.02789, eq. 12"

_COMPARISONS = {
    "rsa.cosine": _Comparison(
        "cosine",
        "cosine of the kind dissimilarities of pairs of samples",
        _SCHUETT,
        lambda kind: DissimilarityProduct(kind, "plain"),
        fraction,
        is_cosine=True,
        lowest=0.0,
    ),
    "rsa.pearson": _Comparison(
        "Pearson correlation",
        "Pearson correlation of the kind dissimilarities of pairs of samples",
        _KRIEGESKORTE,
        lambda kind: DissimilarityProduct(kind, "centred"),
        cosine,
        is_cosine=True,
    ),
    "rsa.spearman": _Comparison(
        "Spearman correlation",
        "Spearman correlation of the kind dissimilarities of pairs of samples",
        _KRIEGESKORTE,
        lambda kind: DissimilarityProduct(kind, "ranks"),
        cosine,
        is_cosine=True,
    ),
    "rsa.rho_a": _Comparison(
        "ρ-a",
        "12⟨r, r′⟩/(m³ − m), r and r′ the centred ranks of m kind dissimilarities",
        _SCHUETT,
        lambda kind: DissimilarityProduct(kind, "ranks"),
        _rho_a,
        is_cosine=False,
        corrected=False,
    ),
    "rsa.tau_b": _Comparison(
        "Kendall's τ-b",
        "Kendall's τ-b of the kind dissimilarities of pairs of samples",
        "Kendall 1945, Biometrika 33",
        DissimilarityOrder,
        cosine,
        is_cosine=False,
        cost="n² log n",
    ),
    "rsa.tau_a": _Comparison(
        "Kendall's τ-a",
        "Kendall's τ-a of the kind dissimilarities of pairs of samples",
        "Nili et al. 2014, PLoS Comput. Biol. 10",
        DissimilarityOrder,
        _tau_a,
        is_cosine=False,
        cost="n² log n",
        corrected=False,
    ),
    "rsa.cosine.whitened": _Comparison(
        "whitened cosine",
        "⟨HDH, HD′H⟩ / (‖HDH‖ ‖HD′H‖) of the kind dissimilarities",
        _DIEDRICHSEN,
        lambda kind: WhitenedDissimilarityProduct(kind),
        cosine,
        is_cosine=True,
    ),
    "rsa.pearson.whitened": _Comparison(
        "whitened Pearson correlation",
        "⟨HDH, HD′H⟩ / (‖HDH‖ ‖HD′H‖) of the kind dissimilarities minus their mean",
        _DIEDRICHSEN,
        lambda kind: WhitenedDissimilarityProduct(kind, centred=True),
        cosine,
        is_cosine=True,
    ),
}

MEASURES = tuple(
    Template(
        name,
        comparison,
        (
            Parameter(
                "dissimilarity",
                "squared_euclidean" if "whitened" in name else "correlation",
                choices=KINDS,
            ),
        ),
    )
    for name, comparison in _COMPARISONS.items()
)
