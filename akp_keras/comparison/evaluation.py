"""The comparison of exported models on a probe set: matrices, a tidy table and a summary.

Nothing here depends on who exported the models.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from akp_keras import similarity
from akp_keras.comparison.layers import compare_layer
from akp_keras.comparison.matrix import matrix_path, write_matrix
from akp_keras.comparison.pair_table import PairTable
from akp_keras.comparison.probe_inputs import (
    ProbeInputs,
    check_probe_inputs,
    read_probe_inputs,
)
from akp_keras.comparison.representations import (
    kept_folder,
    representation_path,
    take_representations,
)
from akp_keras.comparison.saved_models import NamedModel, find_saved_models
from akp_keras.comparison.summary import describe, summarise
from akp_keras.export.saved_model import REPRESENTATIONS_SIGNATURE
from akp_keras.files.folders import check_output, unfinished_folder
from akp_keras.files.whole import write_json
from akp_keras.similarity.request import checked_request

SUMMARY = "summary.json"
MATRICES = "similarity"
REPRESENTATIONS = "representations"
_RESULT = "result"

# (stage, number of items) -> a context manager that yields a function of a finished item's name.
Progress = Callable[[str, int], contextlib.AbstractContextManager[Callable[[str], None]]]


@contextlib.contextmanager
def silent(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows nothing."""
    yield lambda name: None


