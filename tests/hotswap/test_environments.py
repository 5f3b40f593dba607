"""XLA, mixed precision, distribution, interrupted training."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap

SCHEDULE = "@1 activation=tanh; @step:16 loss=hinge; @2 activation=original"


def weights(model):
    return np.concatenate([np.ravel(value) for value in model.get_weights()])


@pytest.fixture
def expected(make_model, fit):
    model = make_model()
    fit(model, HotSwap(SCHEDULE))
    return weights(model)


@pytest.mark.slow
def test_under_xla_a_return_compiles_nothing(make_model, fit, expected):
    model = make_model(jit_compile=True)
    swap = HotSwap(SCHEDULE)
    traces = []

    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            traces.append(swap.traces)

    history = fit(model, swap, Count(), steps_per_epoch=None, epochs=3)
    np.testing.assert_allclose(weights(model), expected, rtol=0, atol=1e-5)
    assert len(history["loss"]) == 3
    again = HotSwap("@0 activation=original loss=original; @2 activation=tanh; @step:28 loss=hinge")
    fit(model, again)
    assert again.traces == 0


@pytest.mark.parametrize(
    "policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"]
)
def test_mixed_precision_and_loss_scaling(make_model, fit, policy):
    trained = {}
    keras.config.set_dtype_policy(policy)
    try:
        for strategy in ("switch", "retrace"):
            model = make_model()
            swap = HotSwap(SCHEDULE, strategy=strategy)
            fit(model, swap)
            trained[strategy] = weights(model)
            assert [r.step for r in swap.swaps] == [12, 16, 24]
            if policy == "mixed_float16":
                assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
                assert int(model.optimizer.inner_optimizer.iterations) <= 36
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.all(np.isfinite(trained["switch"]))
    # bfloat16 has 8 bits of mantissa; fused and unfused kernels round differently.
    np.testing.assert_allclose(trained["switch"], trained["retrace"], rtol=0, atol=3e-2)


# In a process of its own, since the devices of a process are fixed.
TWO_CPUS = """
import numpy as np, keras, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from akp_keras.hotswap import HotSwap
rng = np.random.default_rng(0)
x = rng.normal(size=(48, 4)).astype("float32")
y = (x.sum(axis=1, keepdims=True) > 0).astype("float32")
def build(spe):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.SGD(0.1), loss="binary_crossentropy", steps_per_execution=spe)
    return model
def train(model, strategy):
    swap = HotSwap("@1 activation=tanh; @step:9 loss=hinge", strategy=strategy)
    model.fit(x, y, batch_size=8, epochs=3, verbose=0, shuffle=False, callbacks=[swap],
        validation_data=(x, y))
    return np.concatenate([np.ravel(w) for w in model.get_weights()]), swap
"""
TRAINING = """
alone, _ = train(build(1), "switch")
# Keras itself fails on two logical CPUs with steps_per_execution > 1.
for strategy, spe in (("switch", 1), ("retrace", 1)):
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with mirrored.scope():
        model = build(spe)
    together, swap = train(model, strategy)
    assert mirrored.num_replicas_in_sync == 2
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5, err_msg=f"{strategy} {spe}")
    assert [r.step for r in swap.swaps] == [6, 9], swap.swaps
    assert model.layers[0].activation is keras.activations.tanh

print("mirrored as alone")
"""


NOISE = """
# One sample a replica: the mean of their noise is not the noise of the first.
def noise(batch, strategy):
    swap = HotSwap("@0 inputs=noise(1)", strategy=strategy)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), loss=lambda y_true, y_pred: y_pred)
    zeros = np.zeros((batch, 1), "float32")
    return model.fit(zeros, zeros, batch_size=batch, verbose=0, callbacks=[swap]).history["loss"][0]
first = noise(1, "switch")
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    means = [noise(2, strategy) for strategy in ("switch", "retrace")]
np.testing.assert_allclose(means[0], means[1], rtol=1e-5)
assert abs(means[0] - first) > 1e-3, (means, first)

# What Keras cannot do by itself fails in the same way with a HotSwap.
errors = []
for callbacks in ([], [HotSwap("@1 activation=tanh")]):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = build(2)
    try:
        model.fit(x, y, batch_size=8, verbose=0, epochs=2, callbacks=callbacks)
    except Exception as error:
        errors.append(type(error).__name__)
assert errors == ["InvalidArgumentError"] * 2, errors
print("mirrored as alone")
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [TRAINING, NOISE], ids=["training", "noise"])
def test_mirrored_on_two_logical_cpus(program):
    pytest.importorskip("tensorflow")
    done = subprocess.run(
        [sys.executable, "-c", TWO_CPUS + program], capture_output=True, text=True, timeout=300
    )
    assert "mirrored as alone" in done.stdout, done.stderr[-3000:]


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("interrupted")


@pytest.mark.parametrize("backup_first", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_restored_fit_goes_on_with_the_right_functions(make_model, fit, tmp_path, backup_first):
    schedule = (
        "@1 activation=tanh weights=noise(0.1); @2 weights[second]=noise(0.1); "
        "@step:25 loss=hinge activation[second]=elu; @3 loss=original"
    )

    def train(*callbacks):
        model = make_model()
        swap = HotSwap(schedule)
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        ordered = [backup, swap] if backup_first else [swap, backup]
        fit(model, *ordered, *callbacks, epochs=4, shuffle=False)
        return model, swap

    whole, uninterrupted = train()
    assert len(uninterrupted.swaps) == 6
    with pytest.raises(RuntimeError, match="interrupted"):
        train(Interrupt())
    model, swap = train()
    assert swap.swaps[1].from_ == "restored"
    assert [(r.epoch, r.step, r.to) for r in swap.swaps] == [
        (r.epoch, r.step, r.to) for r in uninterrupted.swaps
    ]
    np.testing.assert_array_equal(weights(model), weights(whole))


def test_an_exception_leaves_plain_functions(make_model, fit):
    model = make_model()
    with pytest.raises(RuntimeError, match="interrupted"):
        fit(model, HotSwap("@1 activation=tanh loss=hinge; @2 activation=elu"), Interrupt())
    assert model.get_layer("first").activation in (keras.activations.tanh, keras.activations.elu)
    assert model.loss == "hinge"
    assert "train_step" not in vars(model)
