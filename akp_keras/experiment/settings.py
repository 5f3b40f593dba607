"""Everything that an experiment's results follow from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from akp_keras import similarity
from akp_keras.data import check_dataset_name
from akp_keras.experiment.family import Family
from akp_keras.models import tapped_layers
from akp_keras.similarity import SPATIAL_POLICIES
from akp_keras.training import MemberSpecification, TrainingSettings
from akp_keras.training.snapshot_epochs import parse_snapshots

_WHOLE_NUMBERS = {
    "members": (1, 10**6),
    "seed": (0, 2**32 - 1),
    "max_samples": (1, 2**63),
    "probe_samples": (8, 10**7),
    "epochs": (1, 10**6),
    "batch_size": (1, 10**7),
    "steps_per_execution": (1, 10**4),
    "permutations": (99, 10**8),
    "projector_members": (1, 10**6),
}
_POSITIVE_NUMBERS = ("learning_rate", "memory_gb")


def check_numbers(values: Mapping[str, Any]) -> None:
    """Refuses numbers that no experiment can be run with.

    Args:
        values: the numbers by the names of their flags; None stands for a flag that is not given,
            and what is none of these flags is passed over.

    Raises:
        ValueError: in one line that names the flag, what is wrong, and what would be right.
    """
    given = {flag: value for flag, value in values.items() if value is not None}
    for flag, (least, most) in _WHOLE_NUMBERS.items():
        if given.get(flag, least) < least:
            raise ValueError(f"--{flag}={given[flag]} must be at least {least}")
        if given.get(flag, least) > most:
            raise ValueError(f"--{flag}={given[flag]} must be at most {most}")
    for flag in _POSITIVE_NUMBERS:
        if not (given.get(flag, 1) > 0 and math.isfinite(given.get(flag, 1))):
            raise ValueError(f"--{flag}={given[flag]} must be positive and finite")
    margin, alpha = given.get("margin", 0), given.get("alpha", 0.5)
    if not (margin >= 0 and math.isfinite(margin)):
        raise ValueError(f"--margin={margin} must be zero or a positive number")
    if not 0 < alpha < 1:
        raise ValueError(f"--alpha={alpha} must lie between 0 and 1")
    permutations = given.get("permutations")
    if permutations is not None and alpha * (permutations + 1) < 1:
        raise ValueError(
            f"--permutations={permutations} are too few for a p-value of "
            f"--alpha={alpha}; at least {math.ceil(1 / alpha) - 1} are needed"
        )


@dataclass(frozen=True)
class ExperimentSettings:
    """The flags that define the results, checked; the same settings give the same bytes.

    Attributes are named as the flags and mean the same; `families` holds every `--family`.
    """

    families: tuple[Family, ...]
    members: int
    control: str
    seed: int
    dataset: str
    max_samples: int | None
    probe_samples: int
    model: str
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    steps_per_execution: int
    measures: tuple[str, ...]
    spatial: str
    memory_gb: float
    permutations: int
    alpha: float
    margin: float
    projector_members: int
    snapshots: str = ""

    def __post_init__(self) -> None:
        """Refuses what cannot be run.

        Raises:
            ValueError: in one line that names the flag, what is wrong, and what would be right.
        """
        check_numbers(asdict(self))
        names = [family.name for family in self.families]
        if self.control not in names:
            raise ValueError(
                f"--control={self.control} is none of the families ({', '.join(names)})"
            )
        _naming_flag("dataset", check_dataset_name, self.dataset)
        _naming_flag("model", tapped_layers, self.model)
        if self.spatial not in SPATIAL_POLICIES:
            raise ValueError(f"--spatial={self.spatial} is none of {', '.join(SPATIAL_POLICIES)}")
        if not self.measures:
            raise ValueError("--measures is empty; name at least one, for example cka.linear")
        declarations = [_naming_flag("measures", similarity.measure, m) for m in self.measures]
        for declaration in declarations:
            if not declaration.distances or declaration.takes != "representation":
                raise ValueError(
                    f"--measures: {declaration.id} has no distance between representations, which "
                    "dispersion needs; docs/similarity.md lists those that have one"
                )
        # One way to write a measure: its files are named by its identifier in full.
        object.__setattr__(self, "measures", tuple(entry.id for entry in declarations))
        for measure in self.measures:
            if self.measures.count(measure) > 1:
                raise ValueError(f"--measures names {measure} twice")
        for family in self.families:
            family.check(self.epochs)
        # One way to write the same epochs: the experiment is known by them.
        epochs = _naming_flag(
            "snapshots", lambda text: parse_snapshots(text, self.epochs), self.snapshots
        )
        object.__setattr__(self, "snapshots", ",".join(map(str, epochs)))

    def training(self, data_dir: str | None) -> TrainingSettings:
        """What every member has in common; `data_dir` is where data sets are kept."""
        return TrainingSettings(
            dataset=self.dataset,
            data_dir=data_dir,
            data_seed=self.seed,
            max_samples=self.max_samples,
            model=self.model,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            batch_size=self.batch_size,
            steps_per_execution=self.steps_per_execution,
            schedules=tuple((family.name, str(family.schedule)) for family in self.families),
            # Without snapshots the probe set is no matter of training.
            probe_samples=self.probe_samples if self.snapshots else 0,
            snapshots=parse_snapshots(self.snapshots, self.epochs),
        )

    def member_specifications(self) -> list[MemberSpecification]:
        """All members, family by family."""
        return [
            MemberSpecification(family.name, seed, str(family.schedule), self.seed)
            for family in self.families
            for seed in range(self.members)
        ]

    def to_flags(self) -> dict[str, object]:
        """The settings by the names of their flags, in plain JSON types."""
        values = asdict(self)
        del values["families"]
        if not self.snapshots:
            # Runs that were made before there was this flag are runs without it.
            del values["snapshots"]
        return {
            "family": {family.name: str(family.schedule) for family in self.families},
            **values,
            "measures": list(self.measures),
        }

    def flag_texts(self) -> dict[str, str]:
        """The settings as a report shows them: flag -> value, one entry a family."""
        texts = {}
        for flag, value in self.to_flags().items():
            if flag == "family":
                texts |= {f"family={name}": schedule for name, schedule in value.items()}
            elif value is not None:
                texts[flag] = ",".join(value) if isinstance(value, list) else str(value)
        return texts

    @property
    def title(self) -> str:
        """What a report of the experiment is called."""
        return f"Families of {self.model} on {self.dataset}"


def _naming_flag(flag: str, check: Callable[[str], Any], value: str) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"--{flag}: {error}") from error
