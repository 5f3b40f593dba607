"""The step as a plain function."""

from __future__ import annotations

from pathlib import Path

from akp_keras.comparison.unfinished_folder import whole_folder
from akp_keras.data import ProbeSet, write_probe
from akp_keras.experiment.probe import load_and_probe
from akp_keras.experiment.run_directory import write_json
from akp_keras.experiment.settings import check_numbers
from components.workers import open_workers

PROBE_FILE = "probe.npz"
DATA_FILE = "data.json"


def probe_set(
    output: str | Path,
    *,
    dataset: str,
    probe_samples: int,
    seed: int,
    max_samples: int | None = None,
    data_dir: str | None = None,
) -> ProbeSet:
    """Draws the probe set of an experiment.

    Args:
        output: the folder to write: `probe.npz`, and `data.json` with one sentence on the data.
        dataset: name of a data set; this and the rest as `akp_keras.main` takes them.
        probe_samples: …
        seed: …
        max_samples: …
        data_dir: …

    Returns:
        The probe set.

    Raises:
        ValueError: in one line that names the flag and what would be right.
    """
    check_numbers({"probe_samples": probe_samples, "seed": seed, "max_samples": max_samples})
    with whole_folder(output) as folder:
        with open_workers(1) as executor:
            probe, description = executor.submit(
                load_and_probe,
                dataset,
                data_dir=data_dir,
                seed=seed,
                max_samples=max_samples,
                samples=probe_samples,
            ).result()
        write_probe(folder / PROBE_FILE, probe)
        write_json(folder / DATA_FILE, {"data": description})
    return probe
