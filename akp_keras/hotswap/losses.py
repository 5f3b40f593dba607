"""The losses of a model, and what each needs to be given.

A loss sees what its definition asks for: probabilities or logits, labels in {0, 1} or {-1, 1},
one column a class or class numbers. What the model's outputs and the labels are is told by the
output layer and by the loss that the model was compiled with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.names import find_loss, find_loss_class

# What a loss compares: each column for itself, a distribution over classes (one column a class),
# or a distribution with class numbers as labels.
_COLUMNS, _DISTRIBUTION, _SPARSE = "columns", "distribution", "sparse"


@dataclass(frozen=True)
class Definition:
    """What a loss of Keras asks for.

    Attributes:
        form: `columns`, `distribution` or `sparse`.
        logits: whether predictions are unbounded scores; else they are probabilities.
        signed: whether labels are in {-1, 1}; else in {0, 1}.
    """

    form: str
    logits: bool = False
    signed: bool = False


_CLASSIFICATION = {
    "binary_crossentropy": Definition(_COLUMNS),
    "binary_focal_crossentropy": Definition(_COLUMNS),
    "categorical_crossentropy": Definition(_DISTRIBUTION),
    "categorical_focal_crossentropy": Definition(_DISTRIBUTION),
    "sparse_categorical_crossentropy": Definition(_SPARSE),
    "categorical_generalized_cross_entropy": Definition(_SPARSE),
    "hinge": Definition(_COLUMNS, logits=True, signed=True),
    "squared_hinge": Definition(_COLUMNS, logits=True, signed=True),
    "categorical_hinge": Definition(_DISTRIBUTION, logits=True),
}
_OTHERS = {
    "kl_divergence": Definition(_DISTRIBUTION),
    "cosine_similarity": Definition(_DISTRIBUTION),
    "poisson": Definition(_COLUMNS),
    "mean_squared_error": Definition(_COLUMNS),
    "mean_absolute_error": Definition(_COLUMNS),
    "mean_absolute_percentage_error": Definition(_COLUMNS),
    "mean_squared_logarithmic_error": Definition(_COLUMNS),
    "huber": Definition(_COLUMNS),
    "log_cosh": Definition(_COLUMNS),
    "dice": Definition(_COLUMNS),
    "tversky": Definition(_COLUMNS),
}
_NO_CLASSIFIER = ("circle", "ctc")

Loss = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class LossChoice:
    """A loss that an output can have.

    Attributes:
        text: its name, with its options in parentheses where they are not the usual ones.
        loss: (y_true, y_pred, sample_weight) -> scalar; None for the compiled one, as it is.
        declared: what a saved model is compiled with: a name, or a loss object.
        identity: tells losses of the same text apart; 0 where the text says all.
        is_declared: whether what is declared computes the same without conversion.
    """

    text: str
    loss: Loss | None = field(compare=False)
    declared: Any = field(compare=False)
    identity: int = 0
    is_declared: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Output:
    """What is known of one output of a model.

    Attributes:
        name: its name; empty where there is one output only.
        columns: size of the last axis; None if unknown.
        kind: `binary` (each column for itself), `categorical` or `other` (no classifier).
        logits: whether the model gives logits; else probabilities.
        labels: the form of the labels, as the compiled loss asks for them: `columns`,
            `distribution` or `sparse`; empty where that loss does not tell.
        shape: of one sample, with 3 in place of an unknown size; empty if unknown.
    """

    name: str
    columns: int | None
    kind: str
    logits: bool
    labels: str = ""
    shape: tuple[int, ...] = ()


class LossSite:
    """The loss of one output.

    Attributes:
        output: what is known of the output.
        original: the compiled loss.
        held: the loss in force.
        active: the callable that the next trace uses.
        untried: choices that the next call tries first, so that one that cannot be computed is
            found at the first step and not when its turn comes.
    """

    def __init__(self, output: Output, original: LossChoice) -> None:
        self.output = output
        self.original = original
        self.held = original
        self.active: Loss | None = None
        self.untried: tuple[LossChoice, ...] = ()
        self._compiled: Loss | None = None

    @property
    def name(self) -> str:
        """Name of the output; empty where there is one only."""
        return self.output.name

    def bind(self, compiled: Loss) -> Loss:
        """Note the loss that Keras resolved, and give what takes its place."""
        self._compiled = compiled
        return self

    def callable_of(self, choice: LossChoice) -> Loss:
        """Return the callable of a choice; at a trace's time, for the compiled loss."""
        if choice.loss is not None:
            return choice.loss
        return lambda y_true, y_pred, weight: self._compiled(y_true, y_pred, weight)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss that the trace in progress uses, or the one in force."""
        untried, self.untried = self.untried, ()
        for choice in untried:
            _try(choice.text, self.callable_of(choice), y_true, y_pred, sample_weight)
        active = self.active or self.callable_of(self.held)
        return active(y_true, y_pred, sample_weight)


def _try(text: str, loss: Loss, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
    try:
        shape = tuple(loss(y_true, y_pred, sample_weight).shape)
    except Exception as error:  # a loss may raise anything
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0]
    else:
        if shape == ():
            return
        reason = f"it gives shape {shape} where one number is due"
    shapes = [tuple(values.shape) for values in (y_true, y_pred)]
    raise ValueError(
        f"loss {text!r} fails on labels of shape {shapes[0]} and outputs of shape {shapes[1]}: "
        f"{reason}"
    )


def find_losses(model: keras.Model) -> list[LossSite]:
    """Return the losses of a compiled model, one for each output that has one."""
    if not keras_internals.has_loss(model):
        return []
    compiled = keras_internals.compiled_loss(model)
    tensors = _outputs(model)
    names = list(getattr(model, "output_names", []) or [])
    if isinstance(compiled, dict):
        pairs = [(name, loss) for name, loss in compiled.items() if loss is not None]
    elif isinstance(compiled, (list, tuple)):
        known = names if len(names) == len(compiled) else [str(i) for i in range(len(compiled))]
        pairs = [(n, loss) for n, loss in zip(known, compiled, strict=True) if loss is not None]
    elif len(tensors) > 1:
        pairs = [(name, compiled) for name in names]
    else:
        pairs = [("", compiled)]
    sites = []
    for name, identifier in pairs:
        tensor = tensors[0] if len(tensors) == 1 else None
        if name in names and len(names) == len(tensors):
            tensor = tensors[names.index(name)]
        original = _describe(identifier)
        shown = name if len(pairs) > 1 else ""
        output = _describe_output(shown, tensor, original)
        sites.append(
            LossSite(output, LossChoice(original.text, None, identifier, original.identity))
        )
    return sites


def route_losses(model: keras.Model, sites: list[LossSite]) -> None:
    """Make the losses of a compiled model go through the sites.

    Args:
        model: a compiled model.
        sites: those that `find_losses` returned for it.
    """

    def replace(outputs: list[str], losses: list[Loss]) -> list[Loss]:
        by_name = {site.name: site for site in sites}
        ordered = [by_name.get(name) for name in outputs]
        if None in ordered or len(set(outputs)) != len(outputs):
            ordered = sites
        return [site.bind(loss) for site, loss in zip(ordered, losses, strict=True)]

    if sites:
        keras_internals.replace_losses(model, replace)


def resolve(site: LossSite, value: Any) -> LossChoice:
    """Return the choice for the value of a change at one output.

    Raises:
        ValueError: if Keras has no such loss, or the output cannot be turned into what it asks
            for.
    """
    if value == "original":
        return site.original
    described = _describe(find_loss(value), value)
    if (described.text, described.identity) == (site.original.text, site.original.identity):
        return site.original
    if described.function_name is None:
        return LossChoice(described.text, described.loss, described.declared, described.identity)
    if described.function_name in _NO_CLASSIFIER:
        raise ValueError(f"loss {described.text!r} compares no classes; take another one")
    definition = described.definition
    _check_fits(site.output, definition, described.text)
    if site.output.kind == "other":
        _check_computable(site.output, described.text, described.loss)
        is_declared = isinstance(described.declared, str) or _is_saved_whole(described.declared)
        return LossChoice(
            described.text, described.loss, described.declared, is_declared=is_declared
        )
    converted = Converted(site.output, definition, described.loss)
    _check_computable(site.output, described.text, converted)
    equal = _without_conversion(site.output, described, converted)
    if equal is None:
        return LossChoice(described.text, converted, described.declared, is_declared=False)
    return LossChoice(described.text, converted, equal)


def _check_computable(output: Output, text: str, loss: Loss) -> None:
    """Try a loss on two samples of an output, with labels of every usual form.

    Raises:
        ValueError: if it fails, or does not return one number, whatever the labels.
    """
    reason = ""
    for y_true, y_pred in _samples(output):
        try:
            _try(text, loss, y_true, y_pred, None)
        except ValueError as error:
            reason = reason or str(error)
        else:
            return
    raise ValueError(reason)


def _samples(output: Output) -> Iterator[tuple[Any, Any]]:
    """Return labels and predictions of two samples: one-hot, and class numbers."""
    columns = output.columns or 2
    # Where the rank is not known, that of a sequence or an image is tried too.
    shapes = [output.shape] if output.shape else [(columns,), (3, columns), (3, 3, columns)]
    for shape in shapes:
        y_pred = keras.ops.full((2, *shape), 1 / columns)
        zeros = np.zeros((2, *shape), "float32")
        zeros[..., 0] = 1
        for y_true in (zeros, zeros[..., 0], zeros[..., :1]):
            yield keras.ops.convert_to_tensor(y_true), y_pred


def text_of(loss: Callable[..., Any]) -> str:
    """Return the name of a loss, with options that are not the default in parentheses."""
    return _describe(loss).text


def declare(model: keras.Model, sites: list[LossSite]) -> None:
    """Make the losses in force those that a saved model is compiled with.

    Keras has no equal for some: then it warns when the model is saved.
    """
    unequal = [site.held.text for site in sites if not site.held.is_declared]
    warning = None
    if unequal:
        warning = (
            f"the loaded model will not compute the loss in force, {' and '.join(unequal)}: it has "
            f"no equal in Keras that takes outputs and labels as they are, or Keras does not save "
            f"its options; to go on training, load with compile=False, compile with the loss that "
            f"the model had first, and swap again"
        )
    keras_internals.warn_when_saved(model, warning)
    compiled = keras_internals.compiled_loss(model)
    declared = {site.name: site.held.declared for site in sites}
    if all(site.held is site.original for site in sites):
        keras_internals.declare_loss(model, compiled)
    elif len(sites) == 1:
        (only,) = declared.values()
        if isinstance(compiled, dict):
            only = {key: only if old is not None else None for key, old in compiled.items()}
        elif isinstance(compiled, (list, tuple)):
            only = [only if old is not None else None for old in compiled]
        keras_internals.declare_loss(model, only)
    elif isinstance(compiled, dict):
        keras_internals.declare_loss(model, {name: declared.get(name) for name in compiled})
    else:
        names = list(model.output_names)
        keras_internals.declare_loss(model, [declared.get(name) for name in names])


@dataclass(frozen=True)
class Converted:
    """A loss that is given what its definition asks for.

    Attributes:
        output: what the model gives.
        definition: what the loss asks for.
        loss: the loss.
    """

    output: Output
    definition: Definition
    loss: keras.losses.Loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of the converted labels and predictions."""
        y_true, y_pred = convert(y_true, y_pred, self.output, self.definition)
        return self.loss(y_true, y_pred, sample_weight)


