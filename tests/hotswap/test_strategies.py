"""Both strategies do the same, at the same steps, and trace no more than they must."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap, restore

EVENTFUL = (
    "@0 activation=relu loss=binary_crossentropy; @1 activation[dense]=tanh; "
    "@step:14 loss=hinge; @step:17 activation=gelu; "
    "@2 loss=binary_crossentropy activation=original"
)
QUIET = "@0 activation=relu loss=binary_crossentropy"
LATE = "@0 activation=relu loss=binary_crossentropy; @2 activation=tanh"
FAMILIES = (EVENTFUL, QUIET, LATE)


def weights(model):
    return np.concatenate([np.ravel(value) for value in model.get_weights()])


class Watch(keras.callbacks.Callback):
    """Notes the weights after every execution."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(weights(self.model))


@pytest.fixture(scope="module")
def by_hand(make_model, problem):
    """Weights after each step when every swap is made by hand with a new, eager computation."""
    tf = pytest.importorskip("tensorflow", reason="the reference is written with TensorFlow")
    model = make_model(run_eagerly=True)
    x, y = problem
    relu, tanh, gelu = (getattr(keras.activations, n) for n in ("relu", "tanh", "gelu"))
    conv, rectifier, dense = (model.get_layer(n) for n in ("conv", "rectifier", "dense"))
    own_call = rectifier.call
    hinge = keras.losses.Hinge()
    logits = keras.Model(model.inputs, model.get_layer("logits").output)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)
    result = []
    for step in range(36):
        epoch = step // 12
        all_gelu = epoch == 1 and step >= 17
        conv.activation = gelu if all_gelu else relu
        rectifier.call = gelu if all_gelu else own_call
        dense.activation = gelu if all_gelu else tanh if epoch == 1 else relu
        batch = slice(8 * (step % 12), 8 * (step % 12) + 8)
        loss = hinge if epoch == 1 and step >= 14 else bce
        with tf.GradientTape() as tape:
            value = loss(y[batch], logits(x[batch], training=True))
        gradients = tape.gradient(value, model.trainable_weights)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        result.append(weights(model))
    return np.array(result)


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("switch", {}),
        ("retrace", {}),
        ("auto", {"run_eagerly": True}),
        ("switch", {"steps_per_execution": 5}),
        pytest.param("switch", {"steps_per_execution": 12}, marks=pytest.mark.slow),
    ],
)
def test_each_swap_falls_on_its_step(make_model, fit, by_hand, strategy, options):
    model, watch = make_model(**options), Watch()
    swap = HotSwap(EVENTFUL, strategy=strategy)
    fit(model, swap, watch, shuffle=False)
    done = {1: 1, 5: (5, 10, 12), 12: 12}[options.get("steps_per_execution", 1)]
    ends = [e * 12 + n for e in range(3) for n in (done if isinstance(done, tuple) else (done,))]
    if done == 1:
        ends = range(1, 37)
    np.testing.assert_allclose(
        np.array(watch.weights), by_hand[np.array(ends) - 1], rtol=0, atol=2e-5
    )
    happened = [(r.epoch, r.step, r.what, r.from_, r.to, r.layers) for r in swap.swaps]
    everywhere = ("conv", "rectifier", "dense")
    assert happened == [
        (0, 0, "activation", "relu", "relu", everywhere),
        (0, 0, "loss", "binary_crossentropy", "binary_crossentropy", ()),
        (1, 12, "activation", "relu", "tanh", ("dense",)),
        (1, 14, "loss", "binary_crossentropy", "hinge", ()),
        (1, 17, "activation", "relu,tanh", "gelu", everywhere),
        (2, 24, "loss", "hinge", "binary_crossentropy", ()),
        (2, 24, "activation", "gelu", "relu", everywhere),
    ]


