"""What is trained: plain data, the same in every process."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainingSettings:
    """What all members of an experiment have in common.

    Attributes:
        dataset: name of a data set, as `akp_keras.data.load_dataset` takes it.
        data_dir: folder where data sets are kept; None for TensorFlow Datasets' own.
        data_seed: seed of the split, where the data set has none, and of random labels.
        max_samples: at most so many samples a split; None for all.
        model: name of a model, as `akp_keras.models.build_model` takes it.
        optimizer: name of a Keras optimizer.
        learning_rate: its constant learning rate.
        epochs: epochs a member.
        batch_size: samples a step.
        steps_per_execution: steps that Keras runs between two looks at its callbacks.
        schedules: (family, schedule as text) of all families. The graph is built once and holds
            what any of them swaps in, so that a process traces it once for all its members.
        probe_samples: size of the probe set of which snapshots are taken.
        snapshots: numbers of the epochs, from 0, at whose ends the probe set's representations
            are kept; none by default.
    """

    dataset: str
    data_dir: str | None
    data_seed: int
    max_samples: int | None
    model: str
    optimizer: str
    learning_rate: float
    epochs: int
    batch_size: int
    steps_per_execution: int
    schedules: tuple[tuple[str, str], ...]
    probe_samples: int = 0
    snapshots: tuple[int, ...] = ()


@dataclass(frozen=True)
class MemberSpecification:
    """One member to train.

    Attributes:
        family: name of the family.
        seed: the member's number within the family.
        schedule: the family's schedule, as text.
        experiment_seed: the experiment's seed.
    """

    family: str
    seed: int
    schedule: str
    experiment_seed: int = 0

    @property
    def name(self) -> str:
        """`<family>/<seed>`."""
        return f"{self.family}/{self.seed}"

    @property
    def random_seed(self) -> int:
        """Seed of the member's initial weights and batch order, in [0, 2³²).

        Members of different families start from different weights even where their numbers are
        equal: a test that permutes members between families needs them to be independent.
        """
        entropy = [self.experiment_seed, zlib.crc32(self.family.encode()), self.seed]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])
