"""The drawing of the probe set of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from akp_keras.data import ProbeSet, TooFewSamples, take_probe_set, write_probe
from akp_keras.data.probe import FEWEST_PROBE_SAMPLES
from akp_keras.executors import open_workplace
from akp_keras.files.whole import write_json
from akp_keras.settings.data import data_fingerprint, load_data
from akp_keras.settings.groups import Data, Seed
from akp_keras.steps.products import PROBE
from akp_keras.steps.step import Facts, Output, Step
from akp_keras.tensorflow_runtime import configure_tensorflow

PROBE_FILE = "probe.npz"
DATA_FILE = "data.json"


@dataclass(frozen=True, kw_only=True)
class ProbeSetSettings(Data, Seed):
    """Everything that a probe set depends on."""


def probe_set(folder: Path, settings: ProbeSetSettings) -> Facts:
    """Draw the probe set of an experiment, and write a sentence and a fingerprint of the data.

    akp probe_set --dataset=wisconsin_breast_cancer --output=PROBE
    """
    # Before the data are loaded: what changes meanwhile is noticed at the next run.
    fingerprint = data_fingerprint(settings)
    with open_workplace(1) as workplace:
        probe, description = workplace.executor.submit(load_and_draw, settings).result()
    write_probe(folder / PROBE_FILE, probe)
    write_json(folder / DATA_FILE, {"data": description, "fingerprint": fingerprint})
    return {"dataset": settings.dataset, "samples": len(probe.ids)}


def load_and_draw(settings: ProbeSetSettings) -> tuple[ProbeSet, str]:
    """Return the probe set and a sentence on the data, which is loaded in this process."""
    configure_tensorflow()
    data = load_data(settings, settings.seed)
    try:
        return take_probe_set(data, settings.probe_samples, settings.seed), data.description
    except TooFewSamples as error:
        if error.most < FEWEST_PROBE_SAMPLES and settings.max_samples is not None:
            raise ValueError(
                f"--max_samples={settings.max_samples} leaves test samples for a balanced probe "
                f"set of {error.most}, and at least {FEWEST_PROBE_SAMPLES} are needed; raise it"
            ) from error
        wrong = "dataset" if settings.probe_samples is None else "probe_samples"
        raise ValueError(f"--{wrong}={getattr(settings, wrong)}: {error}") from error


PROBE_SET = Step(
    probe_set,
    settings=ProbeSetSettings,
    outputs={"probe": Output(PROBE)},
    component="ProbeSetGen",
    reads=data_fingerprint,
)
