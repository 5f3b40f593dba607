"""What the page `akp` of TensorBoard shows, as plain data.

`akp_keras.tensorboard.plugin_data` turns these into summaries. They are made by
`page_dispersions` (of the outcome of a test, or of distances alone), `page_pictures` (of a probe
set), `sample_factors` (of a representation) and `swap_marks` (of a member's record).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class FamilyDispersion:
    """How far the members of one family lie from their centroid.

    Attributes:
        family: name of the family.
        mean: dispersion, the mean of `distances`, in the unit of the distances, ≥ 0; None for a
            family of one member.
        interval: approximate confidence limits (lower, upper) of the mean; None below three
            members and where there is none.
        distances: member name -> its distance to the family's centroid, ≥ 0, or None.
        ratio: the dispersion over the control's; None for the control, and where it is not
            finite or not known.
        ratio_interval: confidence limits (lower, upper) of the ratio; None where there is none.
    """

    family: str
    mean: float | None
    interval: tuple[float, float] | None = None
    distances: Mapping[str, float | None] = field(default_factory=dict)
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Dispersions:
    """The dispersions of all families at one layer under one measure, and what was concluded.

    Attributes:
        layer: name of the layer.
        measure: id of the measure whose distances these are.
        families: one a family, in the order of the legend.
        control: name of the control family; None where there is none.
        level: confidence level of every interval, in (0, 1).
        verdict: "AKP", "anti-AKP", "neither" or "undecidable"; None where nothing was tested, as
            during training.
        reason: one sentence that says why, with its p-values.
        effect: one sentence that says how large the largest difference from the control is.
        cautions: sentences that a reader should keep in mind.
        pvalue: of the test that dispersions differ between families, adjusted for layers and
            measures; None where there is none.
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
        epoch: where it lies, > −1: a swap at the start of epoch e, right after the end of epoch
            e − 1, lies at e − 1; one half-way through epoch e at e − 0.5.
        label: what was swapped, for example `activation relu → tanh`.
        when: in words, as the schedule counts, for example `epoch 2, step 60`.
    """

    epoch: float
    label: str
    when: str


@dataclass(frozen=True)
class Trajectory:
    """The members' ways through training at one layer under one measure, in one common map.

    Attributes:
        layer: name of the layer.
        measure: id of the measure.
        epochs: (T,) numbers of the epochs, from 0, at whose ends the snapshots were taken,
            ascending.
        members: (M,) names.
        coordinates: (M, T, 2) float, in the unit of the distances. All M·T points lie in one map
            with one scale for both axes; NaN where a member has no snapshot at an epoch (yet).
        dispersion: family -> (T,) dispersion at each snapshot, None where it is not known.
        swaps: member -> its swaps, in order.
        excluded: members that are not in the map, with the reason.
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
    """The probe set as people see it: names, classes and, for images, thumbnails.

    Attributes:
        ids: (n,) names of the samples, in the order of the probe set.
        labels: (n,) names of their classes.
        png: all thumbnails in one picture, row by row: sample i lies at row i // columns and
            column i % columns. None for measurements, which have no thumbnails.
        side: side of one thumbnail in pixels; 0 without thumbnails.
        columns: thumbnails in a row; 0 without thumbnails.
        pictured: how many samples, the first ones, have a thumbnail; at most 1024.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    png: bytes | None = None
    side: int = 0
    columns: int = 0
    pictured: int = 0


@dataclass(frozen=True)
class SampleFactor:
    """How one member relates the probe samples to each other at one layer.

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