def evaluate_similarity(
    saved_models: str | Path | Sequence[str | Path] | Mapping[str, str | Path],
    probe: str | Path | np.ndarray | Mapping[str, np.ndarray],
    measures: Sequence[str],
    output: str | Path,
    *,
    executor: Executor,
    families: Sequence[str] = (),
    layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    trust: Sequence[str] = (),
    spatial: str = "flatten",
    null: int = 0,
    interval: float | None = None,
    seed: int = 0,
    memory_gb: float = 4.0,
    representations: str | Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Compare all pairs of exported models and write the results.

    The output folder is created whole, by rename, or not at all:

        similarity/<layer>/<measure>.npz   a matrix, as `read_matrix` reads it
        similarity.parquet, similarity.csv the pairs of all matrices, one row each (`PairTable`)
        summary.json                       the returned summary

    The same models, probe set and arguments produce the same bytes on the same machine. Work that
    was interrupted or killed resumes at the next call with the same arguments: representations
    that were computed are not computed again.

    Args:
        saved_models: folders, patterns, tables, or name -> folder, as `find_saved_models` takes
            them.
        probe: path of an `.npz` or `.npy` file (see `read_probe_inputs`), or (n, …) inputs: an
            array, or one array per input of the models, by name.
        measures: ids of measures, as `akp_keras.similarity.list_measures` returns them.
        output: the folder to write; it may exist if it is empty.
        executor: runs one task per model, and the comparison of pairs. Its tasks must have access
            to the folders of the models and of the output.
        families: the order of families in the matrices, as `find_saved_models` takes it.
        layers: names of the signature's outputs to compare; by default all of the first model.
        signature: name of the signature whose outputs are the layers.
        trust: names of operations that models may have although they write or read files or call
            out; models with others are refused.
        spatial: spatial policy for (n, h, w, c) outputs, one of `similarity.SPATIAL_POLICIES`.
        null: row permutations for the null distribution of every measure; 0 for none.
        interval: level of intervals over samples, such as 0.95, as in `similarity.pairwise`; None
            for none.
        seed: seed of the permutations and of the groups of the intervals, from 0.
        memory_gb: bound on the memory of the comparison in GiB, as in `similarity.pairwise`.
        representations: a folder in which representations are kept for later, in one folder per
            probe set. By default they are removed at the end.
        progress: shows the progress.

    Returns:
        The summary: counts, members and families; per layer and measure the mean value and
        distance of pairs within and between families, and the excluded members with the reason.

    Raises:
        ValueError: in one line that names the model, file, layer or measure that does not fit;
            nothing is then written.
    """
    measures = check_arguments(measures, [layers], spatial, null, interval, seed, memory_gb)
    models = find_saved_models(saved_models, families)
    inputs = open_probe(probe)
    check_output(output)
    description = describe(
        models,
        inputs,
        measures=measures,
        signature=signature,
        spatial=spatial,
        null=null,
        interval=interval,
        seed=seed,
    )
    # What representations depend on, apart from each model's own bytes.
    request = {"probe": inputs.digest(), "members": [model.name for model in models]}
    with result_folder(output, request) as (folder, result):
        answers = folder / REPRESENTATIONS
        if representations is not None:
            answers = kept_folder(representations, inputs)
        with progress("representations", len(models)) as done:
            layers = take_representations(
                {model.name: model.path for model in models},
                inputs.arrays,
                answers,
                executor=executor,
                layers=layers,
                signature=signature,
                trust=trust,
                done=done,
            )
        with progress("matrices", len(layers)) as done:
            entries = _write_layers(
                result,
                answers,
                models,
                layers,
                measures,
                done,
                executor=executor,
                spatial=spatial,
                memory_gb=memory_gb,
                null=null,
                interval=interval,
                seed=seed,
                labels=inputs.labels,
            )
        summary = {**description, "layers": list(layers), "similarity": entries}
        write_json(result / SUMMARY, summary)
    return summary


@contextlib.contextmanager
def result_folder(output: str | Path, request: Mapping[str, object]) -> Iterator[tuple[Path, Path]]:
    """Yield a work folder, which can be resumed, and in it the empty folder of the result.

    The folder of the result becomes the output, and the work folder is removed, if the block
    succeeds; see `unfinished_folder`.
    """
    with unfinished_folder(output, request) as folder:
        result = folder / _RESULT
        shutil.rmtree(result, ignore_errors=True)
        result.mkdir()
        yield folder, result
        result.replace(output)
        shutil.rmtree(folder)


def _write_layers(
    result: Path,
    representations: Path,
    models: Sequence[NamedModel],
    layers: Sequence[str],
    measures: Sequence[str],
    done: Callable[[str], None],
    *,
    null: int,
    interval: float | None,
    **options: Any,
) -> list[dict[str, Any]]:
    families = {model.name: model.family for model in models}
    entries = []
    with PairTable(result, families, null=null > 0, interval=interval is not None) as table:
        for layer in layers:
            paths = {name: representation_path(representations, name, layer) for name in families}
            for compared in compare_layer(
                layer, paths, measures, null=null, interval=interval, **options
            ):
                matrix = compared.matrix
                write_matrix(matrix_path(result / MATRICES, layer, matrix.measure), matrix)
                table.add(compared)
                entries.append(summarise(compared, families))
            done(layer)
    return entries


def open_probe(probe: str | Path | np.ndarray | Mapping[str, np.ndarray]) -> ProbeInputs:
    """Return the probe set, as `evaluate_similarity` takes it; raise a ValueError if it is none."""
    if isinstance(probe, str | Path):
        return read_probe_inputs(probe)
    arrays = probe if isinstance(probe, Mapping) else {"inputs": np.asarray(probe)}
    return check_probe_inputs(ProbeInputs(arrays), "the probe set")


def check_arguments(
    measures: Sequence[str],
    layers: Sequence[Sequence[str] | None],
    spatial: str,
    null: int,
    interval: float | None,
    seed: int,
    memory_gb: float,
) -> tuple[str, ...]:
    """Validate arguments before any model is loaded; return the full ids of the measures.

    `layers` has the names for each side of the comparison.
    """
    if isinstance(measures, str) or not measures:
        raise ValueError("measures: name at least one in a list, for example ['cka.linear']")
    declared = [similarity.measure(measure) for measure in measures]
    if null:
        for measure in declared:
            if not measure.ordered_samples:
                raise ValueError(
                    f"measure {measure.id} has no null: it does not depend on the order of samples"
                )
    if interval is not None:
        checked_request({"row": None}, list(measures), columns={"": None}, interval=interval)
    ids = tuple(measure.id for measure in declared)
    for what, names in (("measure", ids), *(("layer", names or ()) for names in layers)):
        for name in names:
            if list(names).count(name) > 1:
                raise ValueError(f"{what} {name} is named twice; name it once")
    if any(names is not None and not names for names in layers):
        raise ValueError("layers: name at least one, or pass None to compare all")
    if spatial not in similarity.SPATIAL_POLICIES:
        policies = ", ".join(similarity.SPATIAL_POLICIES)
        raise ValueError(f"spatial={spatial} must be one of {policies}")
    if null < 0:
        raise ValueError(f"null={null} must be zero or the number of permutations")
    if seed < 0:
        raise ValueError(f"seed={seed} must be zero or positive")
    if not (memory_gb > 0 and np.isfinite(memory_gb)):
        raise ValueError(f"memory_gb={memory_gb} must be positive and finite")
    return ids
