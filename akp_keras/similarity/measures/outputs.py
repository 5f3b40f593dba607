"""Functional measures: agreement of networks' outputs.

They take logits, n × classes, whose columns mean the same in every network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.registry import Measure, Template
from akp_keras.similarity.statistic import PairStatistic, Prepared, Statistic, Tile, Value


@dataclass(frozen=True)
class Agreement(Statistic):
    """The share of samples with the same predicted class."""

    tile: ClassVar[int] = 128
    needs_variance: ClassVar[bool] = False

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the predictions."""
        return {"predictions": factors.predictions.astype(np.int32)}

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """One product of one-hot predictions a class."""
        a, b = np.asarray(left["predictions"]), np.asarray(right["predictions"])
        total = np.zeros((len(a), len(b)))
        for label in np.union1d(a, b):
            total += (a == label).astype(np.float64) @ (b == label).astype(np.float64).T
        return total / a.shape[1]

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {"predictions": prepared["predictions"][order]}


@dataclass(frozen=True)
class Errors(Statistic):
    """(share where exactly one is right, share where predictions differ), with error rates kept.

    Prepared: `wrong`, (n,) 1 where the prediction is wrong; `rate`, the share of these.
    """

    tile: ClassVar[int] = 128
    needs_variance: ClassVar[bool] = False

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps predictions and errors."""
        wrong = factors.predictions != factors.labels
        return {
            "predictions": factors.predictions.astype(np.int32),
            "wrong": wrong.astype(np.float64),
            "rate": np.array(wrong.mean()),
        }

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """By products of 0/1 vectors."""
        a, b = np.asarray(left["wrong"]), np.asarray(right["wrong"])
        both = a @ b.T
        one = (a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - 2.0 * both) / a.shape[1]
        differ = 1.0 - Agreement().compare(left, right)
        return np.stack([one, differ], axis=-1)

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        gathered = {name: prepared[name][order] for name in prepared if prepared[name].ndim}
        return {**prepared, **gathered}


@dataclass(frozen=True)
class JensenShannon(PairStatistic):
    """mean_i of the Jensen–Shannon divergence of predicted probabilities, in bits."""

    needs_variance: ClassVar[bool] = False

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps probabilities and their entropies."""
        logarithms = factors.log_probabilities
        probabilities = np.exp(logarithms)
        # 0 · log 0 is 0, also where the logarithm has left the range of floats.
        terms = np.where(probabilities > 0.0, probabilities * logarithms, 0.0)
        return {"probabilities": probabilities, "entropies": -terms.sum(axis=1)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """The entropy of the mixture minus the mean entropy."""
        mixture = (left["probabilities"] + right["probabilities"]) / 2.0
        terms = mixture * np.log(np.where(mixture > 0.0, mixture, 1.0))
        entropies = (left["entropies"] + right["entropies"]) / 2.0
        return float(np.mean(-terms.sum(axis=1) - entropies)) / float(np.log(2.0))

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {name: array[order] for name, array in prepared.items()}


def _disagreement(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return 1.0 - statistic


def _divergence(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.clip(statistic, 0.0, 1.0)


def _accuracy_difference(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.abs(np.asarray(left["rate"])[:, None] - np.asarray(right["rate"])[None, :])


def _error_inconsistency(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.maximum(statistic[..., 0], 0.0)


def _normalised_disagreement(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    x, y = np.asarray(left["rate"])[:, None], np.asarray(right["rate"])[None, :]
    least, most = np.abs(x - y), np.minimum(x + y, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (statistic[..., 1] - least) / (most - least)
    # Where error rates leave no room, networks disagree as little as they can.
    return np.where(most - least > 1e-12, np.clip(share, 0.0, 1.0), 0.0)


def _measure(
    title: str,
    formula: str,
    reference: str,
    statistic: Statistic,
    value: Value,
    *,
    distances: tuple[str, ...] = (),
    invariances: frozenset[str] = frozenset(),
    ordered_samples: bool = True,
    cost: str = "n",
    self_value: float | None = 0.0,
) -> Measure:
    return Measure(
        Declaration(
            title=title,
            formula=formula,
            reference=reference,
            cost=cost,
            larger_is_more_similar=False,
            range=(0.0, 1.0),
            invariances=invariances,
            distances=distances,
            metric=bool(distances),
            # Zero-one disagreement is a squared Euclidean distance; its root would embed.
            hilbertian=distances == ("root",) or not ordered_samples,
            self_value=self_value,
            ordered_samples=ordered_samples,
            takes="logits",
        ),
        statistic,
        value,
    )


_SCALE = frozenset({"scale"})
_SURVEY = "Klabunde et al. 2023, arXiv 2305.06329, section 4"

MEASURES = (
    Template(
        "output.disagreement",
        lambda: _measure(
            "Disagreement of predictions",
            "mean_i [argmax aᵢ ≠ argmax bᵢ]",
            _SURVEY,
            Agreement(),
            _disagreement,
            distances=("itself",),
            invariances=_SCALE,
        ),
    ),
    Template(
        "output.jensen_shannon",
        lambda: _measure(
            "Jensen–Shannon divergence of predictions",
            "mean_i ½KL(pᵢ‖m) + ½KL(qᵢ‖m) in bits, m = (p + q)/2, p and q softmax of the logits",
            "Lin 1991, IEEE Trans. Inf. Theory 37; " + _SURVEY,
            JensenShannon(),
            _divergence,
            distances=("root",),
            cost="n · classes",
        ),
    ),
    Template(
        "output.accuracy_difference",
        lambda: _measure(
            "Difference of accuracies",
            "|accuracy(a) − accuracy(b)|",
            _SURVEY,
            Errors(),
            _accuracy_difference,
            distances=("itself",),
            invariances=_SCALE,
            ordered_samples=False,
        ),
    ),
    Template(
        "output.error_inconsistency",
        lambda: _measure(
            "Error inconsistency",
            "mean_i [a right and b wrong, or a wrong and b right]",
            "Geirhos et al. 2020, arXiv 2006.16736 (one minus the observed consistency)",
            Errors(),
            _error_inconsistency,
            distances=("itself",),
            invariances=_SCALE,
        ),
    ),
    Template(
        "output.disagreement.normalised",
        lambda: _measure(
            "Disagreement between its least and its most for the error rates",
            "(Dis − |e − e′|) / (min(e + e′, 1) − |e − e′|)",
            "Klabunde et al. 2023, arXiv 2305.06329, min–max normalised disagreement",
            Errors(),
            _normalised_disagreement,
            invariances=_SCALE,
            self_value=0.0,
        ),
    ),
)
