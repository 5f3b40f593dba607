"""The SavedModels that are compared, and their names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from akp_keras.export.member_record import family_of
from akp_keras.export.saved_model import DESCRIPTION_FILE, read_description
from akp_keras.failures import one_line
from akp_keras.files.below import files_below
from akp_keras.hints import hint
from akp_keras.natural_order import natural_order

_COLUMNS = ("uri", "family", "member")
_TABLES = (".csv", ".parquet")
_FILE = "saved_model.pb"


@dataclass(frozen=True)
class NamedModel:
    """A SavedModel with its name.

    Attributes:
        name: unique name; `<family>/<member>` if there is a family.
        family: name of the family, or "" if unknown.
        path: folder of the SavedModel.
    """

    name: str
    family: str
    path: Path


def find_saved_models(
    sources: str | Path | Sequence[str | Path] | Mapping[str, str | Path],
    families: Sequence[str] = (),
    *,
    beside: str | Path | Sequence[str | Path] | Mapping[str, str | Path] = (),
    least: int = 2,
) -> tuple[NamedModel, ...]:
    """Find and name the SavedModels to compare.

    A member of an experiment has the name `<family>/<seed>` of its `assets.extra/akp.json`. The
    name of any other model is its path, without the folders that all paths have in common at the
    start and at the end; the part before the last `/` is its family. A table or a mapping sets
    the names itself.

    Args:
        sources: folders of SavedModels, folders above them, and patterns of such folders as in
            a shell (expanded in natural order: 2 before 10), and tables (.csv or .parquet) with
            the columns `uri`, `family` and `member`, where a relative uri is relative to the
            table's folder; or a mapping from name to folder. Links are followed.
        families: families in the order of the result, each with its members in natural order;
            other families follow. By default the order is that of the sources.
        beside: sources of further models, from which names distinguish these as well.
        least: 1 or 2, the least number of models.

    Returns:
        The models.

    Raises:
        ValueError: in one line that names the source, if it is not a SavedModel, there are fewer
            models than `least`, two models share a name, or a model is named twice.
    """
    if isinstance(sources, Mapping):
        models = [NamedModel(name, family_of(name), _local(uri)) for name, uri in sources.items()]
    else:
        models = _from_sources(sources, beside)
    for model in models:
        _check_folder(model.path)
        _check_text(model)
    if len(models) < least:
        present = models[0].path if models else "none"
        needed = "two SavedModels are" if least > 1 else "one SavedModel is"
        raise ValueError(f"at least {needed} needed for a comparison, got {present}")
    _refuse_twice(models)
    return tuple(_by_family(models, families) if families else models)


def _refuse_twice(models: Sequence[NamedModel]) -> None:
    names: dict[Path, NamedModel] = {}
    paths: dict[str, Path] = {}
    for model in models:
        same = names.setdefault(model.path.resolve(), model)
        if same is not model:
            also = (
                f", as {same.name!r} and {model.name!r}"
                if same.name != model.name
                else f", as {same.path} too"
                if same.path != model.path
                else ""
            )
            raise ValueError(f"SavedModel {model.path} is given twice{also}")
        if model.name in paths:
            raise ValueError(
                f"two SavedModels have the name {model.name!r}: {paths[model.name]} and "
                f"{model.path}; name them in a table with the columns {', '.join(_COLUMNS)}"
            )
        paths[model.name] = model.path


def _check_text(model: NamedModel) -> None:
    try:
        f"{model.name}{model.path.absolute()}".encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"SavedModel {str(model.path)!a}: the folder's name is not UTF-8 text; rename it"
        ) from error


def _check_folder(path: Path) -> None:
    if not (path / _FILE).is_file():
        if path.is_dir():
            reason = f"it has no {_FILE}"
        else:
            reason = "it is a file" if path.is_file() else "the folder does not exist"
        raise ValueError(f"{path} is not a SavedModel: {reason}")


def _by_family(models: Sequence[NamedModel], families: Sequence[str]) -> list[NamedModel]:
    present = list(dict.fromkeys(model.family for model in models))
    named = [family for family in present if family]
    for family in families:
        if family not in present:
            known = hint(family, named) if named else "no SavedModel names its family"
            raise ValueError(f"no SavedModel is of the family {family!r}; {known}")
    order = [*families, *(family for family in present if family not in families)]
    return sorted(models, key=lambda model: (order.index(model.family), natural_order(model.name)))


def _from_sources(
    sources: str | Path | Iterable[str | Path],
    beside: str | Path | Iterable[str | Path] | Mapping[str, str | Path],
) -> list[NamedModel]:
    models = _collect(sources)
    others = [] if isinstance(beside, Mapping) else _collect(beside)
    names = _names([model for model in (*models, *others) if isinstance(model, Path)])
    return [
        NamedModel(*names[model], path=model) if isinstance(model, Path) else model
        for model in models
    ]


def _collect(sources: str | Path | Iterable[str | Path]) -> list[NamedModel | Path]:
    """Return the models of tables, and the folders of all others."""
    models: list[NamedModel | Path] = []
    for source in [sources] if isinstance(sources, str | Path) else sources:
        text = str(source)
        if Path(text).suffix in _TABLES and not Path(text).is_dir():
            models += _read_table(Path(text))
        elif not glob.has_magic(text) or Path(text).is_dir():
            models += _below(_local(text))
        else:
            # `Path.glob` takes no absolute patterns.
            matched = sorted(glob.glob(text, recursive=True), key=natural_order)  # noqa: PTH207
            if not matched:
                raise ValueError(f"no SavedModel matches {text!r}")
            for path in matched:
                models += _below(Path(path))
    return models


def _below(path: Path) -> list[Path]:
    """Return the SavedModels that a folder is or holds, without unfinished ones."""
    if (path / _FILE).is_file():
        return [path]
    folders = [
        file.parent
        for file in (files_below(path) if path.is_dir() else ())
        if file.name == _FILE
        and not any(part.endswith(".unfinished") for part in file.relative_to(path).parts)
    ]
    if not folders:
        _check_folder(path)
    return sorted(folders, key=lambda folder: natural_order(str(folder)))


def _names(paths: Sequence[Path]) -> dict[Path, tuple[str, str]]:
    """Return folder -> (name, family), for the folders that are not named by a table."""
    names = {path: described for path in paths if (described := _described(path))}
    parts = {path: path.absolute().parts for path in paths if path not in names}
    if len(parts) == 1:
        (path,) = parts
        return {**names, path: (path.name, "")}
    first = _common(list(parts.values()))
    last = _common([own[len(first) :][::-1] for own in parts.values()])
    for path, own in parts.items():
        name = "/".join(own[len(first) : len(own) - len(last)]) or path.name
        names[path] = (name, family_of(name))
    return names


def _described(path: Path) -> tuple[str, str] | None:
    """Return name and family from `assets.extra/akp.json`, or None if it does not hold them."""
    if not (path / DESCRIPTION_FILE).is_file():
        return None
    description = read_description(path)
    if not {"family", "seed"} <= set(description):
        return None
    family = str(description["family"])
    return f"{family}/{description['seed']}", family


def _common(sequences: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    if not sequences:
        return ()
    smallest, largest = min(sequences), max(sequences)
    for index, (low, high) in enumerate(zip(smallest, largest, strict=False)):
        if low != high:
            return smallest[:index]
    return smallest[: len(largest)]


def _read_table(path: Path) -> list[NamedModel]:
    if not path.is_file():
        raise ValueError(f"no table of SavedModels at {path}")
    try:
        if path.suffix == ".csv":
            # Everything is text: a member 007 is not a number.
            names = pyarrow.csv.open_csv(path).schema.names
            table = pyarrow.csv.read_csv(
                path,
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={name: pa.string() for name in names}, strings_can_be_null=False
                ),
            )
        else:
            table = pyarrow.parquet.read_table(path)
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            raise ValueError(
                f"table {path} has no column {missing[0]!r}; it has "
                f"{', '.join(map(repr, table.column_names))}, and {', '.join(_COLUMNS)} are needed"
            )
        rows = [
            [value or "" for value in table[name].cast(pa.string()).to_pylist()]
            for name in _COLUMNS
        ]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise ValueError(f"table {path} cannot be read ({one_line(error)})") from error
    models = []
    for number, (uri, family, member) in enumerate(zip(*rows, strict=True), start=1):
        if not uri or not member:
            raise ValueError(f"table {path} has no {'member' if uri else 'uri'} in row {number}")
        # Both ways to write a member are met: with its family before it and without.
        full = member if not family or member.startswith(f"{family}/") else f"{family}/{member}"
        # A table goes with its models: what is relative is so to its folder.
        try:
            folder = path.parent / _local(uri)
            _check_folder(folder)
        except ValueError as error:
            raise ValueError(f"table {path}, row {number}: {error}") from error
        models.append(NamedModel(full, family, folder))
    if not models:
        raise ValueError(f"table {path} has no rows, only a header")
    return models


def _local(uri: str | Path) -> Path:
    text = os.fspath(uri)
    if "://" not in text:
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ValueError(f"{text} is not on this machine; mount it or copy it here first")
    return Path(unquote(parts.path))
