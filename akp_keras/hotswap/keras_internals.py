"""The one place that touches what Keras does not promise to keep.

`tests/hotswap/test_keras_internals.py` fails when Keras renames any of it.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras.src import backend
from keras.src.losses.losses import LossFunctionWrapper
from keras.src.utils import file_utils

_STATE = "_akp_keras_hotswap"


def check_ready(model: keras.Model) -> None:
    """Refuse a model that is not built or not compiled.

    Raises:
        ValueError: if it is not.
    """
    if not model.built:
        raise ValueError(
            f"model {model.name!r} has no layers yet; build it by an Input, model.build(shape) or "
            f"a call on one batch"
        )
    if not model.compiled:
        raise ValueError(f"model {model.name!r} is not compiled; call compile first")


def sublayers(layer: keras.Layer) -> list[keras.Layer]:
    """Return the layers directly inside a layer, in the order in which they were made."""
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    return layer._flatten_layers(include_self=False, recursive=False)


def outputs(model: keras.Model) -> list[keras.KerasTensor]:
    """Return the symbolic outputs of a model; none where they are not known."""
    structure = output_structure(model)
    return [] if structure is None else keras.tree.flatten(structure)


def output_structure(model: keras.Model) -> Any:
    """Return the symbolic outputs of a model, nested as it returns them; None where unknown."""
    return getattr(getattr(model, "_functional", None) or model, "_outputs_struct", None)


def operations(layer: keras.Layer) -> list[Any]:
    """Return what a Functional model computes beside its layers; nothing for other layers."""
    functional = getattr(layer, "_functional", None) or layer
    every = getattr(functional, "operations", ())
    return [operation for operation in every if not isinstance(operation, keras.Layer)]


def build_for(model: keras.Model, iterator: Any) -> None:
    """Build a model for the data that a training step is about to take.

    Args:
        model: a model that is not built, on the TensorFlow backend; the others build it themselves.
        iterator: what the train function is given.

    Raises:
        ValueError: if the model cannot be built from the shapes of the data.
    """
    spec = iterator.element_spec
    x = spec[0] if isinstance(spec, (tuple, list)) else spec
    try:
        x = keras.tree.map_structure(lambda part: keras.KerasTensor(part.shape, part.dtype.name), x)
        backend.compute_output_spec(model, x)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"HotSwap needs a model whose layers exist, and {model.name!r} cannot be built from "
            f"the shapes of its data ({reason}); build it before fit, by an Input, "
            f"model.build(shape) or a call on one batch"
        ) from error


def producer(tensor: keras.KerasTensor) -> Any:
    """Return the operation or layer that a symbolic tensor comes from."""
    return tensor._keras_history.operation


def producers(layer: keras.Layer) -> list[Any]:
    """Return the operations that feed a layer in the Functional models that call it."""
    return [
        producer(tensor) for node in layer._inbound_nodes for tensor in node.arguments.keras_tensors
    ]


def consumers(layer: keras.Layer) -> list[Any]:
    """Return the operations that a layer feeds in the Functional models that call it."""
    return [node.operation for node in layer._outbound_nodes]


def inner_optimizer(model: keras.Model) -> Any:
    """Return the optimizer of a model, without a scaling of the loss around it; None if none."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def iterations(model: keras.Model) -> int:
    """Return how many updates the optimizer of a compiled model has made."""
    optimizer = inner_optimizer(model)
    # `int` of it fails where replicas have copies of it.
    return 0 if optimizer is None else int(keras.ops.convert_to_numpy(optimizer.iterations))


def is_traced(model: keras.Model) -> bool:
    """Return whether a compiled model trains by traced functions."""
    return not model.run_eagerly and keras.backend.backend() != "torch"


def compilation(model: keras.Model) -> object:
    """Return an object that is another one after each `compile`."""
    return model._loss_tracker


def has_loss(model: keras.Model) -> bool:
    """Return whether the model was compiled with a loss."""
    return model._compile_loss is not None


@dataclass(frozen=True)
class LossEntry:
    """One loss of a compiled model.

    Attributes:
        key: where its output is in the outputs, as Keras says it, and its number among the losses
            of that output.
        name: of its output, as in the history.
        loss: as it was given to `compile`; of one that Keras has resolved, the loss object.
        output: the symbolic output; None if it is not known.
        leaf: which of the losses that were given to `compile` it is.
        weight: its weight in the sum; None where none was given.
    """

    key: tuple[Any, ...]
    name: str
    loss: Any
    output: keras.KerasTensor | None = None
    leaf: int = 0
    weight: float | None = None


