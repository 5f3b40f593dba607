"""The embedding projector for any arrays."""

from __future__ import annotations

import difflib
import numbers
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.tensorboard.embeddings import Embedding, write_embeddings
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.models_map import accuracy_class, map_of_models
from akp_keras.tensorboard.names import check_name, measure_in_a_name
from akp_keras.tensorboard.sample_points import has_images, map_of_samples, sample_metadata
from akp_keras.tensorboard.sprites import draw_atlas
from akp_keras.tensorboard.whole_folders import replacing

if TYPE_CHECKING:
    from akp_keras.data.records import ProbeSet

MODELS_RUN = "00_models"
_MODELS_TIME, _SAMPLES_TIME = 1.0, 2.0


def write_projector(
    logdir: str | os.PathLike[str],
    representations: Mapping[str, Mapping[str, np.ndarray]],
    families: Mapping[str, str],
    *,
    measure: str = "cka.linear",
    distances: Mapping[str, np.ndarray] | None = None,
    accuracies: Mapping[str, float] | None = None,
    probe: ProbeSet | None = None,
    samples_of: Sequence[str] | None = None,
) -> Path:
    """Write representations for TensorBoard's projector, with models and samples as points.

    ```python
    representations = {
        "control/0": {"dense1": array_0},
        "control/1": {"dense1": array_1},
    }
    write_projector("logs", representations, {"control/0": "control", "control/1": "control"})
    ```

    and then `tensorboard --logdir logs`. The run `00_models` has one tensor
    `<layer>/<measure>` per layer, with one point per model. The runs `samples/<model>` have one
    tensor per layer, with one point per sample.

    Args:
        logdir: the log directory; one that this function wrote before is replaced.
        representations: model -> layer -> (n, …) activations, of the same n samples in the same
            order. What follows the first axis is flattened.
        families: model -> its family.
        measure: id of the measure of `akp_keras.similarity` whose distance is mapped; with
            `distances`, any name.
        distances: layer -> (m, m) distances between all models in the order of `families`, in
            place of those computed from the representations. `representations` may then hold only
            the models whose samples are shown, or none.
        accuracies: model -> fraction in [0, 1], or NaN for unknown, shown and offered as a colour;
            for all or some models.
        probe: names, classes and pictures of the samples; by default samples are numbered.
        samples_of: names of the models whose samples are shown; by default the first model of each
            family that has representations.

    Returns:
        The log directory.

    Raises:
        ValueError: if the arguments do not fit together, or something could not be shown correctly;
            `logdir` is then unchanged.
    """
    _check_kinds(representations, families, distances, accuracies, samples_of, measure)
    _check_arguments(representations, families, distances, probe)
    _check_accuracies(accuracies or {}, families)
    if distances is None:
        maps = _measured_maps(representations, families, measure)
    else:
        maps = {layer: (list(families), matrix) for layer, matrix in distances.items()}
    with_samples = _models_with_samples(representations, families, samples_of)

    with replacing(logdir) as folder:
        embeddings = [
            map_of_models(
                f"{check_name(layer, 'layer')}/{measure_in_a_name(measure)}",
                matrix,
                _models_metadata(models, families, accuracies or {}),
            )[0]
            for layer, (models, matrix) in maps.items()
        ]
        write_event_file(folder / MODELS_RUN, wall_time=_MODELS_TIME)
        write_embeddings(folder / MODELS_RUN, embeddings)
        has_pictures = with_samples and probe is not None and has_images(probe)
        sprites = draw_atlas(probe.inputs) if has_pictures else None
        for model in with_samples:
            run = folder / "samples" / model
            write_event_file(run, wall_time=_SAMPLES_TIME)
            write_embeddings(run, _sample_embeddings(representations[model], probe), sprites)
    return Path(logdir)


def _check_kinds(
    representations: object,
    families: object,
    distances: object,
    accuracies: object,
    samples_of: object,
    measure: object,
) -> None:
    for name, value, example in (
        ("representations", representations, "{'control/0': {'dense': array}}"),
        ("families", families, "{'control/0': 'control'}"),
        ("distances", distances, "{'dense': matrix}"),
        ("accuracies", accuracies, "{'control/0': 0.9}"),
    ):
        is_left_out = value is None and name in ("distances", "accuracies")
        if not is_left_out and not isinstance(value, Mapping):
            raise ValueError(
                f"{name} must be a mapping such as {example}, not {type(value).__name__}"
            )
    if isinstance(samples_of, str) or not isinstance(samples_of, Iterable | None):
        example = [samples_of] if isinstance(samples_of, str) else ["control/0"]
        raise ValueError(f"samples_of must be a list of models such as {example}")
    if not isinstance(measure, str) or not measure_in_a_name(measure):
        raise ValueError(f"measure {measure!r} names nothing; use for example 'cka.linear'")


