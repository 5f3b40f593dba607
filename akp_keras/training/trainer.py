"""A compiled model that trains many members, one after another."""

from __future__ import annotations

import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from akp_keras.code_version import training_versions
from akp_keras.data import load_dataset, randomise_labels, take_probe_set, train_statistics
from akp_keras.data.records import Split
from akp_keras.export import MemberRecord, write_member
from akp_keras.hotswap import HotSwap, Schedule, restore
from akp_keras.models import build_model, tapped_layers
from akp_keras.models.seeding import with_fresh_weights
from akp_keras.settings import Member, TrainingSettings
from akp_keras.training.snapshots import TakeSnapshots

_EVALUATION_BATCH = 256


class MemberTrainer:
    """Trains members of one experiment; the graph is traced once for all of them.

    The weights of a member are bit-identical to those of the same member trained alone in a fresh
    process: initial weights, optimizer state and batch order are reset per member.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self._settings = settings
        self._data = load_dataset(
            settings.dataset,
            data_dir=settings.data_dir,
            seed=settings.seed,
            max_samples=settings.max_samples,
        )
        self._families = settings.parsed_families
        mean, variance = train_statistics(self._data.train)
        try:
            self._model = build_model(
                settings.model,
                input_shape=self._data.train.inputs.shape[1:],
                classes=self._classes,
                mean=mean,
                variance=variance,
            )
        except ValueError as error:
            raise ValueError(f"--model={settings.model}: {error}") from error
        self._model.compile(
            optimizer=_optimizer(settings),
            loss="binary_crossentropy" if self._classes == 2 else "sparse_categorical_crossentropy",
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
                layers=tapped_layers(self._settings.model),
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
        layers = tapped_layers(settings.model)
        return [TakeSnapshots(probe.inputs, layers, settings.snapshot_epochs)]

    def _hot_swap(self, schedule: Schedule, random_seed: int = 0) -> HotSwap:
        return HotSwap(
            schedule.without("labels"),
            candidates=[family.schedule.without("labels") for family in self._families],
            seed=random_seed,
        )

    def _reset(self, random_seed: int) -> None:
        keras.utils.set_random_seed(random_seed)
        restore(self._model)
        # A second, untraced model draws its weights as in a fresh process. The state of random
        # layers, such as Dropout, is part of a layer's variables and not of its weights.
        fresh = with_fresh_weights(self._model, random_seed)
        for layer, fresh_layer in zip(self._model.layers, fresh.layers, strict=True):
            for variable, value in zip(layer.variables, fresh_layer.variables, strict=True):
                variable.assign(value)
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
    try:
        return keras.optimizers.get(
            {
                "class_name": settings.optimizer,
                "config": {"learning_rate": settings.learning_rate},
            }
        )
    except Exception as error:  # Keras raises anything from ValueError to KeyError here.
        raise ValueError(
            f"--optimizer={settings.optimizer} cannot be created by name; known are for example "
            "adam, sgd, rmsprop, adamw"
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
