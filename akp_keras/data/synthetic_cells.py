"""Synthetic patches of cells, a data set without download."""

from __future__ import annotations

from pathlib import Path

from akp_keras.data.cell_patches import CLASS_NAMES
from akp_keras.data.prepared_dataset import prepare, read_split
from akp_keras.data.records import DataSet, Split


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Load 2,048, 512 and 1,024 patches; arguments as in `akp_keras.data.load_dataset`."""
    from akp_keras.data.synthetic_cells_builder import DESCRIPTION, SyntheticCells, config_of_seed

    builder = prepare(
        lambda folder: SyntheticCells(config=config_of_seed(seed), data_dir=folder),
        data_dir,
        downloads=False,
    )

    def split(of: str) -> Split:
        return read_split(
            builder, of, stop=max_samples, input_key="image", label_key="label", id_key="id"
        )

    return DataSet(
        name=name,
        description=DESCRIPTION,
        class_names=CLASS_NAMES,
        train=split("train"),
        validation=split("validation"),
        test=split("test"),
    )