def _check_accuracies(accuracies: Mapping[str, float], families: Mapping[str, str]) -> None:
    for model, accuracy in accuracies.items():
        if model not in families:
            near = difflib.get_close_matches(str(model), list(families), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"accuracies names {model!r}, which is not in families{hint}")
        is_number = isinstance(accuracy, numbers.Real) and not isinstance(accuracy, bool)
        if not is_number or accuracy < 0 or accuracy > 1:
            raise ValueError(
                f"the accuracy of {model!r} must be a fraction from 0 to 1, not {accuracy!r}"
            )


def _check_arguments(
    representations: Mapping[str, Mapping[str, np.ndarray]],
    families: Mapping[str, str],
    distances: Mapping[str, np.ndarray] | None,
    probe: ProbeSet | None,
) -> None:
    for model, family in families.items():
        check_name(model, "model")
        check_name(family, "family")
    if not families:
        raise ValueError("families is empty: name the family of each model")
    samples: int | None = len(probe.ids) if probe is not None else None
    for model, layers in representations.items():
        if model not in families:
            raise ValueError(f"model {model!r} has representations but no family")
        if not isinstance(layers, Mapping) or not layers:
            raise ValueError(
                f"representations[{model!r}] must be a mapping such as "
                f"{{'dense': array}}, not {type(layers).__name__}"
            )
        for layer, representation in layers.items():
            rows = _rows(model, layer, representation)
            samples = rows if samples is None else samples
            if rows != samples:
                raise ValueError(
                    f"model {model!r} has {rows} samples at layer {layer!r}, not {samples}"
                )
    if distances is None:
        missing = [model for model in families if model not in representations]
        if missing:
            raise ValueError(
                f"model {missing[0]!r} has no representations; give them, or the distances"
            )
        return
    if not distances:
        raise ValueError("distances is empty: give a matrix for at least one layer")
    for layer, matrix in distances.items():
        if np.shape(matrix) != (len(families), len(families)):
            raise ValueError(
                f"the distances of layer {layer!r} have the shape {np.shape(matrix)} for "
                f"{len(families)} models"
            )


def _rows(model: str, layer: str, representation: object) -> int:
    check_name(layer, "layer")
    try:
        array = np.asarray(representation)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub" or array.ndim < 2 or len(array) < 2 or not array.size:
        what = f"the shape {array.shape}" if array.dtype.kind in "fiub" else "no numbers"
        raise ValueError(
            f"model {model!r} at layer {layer!r} needs numbers for two samples or more and one "
            f"feature or more (n × features), but has {what}"
        )
    return len(array)


def _measured_maps(
    representations: Mapping[str, Mapping[str, np.ndarray]],
    families: Mapping[str, str],
    measure: str,
) -> dict[str, tuple[list[str], np.ndarray]]:
    from akp_keras import similarity

    layers = dict.fromkeys(layer for model in families for layer in representations[model])
    maps = {}
    for layer in layers:
        flat = {
            model: _flattened(representations[model][layer])
            for model in families
            if layer in representations[model]
        }
        if len(flat) > 1:
            result = similarity.pairwise(flat, [measure])[measure]
            maps[layer] = (list(result.names), result.distance())
    if not maps:
        raise ValueError("no layer belongs to two models, so there is no distance to show")
    return maps


def _models_with_samples(
    representations: Mapping[str, Mapping[str, np.ndarray]],
    families: Mapping[str, str],
    samples_of: Sequence[str] | None,
) -> list[str]:
    if samples_of is None:
        # In reverse order, the first model of a family is the last to be set.
        first = {families[model]: model for model in reversed(list(representations))}
        return [model for model in representations if first[families[model]] == model]
    unknown = [model for model in samples_of if model not in representations]
    if unknown:
        raise ValueError(f"samples_of names {unknown[0]!r}, which has no representations")
    return list(samples_of)


def _models_metadata(
    models: Sequence[str], families: Mapping[str, str], accuracies: Mapping[str, float]
) -> Mapping[str, list[str]]:
    columns = {"name": list(models), "family": [families[model] for model in models]}
    if accuracies:
        known = [float(accuracies.get(model, "nan")) for model in models]
        columns["accuracy_class"] = [accuracy_class(accuracy) for accuracy in known]
        columns["accuracy"] = ["" if np.isnan(value) else f"{value:.4f}" for value in known]
    return columns


def _sample_embeddings(layers: Mapping[str, np.ndarray], probe: ProbeSet | None) -> list[Embedding]:
    if probe is not None:
        metadata = sample_metadata(probe)
    else:
        rows = len(next(iter(layers.values())))
        metadata = {
            "name": [f"sample {row}" for row in range(rows)],
            "class": ["unknown"] * rows,
        }
    return [map_of_samples(layer, array, metadata) for layer, array in layers.items()]


def _flattened(representation: np.ndarray) -> np.ndarray:
    representation = np.asarray(representation)
    return representation.reshape(len(representation), -1)
