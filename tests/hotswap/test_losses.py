"""Every loss sees what its definition asks for, whatever the model gives and the labels are."""

import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.hotswap import Change, Epoch, HotSwap, Swap, losses
from akp_keras.hotswap.names import loss_names

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5)).astype("float32")
CLASSES = RNG.integers(0, 3, size=12)
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
BINARY = (CLASSES > 0).astype("float32")[:, None]
WEIGHTS = RNG.uniform(0.5, 2, size=12).astype("float32")

COLUMN_LOSSES = (
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "hinge",
    "squared_hinge",
    "poisson",
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "dice",
    "tversky",
)
CLASS_LOSSES = (
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "kl_divergence",
    "cosine_similarity",
)


def build(head, columns, loss, **options):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(columns, name="z"), layers.Activation(head, name="p")]
    )
    model.compile(keras.optimizers.SGD(0.0), loss=loss, **options)
    return model


def loss_after_swap(model, value, y, strategy="switch", **options):
    """The loss of an epoch in which nothing is learned."""
    swap = HotSwap([Swap(Epoch(0), (Change("loss", value),))], strategy=strategy)
    history = model.fit(X, y, batch_size=12, verbose=0, callbacks=[swap], **options)
    return history.history["loss"][0], model


def loss_by_site(model, value, y):
    """The loss that the model computes once the swap is made."""
    (site,) = sites = losses.find_losses(model)
    losses.route_losses(model, sites)
    site.held = losses.resolve(site, value)
    y = keras.ops.convert_to_tensor(np.asarray(y, "float32"))
    return float(model.compute_loss(x=X, y=y, y_pred=model(X)))


def expected_loss(name, logits, y, weights=None):
    """The loss by Keras' function, of inputs written out by hand with NumPy."""
    function = getattr(keras.losses, name)
    if logits.shape[1] == 1:
        p = 1 / (1 + np.exp(-logits))
        pair, classes = np.hstack([1 - p, p]), np.hstack([1 - y, y])
        scores = np.hstack([-logits / 2, logits / 2])
    else:
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        pair, classes, scores = p, y, logits
    given = {
        "hinge": (2 * y - 1, logits),
        "squared_hinge": (2 * y - 1, logits),
        "categorical_hinge": (classes, scores),
        "sparse_categorical_crossentropy": (classes.argmax(axis=1), pair),
        "categorical_generalized_cross_entropy": (classes.argmax(axis=1), pair),
    }
    if name == "categorical_generalized_cross_entropy":
        function = keras.losses.CategoricalGeneralizedCrossEntropy()
    if name in CLASS_LOSSES:
        labels, predictions = given.get(name, (classes, pair))
    else:
        labels, predictions = given.get(name, (y, p))
    labels = np.asarray(labels, "float32")
    values = np.asarray(function(labels, np.asarray(predictions, "float32")))
    if values.ndim == 0:
        return float(values)
    return float((values * (1 if weights is None else weights)).mean())


def logits_of(model):
    z = X @ np.asarray(model.get_layer("z").kernel) + np.asarray(model.get_layer("z").bias)
    return z.astype("float32")


def test_the_list_of_tested_losses_is_the_list_of_keras():
    known = {id(getattr(keras.losses, n)) for n in (*COLUMN_LOSSES, *CLASS_LOSSES)}
    functions = {n: getattr(keras.losses, n) for n in loss_names()}
    untested = {n for n, f in functions.items() if not isinstance(f, type) and id(f) not in known}
    assert untested == {"circle"}


@pytest.mark.parametrize("name", [*COLUMN_LOSSES, *CLASS_LOSSES])
@pytest.mark.parametrize("labels", ["zero_one", "signed"])
def test_binary_outputs(name, labels):
    y = BINARY if labels == "zero_one" else 2 * BINARY - 1
    for head, compiled in (
        ("sigmoid", "binary_crossentropy"),
        ("linear", keras.losses.BinaryCrossentropy(from_logits=True)),
    ):
        model = build(head, 1, compiled)
        found = loss_by_site(model, name, y)
        if name == "binary_crossentropy" and labels == "signed":
            continue  # the compiled loss itself is left as it was compiled
        expected = expected_loss(name, logits_of(model), BINARY)
        assert found == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("name", [*COLUMN_LOSSES, *CLASS_LOSSES])
