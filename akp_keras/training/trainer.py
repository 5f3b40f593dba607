"""A compiled model that trains many members, one after another."""

from __future__ import annotations

import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from akp_keras.code_version import training_versions
from akp_keras.data import randomise_labels, take_probe_set, train_statistics
from akp_keras.data.records import Split
from akp_keras.export import MemberRecord, write_member
from akp_keras.failures import one_line
from akp_keras.hotswap import HotSwap, Schedule, restore
from akp_keras.hotswap.calls import parse_call
from akp_keras.models import build_model, tapped_layers
from akp_keras.models.initial_weights import InitialWeights
from akp_keras.models.taps import choose_taps
from akp_keras.settings import Member, TrainingSettings
from akp_keras.settings.data import load_data
from akp_keras.training.snapshots import TakeSnapshots

_EVALUATION_BATCH = 256


class MemberTrainer:
    """Trains members of one experiment; the graph is traced once for all of them.

    The weights of a member are bit-identical to those of the same member trained alone in a fresh
    process: initial weights, optimizer state and batch order are reset per member.

    Attributes:
        taps: names of the tapped layers, from input to output.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self._settings = settings
        self._data = load_data(settings, settings.seed)
        self._families = settings.parsed_families
        self._weights = self._built()
        self._model = self._weights.model
        self.taps = self._chosen_taps()
        self._model.compile(
            optimizer=_optimizer(settings),
            loss="binary_crossentropy"
            if self._model.output_shape[-1] == 1
            else "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=settings.steps_per_execution,
        )
        self._model.optimizer.build(self._model.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self._model.optimizer.variables]

    def check(self) -> None:
        """Check that every schedule fits the model, before anything is written.

        Raises:
            ValueError: in one line that names what does not fit and what is valid.
        """
        for family in self._families:
            try:
                # Without candidates: with them, an error could be that of another family.
                swap = HotSwap(family.schedule.without("labels"))
                swap.check(self._model, self._settings.epochs, self._steps_per_epoch)
            except ValueError as error:
                raise ValueError(f"--family={family.name}: {error}") from error

    def train(self, member: Member, folder: Path) -> None:
        """Train a member and write its folder, which is created whole or not at all."""
        schedule = member.family.schedule
        fraction = member.family.label_fraction
        train = self._data.train
        if fraction:
            labels = randomise_labels(
                train.labels, fraction, self._classes, seed=self._settings.seed
            )
            train = Split(train.inputs, labels, train.ids)

        self._reset(member.random_seed)
        swap = self._hot_swap(schedule, member.random_seed)
        snapshots = self._snapshots()
        history = self._model.fit(
            self._shuffled(train, member.random_seed),
            epochs=self._settings.epochs,
            validation_data=self._in_order(self._data.validation),
            callbacks=[swap, *snapshots],
            shuffle=False,  # the data is already shuffled, by the member's own seed
            verbose=0,
        )
        swaps = [record.to_config() for record in swap.swaps]
        if fraction is not None:
            swaps.insert(0, _label_swap(schedule))
        write_member(
            folder,
            MemberRecord(
                family=member.family.name,
                seed=member.seed,
                schedule=str(schedule),
                layers=self.taps,
                metrics=self._metrics(train),
                history={
                    name: tuple(float(value) for value in values)
                    for name, values in history.history.items()
                },
                swaps=tuple(swaps),
                steps_per_epoch=self._steps_per_epoch,
                settings=self._settings.shared_values(),
                versions=training_versions(),
            ),
            self._model,
            description={
                "class_names": list(self._data.class_names),
                "random_seed": member.random_seed,
            },
            snapshots=snapshots[0].snapshots if snapshots else None,
        )

    def _built(self) -> InitialWeights:
        settings = self._settings
        mean, variance = train_statistics(self._data.train)
        try:
            return InitialWeights(
                lambda: build_model(
                    settings.model,
                    input_shape=self._data.train.inputs.shape[1:],
                    classes=self._classes,
                    mean=mean,
                    variance=variance,
                ),
                settings.initial_weights,
                settings.seed,
            )
        except ValueError as error:
            raise ValueError(f"--model={settings.model}: {error}") from error

    def _chosen_taps(self) -> tuple[str, ...]:
        declared = tapped_layers(self._settings.model)
        try:
            return choose_taps(self._model, self._settings.taps, declared)
        except ValueError as error:
            raise ValueError(f"--taps={','.join(self._settings.taps)}: {error}") from error

    @property
    def _classes(self) -> int:
        return len(self._data.class_names)

    @property
    def _steps_per_epoch(self) -> int:
        return -(-len(self._data.train.labels) // self._settings.batch_size)

    def _snapshots(self) -> list[TakeSnapshots]:
        settings = self._settings
        if not settings.snapshots:
            return []
        probe = take_probe_set(self._data, settings.probe_samples, settings.seed)
        return [TakeSnapshots(probe.inputs, self.taps, settings.snapshot_epochs)]

    def _hot_swap(self, schedule: Schedule, random_seed: int = 0) -> HotSwap:
        return HotSwap(
            schedule.without("labels"),
            candidates=[family.schedule.without("labels") for family in self._families],
            seed=random_seed,
        )

    def _reset(self, random_seed: int) -> None:
        keras.utils.set_random_seed(random_seed)
        restore(self._model)
        self._weights.reset(random_seed)
        for variable, value in zip(
            self._model.optimizer.variables, self._fresh_optimizer, strict=True
        ):
            variable.assign(value)

    def _shuffled(self, split: Split, random_seed: int) -> tf.data.Dataset:
        order = tf.data.Dataset.range(len(split.labels)).shuffle(
            len(split.labels), seed=random_seed, reshuffle_each_iteration=True
        )
        return self._batches(split, order)

    def _in_order(self, split: Split) -> tf.data.Dataset:
        return self._batches(split, tf.data.Dataset.range(len(split.labels)))

    def _batches(self, split: Split, order: tf.data.Dataset) -> tf.data.Dataset:
        inputs, labels = tf.constant(split.inputs), tf.constant(split.labels[:, np.newaxis])
        return (
            order.batch(self._settings.batch_size)
            .map(lambda rows: (tf.gather(inputs, rows), tf.gather(labels, rows)))
            .prefetch(2)
        )

    def _metrics(self, train: Split) -> dict[str, float]:
        train_accuracy = self._accuracy(train)
        test_accuracy = self._accuracy(self._data.test)
        return {
            "train_accuracy": train_accuracy,
            "validation_accuracy": self._accuracy(self._data.validation),
            "test_accuracy": test_accuracy,
            "gap": train_accuracy - test_accuracy,
            "chance_accuracy": float(np.bincount(self._data.test.labels).max())
            / len(self._data.test.labels),
        }

    def _accuracy(self, split: Split) -> float:
        # Eager calls: `evaluate` would trace a graph per final configuration of swaps.
        right = 0
        for start in range(0, len(split.labels), _EVALUATION_BATCH):
            rows = slice(start, start + _EVALUATION_BATCH)
            answers = np.asarray(self._model(split.inputs[rows], training=False))
            if answers.shape[-1] == 1:
                predicted = (answers[:, 0] > 0.5).astype(np.int64)
            else:
                predicted = answers.argmax(axis=-1)
            right += int((predicted == split.labels[rows]).sum())
        return right / len(split.labels)


@functools.lru_cache(maxsize=1)
def trainer_for(settings: TrainingSettings) -> MemberTrainer:
    """Return the trainer of this process for the settings, created at the first call."""
    return MemberTrainer(settings)


def _optimizer(settings: TrainingSettings) -> keras.optimizers.Optimizer:
    call = parse_call(settings.optimizer)
    config = {"learning_rate": settings.learning_rate, **dict(call.options)}
    try:
        return keras.optimizers.get({"class_name": call.name, "config": config})
    except Exception as error:  # Keras raises anything from ValueError to KeyError here.
        reason = f" ({one_line(error, 200)})" if call.options else ""
        raise ValueError(
            f"--optimizer={settings.optimizer} cannot be created by name{reason}; known are for "
            "example adam, sgd, rmsprop, AdamW(weight_decay=1e-4)"
        ) from error


def _label_swap(schedule: Schedule) -> dict[str, object]:
    ((_, change),) = schedule.changes("labels")
    return {
        "epoch": 0,
        "step": 0,
        "what": "labels",
        "from": "labels of the data set",
        "to": change.name,
        "layers": [],
    }
