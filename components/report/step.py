"""The step as a plain function."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from akp_keras.command_line import split_identifiers
from akp_keras.comparison.unfinished_folder import whole_folder
from akp_keras.experiment.run_directory import read_json
from akp_keras.experiment.verdicts import read_outcomes
from akp_keras.report import write_report
from components.inputs import file_in, in_order_of, read_matrices, read_members


def report(
    matrices: str | Path,
    members: Sequence[str | Path],
    outcome: str | Path,
    data: str | Path,
    output: str | Path,
    log: str | Path | None = None,
    *,
    title: str,
    control: str,
    settings: str = "{}",
    measures: str = "",
) -> Path:
    """Writes the page of an experiment.

    Args:
        matrices: folder with `<layer>/<measure>.npz`.
        members: folders of the members, or of their families, or patterns.
        outcome: `dispersion.json`, or the folder that holds it.
        data: `data.json` of a probe set or `experiment.json` of a run, or a folder that holds
            `data.json`: what the page says about the data.
        output: the folder to write: `index.html` and its figures.
        log: TensorBoard's log directory; the page then says how to open it.
        title: heading of the page.
        control: name of the control family.
        settings: a JSON object, flag -> text, that the page shows.
        measures: ids of measures with commas between, the leading one first; empty for all.

    Returns:
        The page.

    Raises:
        ValueError: in one line that names the flag or file and what would be right.
    """
    found = read_members(members)
    compared = read_matrices(matrices, list(found.values()), split_identifiers(measures))
    families = list(dict.fromkeys(member.family for member in found.values()))
    if control not in families:
        raise ValueError(f"--control={control} is no family; there are {', '.join(families)}")
    with whole_folder(output) as folder:
        page = write_report(
            folder,
            title=title,
            members=list(in_order_of(compared, found).values()),
            matrices=compared,
            outcomes=read_outcomes(file_in(outcome, "dispersion.json")),
            settings=_settings(settings),
            control=control,
            data_description=_description(file_in(data, "data.json")),
            tensorboard_command=f"tensorboard --logdir {shlex.quote(str(log))}" if log else None,
            primary_measure=compared[0].measure,
        )
    return Path(output) / page.name


def _settings(text: str) -> dict[str, str]:
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"--settings={text} is no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"--settings={text} must be a JSON object, flag to text")
    return {flag: str(value) for flag, value in settings.items()}


def _description(path: Path) -> str:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), str):
        raise ValueError(f"--data={path} says nothing under 'data'; name a data.json")
    return content["data"]