@pytest.mark.parametrize("sparse", [False, True])
def test_categorical_outputs(name, sparse):
    compiled = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    cls = keras.losses.SparseCategoricalCrossentropy
    logits_loss = (cls if sparse else keras.losses.CategoricalCrossentropy)(from_logits=True)
    y = CLASSES[:, None] if sparse else ONE_HOT
    for head, loss in (("softmax", compiled), ("linear", logits_loss)):
        model = build(head, 3, loss)
        found = loss_by_site(model, name, y)
        expected = expected_loss(name, logits_of(model), ONE_HOT)
        assert found == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
@pytest.mark.parametrize("value", ["hinge", "BinaryFocalCrossentropy(gamma=3.0)"])
def test_in_a_graph_with_weights_and_one_dimensional_labels(strategy, value):
    eager, _ = loss_after_swap(
        build("sigmoid", 1, "binary_crossentropy", run_eagerly=True),
        value,
        BINARY,
        sample_weight=WEIGHTS,
    )
    for y in (BINARY, BINARY[:, 0]):
        graph, model = loss_after_swap(
            build("sigmoid", 1, "binary_crossentropy"),
            value,
            y,
            strategy=strategy,
            sample_weight=WEIGHTS,
        )
        assert graph == pytest.approx(eager, rel=1e-5)
    if value == "hinge":
        expected = expected_loss("hinge", logits_of(model), BINARY, WEIGHTS)
        assert eager == pytest.approx(expected, rel=1e-5)


def test_class_weights_count():
    by_class, _ = loss_after_swap(
        build("softmax", 3, "sparse_categorical_crossentropy"),
        "categorical_hinge",
        CLASSES,
        class_weight={0: 1.0, 1: 3.0, 2: 0.5},
    )
    by_sample, _ = loss_after_swap(
        build("softmax", 3, "sparse_categorical_crossentropy"),
        "categorical_hinge",
        CLASSES,
        sample_weight=np.array([1.0, 3.0, 0.5])[CLASSES],
    )
    assert by_class == pytest.approx(by_sample, rel=1e-6)


def test_a_saturated_sigmoid_still_has_a_gradient_under_hinge():
    if keras.backend.backend() == "jax":
        pytest.skip("JAX's arrays carry no note of their logits, so these are computed back")
    model = build("sigmoid", 1, "binary_crossentropy")
    model.optimizer.learning_rate = 1.0
    model.get_layer("z").bias.assign([40.0])
    before = np.asarray(model.get_layer("z").bias)
    loss_after_swap(model, "hinge", np.zeros_like(BINARY))
    assert np.asarray(model.get_layer("z").bias)[0] == pytest.approx(before[0] - 1, abs=1e-4)


