"""The run directory: its paths, its lock, and the settings of its run."""

from __future__ import annotations

import contextlib
import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import akp_keras
from akp_keras.export.member_folder import SAVED_MODEL
from akp_keras.files.below import files_below
from akp_keras.files.folders import check_writable
from akp_keras.files.locks import HOLDER_FILE, locked_folder
from akp_keras.files.whole import is_unfinished, read_json, remove_unfinished, write_json
from akp_keras.settings import Experiment
from akp_keras.settings.data import data_fingerprint
from akp_keras.steps.principle import PRINCIPLE_FILE, VERDICT_FILE
from akp_keras.steps.probe_set import DATA_FILE, PROBE_FILE
from akp_keras.steps.verdicts import OUTCOMES_FILE

FORMAT_VERSION = 2
# What a killed run may leave half-written, below the run directory.
_UNFINISHED = ("*", ".*", "members/*/*", "members/*/.*")
# Small representations stay, so that a run that grows need not ask its models again.
_KEPT_BYTES = 10**8
_PACKAGES = ("keras", "tensorflow", "tensorflow-datasets", "numpy", "scipy")


class RunDirectory:
    """The paths of a run, and the lock on it.

    `records` holds digests of each step's inputs and outputs, and `representations` the models'
    representations.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.experiment = self.root / "experiment.json"
        self.records = self.root / "steps.json"
        self.probe = self.root / PROBE_FILE
        self.data = self.root / DATA_FILE
        self.members = self.root / "members"
        self.similarity = self.root / "similarity"
        self.dispersion = self.root / OUTCOMES_FILE
        self.verdict = self.root / VERDICT_FILE
        self.principle = self.root / PRINCIPLE_FILE
        self.tensorboard = self.root / "tensorboard"
        self.report = self.root / "report"
        self.representations = self.root / ".representations"

    def member(self, name: str) -> Path:
        """Return the folder of the member `<family>/<seed>`."""
        return self.members / name

    @contextlib.contextmanager
    def opened(self, experiment: Experiment) -> Iterator[None]:
        """Lock the run, and remove what a killed run left half-written.

        Raises:
            ValueError: in one line, if the folder holds another run or something else, cannot be
                written to, or is in use by another process.
        """
        # Before the lock, which would create the folder.
        self._refuse_foreign(experiment)
        with locked_folder(self.root, f"--run_dir={self.root}"):
            self._refuse_foreign(experiment)
            for pattern in _UNFINISHED:
                remove_unfinished(self.root, pattern)
            yield
            if self.representations.is_dir():
                sizes = [file.stat().st_size for file in files_below(self.representations)]
                if sum(sizes) > _KEPT_BYTES:
                    shutil.rmtree(self.representations)

    def write_experiment(self, experiment: Experiment) -> None:
        """Write `experiment.json`: enough to run the experiment again."""
        write_json(
            self.experiment,
            {
                "format_version": FORMAT_VERSION,
                "settings": experiment.values(),
                "members": {
                    member.name: {"random_seed": member.random_seed}
                    for member in experiment.planned_members()
                },
                "versions": {
                    "akp_keras": akp_keras.__version__,
                    "python": platform.python_version(),
                    **{package: metadata.version(package) for package in _PACKAGES},
                },
            },
        )

    def read_experiment(self) -> Experiment:
        """Read the settings of the run; raise a ValueError if the file is damaged."""
        try:
            stored = read_json(self.experiment)
            version, settings = stored["format_version"], stored["settings"]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.experiment} is missing or damaged, so the settings of this run are "
                "unknown; name another --run_dir, or remove the whole folder to start again"
            ) from error
        if version != FORMAT_VERSION:
            raise ValueError(
                f"{self.experiment} has format version {version}, and this version of akp_keras "
                f"reads {FORMAT_VERSION}; name another --run_dir"
            )
        try:
            return Experiment(**settings)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.experiment} is damaged: {error}") from error

    def _refuse_foreign(self, experiment: Experiment) -> None:
        if self.experiment.exists():
            # Also without members: another program's file of this name would be overwritten.
            stored = self.read_experiment()
            if any(self.members.glob(f"*/*/{SAVED_MODEL}")):
                self._refuse_incomparable(experiment, stored)
        elif self.root.exists() and not self.root.is_dir():
            raise ValueError(f"--run_dir={self.root} is a file; name a folder")
        elif self.root.exists() and not all(
            is_unfinished(path.name) or path.name == HOLDER_FILE for path in self.root.iterdir()
        ):
            raise ValueError(
                f"--run_dir={self.root} is not empty and holds no experiment.json, so it is not a "
                "run of akp_keras; name another folder"
            )
        check_writable(self.root, f"--run_dir={self.root}")

    def _refuse_incomparable(self, wanted: Experiment, stored: Experiment) -> None:
        """Raise a ValueError if new members could not be compared with those already trained."""
        before, after = stored.shared_values(), wanted.shared_values()
        for name in dict.fromkeys([*before, *after]):
            if before.get(name) != after.get(name):
                self._refuse(f"--{name}={before.get(name)}", f"{after.get(name)}")
        if self.data.is_file():
            data = read_json(self.data)
            if not isinstance(data, dict) or data.get("fingerprint") != data_fingerprint(wanted):
                raise ValueError(
                    f"--dataset={wanted.dataset} has changed since the members in --run_dir="
                    f"{self.root} were trained, so members could not be compared; restore the "
                    "data, or name another --run_dir"
                )
        schedules = {family.name: family for family in stored.parsed_families}
        for family in wanted.parsed_families:
            known = schedules.get(family.name, family)
            if known.schedule != family.schedule:
                self._refuse(f"--family='{known}'", f"'{family}'")

    def _refuse(self, before: str, after: str) -> None:
        raise ValueError(
            f"--run_dir={self.root} holds members trained with {before}, not {after}, so members "
            "could not be compared; use the same value, or another --run_dir"
        )