class _Given:
    """Stands for a loss that was given to `compile`, in Keras' place for its function."""

    __name__ = "given"

    def __init__(self, leaf: int) -> None:
        self.leaf = leaf

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        raise AssertionError("stands for a loss and is never computed")


def loss_entries(model: keras.Model) -> list[LossEntry]:
    """Return the losses of a model as Keras will find them at the first step.

    Keras itself matches a copy of them with the symbolic outputs. Where these are not known, an
    entry stands for each loss that was given.

    Returns:
        An entry for each loss; none where Keras will refuse the losses.
    """
    if not has_loss(model):
        return []
    container = model._compile_loss
    losses = keras.tree.flatten(container._user_loss)
    structure = output_structure(model)
    if structure is None:
        paths = [path for path, _ in keras.tree.flatten_with_path(container._user_loss)]
        weights = keras.tree.flatten(container._user_loss_weights)
        if len(weights) != len(losses):
            weights = [None] * len(losses)
        return [
            LossEntry((*path, 0), "/".join(map(str, path)), loss, None, leaf, weights[leaf])
            for leaf, (path, loss) in enumerate(zip(paths, losses, strict=True))
            if loss is not None
        ]
    leaves = [None if loss is None else _Given(leaf) for leaf, loss in enumerate(losses)]
    copy = type(container)(
        keras.tree.pack_sequence_as(container._user_loss, leaves),
        container._user_loss_weights,
        output_names=container.output_names,
    )
    try:
        copy.build(structure, structure)
    except Exception:  # Keras raises it again at the first step, with the labels' structure
        return []
    outputs = keras.tree.pack_sequence_as(
        copy._y_pred_build_structure, keras.tree.flatten(structure)
    )
    entries = []
    for key, entry in zip(_keys(copy), copy._flat_losses, strict=True):
        leaf, output = entry.loss.fn.leaf, outputs
        for part in entry.path:
            output = output[part]
        if keras.tree.is_nested(output):
            # A loss of several outputs at once.
            output = None
        weight = entry.loss_weights
        entries.append(LossEntry(key, entry.name, losses[leaf], output, leaf, weight))
    return entries


def _keys(container: Any) -> list[tuple[Any, ...]]:
    """Return the key of each loss in Keras' container."""
    paths = [entry.path for entry in container._flat_losses]
    return [(*path, paths[:number].count(path)) for number, path in enumerate(paths)]


def wrap_loss(function: Callable[..., Any], name: str) -> keras.losses.Loss:
    """Return a loss object for a loss function, as `compile` makes it."""
    return LossFunctionWrapper(function, name=name)


def loss_function(loss: keras.losses.Loss) -> Callable[..., Any] | None:
    """Return the function inside a loss object of Keras; None for a loss that has none."""
    return loss.fn if isinstance(loss, LossFunctionWrapper) else None