def convert(y_true: Any, y_pred: Any, output: Output, definition: Definition) -> tuple[Any, Any]:
    """Return labels and predictions as a loss asks for them.

    Args:
        y_true: labels. For a binary output (batch, …, columns) or (batch, …) with values in
            {0, 1} (or between) or in {-1, 1}; for a categorical one, one column a class, or class
            numbers (batch, …) or (batch, …, 1).
        y_pred: (batch, …, columns), the model's output.
        output: what the model's output is.
        definition: what the loss asks for.

    Returns:
        The labels and the predictions.
    """
    dtype = keras.backend.floatx()
    if output.kind == "binary":
        labels = keras.ops.maximum(keras.ops.cast(y_true, dtype), 0)
        if len(labels.shape) == len(y_pred.shape) - 1:
            labels = keras.ops.expand_dims(labels, -1)
        if definition.form != _COLUMNS:
            labels = (
                keras.ops.squeeze(labels, -1)
                if definition.form == _SPARSE
                else keras.ops.concatenate([1 - labels, labels], axis=-1)
            )
    else:
        labels = _class_columns(y_true, y_pred, definition)
    if definition.signed:
        labels = 2 * labels - 1

    two_columns = output.kind == "binary" and definition.form != _COLUMNS
    if definition.logits:
        scores = keras.ops.cast(_logits(y_pred, output), dtype)
        if two_columns:
            scores = keras.ops.concatenate([-scores / 2, scores / 2], axis=-1)
        return labels, keras_internals.copy_mask(y_pred, scores)
    if two_columns:
        scores = keras.ops.cast(_logits(y_pred, output), dtype)
        # The softmax of ∓z/2 is the sigmoid of ∓z, and Keras finds its logits again.
        pair = keras.ops.concatenate([-scores / 2, scores / 2], axis=-1)
        return labels, keras_internals.copy_mask(y_pred, keras.activations.softmax(pair))
    if output.logits:
        squash = keras.activations.sigmoid if output.kind == "binary" else keras.activations.softmax
        probabilities = squash(keras.ops.cast(y_pred, dtype))
    else:
        probabilities = y_pred
    if output.kind == "categorical" and definition.form == _COLUMNS:
        # Keras would take the noted logits of the softmax for those of a sigmoid.
        probabilities = keras.ops.multiply(probabilities, 1)
    return labels, keras_internals.copy_mask(y_pred, probabilities)


