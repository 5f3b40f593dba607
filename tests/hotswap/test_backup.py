"""A fit that was interrupted and restored goes on as if it had not been."""

import json

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap
from akp_keras.hotswap.backup import Backup, Progress

# What val_loss is made to be: a plateau of patience 2 stands at 1 after epoch 2.
LOSSES = [3.0, 2.0, 2.0, 2.5, 1.0, 1.5, 1.5, 0.5]
SCHEDULE = (
    "@0 activation=relu; @plateau(val_loss,patience=2) activation=tanh weights=noise(0.1); "
    "@step:61 loss=hinge inputs=noise(0.1); @plateau(val_loss,patience=1) activation=elu; "
    "@7 activation=original"
)


class Given(keras.callbacks.Callback):
    """Gives each epoch a val_loss, and interrupts before an epoch."""

    def __init__(self, interrupted_before=None):
        super().__init__()
        self.interrupted_before = interrupted_before

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.interrupted_before:
            raise RuntimeError("interrupted")

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = LOSSES[epoch]


@pytest.fixture
def train(make_model, fit):
    def run(folder, interrupted_before=None, backup_first=True, schedule=SCHEDULE):
        model, swap = make_model(), HotSwap(schedule)
        backup = keras.callbacks.BackupAndRestore(folder)
        ordered = [backup, swap] if backup_first else [swap, backup]
        options = {"epochs": 8, "shuffle": False, "validation_data": None}
        if interrupted_before is None:
            fit(model, Given(), *ordered, **options)
        else:
            with pytest.raises(RuntimeError, match="interrupted"):
                fit(model, Given(interrupted_before), *ordered, **options)
        return np.concatenate([np.ravel(value) for value in model.get_weights()]), swap

    return run


@pytest.mark.parametrize(
    ("interruptions", "backup_first"),
    [
        ([3, 6], True),
        pytest.param([3], False, marks=pytest.mark.slow),
        pytest.param([2, 4, 5], False, marks=pytest.mark.slow),
        pytest.param([7], True, marks=pytest.mark.slow),
    ],
)
def test_plateaus_epochs_and_steps_are_those_of_a_run_without_interruption(
    train, tmp_path, interruptions, backup_first
):
    whole, uninterrupted = train(tmp_path / "whole")
    happened = [(r.epoch, r.step, r.what, r.to, r.layers) for r in uninterrupted.swaps]
    times = [(epoch, step) for epoch, step, *_ in happened]
    # The second plateau is watched from step 61 on, in epoch 5: 1.5 and again 1.5.
    assert times == [(0, 0), (4, 48), (4, 48), (5, 61), (5, 61), (7, 84), (7, 84)]
    folder = tmp_path / "interrupted"
    for epoch in interruptions:
        train(folder, epoch, backup_first)
    restored, swap = train(folder, None, backup_first)
    now = [(r.epoch, r.step, r.what, r.to) for r in swap.swaps]
    assert now == [entry[:4] for entry in happened]
    np.testing.assert_array_equal(restored, whole)
    # BackupAndRestore has deleted its folder, and with it what HotSwap kept there.
    assert not folder.exists()


def test_an_unknown_past_is_said(train, tmp_path):
    train(tmp_path, 3)
    (tmp_path / "hotswap.json").unlink()
    with pytest.warns(UserWarning, match="before epoch 3, so that they are counted anew"):
        _, swap = train(tmp_path)
    assert [r.epoch for r in swap.swaps if r.to == "tanh"] == [7]


def test_the_file_has_an_entry_for_each_epoch(tmp_path):
    backup = Backup(tmp_path / "new", "@0 loss=hinge")
    assert backup.load(1) is None
    for epoch, best in enumerate((3.0, float("nan"), None)):
        backup.save(epoch, Progress(12 * epoch + 12, {1: (best, epoch)}, {0: (epoch, 12 * epoch)}))
    assert backup.load(1) == Progress(12, {1: (3.0, 0)}, {0: (0, 0)})
    assert backup.load(3) == Progress(36, {1: (None, 2)}, {0: (2, 24)})
    # A fit that goes on from an earlier epoch writes the later ones anew.
    backup.save(1, Progress(24, {1: (2.5, 1)}, {}))
    assert backup.load(3) is None
    assert backup.load(2) == Progress(24, {1: (2.5, 1)}, {})
    assert Backup(tmp_path / "new", "@0 loss=mse").load(2) is None
    (file,) = (tmp_path / "new").iterdir()
    assert [entry["epoch"] for entry in json.loads(file.read_text())["epochs"]] == [0, 1]


def accumulating():
    return keras.optimizers.Adam(gradient_accumulation_steps=2)


def skipping():
    """The first steps overflow in float16 at this scale, and count for no iteration."""
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=2.0**40)


class Interruption(keras.callbacks.Callback):
    """Interrupts before epoch 2."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
            self.iterations = int(keras.ops.convert_to_numpy(optimizer.iterations))
            raise RuntimeError("interrupted")


@pytest.mark.parametrize("optimizer", [accumulating, skipping])
@pytest.mark.parametrize("is_length_known", [True, False])
def test_steps_are_counted_where_the_optimizer_counts_fewer(
    make_model, problem, tmp_path, optimizer, is_length_known
):
    x, y = problem
    data = {"x": x, "y": y, "batch_size": 8, "shuffle": False}
    if not is_length_known:
        tf = pytest.importorskip("tensorflow", reason="needs a data set of unknown length")
        known = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
        data = {"x": known.filter(lambda x, y: True)}

    def train(*callbacks):
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16" if optimizer is skipping else policy)
        try:
            model = make_model(optimizer=optimizer())
        finally:
            keras.config.set_dtype_policy(policy)
        swap = HotSwap("@step:28 activation=tanh; @step:42 activation=relu")
        callbacks = [keras.callbacks.BackupAndRestore(tmp_path), swap, *callbacks]
        model.fit(**data, epochs=4, verbose=0, callbacks=callbacks)
        return swap

    interruption = Interruption()
    with pytest.raises(RuntimeError, match="interrupted"):
        train(interruption)
    assert interruption.iterations < 24
    assert [(r.epoch, r.step) for r in train().swaps] == [(2, 28), (3, 42)]