def test_custom_losses_are_given_what_the_model_gives():
    class Mine(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.mean(y_true * 100 + y_pred, axis=-1)

    def mine(y_true, y_pred):
        return keras.ops.mean(y_true * 100 + y_pred, axis=-1)

    for value in (Mine(name="mine"), mine):
        found, model = loss_after_swap(build("sigmoid", 1, "binary_crossentropy"), value, BINARY)
        p = 1 / (1 + np.exp(-logits_of(model)))
        assert found == pytest.approx(float((100 * BINARY + p).mean()), rel=1e-5)


@pytest.mark.parametrize(
    "given",
    [
        {"a": "binary_crossentropy", "b": "sparse_categorical_crossentropy"},
        ["binary_crossentropy", "sparse_categorical_crossentropy"],
    ],
)
def test_several_outputs_have_a_loss_each(given):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((5,))
    a = layers.Dense(1, activation="sigmoid", name="a")(inputs)
    b = layers.Dense(3, activation="softmax", name="b")(inputs)
    model = keras.Model(inputs, [a, b])
    model.compile(keras.optimizers.SGD(0.0), loss=given, loss_weights=[1.0, 10.0])
    y = [BINARY, CLASSES]
    if isinstance(given, dict):
        model = keras.Model(inputs, {"a": a, "b": b})
        weights = {"a": 1.0, "b": 10.0}
        model.compile(keras.optimizers.SGD(0.0), loss=given, loss_weights=weights)
        y = {"a": BINARY, "b": CLASSES}
    swap = HotSwap("@1 loss[a]=hinge; @2 loss[b]=categorical_focal_crossentropy; @3 loss=original")
    history = model.fit(X, y, epochs=4, batch_size=12, verbose=0, callbacks=[swap]).history

    def logits(name):
        layer = model.get_layer(name)
        return X @ np.asarray(layer.kernel) + np.asarray(layer.bias)

    a = [expected_loss(n, logits("a"), BINARY) for n in ("binary_crossentropy", "hinge")]
    b_names = ("sparse_categorical_crossentropy", "categorical_focal_crossentropy")
    b = [expected_loss(n, logits("b"), ONE_HOT) for n in b_names]
    np.testing.assert_allclose(history["a_loss"], [a[0], a[1], a[1], a[0]], rtol=2e-5)
    np.testing.assert_allclose(history["b_loss"], [b[0], b[0], b[1], b[0]], rtol=2e-5)
    total = np.array(history["a_loss"]) + 10 * np.array(history["b_loss"])
    np.testing.assert_allclose(history["loss"], total, rtol=2e-5)
    assert [(r.layers, r.to) for r in swap.swaps] == [
        (("a",), "hinge"),
        (("b",), "categorical_focal_crossentropy"),
        (("a", "b"), "binary_crossentropy,sparse_categorical_crossentropy"),
    ]


@pytest.mark.parametrize(
    ("head", "columns", "compiled", "value", "message"),
    [
        ("sigmoid", 4, "binary_crossentropy", "categorical_hinge", "exclude each other"),
        ("linear", 1, "mean_squared_error", "hinge", "neither probabilities nor logits"),
        ("linear", 1, "mean_squared_error", "cosine_similarity", "has one"),
        ("sigmoid", 1, "binary_crossentropy", "circle", "compares no classes"),
        ("sigmoid", 1, None, "hinge", "compiled without a loss"),
        ("sigmoid", 1, "binary_crossentropy", "hinge[q]", "matches no output"),
    ],
)
def test_a_loss_that_cannot_fit_is_refused_before_the_first_step(
    head, columns, compiled, value, message
):
    model = build(head, columns, compiled)
    value, _, pattern = value.rstrip("]").partition("[")
    swap = HotSwap([Swap(Epoch(3), (Change("loss", value, pattern or None),))])
    before = [np.asarray(v) for v in model.variables]
    with pytest.raises(ValueError, match=message):
        model.fit(X, np.zeros((12, columns)), epochs=5, verbose=0, callbacks=[swap])
    for variable, old in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), old)


def test_texts_tell_losses_apart():
    model = build("sigmoid", 1, keras.losses.BinaryCrossentropy())
    (site,) = losses.find_losses(model)
    assert losses.resolve(site, "binary_crossentropy") is site.original
    assert losses.resolve(site, "bce") is site.original
    assert losses.resolve(site, "Hinge") == losses.resolve(site, "hinge")
    smooth = losses.resolve(site, "BinaryCrossentropy(label_smoothing=0.1)")
    assert smooth.text == "BinaryCrossentropy(label_smoothing=0.1)"
    narrow, wide = (losses.resolve(site, f"Huber(delta={delta})") for delta in (0.25, 2.0))
    assert narrow.text == "Huber(delta=0.25)"
    assert narrow != wide
    assert losses.resolve(site, "Huber(delta=1.0)") == losses.resolve(site, "huber")
