"""`synthetic_cells` as a builder of TensorFlow Datasets: drawn once, then read from its cache.

After this module is imported, `tfds.load("synthetic_cells")` works as for any other data set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from akp_keras.data.cell_patches import CLASS_NAMES, draw_cell_patches
from akp_keras.data.stained_tissue import IMAGE_SIZE

DESCRIPTION = (
    "Synthetic patches of cells in haematoxylin and eosin colours, cancer against non-cancer, "
    "drawn by a program and not taken from any patient: for experiments, not for diagnosis."
)


@dataclasses.dataclass(eq=False)
class SyntheticCellsConfig(tfds.core.BuilderConfig):
    """The patches that are drawn.

    Attributes:
        seed: from 0; patches of different seeds are independent.
        train, validation, test: number of patches, half of them per class.
    """

    seed: int = 0
    train: int = 2048
    validation: int = 512
    test: int = 1024


_DEFAULT_CONFIG = SyntheticCellsConfig(name="seed_0", description="The patches of seed 0.")


def config_of_seed(seed: int) -> SyntheticCellsConfig:
    """Return the configuration `seed_<seed>`, with splits of the default sizes."""
    if seed == _DEFAULT_CONFIG.seed:
        return _DEFAULT_CONFIG
    return SyntheticCellsConfig(
        name=f"seed_{seed}", description=f"The patches of seed {seed}.", seed=seed
    )


class SyntheticCells(tfds.core.GeneratorBasedBuilder):
    """Builder of synthetic patches, which `akp_keras.data.cell_patches` draws and describes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release. Any change of the drawing takes a new version."}  # noqa: RUF012
    BUILDER_CONFIGS = [_DEFAULT_CONFIG]  # noqa: RUF012
    # TensorFlow Datasets would search for this file with importlib_resources, which it does not
    # declare as a dependency.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(doc="<split>-<number>"),
                    "image": tfds.features.Image(
                        shape=(IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8, encoding_format="png"
                    ),
                    "label": tfds.features.ClassLabel(names=CLASS_NAMES),
                    "severity": tfds.features.Scalar(
                        dtype=np.float32, doc="Latent grade from 0 to 1 that the patch shows."
                    ),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        config = self.builder_config
        sizes = {"train": config.train, "validation": config.validation, "test": config.test}
        return {
            split: self._generate_examples(split, count, stream)
            for stream, (split, count) in enumerate(sizes.items())
        }

    def _generate_examples(
        self, split: str, count: int, stream: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        patches = draw_cell_patches(count, seed=self.builder_config.seed, stream=stream)
        for number in range(count):
            identity = f"{split}-{number:04d}"
            yield (
                identity,
                {
                    "id": identity,
                    "image": patches.images[number],
                    "label": int(patches.labels[number]),
                    "severity": patches.severity[number],
                },
            )
