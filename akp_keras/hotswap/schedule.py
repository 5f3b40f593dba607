"""A schedule: a list of swaps, each of which says when and what.

Its text form is that of the flags::

    @0 activation=relu loss=binary_crossentropy; @4 activation[conv.*]=tanh; @step:900 loss=hinge

Nothing here imports Keras, apart from `Schedule.check_names` and the configs of objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from akp_keras.hotswap import grammar
from akp_keras.hotswap.calls import Call, check_pattern, parse_call
from akp_keras.hotswap.targets import find_target
from akp_keras.hotswap.when import Epoch, Plateau, Step, When, when_from_config


@dataclass(frozen=True)
class Change:
    """What a swap changes, and to what.

    Attributes:
        target: `activation`, `loss`, `optimizer.learning_rate`, `dropout`, `weights`, `labels`
            or `inputs`.
        value: the new value as text; for an activation or a loss, the name of a Keras function,
            loss class or registered custom object (with arguments in parentheses where it takes
            any), `original`, or the function or object itself.
        pattern: a regular expression that selects layers (for a loss: outputs) by name, by
            class name or by the name of the activation in force; None for all. It must match
            in full.
    """

    target: str
    value: str | Callable[..., Any]
    pattern: str | None = None

    def __post_init__(self) -> None:
        target = find_target(self.target)
        if isinstance(self.value, str):
            # As the grammar does: a space stays between two words.
            tight = re.sub(r"(?<![^\W_]) | (?![^\W_])", "", " ".join(self.value.split()))
            object.__setattr__(self, "value", tight)
        try:
            target.check_value(self.value)
            if self.pattern is not None:
                if not target.takes_pattern:
                    raise ValueError("takes no layer filter")
                check_pattern(self.pattern)
        except ValueError as error:
            raise ValueError(f"{self}: {self.target} {error}") from None

    @property
    def name(self) -> str:
        """The value as text: of a function its name, of an object of Keras its options too."""
        return (
            self.value
            if isinstance(self.value, str)
            else find_target(self.target).text_of(self.value)
        )

    @property
    def call(self) -> Call:
        """The value taken apart: `random(1.0)` is the name `random` with the argument 1.0."""
        return parse_call(self.name)

    def __str__(self) -> str:
        pattern = "" if self.pattern is None else f"[{self.pattern}]"
        return f"{self.target}{pattern}={self.name}"

    def get_config(self) -> dict[str, Any]:
        """Return the attributes as plain JSON types; an object by Keras' serialisation."""
        value = self.value
        if not isinstance(value, str):
            import keras

            value = keras.saving.serialize_keras_object(value)
        return {"target": self.target, "value": value, "pattern": self.pattern}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Change:
        """Return the inverse of `get_config`."""
        value = config["value"]
        if not isinstance(value, str):
            import keras

            value = keras.saving.deserialize_keras_object(value)
        return cls(config["target"], value, config.get("pattern"))


