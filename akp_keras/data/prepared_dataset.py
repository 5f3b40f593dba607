"""Builders of TensorFlow Datasets, prepared once, without races, and read into arrays."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import logging

from akp_keras.data.records import Split

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_BATCH = 512


def prepare(
    make_builder: Callable[[str], tfds.core.DatasetBuilder],
    data_dir: str | Path | None,
    *,
    downloads: bool,
) -> tfds.core.DatasetBuilder:
    """Prepare a data set whole, unless it is already prepared.

    Any number of processes may prepare the same data set at once: each works in its own folder,
    the first to finish renames its result into place, and the others remove theirs.

    Args:
        make_builder: creates the builder for a folder of prepared data.
        data_dir: that folder, or None for the one of TensorFlow Datasets.
        downloads: whether the data set is downloaded. If so, downloads are kept in that folder
            and progress is shown on standard error; otherwise nothing is shown.

    Returns:
        A builder whose data is prepared.

    Raises:
        ValueError: if the folder cannot be written, or its prepared data is damaged.
    """
    import tensorflow_datasets as tfds
    from google.protobuf.json_format import ParseError

    root = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
    with contextlib.redirect_stdout(sys.stderr) if downloads else _silence():
        try:
            builder = make_builder(str(root))
            if not Path(builder.data_dir).exists():
                _prepare_aside(make_builder, root, downloads)
                builder = make_builder(str(root))
        except ParseError as error:
            raise _damaged(root, error) from error
    if not builder.info.splits:
        raise _damaged(builder.data_dir, "dataset_info.json names no split")
    return builder


def read_split(
    builder: tfds.core.DatasetBuilder,
    split: str,
    *,
    start: int = 0,
    stop: int | None = None,
    input_key: str,
    label_key: str,
    id_key: str | None = None,
    size: int | None = None,
) -> Split:
    """Read a split of a prepared data set into memory, in the order in which it is stored.

    Args:
        builder: a prepared builder.
        split: name of the split, for example `train`.
        start: index of the first sample to read.
        stop: index after the last sample to read; None reads to the end.
        input_key: name of the feature that is the input.
        label_key: name of the feature that is the label.
        id_key: name of the feature that is the id; by default ids name the stored file and the
            position in it.
        size: height and width in pixels to which images are resized (bilinear, with
            antialiasing); None for no resizing.

    Returns:
        The split.

    Raises:
        ValueError: if the prepared files are damaged.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    count = builder.info.splits[split].num_examples
    stop = count if stop is None else min(stop, count)

    def sample(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs = tf.cast(features[input_key], tf.float32)
        if size is not None:
            inputs = tf.image.resize(inputs, (size, size), antialias=True)
        return {
            "inputs": inputs,
            "labels": features[label_key],
            "ids": features[id_key or "tfds_id"],
        }

    batches = builder.as_dataset(
        split=f"{split}[{start}:{stop}]",
        shuffle_files=False,
        read_config=tfds.ReadConfig(add_tfds_id=id_key is None),
    )
    try:
        batches = list(tfds.as_numpy(batches.map(sample).batch(_BATCH)))
    except tf.errors.OpError as error:
        reason = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", error.message.splitlines()[0])
        raise _damaged(builder.data_dir, reason.strip()) from error
    ids = np.concatenate([batch["ids"] for batch in batches])
    return Split(
        inputs=np.concatenate([batch["inputs"] for batch in batches]),
        labels=np.concatenate([batch["labels"] for batch in batches]).astype(np.int64),
        ids=np.array([i.decode() if isinstance(i, bytes) else str(i) for i in ids]),
    )


def _prepare_aside(
    make_builder: Callable[[str], tfds.core.DatasetBuilder], root: Path, downloads: bool
) -> None:
    import tensorflow_datasets as tfds

    # Not the unfinished folder of TensorFlow Datasets: its name comes from the global random
    # state, and workers with the same seed would share it.
    try:
        root.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=root))
    except OSError as error:
        raise ValueError(
            f"data folder {root} cannot be written ({error.strerror}); name another data_dir"
        ) from error
    try:
        builder = make_builder(str(aside))
        builder.download_and_prepare(
            download_dir=root / "downloads" if downloads else None,
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
        )
        prepared = Path(builder.data_dir)
        place = root / prepared.relative_to(aside)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            prepared.rename(place)
        except OSError:
            if not place.exists():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _damaged(folder: str | Path, reason: object) -> ValueError:
    return ValueError(
        f"prepared data in {folder} is damaged ({reason}); remove the folder to prepare it again"
    )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    import tensorflow_datasets as tfds

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        logging.set_verbosity(verbosity)