def _class_columns(y_true: Any, y_pred: Any, definition: Definition) -> Any:
    classes = y_pred.shape[-1]
    is_sparse = len(y_true.shape) < len(y_pred.shape) or (y_true.shape[-1] == 1 and classes > 1)
    if not is_sparse:
        if definition.form == _SPARSE:
            return keras.ops.argmax(y_true, axis=-1)
        return keras.ops.cast(y_true, keras.backend.floatx())
    if len(y_true.shape) == len(y_pred.shape):
        y_true = keras.ops.squeeze(y_true, -1)
    if definition.form == _SPARSE:
        return y_true
    return keras.ops.one_hot(keras.ops.cast(y_true, "int32"), classes, dtype=keras.backend.floatx())


def _logits(y_pred: Any, output: Output) -> Any:
    if output.logits:
        return y_pred
    noted = keras_internals.logits_of(y_pred)
    if noted is not None:
        return noted
    epsilon = keras.backend.epsilon()
    p = keras.ops.clip(keras.ops.cast(y_pred, keras.backend.floatx()), epsilon, 1 - epsilon)
    if output.kind == "binary":
        return keras.ops.log(p) - keras.ops.log1p(-p)
    # Log-probabilities are logits up to a constant; centred, some are positive, as scores are.
    log_p = keras.ops.log(p)
    return log_p - keras.ops.mean(log_p, axis=-1, keepdims=True)


