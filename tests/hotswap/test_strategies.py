"""Both strategies do the same, at the same steps, and trace no more than they must."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap, restore

EVENTFUL = (
    "@0 activation=relu loss=binary_crossentropy; @1 activation[second]=tanh; "
    "@step:14 loss=hinge; @step:17 activation=gelu; "
    "@2 loss=binary_crossentropy activation=original"
)
LATE = "@0 activation=relu loss=binary_crossentropy; @2 activation=tanh"
FAMILIES = (EVENTFUL, LATE)
EVERYWHERE = ("first", "rectifier", "second")
IS_TRACED = keras.backend.backend() != "torch"


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
    model = make_model()
    x, y = problem
    relu, tanh, gelu = (getattr(keras.activations, n) for n in ("relu", "tanh", "gelu"))
    first, rectifier, second = (model.get_layer(name) for name in EVERYWHERE)
    own_call = rectifier.call
    hinge, entropy = keras.losses.Hinge(), keras.losses.BinaryCrossentropy(from_logits=True)
    logits = keras.Model(model.inputs, model.get_layer("logits").output)
    result = []
    for step in range(36):
        epoch = step // 12
        all_gelu = epoch == 1 and step >= 17
        first.activation = gelu if all_gelu else relu
        rectifier.call = gelu if all_gelu else own_call
        second.activation = gelu if all_gelu else tanh if epoch == 1 else relu
        batch = slice(2 * (step % 12), 2 * (step % 12) + 2)
        loss = hinge if epoch == 1 and step >= 14 else entropy
        with tf.GradientTape() as tape:
            value = loss(y[batch], logits(x[batch], training=True))
        gradients = tape.gradient(value, model.trainable_weights)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        result.append(weights(model))
    return np.array(result)


@pytest.mark.parametrize(
    ("strategy", "options"),
    [("switch", {"steps_per_execution": 5}), ("retrace", {}), ("auto", {"run_eagerly": True})],
)
def test_each_swap_falls_on_its_step(make_model, fit, by_hand, strategy, options):
    model, watch = make_model(**options), Watch()
    swap = HotSwap(EVENTFUL, strategy=strategy)
    fit(model, swap, watch, shuffle=False)
    ends = range(1, 37)
    if "steps_per_execution" in options:
        ends = [12 * epoch + done for epoch in range(3) for done in (5, 10, 12)]
    np.testing.assert_allclose(
        np.array(watch.weights), by_hand[np.array(ends) - 1], rtol=0, atol=2e-5
    )
    happened = [(r.epoch, r.step, r.what, r.from_, r.to, r.layers) for r in swap.swaps]
    assert happened == [
        (0, 0, "activation", "relu", "relu", EVERYWHERE),
        (0, 0, "loss", "binary_crossentropy", "binary_crossentropy", ()),
        (1, 12, "activation", "relu", "tanh", ("second",)),
        (1, 14, "loss", "binary_crossentropy", "hinge", ()),
        (1, 17, "activation", "relu,tanh", "gelu", EVERYWHERE),
        (2, 24, "loss", "hinge", "binary_crossentropy", ()),
        (2, 24, "activation", "gelu", "relu", EVERYWHERE),
    ]


def test_strategies_agree_with_dropout_in_training_and_validation(make_model, fit):
    results = []
    for strategy, options in (("retrace", {}), ("switch", {"steps_per_execution": 5})):
        model = make_model(dropout=0.25, **options)
        swap = HotSwap(EVENTFUL, strategy=strategy)
        history = fit(model, swap, is_validated=True)
        results.append((weights(model), history, swap.swaps))
    (expected, expected_history, expected_swaps), (found, history, swaps) = results
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert swaps == expected_swaps
    for name, values in history.items():
        np.testing.assert_allclose(values, expected_history[name], rtol=1e-4, err_msg=name)


def test_retrace_inside_an_execution_falls_on_the_next_one(make_model, fit):
    model = make_model(steps_per_execution=5)
    swap = HotSwap("@step:7 activation=tanh", strategy="retrace")
    fit(model, swap, epochs=1)
    assert [(r.epoch, r.step) for r in swap.swaps] == [(0, 10)]


def test_validation_uses_the_function_in_force(make_model, fit, problem):
    x, y = problem
    model = make_model(steps_per_execution=5)
    logits = keras.Model(model.inputs, model.get_layer("logits").output)
    entropy, hinge = keras.losses.BinaryCrossentropy(from_logits=True), keras.losses.Hinge()
    references, validated = [], []

    class Evaluate(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            # The model holds plain functions, so an untraced call is the reference.
            loss = hinge if epoch else entropy
            references.append(float(loss(y[:10], logits(x[:10]))))
            validated.append(logs["val_loss"])

    schedule = "@1 activation=tanh; @step:20 activation=selu loss=hinge"
    fit(model, HotSwap(schedule, strategy="switch"), Evaluate(), epochs=2, is_validated=True)
    np.testing.assert_allclose(validated, references, rtol=1e-5)


def train_member(model, schedule, seed, make_model, fit):
    """Starts a member on a model that may have been trained, and trains it."""
    restore(model)
    fresh = make_model(seed=seed, dropout=0.25)
    model.set_weights(fresh.get_weights())
    for mine, new in zip(model.non_trainable_variables, fresh.non_trainable_variables, strict=True):
        mine.assign(new)
    for variable in model.optimizer.variables:
        if not variable.path.endswith("learning_rate"):
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
    keras.utils.set_random_seed(seed)
    swap = HotSwap(schedule, candidates=FAMILIES)
    # On JAX, Keras draws one batch more in the first fit of a model, to build its metrics; it does
    # so without HotSwap as well.
    fit(model, swap, shuffle=keras.backend.backend() == "tensorflow")
    return swap


def test_members_of_one_model_trace_once_and_are_as_on_a_new_model(make_model, fit):
    options = {"dropout": 0.25, "steps_per_execution": 4}
    shared, traces = make_model(**options), []
    for seed, schedule in enumerate(FAMILIES):
        traces.append(train_member(shared, schedule, seed, make_model, fit).traces)
    alone = make_model(seed=99, **options)
    train_member(alone, schedule, seed, make_model, fit)
    np.testing.assert_array_equal(weights(shared), weights(alone))
    assert traces[0] > 0
    assert traces[1] == 0


def test_a_return_to_an_earlier_configuration_traces_nothing(make_model, fit):
    model = make_model()
    once = HotSwap("@1 activation=tanh", strategy="retrace")
    fit(model, once, epochs=2)
    restore(model)
    again = HotSwap(
        "@1 activation=tanh; @step:14 activation=original; @2 activation=tanh", strategy="retrace"
    )
    fit(model, again)
    assert (once.traces > 0) == IS_TRACED
    assert again.traces == 0


def test_a_new_compile_forgets_what_was_traced(make_model, fit):
    model = make_model()
    fit(model, HotSwap("@0 activation=tanh"), epochs=1)
    model.compile("sgd", loss="hinge")
    second = HotSwap("@0 activation=original")
    fit(model, second, epochs=1)
    assert (second.traces > 0) == IS_TRACED
    assert [(r.from_, r.to) for r in second.swaps] == [("tanh", "relu")]


def state_of(callback):
    return {
        key: value
        for key, value in vars(callback).items()
        if isinstance(value, (int, float)) or value is None
    }


def test_a_swap_to_what_is_in_force_changes_no_bit(make_model, fit, tmp_path):
    """Neither of the weights nor of optimizer, metrics, history and other callbacks."""

    def train(*swaps):
        rates = keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
        options = {"optimizer": keras.optimizers.Adam(rates), "metrics": ["accuracy"]}
        model = make_model(dropout=0.2, **options)
        others = [
            keras.callbacks.EarlyStopping("val_loss", patience=5),
            keras.callbacks.ModelCheckpoint(tmp_path / "c.weights.h5", save_weights_only=True),
        ]
        history = fit(model, *swaps, *others, is_validated=True)
        state = [np.asarray(v) for v in (*model.variables, *model.optimizer.variables)]
        return history, state, [state_of(callback) for callback in others]

    expected = train()
    for strategy in ("switch", "retrace"):
        swap = HotSwap(
            "@0 activation=relu; @1 activation=relu loss=binary_crossentropy; "
            "@step:30 activation[second]=relu",
            strategy=strategy,
        )
        found = train(swap)
        assert found[0] == expected[0]
        assert found[2] == expected[2]
        for mine, plain in zip(found[1], expected[1], strict=True):
            np.testing.assert_array_equal(mine, plain)
        assert len(swap.swaps) == 4


def test_after_a_real_swap_the_optimizer_and_the_epoch_mean_stay(make_model, fit):
    model = make_model()
    watched = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            loss = self.model.metrics[0]
            watched.append((float(loss.count), int(self.model.optimizer.iterations)))

    optimizer = model.optimizer
    fit(model, HotSwap("@step:15 activation=tanh loss=hinge", strategy="retrace"), Look(), epochs=2)
    assert model.optimizer is optimizer
    assert watched == [(2.0 * (n % 12 + 1), n + 1) for n in range(24)]


def test_a_plateau_is_watched_and_swapped_after(make_model, fit):
    class Flat(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = [3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0][epoch]

    model = make_model(run_eagerly=True)
    swap = HotSwap(
        "@0 activation=relu; @plateau(val_loss,patience=2) activation=tanh; "
        "@plateau(val_loss,patience=1) activation=elu",
        log_swaps=True,
    )
    history = fit(model, Flat(), swap, epochs=8, batch_size=24)
    # Epochs 2 and 3 do not improve on 2.0. The second watch begins with epoch 4's 1.0.
    assert [(r.epoch, r.to) for r in swap.swaps] == [(0, "relu"), (4, "tanh"), (6, "elu")]
    assert history["swaps"] == [1, 0, 0, 0, 1, 0, 1, 0]


def test_what_is_traced_is_not_what_the_model_holds(make_model, fit):
    model = make_model()
    held = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            held.append(
                (self.model.get_layer("first").activation.__name__, type(self.model.layers[1]))
            )

    fit(model, HotSwap("@1 activation=tanh; @2 activation=original"), Look())
    assert held[0] == held[35] == ("relu", keras.layers.ReLU)
    assert held[12] == ("tanh", keras.layers.Activation)
    assert len(model.weights) == 6
