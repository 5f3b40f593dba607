import json
import os

import pyarrow as pa
import pyarrow.parquet
import pytest

from akp_keras.comparison.saved_models import NamedModel, find_saved_models


@pytest.fixture
def place(tmp_path):
    """Makes a folder that looks like a SavedModel: nothing here loads one."""

    def make(name, **description):
        path = tmp_path / name
        path.mkdir(parents=True)
        (path / "saved_model.pb").touch()
        if description:
            (path / "assets.extra").mkdir()
            (path / "assets.extra" / "akp.json").write_text(
                json.dumps({"format_version": 1, "layers": [], **description})
            )
        return path

    return make


def names(*sources, **asked):
    return [model.name for model in find_saved_models(list(map(str, sources)), **asked)]


def test_members_are_called_as_they_say_themselves(place, tmp_path):
    for seed in (0, 2, 10):
        place(f"members/control/{seed}/saved_model", family="control", seed=seed)
    pattern = tmp_path / "members/*/*/saved_model"
    assert names(pattern) == ["control/0", "control/2", "control/10"]
    assert find_saved_models(str(pattern))[0] == NamedModel(
        "control/0", "control", tmp_path / "members/control/0/saved_model"
    )
    assert names(tmp_path / "members") == names(pattern), "a folder above them holds them"
    assert names(tmp_path / "members/*/*") == names(pattern)


def test_others_are_called_by_what_tells_their_paths_apart(place, tmp_path):
    for name in ("a/1", "a/2", "b/1"):
        place(f"exports/{name}/saved_model")
    found = find_saved_models(str(tmp_path / "exports/*/*/saved_model"))
    assert [(model.name, model.family) for model in found] == [
        ("a/1", "a"),
        ("a/2", "a"),
        ("b/1", "b"),
    ]
    assert names(tmp_path / "exports/a/1/saved_model", tmp_path / "exports/a/2/saved_model") == [
        "1",
        "2",
    ]
    place("members/control/0", family="control", seed=0)
    assert names(tmp_path / "members", tmp_path / "exports/b") == ["control/0", "saved_model"]


def test_names_tell_models_apart_from_those_beside_them(place, tmp_path):
    first, second = place("a/saved_model"), place("b/saved_model")
    assert names(first, least=1) == ["saved_model"]
    assert names(first, beside=second, least=1) == ["a"]
    assert names(second, beside=[first], least=1) == ["b"]
    assert names(first, beside=first, least=1) == ["saved_model"]
    assert names(first, beside={"other": second}, least=1) == ["saved_model"]


def test_unfinished_models_are_left_alone(place, tmp_path):
    for name in ("a", "b", "c.12.unfinished/d"):
        place(f"exports/{name}")
    assert names(tmp_path / "exports") == ["a", "b"]


