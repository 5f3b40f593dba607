"""A run directory as an object: DataFrames, figures and verdicts."""

from __future__ import annotations

import functools
import importlib
import math
import os
import shlex
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from akp_keras.comparison import SimilarityMatrix
from akp_keras.executors import limit_linear_algebra
from akp_keras.export import MemberRecord
from akp_keras.hints import hint
from akp_keras.hotswap import Schedule
from akp_keras.settings import Experiment, Running, declarations
from akp_keras.steps.inputs import read_compared
from akp_keras.steps.local import run_steps, unfinished_step
from akp_keras.steps.principle import Principle, leading_measure, read_principle
from akp_keras.steps.run_directory import RunDirectory
from akp_keras.steps.verdicts import Outcomes, read_outcomes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from akp_keras.report.contents import Contents


def run_experiment(**settings: Any) -> Run:
    """Run an experiment with this process and its workers; resume or extend an earlier run.

    Example:
        ```python
        import akp_keras

        if __name__ == "__main__":  # workers import this file again
            run = akp_keras.run_experiment(
                families={
                    "control": "@0 activation=relu loss=binary_crossentropy",
                    "late_tanh": "@0 activation=relu loss=binary_crossentropy; @6 activation=tanh",
                },
                dataset="wisconsin_breast_cancer",
                model="mlp",
                run_dir="RUN",
            )
            print(run.verdicts)
        ```

    Args:
        **settings: every setting of `akp run --help` by its name, except that families are
            `families`: name -> schedule.

    Returns:
        The finished run.

    Raises:
        ValueError: in one line that names the setting, what is wrong, and what is valid.
        TypeError: if a name is not that of a setting.
    """
    limit_linear_algebra()
    known = {
        group: {declared.name for declared in declarations(group)}
        for group in (Experiment, Running)
    }
    names = set().union(*known.values())
    for name in settings:
        if name not in names:
            raise TypeError(f"run_experiment has no setting {name!r}; {hint(name, names)}")
    experiment, running = (
        group(**{name: value for name, value in settings.items() if name in known[group]})
        for group in (Experiment, Running)
    )
    return Run(run_steps(experiment, running).root)


def open_run(path: str | Path) -> Run:
    """Open a finished run.

    Args:
        path: the run directory.

    Raises:
        ValueError: in one line, if it is not a run directory, or the run is not finished.
    """
    if not Path(path).is_dir():
        raise ValueError(f"{path} is not a folder; name the run directory of an experiment")
    run = Run(path)
    if step := unfinished_step(run.directory, run.settings):
        raise ValueError(
            f"{path} is not finished: {step} has yet to run with its settings; run the experiment "
            "again to resume it"
        )
    return run


