"""The projector's files in one run's folder.

One faulty file disables the projector for every run of the log directory, mostly without a message
that names it. Therefore everything is checked before the first byte is written, and the
configuration, which makes TensorBoard read the other files, is written last and by rename.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector import metadata as projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from akp_keras.tensorboard.coordinates import FEWEST_COLUMNS, MOST_COLUMNS
from akp_keras.tensorboard.names import check_name
from akp_keras.tensorboard.sprites import SpriteAtlas

# Beyond this number the page draws a random sample, a new one each time.
MOST_POINTS = 50_000
# The page offers a column for colouring only up to this many distinct values.
MOST_COLOURS = 50
# A column of this name draws a line from each point to the point of that row.
NEXT_POINT_COLUMN = "__seq_next__"


@dataclass(frozen=True)
class Embedding:
    """A set of points, in TensorBoard's sense of the word.

    Attributes:
        name: the tensor's name in the projector.
        points: (n, k) float, 2 ≤ n ≤ 50,000, 3 ≤ k ≤ 49, finite, centred.
        metadata: column -> n cells, at least two columns. The first column labels the points and
            has no empty cells; empty cells elsewhere have no colour.
        bookmarks: states of the page, from `akp_keras.tensorboard.bookmarks`.
    """

    name: str
    points: np.ndarray
    metadata: Mapping[str, Sequence[str]]
    bookmarks: Sequence[Mapping[str, object]] = field(default=())


def write_embeddings(
    run_folder: Path, embeddings: Sequence[Embedding], sprites: SpriteAtlas | None = None
) -> None:
    """Write the projector's files of a run.

    The projector offers the run only if its folder holds an event file too.

    Args:
        run_folder: an existing folder.
        embeddings: at least one embedding, with unique names.
        sprites: thumbnails, tile i for row i of every embedding.

    Raises:
        ValueError: if the page could not show one of them correctly; nothing is written then.
    """
    if not embeddings:
        raise ValueError("a run of the projector needs at least one tensor")
    for embedding in embeddings:
        _check(embedding, sprites)
    if len({embedding.name for embedding in embeddings}) < len(embeddings):
        raise ValueError("two tensors of one run have the same name")

    config = ProjectorConfig()
    if sprites is not None:
        (run_folder / "sprites.png").write_bytes(sprites.png)
    for index, embedding in enumerate(embeddings):
        stem = f"{index:03d}_{embedding.name.replace('/', '_')}"
        _write_tensor(run_folder / f"{stem}.tsv", embedding.points)
        _write_metadata(run_folder / f"{stem}.metadata.tsv", embedding.metadata)
        info = config.embeddings.add(
            tensor_name=embedding.name,
            tensor_path=f"{stem}.tsv",
            tensor_shape=embedding.points.shape,
            metadata_path=f"{stem}.metadata.tsv",
        )
        if embedding.bookmarks:
            info.bookmarks_path = f"{stem}.bookmarks.json"
            text = json.dumps(list(embedding.bookmarks), allow_nan=False)
            (run_folder / info.bookmarks_path).write_text(text, encoding="utf-8")
        if sprites is not None:
            info.sprite.image_path = "sprites.png"
            info.sprite.single_image_dim.extend([sprites.tile, sprites.tile])

    partial = run_folder / f".{projector_plugin.PROJECTOR_FILENAME}"
    partial.write_text(text_format.MessageToString(config), encoding="utf-8")
    partial.replace(run_folder / projector_plugin.PROJECTOR_FILENAME)


def _check(embedding: Embedding, sprites: SpriteAtlas | None) -> None:
    check_name(embedding.name, "tensor")
    points = embedding.points
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.dtype.kind != "f":
        raise ValueError(f"tensor {embedding.name}: points must be an n × k array of floats")
    rows, columns = points.shape
    if not 2 <= rows <= MOST_POINTS:
        raise ValueError(
            f"tensor {embedding.name}: {rows} points; the projector shows 2 to {MOST_POINTS:,} "
            "correctly"
        )
    if not FEWEST_COLUMNS <= columns <= MOST_COLUMNS:
        raise ValueError(
            f"tensor {embedding.name}: {columns} columns; the projector shows {FEWEST_COLUMNS} "
            f"to {MOST_COLUMNS} correctly"
        )
    if not (np.abs(points) <= np.finfo(np.float32).max).all():
        raise ValueError(f"tensor {embedding.name}: NaN or infinity would blank the whole page")
    if sprites is not None and sprites.tiles_per_side**2 < rows:
        raise ValueError(f"tensor {embedding.name}: {rows} points, but fewer thumbnails")
    _check_metadata(embedding.name, embedding.metadata, rows)


def _check_metadata(name: str, metadata: Mapping[str, Sequence[str]], rows: int) -> None:
    # The page reads a single column without a header, two or more with a header.
    if len(metadata) < 2:
        raise ValueError(f"tensor {name}: metadata needs at least two columns")
    for position, (column, cells) in enumerate(metadata.items()):
        if len(cells) != rows:
            raise ValueError(
                f"tensor {name}: column {column!r} has {len(cells)} cells for {rows} points"
            )
        for text in (column, *cells):
            if not isinstance(text, str):
                raise ValueError(f"tensor {name}: column {column!r} holds {text!r}, not text")
            if text.splitlines() not in ([], [text]) or "\t" in text:
                raise ValueError(f"tensor {name}: a tab or line break in {text!r}")
        # The page skips a line without visible text, and later labels move up by one.
        if not column.strip() or (position == 0 and not all(cell.strip() for cell in cells)):
            raise ValueError(f"tensor {name}: an empty name in the metadata")


def _write_tensor(path: Path, points: np.ndarray) -> None:
    # Nine digits represent every float32 exactly; adding zero turns -0 into 0.
    with path.open("w", encoding="utf-8", newline="\n") as file:
        np.savetxt(file, points.astype(np.float32) + 0.0, fmt="%.9g", delimiter="\t")


def _write_metadata(path: Path, metadata: Mapping[str, Sequence[str]]) -> None:
    lines = ["\t".join(metadata)]
    lines += ["\t".join(cells) for cells in zip(*metadata.values(), strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
