"""Functional measures: agreement of networks' outputs.

They take logits, n × classes, whose columns mean the same in every network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.factors import Factors, once
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.statistic import (
    PairStatistic,
    Prepared,
    Statistic,
    Tile,
    Value,
    columns_of,
    plain,
    rows_of,
)


@once
def log_probabilities(factors: Factors) -> np.ndarray:
    """Return (n, classes) the log-softmax of the values taken as logits."""
    logits = np.asarray(factors.values, dtype=np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@once
def predictions(factors: Factors) -> np.ndarray:
    """Return (n,) int32 the class of the largest logit."""
    return np.argmax(factors.values, axis=1).astype(np.int32)


@once
def labels(factors: Factors) -> np.ndarray:
    """Return (n,) the samples' classes, or says what is wrong with them."""
    classes = factors.labels
    if classes is None:
        raise ValueError("a measure of errors needs labels= with the samples' classes")
    if classes.shape != (factors.samples,):
        raise ValueError(
            f"labels have shape {classes.shape}; representation {factors.name!r} "
            f"needs ({factors.samples},)"
        )
    kind = classes.dtype.kind
    if kind not in "iub" and not (kind == "f" and (classes == np.floor(classes)).all()):
        raise ValueError(
            f"labels have dtype {classes.dtype}; whole numbers from 0 to "
            f"{factors.features - 1} are needed, the columns of {factors.name!r}"
        )
    low, high = classes.min(), classes.max()
    if low < 0 or high >= factors.features:
        raise ValueError(
            f"labels go from {low} to {high}; {factors.name!r} has logits of the classes 0 to "
            f"{factors.features - 1}"
        )
    # The same array as passed, which is not this one's to make read-only.
    return classes.view()


@dataclass(frozen=True)
class Agreement(Statistic):
    """The share of samples with the same predicted class."""

    tile: ClassVar[int] = 128
    needs_variance: ClassVar[bool] = False
    layout: ClassVar[Mapping[str, str]] = {"predictions": "rows"}
    selects: ClassVar[bool] = True

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the predictions."""
        return {"predictions": predictions(factors)}

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Take one product of one-hot predictions per class."""
        a, b = np.asarray(left["predictions"]), np.asarray(right["predictions"])
        total = np.zeros((len(a), len(b)))
        for label in np.union1d(a, b):
            total += (a == label).astype(np.float64) @ (b == label).astype(np.float64).T
        return total / a.shape[1]


@dataclass(frozen=True)
class VariedAgreement(Agreement):
    """The same of networks that predict two classes or more."""

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the predictions."""
        if (predictions(factors) == predictions(factors)[0]).all():
            raise factors.degenerate(
                "it predicts one class for every sample, so agreement beyond chance is not defined"
            )
        return super().prepare(factors)


@dataclass(frozen=True)
class Errors(Statistic):
    """(share where exactly one is right, share where predictions differ), with error rates kept.

    Prepared: `wrong`, (n,) 1 where the prediction is wrong; `rate`, the share of these.

    Attributes:
        some_wrong: whether a network without an error is refused.
        some_right: whether a network that is always wrong is refused.
    """

    tile: ClassVar[int] = 128
    needs_variance: ClassVar[bool] = False
    layout: ClassVar[Mapping[str, str]] = {"predictions": "rows", "wrong": "rows"}
    selects: ClassVar[bool] = True
    some_wrong: bool = False
    some_right: bool = False

    def prepare(self, factors: Factors) -> Prepared:
        """Keep predictions and errors."""
        wrong = predictions(factors) != labels(factors)
        if self.some_wrong and not wrong.any():
            raise factors.degenerate("it is right on every sample, so there are no errors")
        if self.some_right and wrong.all():
            raise factors.degenerate("it is wrong on every sample, so errors are no choice")
        return {
            "predictions": predictions(factors),
            "wrong": wrong.astype(np.float64),
            "rate": np.array(wrong.mean()),
        }

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Take the error rate anew."""
        return {**gathered, "rate": np.array(gathered["wrong"].mean())}

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Take products of 0/1 vectors."""
        a, b = np.asarray(left["wrong"]), np.asarray(right["wrong"])
        both = a @ b.T
        either = (a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - 2.0 * both) / a.shape[1]
        differ = 1.0 - Agreement().compare(left, right)
        return np.stack([either, differ], axis=-1)


@dataclass(frozen=True)
class JensenShannon(PairStatistic):
    """mean_i of the Jensen–Shannon divergence of predicted probabilities, in bits."""

    needs_variance: ClassVar[bool] = False
    layout: ClassVar[Mapping[str, str]] = {"probabilities": "rows", "entropies": "rows"}
    selects: ClassVar[bool] = True

    def prepare(self, factors: Factors) -> Prepared:
        """Keep probabilities and their entropies."""
        logarithms = log_probabilities(factors)
        probabilities = np.exp(logarithms)
        # 0 · log 0 is 0, also where the logarithm has left the range of floats.
        terms = np.where(probabilities > 0.0, probabilities * logarithms, 0.0)
        return {"probabilities": probabilities, "entropies": -terms.sum(axis=1)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Take the mean entropy from the entropy of the mixture."""
        mixture = (left["probabilities"] + right["probabilities"]) / 2.0
        terms = mixture * np.log(np.where(mixture > 0.0, mixture, 1.0))
        entropies = (left["entropies"] + right["entropies"]) / 2.0
        return float(np.mean(-terms.sum(axis=1) - entropies)) / float(np.log(2.0))


