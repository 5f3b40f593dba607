"""The run directory: who it belongs to, and where everything in it lies."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

import akp_keras
from akp_keras.experiment.settings import ExperimentSettings
from akp_keras.export.member_folder import SAVED_MODEL, remove_unfinished

# What a killed run may leave behind, below the run directory.
_LEFTOVERS = (
    "*.unfinished",
    ".representations.*",
    ".tensorboard*",
    "similarity/.representations.*",
    "similarity/*/*.unfinished",
    "report/.*.part",
    "report/figures/.*.part",
)
_PACKAGES = ("keras", "tensorflow", "tensorflow-datasets", "numpy", "scipy")


class RunDirectory:
    """The paths of a run, as `design.md` lays them out.

    Attributes:
        root: the run directory itself.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._locked: int | None = None

    @property
    def experiment(self) -> Path:
        """The resolved flags, versions and seeds."""
        return self.root / "experiment.json"

    @property
    def probe(self) -> Path:
        """The probe set."""
        return self.root / "probe.npz"

    @property
    def members(self) -> Path:
        """One folder a family, in it one folder a member."""
        return self.root / "members"

    def member(self, name: str) -> Path:
        """The folder of the member `<family>/<seed>`."""
        return self.members / name

    def saved_model(self, name: str) -> Path:
        """The SavedModel of the member `<family>/<seed>`."""
        return self.member(name) / SAVED_MODEL

    @property
    def similarity(self) -> Path:
        """One folder a layer, in it one file a measure."""
        return self.root / "similarity"

    @property
    def dispersion(self) -> Path:
        """Everything that the test found."""
        return self.root / "dispersion.json"

    @property
    def verdict(self) -> Path:
        """The verdict a layer and measure."""
        return self.root / "verdict.json"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's log directory."""
        return self.root / "tensorboard"

    @property
    def report(self) -> Path:
        """The folder of `index.html`."""
        return self.root / "report"

    def refuse_other_run(self, settings: ExperimentSettings) -> None:
        """Makes sure that this folder is free for, or already holds, a run of these settings.

        Raises:
            ValueError: if it holds a run with other flags, something else, or cannot be written.
        """
        if self.experiment.exists():
            self._refuse_other_flags(settings)
        elif self.root.exists() and not self.root.is_dir():
            raise ValueError(f"--run_dir={self.root} is a file; name a folder")
        elif self.root.exists() and any(
            path.name != _unfinished(self.experiment).name for path in self.root.iterdir()
        ):
            raise ValueError(
                f"--run_dir={self.root} is not empty and holds no experiment.json, so it is no "
                "run of akp_keras; name another folder"
            )
        existing = next(
            path for path in (self.root, *self.root.absolute().parents) if path.exists()
        )
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise ValueError(
                f"--run_dir={self.root} cannot be made: {existing} is no folder that can be written"
            )

    def claim(self, settings: ExperimentSettings, data_description: str) -> None:
        """Makes the folder and writes `experiment.json`, or takes up an earlier run.

        Args:
            settings: what the results follow from.
            data_description: one sentence on the data.

        Raises:
            ValueError: as `refuse_other_run`.
        """
        self.refuse_other_run(settings)
        if not self.experiment.exists():
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                write_json(self.experiment, _experiment(settings, data_description))
            except OSError as error:
                raise ValueError(
                    f"--run_dir={self.root} cannot be written: {error.strerror}"
                ) from error
        self.resume(settings)

    def resume(self, settings: ExperimentSettings) -> None:
        """Takes up a run where it stopped: removes what it left half-written.

        Raises:
            ValueError: as `refuse_other_run`.
        """
        self.refuse_other_run(settings)
        self._lock()
        remove_unfinished(self.members)
        for pattern in _LEFTOVERS:
            for path in self.root.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def release(self) -> None:
        """Lets another process take up the run."""
        if self._locked is not None:
            os.close(self._locked)
            self._locked = None

    def _lock(self) -> None:
        if self._locked is not None:
            return
        # On the folder itself: the lock leaves no file, and ends with the process, killed or not.
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise ValueError(
                f"--run_dir={self.root} is in use by another process; wait for it, or name "
                "another folder"
            ) from error
        self._locked = descriptor

    def data_description(self) -> str:
        """The sentence on the data that the run was begun with."""
        return read_json(self.experiment)["data"]

    def _stored_flags(self) -> dict[str, object]:
        try:
            stored = json.loads(self.experiment.read_text())
            if isinstance(stored["flags"]["family"], dict) and isinstance(stored["data"], str):
                return stored["flags"]
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
            pass
        raise ValueError(
            f"{self.experiment} is damaged, so what this run was cannot be told; name another "
            "--run_dir, or remove the whole folder to begin anew"
        )

    def _refuse_other_flags(self, settings: ExperimentSettings) -> None:
        old, new = self._stored_flags(), settings.to_flags()
        for flag in sorted({*old, *new}):
            if old.get(flag) == new.get(flag):
                continue
            if flag == "family":
                before, after = _first_difference(old.get(flag, {}), new[flag])
            else:
                before, after = old.get(flag), new.get(flag)
            raise ValueError(
                f"--run_dir={self.root} holds a run made with --{flag}={_flag_text(before)}, not "
                f"{_flag_text(after)}; give the same flags, or another --run_dir"
            )


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".unfinished")


def write_json(path: Path, value: object) -> None:
    """Writes JSON whole, by rename; the same value gives the same bytes.

    A file that holds them already is left as it is.
    """
    content = (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
    if path.is_file() and path.read_bytes() == content:
        return
    unfinished = _unfinished(path)
    unfinished.write_bytes(content)
    unfinished.replace(path)


def read_json(path: Path) -> object:
    """Reads JSON.

    Raises:
        ValueError: if the file is missing or damaged, in one line that names it.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is missing or damaged; remove it and run again") from error


def _experiment(settings: ExperimentSettings, data_description: str) -> dict[str, object]:
    return {
        "format_version": 1,
        "data": data_description,
        "flags": settings.to_flags(),
        "members": {
            member.name: {"random_seed": member.random_seed}
            for member in settings.member_specifications()
        },
        "versions": {
            "akp_keras": akp_keras.__version__,
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in _PACKAGES},
        },
    }


def _first_difference(old: dict[str, str], new: dict[str, str]) -> tuple[str, str]:
    for name in [*new, *old]:
        if old.get(name) != new.get(name):
            return tuple(
                f"{name}: {families[name]}" if name in families else f"(no family {name})"
                for families in (old, new)
            )
    return "families in the order " + ", ".join(old), "in the order " + ", ".join(new)


def _flag_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"'{value}'" if isinstance(value, str) and " " in value else str(value)
