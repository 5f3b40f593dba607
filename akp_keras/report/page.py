"""The report of a run: a self-contained page, and its figures as files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.dispersion import AkpOutcome, Outcome
from akp_keras.export.member_record import MemberRecord
from akp_keras.files.whole import write_text
from akp_keras.report import wording
from akp_keras.report.contents import gather_contents, gather_training
from akp_keras.report.illustrations import (
    FIGURES_FOLDER,
    Illustration,
    illustrate_comparison,
    illustrate_training,
)

PAGE_FILE = "index.html"


def write_report(
    folder: str | os.PathLike[str],
    *,
    title: str,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    outcomes: Mapping[tuple[str, str], Outcome],
    settings: Mapping[str, str],
    control: str = "control",
    data_description: str,
    tensorboard_command: str | None = None,
    primary_measure: str | None = None,
    principle: Mapping[tuple[str, str], AkpOutcome] | None = None,
    leading_measure: str | None = None,
) -> Path:
    """Write `index.html` and the figures beside it.

    The page loads nothing from elsewhere. The same arguments write the same bytes. Every file is
    written atomically, the page last.

    Args:
        folder: folder to write into; created if it is missing.
        title: heading of the page.
        members: records of the trained members; a member without a finite `test_accuracy`
            counts as failed. Members of the matrices need no record.
        matrices: one similarity matrix per layer and measure, layers in the order of the networks.
        outcomes: (layer, measure) -> outcome of the test, for every matrix.
        settings: flag -> resolved value.
        control: the family to which the others are compared.
        data_description: one or two sentences; says whether the data is synthetic.
        tensorboard_command: command to show, or None.
        primary_measure: the measure of the verdict's sentences and the table of families; by
            default that of the first matrix.
        principle: (layer, measure) -> outcome of the test across families; None where it was not
            made.
        leading_measure: the measure whose sentences on it are shown first; by default the primary.

    Returns:
        Path of the page.

    Raises:
        ValueError: if there is no matrix, two have the same layer and measure, a layer under a
            measure lacks its matrix or outcome, or no matrix has the primary measure.
        OSError: if the folder cannot be written.
    """
    contents = gather_contents(
        members, matrices, outcomes, control, primary_measure, principle or {}
    )
    leading = leading_measure or contents.measures[0]
    illustrations = {key: illustrate_comparison(contents, *key) for key in contents.comparisons}
    training = illustrate_training(contents)
    return _write(
        Path(folder),
        "page.html.jinja",
        [*training, *(item for row in illustrations.values() for item in row)],
        title=title,
        contents=contents,
        illustrations=illustrations,
        training=training,
        settings=settings,
        data_description=data_description,
        tensorboard_command=tensorboard_command,
        sentences=[
            outcome.across.sentence
            for (_, measure), outcome in contents.principle.items()
            if measure == leading
        ],
    )


def write_training_report(
    folder: str | os.PathLike[str],
    *,
    title: str,
    members: Sequence[MemberRecord],
    settings: Mapping[str, str],
    control: str,
    data_description: str,
    reason: str,
) -> Path:
    """Write a page of members that cannot be compared: accuracies and training curves.

    Args:
        folder: as in `write_report`.
        title: as in `write_report`.
        members: as in `write_report`.
        settings: as in `write_report`.
        control: as in `write_report`.
        data_description: as in `write_report`.
        reason: why nothing can be compared.

    Returns:
        Path of the page.
    """
    contents = gather_training(members, control)
    training = illustrate_training(contents)
    return _write(
        Path(folder),
        "training.html.jinja",
        training,
        title=title,
        contents=contents,
        training=training,
        settings=settings,
        data_description=data_description,
        reason=reason,
    )


def _write(folder: Path, template: str, figures: Iterable[Illustration], **contents: Any) -> Path:
    html = _environment().get_template(template).render(contents)
    _write_figures(folder, figures)
    page = folder / PAGE_FILE
    write_text(page, html)
    return page


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("akp_keras.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["wording"] = wording
    return environment


def _write_figures(folder: Path, illustrations: Iterable[Illustration]) -> None:
    """Write the figures' files, and remove files of an earlier report that this one lacks."""
    (folder / FIGURES_FOLDER).mkdir(parents=True, exist_ok=True)
    written = set()
    for illustration in illustrations:
        path = folder / illustration.file
        write_text(path, f'<?xml version="1.0" encoding="utf-8"?>\n{illustration.svg}\n')
        written.add(path)
    for path in (folder / FIGURES_FOLDER).glob("*.svg"):
        if path not in written:
            path.unlink()
