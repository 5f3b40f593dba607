"""The data of TensorBoard's page `akp`, as plain dataclasses.

`akp_keras.tensorboard.plugin_data` turns them into summaries. They come from `page_dispersions`
(from the outcome of a test, or distances alone), `page_pictures` (from a probe set),
`sample_factors` (from a representation) and `swap_marks` (from a member's record).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class FamilyDispersion:
    """The dispersion of a family: its members' distances to their centroid.

    Attributes:
        family: name of the family.
        mean: dispersion, the mean of `distances`, in the unit of the distances, ≥ 0; None for a
            family with a single member.
        interval: approximate confidence limits (lower, upper) of the mean; None for fewer than
            three members and where unknown.
        distances: member name -> its distance to the family's centroid, ≥ 0, or None.
        ratio: dispersion relative to the control; None for the control, and where it is not finite
            or unknown.
        ratio_interval: confidence limits (lower, upper) of the ratio; None where unknown.
    """

    family: str
    mean: float | None
    interval: tuple[float, float] | None = None
    distances: Mapping[str, float | None] = field(default_factory=dict)
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Dispersions:
    """The dispersions of all families at a layer under a measure, and the verdict.

    Attributes:
        layer: name of the layer.
        measure: id of the measure.
        families: one entry per family, in the order of the legend.
        control: name of the control family, or None.
        level: confidence level of every interval, in (0, 1).
        verdict: "AKP", "anti-AKP", "neither" or "undecidable"; None without a test, as
            during training.
        reason: a sentence that states the reason of the verdict, with p-values.
        effect: a sentence that states the largest difference from the control.
        cautions: sentences on the limits of the verdict.
        pvalue: p-value of the test that dispersions differ between families, adjusted for layers
            and measures; None without a test.
    """

    layer: str
    measure: str
    families: tuple[FamilyDispersion, ...]
    control: str | None = None
    level: float = 0.95
    verdict: str | None = None
    reason: str = ""
    effect: str = ""
    cautions: tuple[str, ...] = ()
    pvalue: float | None = None


@dataclass(frozen=True)
class SwapMark:
    """A swap on the axis of epochs, on which e is the end of epoch e, counted from 0.

    Attributes:
        epoch: position, > −1: a swap at the start of epoch e, right after the end of epoch e − 1,
            is at e − 1; a swap half-way through epoch e at e − 0.5.
        label: the change, for example `activation relu → tanh`.
        when: the time as the schedule counts it, for example `epoch 2, step 60`.
    """

    epoch: float
    label: str
    when: str


@dataclass(frozen=True)
class Trajectory:
    """The members' trajectories through training at a layer under a measure, in a common map.

    Attributes:
        layer: name of the layer.
        measure: id of the measure.
        epochs: (T,) numbers of the epochs, from 0, at whose ends the snapshots were taken,
            ascending.
        members: (M,) names of the members.
        coordinates: (M, T, 2) float, in the unit of the distances. All M·T points are in one map
            with the same scale for both axes; NaN where a member has no snapshot at an epoch (yet).
        dispersion: family -> (T,) dispersion at each snapshot, None where unknown.
        swaps: member -> its swaps, in order.
        excluded: member that is not in the map -> reason.
        averaged: whether the snapshots are averaged over positions that the matrix of the layer
            keeps, so that its dispersions differ from those at the last epoch.
    """

    layer: str
    measure: str
    epochs: tuple[float, ...]
    members: tuple[str, ...]
    coordinates: np.ndarray
    dispersion: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    swaps: Mapping[str, tuple[SwapMark, ...]] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    averaged: bool = False


@dataclass(frozen=True)
class Pictures:
    """The probe set for display: names, classes and, for images, thumbnails.

    Attributes:
        ids: (n,) names of the samples, in the order of the probe set.
        labels: (n,) names of their classes.
        png: PNG file of all thumbnails, row by row: sample i is at row i // columns and column
            i % columns. None for measurements, which have no thumbnails.
        side: side of a thumbnail in pixels; 0 without thumbnails.
        columns: thumbnails per row; 0 without thumbnails.
        pictured: number of samples, the first ones, with a thumbnail; at most 1024.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    png: bytes | None = None
    side: int = 0
    columns: int = 0
    pictured: int = 0


@dataclass(frozen=True)
class SampleFactor:
    """A low-rank factor of a member's Gram matrix of the probe samples at a layer.

    Attributes:
        layer: name of the layer.
        member: name of the member, `<family>/<seed>`.
        factor: (n, k) float16, from `sample_factors.sample_factor`: factor · factorᵀ is close to
            the centred Gram matrix of Frobenius norm 1.
        kept: ‖factor · factorᵀ‖² / ‖Gram‖², in (0, 1]: 1 where nothing was left out.
    """

    layer: str
    member: str
    factor: np.ndarray
    kept: float
