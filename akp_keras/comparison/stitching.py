"""Model stitching: whether a network can continue from another network's representation.

A stitched network consists of the first layers of one network, an affine layer, and the remaining
layers of another network; only the affine layer is trained. The penalty is the accuracy that it
loses against the other network alone: Bansal, Nakkiran and Barak 2021 (arXiv 2106.07682),
section 2; Lenc and Vedaldi 2015 (arXiv 1411.5908).

It takes Keras models, because a SavedModel cannot be called from a hidden layer on. Keras is
imported when a network is stitched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.hints import hint

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Stitching:
    """The results of a stitched network on the test samples.

    Attributes:
        accuracy: accuracy of the stitched network, from 0 to 1.
        loss: cross-entropy of the stitched network, in nats.
        start_accuracy: its accuracy before the affine layer is trained.
        top_accuracy: accuracy of the unchanged network `top`.
        top_loss: cross-entropy of the unchanged network `top`, in nats.
    """

    accuracy: float
    loss: float
    start_accuracy: float
    top_accuracy: float
    top_loss: float

    @property
    def penalty(self) -> float:
        """The accuracy that stitching costs; negative where the stitched network is better."""
        return self.top_accuracy - self.accuracy

    @property
    def loss_penalty(self) -> float:
        """The cross-entropy that stitching adds, in nats."""
        return self.loss - self.top_loss


def stitching_penalty(
    bottom: keras.Model,
    top: keras.Model,
    layer: str,
    data: tuple[np.ndarray, np.ndarray],
    *,
    top_layer: str | None = None,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    start: str = "least_squares",
    epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Stitching:
    """Stitch the first layers of `bottom` to the remaining layers of `top`.

    The affine layer is a matrix and an offset; for maps it is the same at every position (a 1 × 1
    convolution). Both networks run in inference mode, with frozen weights and batch statistics
    and without dropout, and are not changed.

    Args:
        bottom: a Functional or Sequential model with one input, used up to `layer`.
        top: another such model, used after `top_layer`; its output is (n, classes) probabilities
            or logits, which are distinguished by their sums.
        layer: name of the layer of `bottom` whose output is taken.
        data: (n, …) inputs of both networks and (n,) integer labels, to train the affine layer.
        top_layer: name of the layer of `top` whose output is replaced; by default `layer`.
        test: inputs and labels on which accuracies are computed; by default `data`.
        start: "least_squares", the affine map that minimises the distance between the outputs of
            `layer` and `top_layer` on `data`; or "identity", if both have the same width.
        epochs: training epochs of the affine layer, with Adam; 0 for no training.
        batch_size: samples per batch.
        learning_rate: learning rate of Adam.
        seed: seed of the order of samples, the only random choice.

    Returns:
        Accuracies and losses; `.penalty` is the lost accuracy.

    Raises:
        ValueError: in one line, if a layer is unknown, shapes do not fit, the rest of `top` needs
            more than the output of `top_layer`, or labels do not fit the samples or the classes.
    """
    import keras

    top_layer = top_layer or layer
    if start not in ("least_squares", "identity"):
        raise ValueError(f"start={start!r} must be least_squares or identity")
    samples, labels = _checked(data, "data")
    judged, judged_labels = _checked(test, "test") if test is not None else (samples, labels)

    bottom_inputs, cut, _ = _around(bottom, layer, "bottom")
    top_inputs, replaced, outputs = _around(top, top_layer, "top")
    _check_shapes(tuple(cut.shape), tuple(replaced.shape), layer, top_layer)
    below = keras.Model(bottom_inputs, cut)
    target = keras.Model(top_inputs, replaced)
    rest = _rest(replaced, outputs, top_layer)

    def answers(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(inputs, batch_size=batch_size, verbose=0))

    own = answers(top, judged)
    _check_classes(own, labels, judged_labels)
    hidden = answers(below, samples)
    judged_hidden = answers(below, judged) if test is not None else hidden
    if start == "identity":
        if cut.shape[-1] != replaced.shape[-1]:
            raise ValueError(
                f"layer {layer!r} of bottom has width {cut.shape[-1]} and {top_layer!r} of top "
                f"{replaced.shape[-1]}; start='identity' needs equal widths"
            )
        matrix, offset = np.eye(cut.shape[-1]), np.zeros(cut.shape[-1])
    else:
        matrix, offset = nearest_affine(hidden, answers(target, samples))

    # A Dense layer maps the last axis, which for maps is a 1 × 1 convolution.
    affine = keras.layers.Dense(replaced.shape[-1], name="stitch")
    entry = keras.Input(cut.shape[1:])
    # A function instead of a layer: training would otherwise train the layers of `rest`, and run
    # their dropout and batch statistics in training mode.
    inference = keras.layers.Lambda(lambda values: rest(values, training=False), name="rest")
    stitched = keras.Model(entry, inference(affine(entry)))
    affine.kernel.assign(matrix)
    affine.bias.assign(offset)
    start_accuracy = _accuracy(answers(stitched, judged_hidden), judged_labels)

    _train(
        stitched,
        hidden,
        labels,
        keras.losses.SparseCategoricalCrossentropy(from_logits=not _are_probabilities(own)),
        keras.optimizers.Adam(learning_rate),
        epochs,
        batch_size,
        np.random.default_rng(seed),
    )
    outputs = answers(stitched, judged_hidden)
    return Stitching(
        accuracy=_accuracy(outputs, judged_labels),
        loss=_cross_entropy(outputs, judged_labels),
        start_accuracy=start_accuracy,
        top_accuracy=_accuracy(own, judged_labels),
        top_loss=_cross_entropy(own, judged_labels),
    )


def nearest_affine(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the affine map from x to y by least squares, in float64.

    Args:
        x: (…, p).
        y: (…, q), with the same leading shape: each position is a row.

    Returns:
        (p, q) matrix and (q,) offset; the minimum-norm solution if there are several.
    """
    rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
    targets = y.reshape(-1, y.shape[-1]).astype(np.float64)
    means = rows.mean(axis=0), targets.mean(axis=0)
    matrix = np.linalg.lstsq(rows - means[0], targets - means[1], rcond=1e-6)[0]
    return matrix, means[1] - means[0] @ matrix


