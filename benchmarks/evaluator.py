"""What comparing many exported models costs in memory.

python benchmarks/evaluator.py

Writes `--models` SavedModels of eight layers with random weights, compares them by
`python -m components.similarity_evaluator` on a probe set of `--samples`, and prints the peak of
the memory that the command and its workers hold together: the sum of their resident pages, those
that they share counted for each. It ends with exit code 1 where that is above `--limit_gb`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags

_MODELS = flags.DEFINE_integer("models", 200, "SavedModels")
_LAYERS = flags.DEFINE_integer("layers", 8, "layers of each")
_WIDTH = flags.DEFINE_integer("width", 256, "units of each layer")
_SAMPLES = flags.DEFINE_integer("samples", 2048, "n")
_MEASURES = flags.DEFINE_string("measures", "cka.linear", "ids of measures")
_MEMORY_GB = flags.DEFINE_float("memory_gb", 1.0, "memory_gb of the comparison")
_WORKERS = flags.DEFINE_integer("workers", 2, "processes")
_LIMIT_GB = flags.DEFINE_float("limit_gb", 4.0, "the most that all processes may hold together")
_FEATURES = 64

# Run apart, so that what writes the models is not counted.
_WRITE = """
import shutil, sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

folder, models, layers, width, features = Path(sys.argv[1]), *map(int, sys.argv[2:])
x = inputs = keras.Input((features,))
taps = {}
for index in range(layers):
    x = taps[f"dense{index}"] = keras.layers.Dense(width, activation="relu")(x)
first = folder / "0"
keras.Model(inputs, taps).export(str(first), verbose=False)
variables = tf.train.load_checkpoint(str(first / "variables" / "variables"))
names = sorted(variables.get_variable_to_shape_map())
for seed in range(1, models):
    shutil.copytree(first, folder / str(seed))
    random = np.random.default_rng(seed)
    values = []
    for name in names:
        value = variables.get_tensor(name)
        if isinstance(value, np.ndarray) and value.ndim == 2:
            value = random.normal(0, np.sqrt(2 / len(value)), value.shape).astype(value.dtype)
        values.append(tf.constant(value))
    tf.raw_ops.SaveV2(
        prefix=str(folder / str(seed) / "variables" / "variables"),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=values,
    )
"""


def _tree(process: int) -> list[int]:
    """Return the process and all below it."""
    processes = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            processes += _tree(int(child))
    return processes


def _resident(process: int) -> int:
    """Return resident bytes of a process; 0 where it has ended."""
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _watch(command: list[str]) -> tuple[int, int, float]:
    """Run a command.

    Returns:
        Peak of the bytes of all its processes together, of the largest alone, and seconds.
    """
    together = largest = 0
    start = time.perf_counter()
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            try:
                sizes = [_resident(child) for child in _tree(process.pid)]
            except OSError:
                continue
            together, largest = max(together, sum(sizes)), max(largest, *sizes)
            time.sleep(0.1)
    if process.returncode:
        sys.exit(process.returncode)
    return together, largest, time.perf_counter() - start


def main(arguments: list[str]) -> None:
    """Write the models, compare them, and print what that took."""
    if len(arguments) > 1:
        raise app.UsageError(f"{arguments[1]!r} is not a flag")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = (_MODELS.value, _LAYERS.value, _WIDTH.value, _FEATURES)
        print(f"writing {_MODELS.value} SavedModels of {_LAYERS.value} layers")
        subprocess.run(
            [sys.executable, "-c", _WRITE, folder / "models", *map(str, sizes)],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        probe = np.random.default_rng(0).normal(size=(_SAMPLES.value, _FEATURES))
        np.save(folder / "probe.npy", probe.astype(np.float32))
        together, largest, seconds = _watch(
            [
                *(sys.executable, "-m", "components.similarity_evaluator"),
                f"--saved_models={folder}/models/*",
                f"--probe={folder}/probe.npy",
                "--signature=serving_default",
                f"--measures={_MEASURES.value}",
                f"--memory_gb={_MEMORY_GB.value}",
                f"--workers={_WORKERS.value}",
                f"--output={folder}/out",
            ]
        )
        matrices = len(list((folder / "out").rglob("*.npz")))
    print(
        f"{_MODELS.value} models, {matrices} matrices in {seconds:.0f} s; peak memory "
        f"{together / 2**30:.2f} GiB in all, {largest / 2**30:.2f} GiB in the largest process"
    )
    if together > _LIMIT_GB.value * 2**30:
        sys.exit(f"that is above {_LIMIT_GB.value:g} GiB")


if __name__ == "__main__":
    app.run(main)