@dataclass(frozen=True)
class Ensemble(PairStatistic):
    """Accuracy of the mean of two networks' probabilities minus the mean of their accuracies."""

    needs_variance: ClassVar[bool] = False
    layout: ClassVar[Mapping[str, str]] = {"probabilities": "rows", "labels": "rows"}
    selects: ClassVar[bool] = True

    def prepare(self, factors: Factors) -> Prepared:
        """Keep probabilities, labels and accuracy."""
        right = predictions(factors) == labels(factors)
        return {
            "probabilities": np.exp(log_probabilities(factors)),
            "labels": labels(factors),
            "accuracy": np.array(right.mean()),
        }

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Take the accuracy anew."""
        right = gathered["probabilities"].argmax(axis=1) == gathered["labels"]
        return {**gathered, "accuracy": np.array(right.mean())}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Ignore the right side's labels: in a null it is they that are permuted."""
        together = (left["probabilities"] + right["probabilities"]).argmax(axis=1)
        single = (left["accuracy"] + right["accuracy"]) / 2.0
        return float((together == left["labels"]).mean() - single)


@dataclass(frozen=True)
class RiskCoverage(Statistic):
    """|AURC(a) − AURC(b)|, the areas under the curves of risk against coverage.

    The area is the mean over k of the error rate of the k samples with the largest predicted
    probability; samples of equal probability share their errors equally, so that their order does
    not matter.
    """

    tile: ClassVar[int] = 128
    needs_variance: ClassVar[bool] = False

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the area."""
        wrong = (predictions(factors) != labels(factors)).astype(np.float64)
        doubt = -log_probabilities(factors).max(axis=1)
        _, place, sizes = np.unique(doubt, return_inverse=True, return_counts=True)
        shared = np.bincount(place, weights=wrong) / sizes
        risks = np.cumsum(np.repeat(shared, sizes)) / np.arange(1, len(wrong) + 1)
        return {"area": np.array(risks.mean())}

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Compute all pairs by broadcasting."""
        return np.abs(rows_of(left, "area") - columns_of(right, "area"))


