"""The data set that settings name; errors name the flag."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from akp_keras.data import DataSet, fingerprint, load_dataset
from akp_keras.settings.groups import Data


def load_data(settings: Data, seed: int) -> DataSet:
    """Load the data set of settings; see `akp_keras.data.load_dataset`."""
    with _naming(settings):
        return load_dataset(
            settings.dataset,
            data_dir=settings.data_dir,
            seed=seed,
            max_samples=settings.max_samples,
        )


def data_fingerprint(settings: Data) -> str | None:
    """Return what tells whether the data set has changed; see `akp_keras.data.fingerprint`."""
    with _naming(settings):
        return fingerprint(settings.dataset)


@contextlib.contextmanager
def _naming(settings: Data) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"--dataset={settings.dataset}: {error}") from error