def _around(
    model: keras.Model, name: str, which: str
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Return the input of a model, the output of one of its layers, and the model's output."""
    import keras

    if len(getattr(model, "inputs", None) or []) != 1 or len(model.outputs) != 1:
        raise ValueError(f"{which} is not a built Functional or Sequential model of one input")
    layers = [layer.name for layer in model.layers]
    if name not in layers:
        raise ValueError(f"{which} has no layer {name!r}; {hint(name, layers, most=len(layers))}")
    if isinstance(model, keras.Sequential):
        # Its layers may have been called before the last one was added, so they are called again.
        inputs = value = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype)
        outputs = {}
        for layer in model.layers:
            value = outputs[layer.name] = layer(value)
        return inputs, outputs[name], value
    output = model.get_layer(name).output
    if isinstance(output, (list, tuple, dict)):
        raise ValueError(f"layer {name!r} of {which} has more than one output")
    return model.inputs[0], output, model.outputs[0]


def _check_shapes(
    cut: tuple[int | None, ...], replaced: tuple[int | None, ...], layer: str, top_layer: str
) -> None:
    if cut[1:-1] != replaced[1:-1]:
        raise ValueError(
            f"layer {layer!r} of bottom has shape {cut[1:]} per sample and {top_layer!r} of top "
            f"{replaced[1:]}; only the last number may differ"
        )


def _rest(replaced: keras.KerasTensor, outputs: keras.KerasTensor, name: str) -> keras.Model:
    import keras

    if replaced is outputs:
        raise ValueError(f"layer {name!r} of top is its last layer; name an earlier one")
    try:
        return keras.Model(replaced, outputs)
    except ValueError as error:
        # For example if a residual connection bypasses the layer.
        raise ValueError(
            f"the layers after {name!r} of top need more than its output; name another layer"
        ) from error


def _checked(data: tuple[np.ndarray, np.ndarray], what: str) -> tuple[np.ndarray, np.ndarray]:
    inputs, labels = map(np.asarray, data)
    if labels.shape != inputs.shape[:1] or not len(inputs):
        raise ValueError(
            f"{what} has inputs of shape {inputs.shape} and labels of shape {labels.shape}; one "
            "label per sample is needed"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{what} has labels of type {labels.dtype}; integer classes are needed")
    return inputs, labels


def _check_classes(outputs: np.ndarray, *labels: np.ndarray) -> None:
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise ValueError(f"top has outputs of shape {outputs.shape[1:]}; (classes,) is needed")
    highest = max(int(classes.max()) for classes in labels)
    lowest = min(int(classes.min()) for classes in labels)
    if lowest < 0 or highest >= outputs.shape[1]:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(f"a label is {wrong}; top has the classes 0 to {outputs.shape[1] - 1}")


def _train(
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
    loss: keras.losses.Loss,
    optimizer: keras.optimizers.Optimizer,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
) -> None:
    model.compile(optimizer=optimizer, loss=loss)
    for _ in range(epochs):
        order = rng.permutation(len(inputs))
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            model.train_on_batch(inputs[batch], labels[batch])


def _are_probabilities(outputs: np.ndarray) -> bool:
    sums = outputs.sum(axis=1, dtype=np.float64)
    return bool((outputs >= 0.0).all() and np.allclose(sums, 1.0, atol=1e-3))


def _accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    return float((outputs.argmax(axis=1) == labels).mean())


def _cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> float:
    values = outputs.astype(np.float64)
    rows = np.arange(len(labels))
    if _are_probabilities(outputs):
        smallest = math.ulp(0.0)
        return float(-np.log(np.maximum(values[rows, labels], smallest)).mean())
    values = values - values.max(axis=1, keepdims=True)
    return float((np.log(np.exp(values).sum(axis=1)) - values[rows, labels]).mean())
