"""What a trained member leaves beside its SavedModel: history, swaps and metrics.

This module imports neither Keras nor TensorFlow, so that reports and TensorBoard writers can
read a member without loading it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class MemberRecord:
    """One trained network of a family, without its weights.

    Attributes:
        family: name of the family.
        seed: the seed that tells this member from the others of its family.
        schedule: the family's schedule, in the text form of `akp_keras.hotswap.Schedule`.
        layers: names of the tapped layers, from input to output.
        metrics: final numbers, at least `train_accuracy`, `validation_accuracy`,
            `test_accuracy` (fractions in [0, 1]) and `gap` (train minus test accuracy);
            `chance_accuracy` is the test accuracy of always answering the commonest class.
        history: Keras' history, a tuple of one float an epoch under each name
            (`loss`, `accuracy`, `val_loss`, `val_accuracy`, …).
        swaps: what was swapped and when, in order; each has `epoch` (from 0), `step`
            (optimizer steps taken before it), `what` ("activation", "loss", "labels", …),
            `from`, `to` (names) and `layers` (list of layer names, empty for a loss).
        steps_per_epoch: optimizer steps in an epoch, ≥ 1.
        settings: what it was trained with beside the schedule, by the names of the settings, in
            plain JSON types; empty where that is not known.
        versions: library -> version that it was trained with; empty where that is not known.
    """

    family: str
    seed: int
    schedule: str
    layers: tuple[str, ...]
    metrics: Mapping[str, float]
    history: Mapping[str, tuple[float, ...]]
    swaps: tuple[Mapping[str, object], ...]
    steps_per_epoch: int
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`<family>/<seed>`, the member's name everywhere."""
        return f"{self.family}/{self.seed}"

    def moment(self, swap: Mapping[str, object]) -> float:
        """Return the time of a swap in epochs since the start; e is the start of epoch e."""
        return int(swap["step"]) / self.steps_per_epoch


def family_of(member: str) -> str:
    """Return the family of the member named `<family>/<seed>`."""
    return member.rpartition("/")[0]