def _kappa(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.clip((observed - expected) / (1.0 - expected), -1.0, 1.0)


def _cohen_kappa(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    a, b = np.asarray(left["predictions"]), np.asarray(right["predictions"])
    classes = np.union1d(a, b)
    shares = [np.stack([(side == label).mean(axis=1) for label in classes]) for side in (a, b)]
    return _kappa(statistic, shares[0].T @ shares[1])


def _error_consistency(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    x, y = rows_of(left, "rate"), columns_of(right, "rate")
    return _kappa(1.0 - statistic[..., 0], x * y + (1.0 - x) * (1.0 - y))


def _error_ratio(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    n = np.asarray(left["wrong"]).shape[1]
    x, y = rows_of(left, "rate"), columns_of(right, "rate")
    # Where exactly one is right, predictions differ too. Shares are counts over n.
    different = np.rint(n * (statistic[..., 1] - statistic[..., 0]))
    same = np.rint(n * (x + y - statistic[..., 0]) / 2.0) - different
    # Without a common error 0 / 0, which is undefined; without an equal one infinite.
    with np.errstate(divide="ignore", invalid="ignore"):
        return different / same


def _disagreement(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return 1.0 - statistic


def _divergence(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.clip(statistic, 0.0, 1.0)


def _accuracy_difference(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.abs(rows_of(left, "rate") - columns_of(right, "rate"))


def _error_inconsistency(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.maximum(statistic[..., 0], 0.0)


def _normalised_disagreement(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    x, y = rows_of(left, "rate"), columns_of(right, "rate")
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
    range: tuple[float, float] = (0.0, 1.0),
    larger_is_more_similar: bool = False,
    undefined: str = "",
) -> Measure:
    return Measure(
        Declaration(
            title=title,
            formula=formula,
            reference=reference,
            cost=cost,
            larger_is_more_similar=larger_is_more_similar,
            range=range,
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
        undefined,
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
    Template(
        "output.cohen_kappa",
        lambda: _measure(
            "Cohen's kappa of predictions",
            "(p − e) / (1 − e), p the share of equal predictions, e = Σ_c share_a(c) share_b(c)",
            "Cohen 1960, Educ. Psychol. Meas. 20",
            VariedAgreement(),
            _cohen_kappa,
            invariances=_SCALE,
            range=(-1.0, 1.0),
            self_value=1.0,
            larger_is_more_similar=True,
        ),
    ),
    Template(
        "output.error_consistency",
        lambda: _measure(
            "Error consistency: Cohen's kappa of being right",
            "(p − e) / (1 − e), p the share where both are right or both wrong, "
            "e = accuracy(a) accuracy(b) + error(a) error(b)",
            "Geirhos et al. 2020, arXiv 2006.16736, eq. 1 to 3",
            Errors(some_wrong=True, some_right=True),
            _error_consistency,
            invariances=_SCALE,
            range=(-1.0, 1.0),
            self_value=1.0,
            larger_is_more_similar=True,
        ),
    ),
    Template(
        "output.error_ratio",
        lambda: _measure(
            "Ratio of different to equal errors",
            "#{both wrong, differently} / #{both wrong, alike}",
            "Aksela and Laaksonen 2006, Pattern Recognition 39 (distinct/same failure)",
            Errors(some_wrong=True),
            _error_ratio,
            invariances=_SCALE,
            range=(0.0, math.inf),
            undefined="no sample is wrong in both of two networks, so errors have no ratio",
        ),
    ),
    Template(
        "output.ensemble_gain",
        lambda: _measure(
            "Gain of the ensemble of both",
            "accuracy((p + q)/2) − (accuracy(p) + accuracy(q))/2, p and q softmax of the logits",
            "Lakshminarayanan et al. 2017, arXiv 1612.01474 (the ensemble), of two networks",
            Ensemble(),
            plain,
            cost="n · classes",
            range=(-1.0, 1.0),
        ),
    ),
    Template(
        "output.aurc_difference",
        lambda: _measure(
            "Difference of areas under the risk–coverage curve",
            "|AURC(a) − AURC(b)|, AURC = mean_k error rate of the k samples of largest probability",
            "Geifman, Uziel and El-Yaniv 2019, arXiv 1805.08206, section 2",
            RiskCoverage(),
            plain,
            distances=("itself",),
            ordered_samples=False,
            cost="1",
        ),
    ),
)
