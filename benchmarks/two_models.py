"""Layers of one residual network against those of another, by one command.

    python -m benchmarks.two_models --output=OUT

Writes two SavedModels as He et al. (2016, arXiv 1512.03385, section 4.2) build them for images of
32 × 32, of 24 convolutions each, one twice as wide as the other, with random weights; compares all
of their layers on `--samples` images by `akp similarity_evaluator --against`; and prints how many
pairs that were and how long it took. The heat maps are in `OUT/heat_maps`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags

_SAMPLES = flags.DEFINE_integer("samples", 2048, "n")
_OUTPUT = flags.DEFINE_string("output", None, "where the command writes", required=True)
_MEASURES = flags.DEFINE_string("measures", "cka.linear.debiased,procrustes.angular", "measures")

# Run apart, so that TensorFlow is loaded for that alone.
_WRITE = """
import sys
from pathlib import Path

import keras
from keras import layers

def unit(x, width, stride, shortcut=None):
    x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x if shortcut is None else layers.Add()([x, shortcut]))

def network(width):
    x = inputs = keras.Input((32, 32, 3))
    x = unit(x, width, 1)
    taps = {}
    for stage in range(3):
        for block in range(4):
            stride, filters = (2 if stage and not block else 1), width * 2**stage
            shortcut = x if x.shape[-1] == filters else layers.Conv2D(filters, 1, stride)(x)
            for half in range(2):
                x = unit(x, filters, 1 if half else stride, shortcut if half else None)
                taps[f"stage{stage + 1}.block{block + 1}.relu{half + 1}"] = x
    return keras.Model(inputs, taps)

for name, width in (("narrow", 16), ("wide", 32)):
    keras.utils.set_random_seed(width)
    network(width).export(str(Path(sys.argv[1]) / name), verbose=False)
"""


def main(arguments: list[str]) -> None:
    """Write the models, compare them, and print what that took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", _WRITE, name], check=True, stderr=subprocess.DEVNULL)
        # Smooth, as images are: noise of 8 × 8, enlarged.
        noise = np.random.default_rng(0).normal(size=(_SAMPLES.value, 8, 8, 3))
        np.save(folder / "probe.npy", noise.repeat(4, 1).repeat(4, 2).astype(np.float32))
        start = time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, "-m", "akp_keras", "similarity_evaluator"),
                *(f"--saved_models={folder}/narrow", f"--against={folder}/wide"),
                *(f"--probe={folder}/probe.npy", "--signature=serving_default"),
                *("--spatial=global_average", f"--measures={_MEASURES.value}"),
                f"--output={_OUTPUT.value}",
            ],
            check=True,
        )
        seconds = time.perf_counter() - start
    summary = json.loads((Path(_OUTPUT.value) / "summary.json").read_text())
    print(
        f"{len(summary['layers'])} × {len(summary['against_layers'])} layers, {summary['pairs']} "
        f"pairs a measure, {summary['samples']} samples: {seconds:.0f} s"
    )


if __name__ == "__main__":
    app.run(main)