def test_strategies_agree(make_model, fit):
    found = []
    for strategy, options in (
        ("auto", {"run_eagerly": True}),
        ("retrace", {}),
        ("switch", {}),
        ("switch", {"steps_per_execution": 5}),
    ):
        model = make_model(dropout=0.25, **options)
        swap = HotSwap(EVENTFUL, strategy=strategy)
        history = fit(model, swap)
        found.append((weights(model), history, swap.swaps))
    for parameters, history, swaps in found[1:]:
        np.testing.assert_allclose(parameters, found[0][0], rtol=0, atol=1e-5)
        assert swaps == found[0][2]
        for name, values in history.items():
            np.testing.assert_allclose(values, found[0][1][name], rtol=1e-4, err_msg=name)


def test_retrace_inside_an_execution_falls_on_the_next_one(make_model, fit):
    model = make_model(steps_per_execution=5)
    swap = HotSwap("@step:7 activation=tanh", strategy="retrace")
    fit(model, swap)
    assert [(r.epoch, r.step) for r in swap.swaps] == [(0, 10)]


def test_validation_uses_the_function_in_force(make_model, fit, problem):
    x, y = problem
    schedule = "@1 activation=tanh; @step:20 activation=selu loss=hinge"
    for options in ({}, {"steps_per_execution": 5}):
        model = make_model(**options)
        seen = []

        class Evaluate(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None, seen=seen):
                # The model holds plain functions, so an untraced call is the reference.
                z = keras.Model(self.model.inputs, self.model.get_layer("logits").output)(x[:40])
                if epoch < 2 and epoch != 1:
                    reference = keras.losses.BinaryCrossentropy(from_logits=True)(y[:40], z)
                else:
                    reference = keras.losses.Hinge()(y[:40], z)
                seen.append((float(reference), logs["val_loss"]))

        fit(model, HotSwap(schedule, strategy="switch"), Evaluate())
        reference, validated = zip(*seen, strict=True)
        np.testing.assert_allclose(validated, reference, rtol=1e-5)


def train_member(model, schedule, seed, make_model, fit):
    """Starts a member on a model that may have been trained, and trains it."""
    restore(model)
    fresh = make_model(seed=seed, dropout=0.25)
    model.set_weights(fresh.get_weights())
    for mine, new in zip(model.non_trainable_variables, fresh.non_trainable_variables, strict=True):
        mine.assign(new)
    for variable in model.optimizer.variables:
        if variable.path.endswith("learning_rate"):
            continue
        variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
    keras.utils.set_random_seed(seed)
    swap = HotSwap(schedule, candidates=FAMILIES)
    # On JAX, Keras draws one batch more in the first fit of a model, to build its metrics; it does
    # so without HotSwap as well.
    fit(model, swap, shuffle=keras.backend.backend() == "tensorflow")
    return swap


@pytest.mark.parametrize(
    "options", [{"steps_per_execution": 4}, pytest.param({}, marks=pytest.mark.slow)]
)
def test_members_of_one_model_trace_once_and_are_as_on_a_new_model(make_model, fit, options):
    shared = make_model(dropout=0.25, **options)
    traces = []
    for seed, schedule in enumerate(FAMILIES):
        traces.append(train_member(shared, schedule, seed, make_model, fit).traces)
        alone = make_model(seed=99, dropout=0.25, **options)
        train_member(alone, schedule, seed, make_model, fit)
        np.testing.assert_array_equal(weights(shared), weights(alone))
    assert traces[0] > 0
    assert traces[1:] == [0, 0]


def test_a_return_to_an_earlier_configuration_traces_nothing(make_model, fit):
    model = make_model()
    once = HotSwap("@1 activation=tanh", strategy="retrace")
    fit(model, once, epochs=2)
    restore(model)
    again = HotSwap(
        "@1 activation=tanh; @step:14 activation=original; @2 activation=tanh", strategy="retrace"
    )
    fit(model, again)
    assert once.traces > 0
    assert again.traces == 0


