"""The probe set of an experiment, with the checks that come before anything is trained."""

from __future__ import annotations

from akp_keras.data import ProbeSet, load_dataset, take_probe_set
from akp_keras.tensorflow_runtime import configure_tensorflow
from akp_keras.training import TrainingSettings, check_training


def load_and_probe(
    dataset: str,
    *,
    data_dir: str | None,
    seed: int,
    max_samples: int | None,
    samples: int,
) -> tuple[ProbeSet, str]:
    """Loads a data set in this process and draws the probe set.

    Args:
        dataset: name of a data set, as `akp_keras.data.load_dataset` takes it; so the next three.
        data_dir: …
        seed: …; of the probe set too.
        max_samples: …
        samples: how many samples the probe set has.

    Returns:
        The probe set, and one sentence on the data.

    Raises:
        ValueError: in one line that names the flag and what would be right.
    """
    configure_tensorflow()
    try:
        data = load_dataset(dataset, data_dir=data_dir, seed=seed, max_samples=max_samples)
    except ValueError as error:
        raise ValueError(f"--dataset={dataset}: {error}") from error
    try:
        return take_probe_set(data, samples, seed), data.description
    except ValueError as error:
        raise ValueError(f"--probe_samples={samples}: {error}") from error


def check_and_probe(training: TrainingSettings, samples: int) -> tuple[ProbeSet, str]:
    """Draws the probe set, and makes sure that the model and all schedules fit the data.

    Args:
        training: what all members have in common.
        samples: how many samples the probe set has.

    Returns:
        The probe set, and one sentence on the data.

    Raises:
        ValueError: in one line that names the flag and what would be right.
    """
    drawn = load_and_probe(
        training.dataset,
        data_dir=training.data_dir,
        seed=training.data_seed,
        max_samples=training.max_samples,
        samples=samples,
    )
    check_training(training)
    return drawn