def _without_conversion(output: Output, described: _Described, converted: Converted) -> Any:
    """Return the loss of Keras that computes on raw outputs and labels what another converts.

    It is found by computing both on a sample.

    Returns:
        What to give `compile`; None if there is none, or the form of the labels is not known.
    """
    if not output.labels:
        return None
    generator = np.random.default_rng(0)
    columns = output.columns or 3
    y_pred = keras.ops.convert_to_tensor(3 * generator.normal(size=(8, columns)), dtype="float32")
    if not output.logits:
        is_binary = output.kind == "binary"
        y_pred = (keras.activations.sigmoid if is_binary else keras.activations.softmax)(y_pred)
    if output.kind == "binary":
        y_true = generator.integers(0, 2, size=(8, columns))
    else:
        y_true = generator.integers(0, columns, size=8)
        if output.labels != _SPARSE:
            y_true = np.eye(columns)[y_true]
    y_true = keras.ops.convert_to_tensor(y_true, dtype="float32")
    expected = float(keras.ops.convert_to_numpy(converted(y_true, y_pred)))
    for candidate in _candidates_without_conversion(described):
        if not isinstance(candidate, str) and not _is_saved_whole(candidate):
            continue
        try:
            value = _describe(candidate).loss(y_true, y_pred)
        except Exception:  # a loss may raise anything on labels that are not for it
            continue
        if np.allclose(float(keras.ops.convert_to_numpy(value)), expected, rtol=1e-3):
            return candidate
    return None


def _is_saved_whole(loss: Any) -> bool:
    """Return whether a loss comes back from its config; Huber's lacks its delta."""
    if not isinstance(loss, keras.losses.Loss):
        return True
    return _unusual_options(type(loss).from_config(loss.get_config())) == _unusual_options(loss)


def _candidates_without_conversion(described: _Described) -> Iterator[Any]:
    yield described.declared
    classes = [find_loss_class(described.function_name)]
    if described.function_name in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        classes += [
            keras.losses.BinaryCrossentropy,
            keras.losses.CategoricalCrossentropy,
            keras.losses.SparseCategoricalCrossentropy,
        ]
    options = _unusual_options(described.loss)
    for cls in filter(None, classes):
        parameters = inspect.signature(cls).parameters
        for from_logits in (False, True):
            wanted = {**options, "from_logits": from_logits}
            if parameters.keys() >= wanted.keys():
                yield cls(**wanted)


@dataclass(frozen=True)
class _Described:
    text: str
    loss: keras.losses.Loss | None
    declared: Any
    function_name: str | None
    definition: Definition | None
    identity: int


