"""The one place that touches what Keras does not promise to keep.

`tests/hotswap/test_keras_internals.py` fails when Keras renames any of it.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
from keras.src.losses.losses import LossFunctionWrapper
from keras.src.utils import file_utils

_STATE = "_akp_keras_hotswap"


def sublayers(layer: keras.Layer) -> list[keras.Layer]:
    """Return the layers directly inside a layer, in the order in which they were made."""
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    return layer._flatten_layers(include_self=False, recursive=False)


def output_structure(model: keras.Model) -> Any:
    """Return the symbolic outputs of a model, nested as it returns them; None if unknown."""
    return getattr(getattr(model, "_functional", None) or model, "_outputs_struct", None)


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


def compilation(model: keras.Model) -> object:
    """Return an object that is another one after each `compile`."""
    return model._loss_tracker


def has_loss(model: keras.Model) -> bool:
    """Return whether the model was compiled with a loss."""
    return model._compile_loss is not None


def compiled_loss(model: keras.Model) -> Any:
    """Return what was given as `loss` to `compile`: one loss, or a list or dict of losses."""
    return model._compile_loss._user_loss


def wrap_loss(function: Callable[..., Any], name: str) -> keras.losses.Loss:
    """Return a loss object for a loss function, as `compile` makes it."""
    return LossFunctionWrapper(function, name=name)


def loss_function(loss: keras.losses.Loss) -> Callable[..., Any] | None:
    """Return the function inside a loss object of Keras; None for a loss that has none."""
    return loss.fn if isinstance(loss, LossFunctionWrapper) else None


def loss_options(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return the options that a loss object gives to the function inside it."""
    return dict(loss._fn_kwargs) if isinstance(loss, LossFunctionWrapper) else {}


def replace_losses(
    model: keras.Model, replace: Callable[[list[str], list[Any]], list[Any]]
) -> None:
    """Put other callables in the place of the compiled losses.

    Loss weights, loss metrics and names stay. Where Keras has not yet resolved the losses, which
    it does at the first step, the replacement waits until it does.

    Args:
        model: a compiled model.
        replace: from the names and losses of the outputs that have one, gives the callables
            (y_true, y_pred, sample_weight) -> loss to put in their place.
    """
    container = model._compile_loss

    def put() -> None:
        entries = container._flat_losses
        losses = replace([entry.name for entry in entries], [entry.loss for entry in entries])
        container._flat_losses = [
            entry._replace(loss=loss) for entry, loss in zip(entries, losses, strict=True)
        ]

    if container.built:
        put()
        return
    build = container.build

    def build_and_put(y_true: Any, y_pred: Any) -> None:
        build(y_true, y_pred)
        put()

    container.build = build_and_put


def declare_loss(model: keras.Model, loss: Any) -> None:
    """Set the loss that a saved model is compiled with when it is loaded."""
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


def logits_of(y_pred: Any) -> Any:
    """Return the input of the sigmoid or softmax that made a tensor; None if Keras keeps none."""
    return getattr(y_pred, "_keras_logits", None)


def copy_mask(source: Any, target: Any) -> Any:
    """Give the second tensor the mask of the first, and give it back."""
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
    """Return the content of a file that is beside that of `BackupAndRestore`; None without one."""
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
    """Return the number of the replica of a step, from 0: an int or a scalar int32 tensor."""
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