def test_families_come_in_the_order_wanted(place, tmp_path):
    for family in ("control", "tanh", "pulse"):
        for seed in (10, 2):
            place(f"members/{family}/{seed}", family=family, seed=seed)
    assert names(tmp_path / "members", families=["tanh", "control"]) == [
        *("tanh/2", "tanh/10", "control/2", "control/10", "pulse/2", "pulse/10"),
    ]
    with pytest.raises(ValueError, match=r"family 'tahn'; did you mean 'tanh'\?"):
        names(tmp_path / "members", families=["tahn"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_names_its_own(place, tmp_path, suffix):
    rows = {
        "uri": [str(place("x")), f"file://{place('y z')}", str(place("w"))],
        "family": ["one", "two", ""],
        "member": ["007", "two/8", "9"],
        "accuracy": [0.5, 0.25, 1.0],
    }
    path = tmp_path / f"models{suffix}"
    if suffix == ".csv":
        lines = [",".join(map(str, row)) for row in zip(*rows.values(), strict=True)]
        path.write_text("\n".join([",".join(rows), *lines]))
    else:
        pyarrow.parquet.write_table(pa.table(rows), path)
    models = find_saved_models(path)
    assert [(model.name, model.family) for model in models] == [
        ("one/007", "one"),
        ("two/8", "two"),
        ("9", ""),
    ]
    assert models[1].path == tmp_path / "y z"


def test_a_relative_uri_is_relative_to_the_folder_of_its_table(place, tmp_path, monkeypatch):
    place("models/x")
    place("models/y")
    (tmp_path / "models" / "models.csv").write_text("uri,family,member\nx,f,1\n../models/y,f,2\n")
    monkeypatch.chdir("/")
    models = find_saved_models(tmp_path / "models" / "models.csv")
    assert [model.path.resolve() for model in models] == [tmp_path / "models" / n for n in "xy"]


def test_one_folder_under_two_names_is_refused(place, tmp_path):
    first, second = place("first"), place("second")
    table = tmp_path / "models.csv"
    table.write_text(f"uri,family,member\n{first},f,1\n{second},f,2\nx/../first,f,3\n")
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError, match=r"first is given twice, as 'f/1' and 'f/3'"):
        find_saved_models(table)
    (tmp_path / "link").symlink_to(first)
    with pytest.raises(ValueError, match="link is given twice, as 'first' and 'link'"):
        names(first, second, tmp_path / "link")


def test_links_are_followed_but_not_in_circles(place, tmp_path):
    place("elsewhere/c/saved_model")
    place("elsewhere/d")
    place("models/a")
    (tmp_path / "models" / "b").symlink_to(place("elsewhere/b"))
    (tmp_path / "models" / "more").symlink_to(tmp_path / "elsewhere" / "c")
    (tmp_path / "models" / "again").symlink_to(tmp_path / "models")
    assert names(tmp_path / "models") == ["a", "b", "more/saved_model"]
    (tmp_path / "models" / "lost").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="models/lost is broken"):
        names(tmp_path / "models")


def test_a_folder_whose_name_is_not_text_is_named(place, tmp_path):
    place("models/a")
    place(f"models/{os.fsdecode(bytes([0xFF]))}")
    with pytest.raises(ValueError, match=r"models/.udcff': the folder's name is not UTF-8 text"):
        names(tmp_path / "models")


def test_a_mapping_names_its_own(place):
    models = find_saved_models({"f/a": place("x"), "g/b": str(place("y"))})
    assert [(model.name, model.family) for model in models] == [("f/a", "f"), ("g/b", "g")]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("uri,member\nx,1\n", r"has no column 'family'; it has 'uri', 'member'"),
        ("", "cannot be read"),
        ("uri,family,member\n,a,1\n", "has no uri in row 1"),
        ("uri,family,member\nx,a,\n", "has no member in row 1"),
        ("uri,family,member\ngs://bucket/x,a,1\n", "gs://bucket/x is not on this machine"),
        (
            "uri,family,member\nnowhere,a,1\n",
            r"models\.csv, row 1: .*/nowhere is not a SavedModel: the folder does not",
        ),
        ("uri,family,member\n", "has no rows, only a header"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path, table, message):
    path = tmp_path / "models.csv"
    path.write_text(table)
    with pytest.raises(ValueError, match=message) as refusal:
        find_saved_models(path)
    assert "\n" not in str(refusal.value)


def test_what_cannot_be_compared_is_refused(place, tmp_path):
    first = place("first", family="control", seed=0)
    second = place("second", family="control", seed=0)
    with pytest.raises(ValueError, match=r"no SavedModel matches .*none"):
        names(tmp_path / "none*")
    with pytest.raises(ValueError, match=r"at least two SavedModels .*, got .*first"):
        names(first)
    with pytest.raises(ValueError, match=r"at least two SavedModels .*, got none"):
        find_saved_models([])
    with pytest.raises(ValueError, match=r"at least one SavedModel is needed .*, got none"):
        find_saved_models([], least=1)
    with pytest.raises(ValueError, match=r"name 'control/0': .*first and .*second; name them in"):
        names(first, second)
    with pytest.raises(ValueError, match="first is given twice"):
        names(first, first)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty is not a SavedModel: it has no saved_model\.pb"):
        names(first, tmp_path / "empty")
    with pytest.raises(ValueError, match=r"no table of SavedModels at .*none\.csv"):
        names(tmp_path / "none.csv")