@dataclass(frozen=True)
class Swap:
    """One or more changes at one time.

    Attributes:
        when: an `Epoch`, a `Step` or a `Plateau`.
        changes: what is changed, in order; where two select the same layer, the later one holds.
    """

    when: When
    changes: tuple[Change, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.when, (Epoch, Step, Plateau)):
            raise ValueError(f"when of a swap must be Epoch, Step or Plateau, not {self.when!r}")
        if isinstance(self.changes, (str, Change)):
            raise ValueError(f"changes of swap {self.when} must be a tuple of Change")
        object.__setattr__(self, "changes", tuple(self.changes))
        if not self.changes:
            raise ValueError(f"swap {self.when} changes nothing; say what, as in activation=tanh")
        subjects = set()
        for change in self.changes:
            if not isinstance(change, Change):
                raise ValueError(f"changes of swap {self.when} must be Change, not {change!r}")
            if (change.target, change.pattern) in subjects:
                subject = str(change).partition("=")[0]
                raise ValueError(f"swap {self.when} changes {subject} twice; keep one of the two")
            subjects.add((change.target, change.pattern))

    def __str__(self) -> str:
        return " ".join([str(self.when), *map(str, self.changes)])

    def get_config(self) -> dict[str, Any]:
        """Return the attributes as plain JSON types."""
        return {
            "when": self.when.get_config(),
            "changes": [change.get_config() for change in self.changes],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Swap:
        """Return the inverse of `get_config`."""
        changes = tuple(Change.from_config(change) for change in config["changes"])
        return cls(when_from_config(config["when"]), changes)


@dataclass(frozen=True)
class Schedule:
    """Swaps in order.

    Epochs must rise strictly, and so must steps; a plateau is watched from the swap before it on.
    `str(Schedule.parse(text)) == text`, apart from spaces, leading zeros (`@00`) and options of a
    plateau that are the usual ones (`min_delta=0`); what is printed is printed so again. Functions
    and objects of one's own are printed by name alone, which says enough only if it is registered
    with Keras; `get_config` keeps them.

    Attributes:
        swaps: the swaps, in order; none is a valid schedule, under which nothing changes.
    """

    swaps: tuple[Swap, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.swaps, (str, Swap)):
            raise ValueError(
                "Schedule takes a tuple of Swap; for text, there is Schedule.parse(text)"
            )
        object.__setattr__(self, "swaps", tuple(self.swaps))
        latest: dict[type, Swap] = {}
        for swap in self.swaps:
            if not isinstance(swap, Swap):
                raise ValueError(f"swaps of a schedule must be Swap, not {swap!r}")
            kind = type(swap.when)
            if kind is not Plateau:
                before = latest.get(kind)
                if before is not None and before.when == swap.when:
                    raise ValueError(
                        f"schedule has {swap.when} twice; write all its changes after the first"
                    )
                if before is not None and _number(before.when) > _number(swap.when):
                    raise ValueError(
                        f"schedule is out of order: {swap.when} stands after {before.when}; "
                        f"write the earlier swap first"
                    )
                latest[kind] = swap

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read the text form.

        Args:
            text: `when what…; when what…`. `when` is `@EPOCH`, `@step:N` or
                `@plateau(metric,patience=k)`; `what` is `target=value` or
                `target[pattern]=value`. An empty text is the schedule without swaps.

        Raises:
            ValueError: in one line, what is wrong and where, and what would be right.
        """
        swaps = []
        for when, changes in grammar.parse(text):
            try:
                swaps.append(Swap(when, tuple(Change(*change) for change in changes)))
            except ValueError as error:
                raise ValueError(f"schedule {text!r}: {error}") from None
        try:
            return cls(tuple(swaps))
        except ValueError as error:
            raise ValueError(f"schedule {text!r}: {error}") from None

    @classmethod
    def of(cls, value: str | Schedule | Iterable[Swap] | Mapping[str, Any]) -> Schedule:
        """Return a schedule from any of its forms: text, objects or a config dict.

        Raises:
            ValueError: if it is none of these, or not a valid schedule.
        """
        if isinstance(value, Schedule):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if isinstance(value, Swap):
            return cls((value,))
        if isinstance(value, Mapping):
            return cls.from_config(value)
        if isinstance(value, Iterable):
            return cls(tuple(value))
        raise ValueError(
            f"a schedule must be text, a Schedule, a list of Swap or a config dict, not {value!r}"
        )

    def __str__(self) -> str:
        return "; ".join(map(str, self.swaps))

    def changes(self, target: str) -> tuple[tuple[When, Change], ...]:
        """Return all changes of one target, in order, each with its time.

        Args:
            target: such as `labels`.

        Raises:
            ValueError: if there is no such target.
        """
        find_target(target)
        return tuple(
            (swap.when, change)
            for swap in self.swaps
            for change in swap.changes
            if change.target == target
        )

    def without(self, *targets: str) -> Schedule:
        """Return the schedule less all changes of some targets.

        `HotSwap` refuses `labels`, which the stage that prepares the data applies: give it
        `schedule.without("labels")`.

        Raises:
            ValueError: if there is no such target.
        """
        for target in targets:
            find_target(target)
        swaps = []
        for swap in self.swaps:
            kept = tuple(change for change in swap.changes if change.target not in targets)
            if kept:
                swaps.append(Swap(swap.when, kept))
        return Schedule(tuple(swaps))

    def check_names(self) -> None:
        """Refuse activations and losses that Keras does not know. Imports Keras.

        Raises:
            ValueError: in one line, the unknown name, and the nearest known one.
        """
        for swap in self.swaps:
            for change in swap.changes:
                if change.value == "original":
                    continue
                try:
                    find_target(change.target).check_names(change.value)
                except ValueError as error:
                    raise ValueError(f"schedule {str(self)!r}, swap {swap.when}: {error}") from None

    def get_config(self) -> dict[str, Any]:
        """Return the schedule as plain JSON types."""
        return {"swaps": [swap.get_config() for swap in self.swaps]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Schedule:
        """Return the inverse of `get_config`.

        Raises:
            ValueError: if a key is missing, or the schedule is not valid.
        """
        try:
            swaps = config["swaps"]
            if isinstance(swaps, (str, Mapping)) or not isinstance(swaps, Iterable):
                raise ValueError(f"swaps of a schedule's config must be a list, not {swaps!r}")
            return cls(tuple(Swap.from_config(swap) for swap in swaps))
        except KeyError as error:
            raise ValueError(f"config of a schedule lacks the key {error}") from None
        except (AttributeError, TypeError) as error:
            raise ValueError(f"not the config of a schedule: {error}") from None


def _number(when: Epoch | Step) -> int:
    return when.epoch if isinstance(when, Epoch) else when.step