def _describe(identifier: Any, declared: Any = None) -> _Described:
    if str(identifier).lower() in ("crossentropy", "ce"):
        return _Described("crossentropy", None, identifier, None, None, 0)
    passed = loss = find_loss(identifier)
    if not isinstance(loss, keras.losses.Loss):
        name = getattr(loss, "__name__", type(loss).__name__)
        loss = keras_internals.wrap_loss(loss, name)
    function = keras_internals.loss_function(loss)
    name = getattr(function, "__name__", None)
    if name is None or getattr(keras.losses, name, None) is not function:
        name = None
    options = _unusual_options(loss) if name else {}
    text = name or loss.name
    if options:
        inside = ",".join(f"{key}={value}" for key, value in options.items())
        text = f"{type(loss).__name__}({inside})"
    from_logits = bool(options.get("from_logits", False))
    definition = _CLASSIFICATION.get(name) or _OTHERS.get(name)
    if definition is not None and from_logits:
        definition = Definition(definition.form, logits=True, signed=definition.signed)
    if declared is None or isinstance(declared, str):
        declared = loss if options else text
    return _Described(
        text,
        loss,
        declared,
        name if definition is not None or name in _NO_CLASSIFIER else None,
        definition,
        0 if name else id(passed),
    )


def _unusual_options(loss: keras.losses.Loss) -> dict[str, Any]:
    parameters = inspect.signature(type(loss).__init__).parameters
    return {
        key: value
        # The config of some losses lacks their options, such as Huber's delta.
        for key, value in {**keras_internals.loss_options(loss), **loss.get_config()}.items()
        if key in parameters and key not in ("name", "fn") and value != parameters[key].default
    }


def _outputs(model: keras.Model) -> list[Any]:
    try:
        return list(model.outputs)
    except (AttributeError, ValueError):
        return [None]


def _describe_output(name: str, tensor: Any, original: _Described) -> Output:
    head = _head(tensor)
    columns = None if tensor is None or not tensor.shape else tensor.shape[-1]
    definition = original.definition if original.function_name in _CLASSIFICATION else None
    if head == "sigmoid":
        kind = "binary"
    elif head == "softmax":
        kind = "categorical"
    elif definition is not None:
        kind = "binary" if definition.form == _COLUMNS else "categorical"
    elif original.text == "crossentropy" and columns is not None:
        kind = "binary" if columns == 1 else "categorical"
    else:
        kind = "other"
    if head in ("sigmoid", "softmax"):
        logits = False
    elif head == "unknown":
        logits = definition is not None and definition.logits
    else:
        logits = True
    shape = () if tensor is None else tuple(size or 3 for size in tensor.shape[1:])
    return Output(name, columns, kind, logits, definition.form if definition else "", shape)


def _head(tensor: Any) -> str:
    """Return the last function: `sigmoid`, `softmax`, `linear`, another name, or `unknown`."""
    if tensor is None:
        return "unknown"
    operation = keras_internals.producer(tensor)
    while isinstance(operation, (keras.layers.Reshape, keras.layers.Flatten)):
        before = keras_internals.producers(operation)
        if len(before) != 1:
            return "unknown"
        (operation,) = before
    if isinstance(operation, keras.Model):
        return _head(operation.outputs[0]) if len(operation.outputs) == 1 else "unknown"
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", None)
    if name == "linear" and isinstance(operation, keras.layers.Activation):
        before = keras_internals.producers(operation)
        return _head(before[0].output) if len(before) == 1 else "unknown"
    return name or type(operation).__name__.lower()


def _check_fits(output: Output, definition: Definition, text: str) -> None:
    place = f" of output {output.name!r}" if output.name else ""
    if output.kind == "other" and definition.form != _COLUMNS and output.columns == 1:
        raise ValueError(f"loss {text!r} compares several columns; the output{place} has one")
    if output.kind == "other" and text.partition("(")[0] in _CLASSIFICATION:
        raise ValueError(
            f"loss {text!r} is for classes; the output{place} gives neither probabilities nor "
            f"logits of classes (end the model with sigmoid or softmax, or compile it with a "
            f"crossentropy or hinge loss)"
        )
    if output.kind == "binary" and definition.form != _COLUMNS and (output.columns or 1) > 1:
        raise ValueError(
            f"loss {text!r} is for classes that exclude each other; the output{place} has "
            f"{output.columns} columns that do not; take binary_crossentropy or hinge"
        )


def choices(site: LossSite, others: Iterable[LossChoice]) -> tuple[LossChoice, ...]:
    """Return all losses that an output may come to have, sorted by text, each once.

    Args:
        site: the output's loss.
        others: those of the changes that may be made.
    """
    every = dict.fromkeys((site.original, site.held, *others))
    return tuple(sorted(every, key=lambda choice: choice.text))