def loss_options(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return the options that a loss object gives to the function inside it."""
    return dict(loss._fn_kwargs) if isinstance(loss, LossFunctionWrapper) else {}


def replace_losses(model: keras.Model, replace: Callable[[list[LossEntry]], list[Any]]) -> None:
    """Put other callables in the place of the compiled losses.

    Loss weights, loss metrics and names stay. Where Keras has not yet resolved the losses, which
    it does at the first step, the replacement waits until it does.

    Args:
        model: a compiled model.
        replace: from the resolved losses, returns the callables
            (y_true, y_pred, sample_weight) -> loss to put in their place.
    """
    container = model._compile_loss

    def put() -> None:
        resolved = container._flat_losses
        losses = replace(
            [
                LossEntry(key, entry.name, entry.loss)
                for key, entry in zip(_keys(container), resolved, strict=True)
            ]
        )
        container._flat_losses = [
            entry._replace(loss=loss) for entry, loss in zip(resolved, losses, strict=True)
        ]

    if container.built:
        put()
        return
    build = container.build

    def build_and_put(y_true: Any, y_pred: Any) -> None:
        build(y_true, y_pred)
        put()
        for key, weight in vars(container).pop(_WEIGHTS, {}).items():
            _put_weight(container, key, weight)

    container.build = build_and_put


def set_loss_weight(model: keras.Model, key: tuple[Any, ...], weight: Any) -> None:
    """Set how much a loss counts.

    Args:
        model: a compiled model whose losses were replaced by `replace_losses`.
        key: of the loss.
        weight: a number, a scalar tensor, or None for 1.
    """
    container = model._compile_loss
    if container.built:
        _put_weight(container, key, weight)
    else:
        vars(container).setdefault(_WEIGHTS, {})[key] = weight


# Where weights wait that are set before Keras has resolved the losses.
_WEIGHTS = "_akp_keras_weights"


def _put_weight(container: Any, key: tuple[Any, ...], weight: Any) -> None:
    container._flat_losses = [
        entry._replace(loss_weights=weight) if each == key else entry
        for each, entry in zip(_keys(container), container._flat_losses, strict=True)
    ]


def declare_losses(model: keras.Model, losses: Mapping[tuple[Any, ...], Any]) -> None:
    """Set the losses that a saved model is compiled with when it is loaded.

    Args:
        model: a compiled model.
        losses: from the key of each entry, its loss; empty for those of `compile`.
    """
    given = model._compile_loss._user_loss
    if not losses:
        _declare(model, given)
        return
    entries = loss_entries(model)
    if keras.tree.is_nested(given) or len(entries) == 1:
        leaves = dict.fromkeys(range(len(keras.tree.flatten(given))))
        leaves |= {entry.leaf: losses[entry.key] for entry in entries}
        _declare(model, keras.tree.pack_sequence_as(given, list(leaves.values())))
        return
    # The same loss was given for all outputs.
    structure = output_structure(model)
    by_path = {entry.key[:-1]: losses[entry.key] for entry in entries}
    paths = [path for path, _ in keras.tree.flatten_with_path(structure)]
    _declare(model, keras.tree.pack_sequence_as(structure, [by_path[path] for path in paths]))


def _declare(model: keras.Model, loss: Any) -> None:
    model.loss = loss
    model._compile_config.config["loss"] = loss


def warn_when_saved(model: keras.Model, warning: str | None) -> None:
    """Warn whenever the configuration of `compile` is saved with the model; None ends it."""
    config = model._compile_config
    vars(config).pop("serialize", None)
    if warning is None:
        return
    serialize = config.serialize

    def warn_and_serialize() -> dict[str, Any]:
        warnings.warn(warning, stacklevel=2)
        return serialize()

    config.serialize = warn_and_serialize


class _Scaled(keras.regularizers.Regularizer):
    """A penalty by a factor."""

    def __init__(self, own: Callable[[Any], Any], factor: Any) -> None:
        self.own, self.factor = own, factor

    def __call__(self, x: Any) -> Any:
        return self.factor() * self.own(x)


def scaled(
    regularizer: Callable[[Any], Any], factor: Callable[[], Any]
) -> keras.regularizers.Regularizer:
    """Return a regularizer by a factor.

    Args:
        regularizer: the penalty.
        factor: returns a number or a scalar tensor.
    """
    return _Scaled(regularizer, factor)


def set_optimizer(model: keras.Model, optimizer: keras.Optimizer) -> None:
    """Give a compiled model another optimizer, with slots for its weights.

    Also a saved model is compiled with it.
    """
    synchronise(model)
    if not optimizer.built:
        with scope(model), keras.name_scope(optimizer.name, caller=optimizer):
            optimizer.build(model.trainable_variables)
    model.optimizer = optimizer
    model._compile_config.config["optimizer"] = optimizer


def logits_of(y_pred: Any) -> Any:
    """Return the input of a tensor's sigmoid or softmax, where Keras noted it; else None."""
    return getattr(y_pred, "_keras_logits", None)


def copy_mask(source: Any, target: Any) -> Any:
    """Give the second tensor the mask of the first, and gives it back."""
    mask = getattr(source, "_keras_mask", None)
    if mask is not None:
        target._keras_mask = mask
    return target


def set_quietly(layer: keras.Layer, name: str, value: Any) -> None:
    """Set an attribute without the tracking that Keras' layers do."""
    layer.__dict__[name] = value


def remove_quietly(layer: keras.Layer, name: str) -> None:
    """Remove an attribute of the object (not of its class), if it is there."""
    layer.__dict__.pop(name, None)


def set_class(layer: keras.Layer, cls: type) -> None:
    """Turn a layer into one of another class; name, weights and place in the model stay."""
    object.__setattr__(layer, "__class__", cls)


def get_state(model: keras.Model) -> Any:
    """Return what `set_state` kept; None if nothing."""
    return model.__dict__.get(_STATE)


def set_state(model: keras.Model, state: Any) -> None:
    """Keep an object for as long as the model lives, outside of what is tracked and saved."""
    model.__dict__[_STATE] = state


def scope(model: keras.Model) -> Any:
    """Return the context in which the model's variables are made."""
    strategy = getattr(model, "distribute_strategy", None)
    return nullcontext() if strategy is None else strategy.scope()


def siblings(callback: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
    """Return all callbacks of the `fit` that calls a callback at this moment, itself among them.

    Keras tells no callback of the others, so the list is looked up among the callers.

    Returns:
        The callbacks; none if no `fit` is calling.
    """
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and any(
            known is callback for known in caller.callbacks
        ):
            return list(caller.callbacks)
        frame = frame.f_back
    return []


def before_first_step(model: keras.Model, begin: Callable[[Any], None]) -> None:
    """See that a function is called before the first training step of the `fit` that begins.

    Args:
        model: the model.
        begin: called with what the train function is given; it may give the model another one.
    """
    function = model.train_function

    def first(iterator: Any) -> Any:
        model.train_function = function
        begin(iterator)
        return model.train_function(iterator)

    model.train_function = first


def restored_epoch(callback: keras.callbacks.Callback) -> int | None:
    """Return the epoch whose weights `EarlyStopping` restores when training ends; None if none."""
    if not isinstance(callback, keras.callbacks.EarlyStopping):
        return None
    is_restored = callback.restore_best_weights and callback.best_weights is not None
    return callback.best_epoch if is_restored else None


def after_fit(callback: keras.callbacks.Callback, finish: Callable[[], None]) -> Callable[[], None]:
    """See that a function is called before the model trains again.

    Keras calls `on_train_end` neither after an exception nor after Ctrl-C, but each training asks
    the model for its train function before its callbacks begin.

    Args:
        callback: a callback of the `fit` that runs now.
        finish: called once, when that `fit` is over and the callback's model is asked for a train
            function.

    Returns:
        A function that takes the request back.
    """
    model = callback.model
    name = "make_train_function"
    before = vars(model).get(name)

    def make_train_function(force: bool = False) -> Any:
        if siblings(callback):
            make = before or type(model).make_train_function.__get__(model)
            return make(force=force)
        take_back()
        finish()
        return model.make_train_function(force=force)

    def take_back() -> None:
        if vars(model).get(name) is make_train_function:
            remove_quietly(model, name)
            if before is not None:
                set_quietly(model, name, before)

    set_quietly(model, name, make_train_function)
    return take_back


def logged_names(model: keras.Model) -> set[str] | None:
    """Return what `fit` logs of training for a compiled model.

    Returns:
        Names; None where code outside of Keras decides, in a subclass of the model.
    """
    for cls in type(model).__mro__:
        own = cls.__module__.partition(".")[0] != "keras"
        if own and _LOGGING & set(vars(cls)):
            return None
    if _LOGGING & set(vars(model)):
        return None
    names = {metric.name for metric in model.metrics}
    metrics = model._compile_metrics
    compiled = () if metrics is None else (metrics._user_metrics, metrics._user_weighted_metrics)
    for metric in keras.tree.flatten([metrics or [] for metrics in compiled]):
        named = getattr(metric, "name", None) or getattr(metric, "__name__", metric)
        names.add(named if isinstance(named, str) else type(metric).__name__)
    names |= {f"{output}_{name}" for output in getattr(model, "output_names", ()) for name in names}
    return names


# What decides the logs of an epoch.
_LOGGING = {"train_step", "compute_metrics", "get_metrics_result", "metrics"}


def larger_is_better(model: keras.Model, name: str) -> bool | None:
    """Return whether a metric in the logs improves by growing, as Keras' `EarlyStopping` decides.

    Args:
        model: a compiled model; of one that has not trained and whose outputs are not known, the
            compiled metrics are not known either.
        name: the metric's name in the logs.

    Returns:
        False for a loss, also of one output (`…_loss`); else what the metric itself says; None if
        there is no such metric, or it does not say.
    """
    name = name.removeprefix("val_")
    if name == "loss" or name.endswith("_loss"):
        return False
    # Keras counts metrics of the same name, and calls a repeated weighted one weighted_.
    names = {name, re.sub(r"_[0-9]+$", "", name)}
    names |= {each.removeprefix("weighted_") for each in names}
    outputs = [f"{output}_" for output in getattr(model, "output_names", None) or ()]
    names |= {each.removeprefix(output) for each in names for output in outputs}
    named = [metric for metric in _metrics(model) if metric.name in names]
    directions = {getattr(metric, "_direction", None) for metric in named} - {None}
    return directions == {"up"} if len(directions) == 1 else None


def _metrics(model: keras.Model) -> Iterator[keras.Metric]:
    """Return the metrics of a model, those inside the containers of `compile` among them."""
    for metric in model.metrics:
        yield from getattr(metric, "metrics", None) or [metric]
    compiled = model._compile_metrics
    outputs = output_structure(model)
    if compiled is not None and not compiled.built and outputs is not None:
        # Keras makes them of their names at the first step; the same is done here with copies.
        fresh = type(compiled)(
            compiled._user_metrics,
            compiled._user_weighted_metrics,
            output_names=compiled.output_names,
        )
        fresh.build(outputs, outputs)
        yield from fresh.metrics


def read_text(path: str) -> str | None:
    """Return the content of a file where `BackupAndRestore` can keep one; None if there is none."""
    if not file_utils.exists(path):
        return None
    with file_utils.File(path, "r") as file:
        return file.read()


def write_text(path: str, text: str) -> None:
    """Write a file there, wholly or not at all."""
    folder = path.rpartition("/")[0]
    if not file_utils.exists(folder):
        file_utils.makedirs(folder)
    is_local = not file_utils.is_remote_path(path)
    written = f"{path}.tmp" if is_local else path
    with file_utils.File(written, "w") as file:
        file.write(text)
    if is_local:
        Path(written).replace(path)


def replica(model: keras.Model) -> Any:
    """Return the number of a step's replica, from 0: an int or a scalar int32 tensor."""
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return 0
    # Only a model on the TensorFlow backend has such a strategy.
    import tensorflow as tf

    return tf.distribute.get_replica_context().replica_id_in_sync_group


def save_without_weights(layer: keras.Layer, in_use: bool) -> None:
    """Let a layer's weights be left out where the layer is saved with its configuration.

    A file of weights alone, which says nothing of the layer's class, keeps them. The legacy format
    .h5 asks layers for no say in it.

    Args:
        layer: a layer with weights that its class does not have.
        in_use: whether its weights are to be saved again.
    """
    for name in ("save_own_variables", "load_own_variables"):
        remove_quietly(layer, name)
    if in_use:
        return
    save, load = layer.save_own_variables, layer.load_own_variables

    def save_own_variables(store: Any) -> None:
        if _is_called_by("save_weights_only"):
            save(store)

    def load_own_variables(store: Any) -> None:
        if store.keys():
            load(store)

    set_quietly(layer, "save_own_variables", save_own_variables)
    set_quietly(layer, "load_own_variables", load_own_variables)


def _is_called_by(function: str) -> bool:
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == function:
            return True
        frame = frame.f_back
    return False


def synchronise(model: keras.Model) -> None:
    """Make the model's variables hold their values, and the next step read them.

    On JAX they travel outside of the variables during an epoch.
    """
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


def make_functions(
    model: keras.Model, train_step: Callable[..., Any], test_step: Callable[..., Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make train and test functions of other steps; the model's own are left as they are."""
    before = {name: getattr(model, name) for name in ("train_function", "test_function")}
    set_quietly(model, "train_step", train_step)
    set_quietly(model, "test_step", test_step)
    try:
        model.make_train_function(force=True)
        model.make_test_function(force=True)
        return model.train_function, model.test_function
    finally:
        remove_quietly(model, "train_step")
        remove_quietly(model, "test_step")
        for name, function in before.items():
            setattr(model, name, function)