class Run:
    """A finished run: its results as pandas DataFrames, and as matplotlib Figures in `plot`.

    Results are read at their first use, and cached.

    Attributes:
        directory: paths of its files.
        settings: the settings that its results depend on.
    """

    def __init__(self, path: str | Path) -> None:
        self.directory = RunDirectory(path)
        self.settings: Experiment = self.directory.read_experiment()

    def __repr__(self) -> str:
        settings = self.settings
        return (
            f"<Run {str(self.directory.root)!r}: {len(settings.families)} families, "
            f"{len(settings.planned_members())} members, {settings.model} on {settings.dataset}>"
        )

    @functools.cached_property
    def members(self) -> pd.DataFrame:
        """One row per member: name, family, seed, schedule, metrics, epochs and swaps."""
        return pd.DataFrame(
            [
                {
                    "member": record.name,
                    "family": record.family,
                    "seed": record.seed,
                    "schedule": record.schedule,
                    **record.metrics,
                    "epochs": len(next(iter(record.history.values()), ())),
                    "swaps": len(record.swaps),
                }
                for record in self.records
            ]
        )

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """One row per member and epoch: Keras' history."""
        return pd.DataFrame(
            [
                {"member": record.name, "family": record.family, "seed": record.seed}
                | {"epoch": epoch}
                | dict(zip(record.history, values, strict=True))
                for record in self.records
                for epoch, values in enumerate(zip(*record.history.values(), strict=True))
            ]
        )

    @functools.cached_property
    def dispersion(self) -> pd.DataFrame:
        """One row per layer, measure and family.

        `dispersion` is the mean distance to the family's centroid, in the unit of the distances.
        `ratio` is its ratio to that of the control, with the bounds `low` and `high` of its
        interval of level `1 - alpha`. NaN stands for missing values.
        """
        rows = []
        for (layer, measure), outcome in self.outcomes.items():
            for family, size in outcome.sizes.items():
                low, centre, high = _ratio(outcome.ratios.get(family))
                rows.append(
                    {
                        "layer": layer,
                        "measure": measure,
                        "family": family,
                        "members": size,
                        "generalisation": (outcome.generalisation or {}).get(family, math.nan),
                        "unhappy": family in outcome.unhappy,
                        "dispersion": outcome.dispersion[family],
                        "ratio": centre,
                        "low": low,
                        "high": high,
                    }
                )
        return pd.DataFrame(rows).astype({"dispersion": float})

    @functools.cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row per layer, measure, kind of stress and estimand, with its verdict and sentence.

        The estimands are `across` (models of different families, the paper's question), `between`
        (the families' centroids) and `within` (the seeds of a family); the kind `all` is over all
        families. `statistic` is Spearman's ρ of spread and generalisation over families,
        `pvalue` is adjusted for all that was tested together, and `ratio` is the ratio of spread
        for a loss of 10 points of accuracy, with the ends of its interval.
        """
        rows = []
        for (layer, measure), outcome in self.principle.items():
            for kind, findings in {"all": outcome, **outcome.kinds}.items():
                for estimand in ("across", "between", "within"):
                    finding = getattr(findings, estimand)
                    effect = finding.effect
                    low, high = effect.interval if effect and effect.interval else (None, None)
                    rows.append(
                        {
                            "layer": layer,
                            "measure": measure,
                            "kind": kind,
                            "estimand": estimand,
                            "verdict": finding.verdict,
                            "statistic": finding.statistic,
                            "pvalue": finding.adjusted_pvalue,
                            "ratio": effect and effect.ratio,
                            "low": low,
                            "high": high,
                            "qualifiers": "; ".join(finding.qualifiers),
                            "sentence": finding.sentence,
                        }
                    )
        numbers = ("statistic", "pvalue", "ratio", "low", "high")
        return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))

    @functools.cached_property
    def tests(self) -> pd.DataFrame:
        """One row per layer and measure: the permutation test of dispersions within families.

        `statistic` and `pvalue` belong to the test for differences (PERMDISP's F), `rho` and
        `rho_pvalue` to the association with generalisation; both p-values are adjusted for the
        layers and measures tested.
        """
        return pd.DataFrame(
            [
                {
                    "layer": layer,
                    "measure": measure,
                    "verdict": outcome.verdict,
                    "reason": outcome.reason,
                    "statistic": outcome.statistic,
                    "pvalue": outcome.adjusted_pvalue,
                    "rho": outcome.association and outcome.association.statistic,
                    "rho_pvalue": outcome.association and outcome.association.adjusted_pvalue,
                }
                for (layer, measure), outcome in self.outcomes.items()
            ]
        )

    def similarity(self, layer: str, measure: str | None = None) -> pd.DataFrame:
        """Return the measure of all pairs, members × members.

        Args:
            layer: name of a tapped layer.
            measure: id of a measure of the run; by default the leading one.

        Raises:
            ValueError: if the layer or measure is not in the run.
        """
        matrix = self.matrices[self._key(layer, measure)]
        return pd.DataFrame(matrix.values, matrix.members, matrix.members)

    def distances(self, layer: str, measure: str | None = None) -> pd.DataFrame:
        """Return the distance form of the measure, members × members; see `similarity`."""
        matrix = self.matrices[self._key(layer, measure)]
        return pd.DataFrame(matrix.distances, matrix.members, matrix.members)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the tapped layers, from input to output."""
        return tuple(dict.fromkeys(layer for layer, _ in self.outcomes))

    @property
    def plot(self) -> Plot:
        """The report's figures, as matplotlib Figures."""
        return Plot(self)

    @functools.cached_property
    def records(self) -> tuple[MemberRecord, ...]:
        """The members' records, in the order of the matrices."""
        return self._compared[0]

    @functools.cached_property
    def matrices(self) -> dict[tuple[str, str], SimilarityMatrix]:
        """(layer, measure) -> matrix."""
        return {(matrix.layer, matrix.measure): matrix for matrix in self._compared[1]}

    @functools.cached_property
    def outcomes(self) -> Outcomes:
        """(layer, measure) -> outcome of the test."""
        return read_outcomes(self.directory.dispersion)

    @functools.cached_property
    def principle(self) -> Principle:
        """(layer, measure) -> verdicts across, between and within families, with all details."""
        return read_principle(self.directory.principle)

    @functools.cached_property
    def failed(self) -> dict[str, str]:
        """Member -> why it could not be compared at some layer, or has no test accuracy."""
        failed = {
            record.name: "no finite test accuracy"
            for record in self.records
            if not math.isfinite(record.metrics.get("test_accuracy", math.nan))
        }
        for matrix in reversed(self.matrices.values()):
            failed |= {
                name: f"{matrix.layer} is {reason}" for name, reason in matrix.excluded.items()
            }
        return failed

    def summary(self) -> str:
        """Return the table of results, notes on it, and the places of report and TensorBoard."""
        from akp_keras.report import format_table

        settings, directory = self.settings, self.directory
        leading = settings.measures[0]
        table = format_table(self.records, self.outcomes, leading, control=settings.control)
        log = shlex.quote(str(directory.tensorboard))
        return "\n".join(
            [
                "",
                *(f"{sentence}\n" for sentence in self._sentences()),
                table,
                "",
                *(f"{note}\n" for note in self._notes()),
                f"Report:       {directory.report / 'index.html'}",
                f"TensorBoard:  {shlex.quote(_tensorboard_program())} --logdir {log}",
            ]
        )

    @functools.cached_property
    def _compared(self) -> tuple[tuple[MemberRecord, ...], list[SimilarityMatrix]]:
        places = [self.directory.member(member.name) for member in self.settings.planned_members()]
        records, matrices = read_compared(places, self.directory.similarity, self.settings.measures)
        return tuple(records.values()), matrices

    def _key(self, layer: str, measure: str | None) -> tuple[str, str]:
        measures = self.settings.measures
        for what, name, known in (
            ("layer", layer, self.layers),
            ("measure", measure or measures[0], measures),
        ):
            if name not in known:
                raise ValueError(f"the run has no {what} {name!r}; {hint(name, known)}")
        return layer, measure or measures[0]

    def _sentences(self) -> list[str]:
        leading = leading_measure(self.settings.measures)
        sentences = [self.principle[layer, leading].across.sentence for layer in self.layers]
        return [textwrap.fill(sentence, 100, subsequent_indent="    ") for sentence in sentences]

    def _notes(self) -> list[str]:
        outcomes = [*self.principle.values(), *self.outcomes.values()]
        notes = list(dict.fromkeys(note for outcome in outcomes for note in outcome.cautions))
        unswapped = Counter(
            member.family
            for member in self.records
            if len(member.swaps)
            < sum(len(swap.changes) for swap in Schedule.parse(member.schedule).swaps)
        )
        notes += [
            f"{family}: in {count} members a swap never happened: its plateau was not reached."
            for family, count in unswapped.items()
        ]
        return [textwrap.fill(note, 100, subsequent_indent="    ") for note in notes]


class Plot:
    """Figures of a run: each method returns a matplotlib Figure, as the report shows it.

    Args:
        run: a finished run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def spread(self, layer: str, measure: str | None = None) -> Figure:
        """Draw the spread across families against test accuracy, one point per family."""
        from akp_keras.report import illustrations as report

        outcome = self._run.principle[self._run._key(layer, measure)]
        return self._draw(
            lambda contents: report.draw_spread_chart(
                outcome.across.spread,
                outcome.generalisation,
                contents.styles,
                slope=outcome.across.effect and outcome.across.effect.slope,
            )
        )

    def dispersion(self, layer: str, measure: str | None = None) -> Figure:
        """Draw the members' distances to their centroids, and the ratios to the control."""
        from akp_keras.report import illustrations as report

        outcome = self._run.outcomes[self._run._key(layer, measure)]
        return self._draw(
            lambda contents: report.draw_dispersion_chart(
                report.distances_by_family(outcome),
                report.log_ratios(outcome),
                report.dispersed(outcome, contents.styles),
                confidence=1 - outcome.alpha,
            )
        )

    def map(self, layer: str, measure: str | None = None) -> Figure:
        """Draw a map of the members by classical scaling of their distances."""
        from akp_keras.report import illustrations as report

        matrix = self._run.matrices[self._run._key(layer, measure)]
        return self._draw(lambda contents: report.draw_mds_map(matrix, contents.styles))

    def similarity(self, layer: str, measure: str | None = None) -> Figure:
        """Draw the measure of all pairs as a heat map."""
        from akp_keras.report import illustrations as report

        matrix = self._run.matrices[self._run._key(layer, measure)]
        return self._draw(lambda contents: report.draw_heat_map(matrix, contents.styles))

    def generalisation(self, layer: str, measure: str | None = None) -> Figure:
        """Draw test accuracy against dispersion, one point per family."""
        from akp_keras.report import illustrations as report

        outcome = self._run.outcomes[self._run._key(layer, measure)]
        return self._draw(
            lambda contents: report.draw_generalisation_chart(
                contents.summaries,
                report.distances_by_family(outcome),
                report.dispersed(outcome, contents.styles),
                confidence=1 - outcome.alpha,
            )
        )

    def training(self, metric: str = "val_accuracy") -> Figure:
        """Draw a metric of Keras' history after each epoch, one panel per family."""
        from akp_keras.report import illustrations as report

        if metric not in self._run.history:
            known = self._run.history.columns[4:]
            raise ValueError(f"the history has no metric {metric!r}; {hint(metric, known)}")
        return self._draw(
            lambda contents: report.draw_training_curves(
                contents.members,
                contents.styles,
                metric=metric,
                label=metric.replace("_", " "),
                common_scale=True,
            )
        )

    def _draw(self, draw: Callable[[Contents], Figure]) -> Figure:
        import matplotlib.style
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        from akp_keras.report.contents import gather_contents
        from akp_keras.report.svg import STYLE

        if "IPython" in sys.modules:
            # A notebook shows figures made without pyplot only after this import.
            importlib.import_module("matplotlib_inline.backend_inline")
        run = self._run
        contents = gather_contents(
            run.records,
            list(run.matrices.values()),
            run.outcomes,
            run.settings.control,
            run.settings.measures[0],
            run.principle,
        )
        with matplotlib.style.context(["default", STYLE]):
            figure = draw(contents)
        figure.set_facecolor("white")
        FigureCanvasAgg(figure)
        return figure


def _ratio(ratio: Any) -> tuple[float, float, float]:
    """Return lower bound, ratio and upper bound; NaN for those that are missing."""
    if ratio is None or ratio.log_ratio is None:
        return math.nan, math.nan, math.nan
    low, high = ratio.interval or (math.nan, math.nan)
    return math.exp(low), math.exp(ratio.log_ratio), math.exp(high)


def _tensorboard_program() -> str:
    """Return the command to type: the program lies next to this Python, perhaps off the path."""
    program = Path(sys.executable).with_name("tensorboard")
    if not program.exists() or shutil.which("tensorboard") == str(program):
        return "tensorboard"
    return os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)