def test_a_new_compile_forgets_what_was_traced(make_model, fit):
    model = make_model()
    first = HotSwap("@1 activation=tanh", candidates=["relu"])
    fit(model, first, epochs=2)
    model.compile("sgd", loss="hinge")
    second = HotSwap("@1 activation=tanh", candidates=["relu"])
    history = fit(model, second, epochs=2)
    assert second.traces > 0
    assert len(history["val_loss"]) == 2


def state_of(callback):
    return {
        key: value
        for key, value in vars(callback).items()
        if isinstance(value, (int, float)) or value is None
    }


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_a_swap_to_what_is_in_force_changes_no_bit(make_model, fit, tmp_path, strategy):
    """Neither of the weights nor of optimizer, metrics, history and other callbacks."""

    def train(*swaps):
        rates = keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
        model = make_model(dropout=0.2, optimizer=keras.optimizers.Adam(rates))
        others = [
            keras.callbacks.EarlyStopping("val_loss", patience=5),
            keras.callbacks.ModelCheckpoint(tmp_path / "c.weights.h5", save_weights_only=True),
        ]
        history = fit(model, *swaps, *others)
        history.pop("swaps", None)
        state = [np.asarray(v) for v in (*model.variables, *model.optimizer.variables)]
        return history, state, [state_of(callback) for callback in others]

    swap = HotSwap(
        "@0 activation=relu; @1 activation=relu loss=binary_crossentropy; "
        "@step:30 activation[dense]=relu",
        strategy=strategy,
    )
    expected, found = train(), train(swap)
    assert found[0] == expected[0]
    assert found[2] == expected[2]
    for mine, plain in zip(found[1], expected[1], strict=True):
        np.testing.assert_array_equal(mine, plain)
    assert len(swap.swaps) == 4


def test_after_a_real_swap_the_optimizer_and_the_epoch_mean_go_on(make_model, fit):
    model = make_model()
    watched = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.before = [np.asarray(v) for v in self.model.optimizer.variables]

        def on_train_batch_end(self, batch, logs=None):
            loss = self.model.metrics[0]
            watched.append((float(loss.count), int(self.model.optimizer.iterations)))
            for old, new in zip(self.before[2:], self.model.optimizer.variables[2:], strict=False):
                # A slot that were made anew would be all zero before the step.
                assert not np.any(old) or np.any(np.asarray(new))

    optimizer = model.optimizer
    fit(model, HotSwap("@step:15 activation=tanh loss=hinge", strategy="retrace"), Look())
    assert model.optimizer is optimizer
    assert watched == [(8.0 * (n % 12 + 1), n + 1) for n in range(36)]


def test_a_plateau_is_watched_and_swapped_after(make_model, fit):
    class Flat(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = [3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0][epoch]

    model = make_model()
    swap = HotSwap(
        "@0 activation=relu; @plateau(val_loss,patience=2) activation=tanh; "
        "@plateau(val_loss,patience=1) activation=elu"
    )
    history = fit(model, Flat(), swap, epochs=8)
    # Epochs 2 and 3 do not improve on 2.0. The second watch begins with epoch 4's 1.0.
    assert [(r.epoch, r.to) for r in swap.swaps] == [(0, "relu"), (4, "tanh"), (6, "elu")]
    assert history["swaps"] == [1, 0, 0, 0, 1, 0, 1, 0]


def test_a_plateau_of_an_unknown_metric_is_refused(make_model, fit):
    with pytest.raises(ValueError, match="no metric 'val_los'"):
        fit(make_model(), HotSwap("@plateau(val_los,patience=1) activation=tanh"))


def test_what_is_traced_is_not_what_the_model_holds(make_model, fit):
    model = make_model()
    names = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            names.append(
                (self.model.get_layer("conv").activation.__name__, type(self.model.layers[1]))
            )

    fit(model, HotSwap("@1 activation=tanh; @2 activation=original"), Look())
    assert names[0] == names[35] == ("relu", keras.layers.ReLU)
    assert names[12] == ("tanh", keras.layers.Activation)
    assert len(model.weights) == 6
