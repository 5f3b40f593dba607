import re
from importlib import metadata
from pathlib import Path

import pytest

from akp_keras.code_version import code_version


def test_it_is_the_same_for_the_same_sources_and_another_after_any_change(tmp_path):
    package = tmp_path / "akp_keras"
    (package / "__pycache__").mkdir(parents=True)
    (package / "a.py").write_text("x = 1\n")
    first = code_version(package)
    assert re.fullmatch("[0-9a-f]{16}", first)
    (package / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"compiled")
    assert code_version(package) == first
    (package / "a.py").write_text("x = 2\n")
    changed = code_version(package)
    (package / "a.py").write_text("x = 1\n")
    assert code_version(package) == first
    (package / "a.py").rename(package / "b.py")
    assert len({first, changed, code_version(package)}) == 3


REQUIREMENT = re.compile(r'^    "([\w.-]+)')


def required():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    listed = text.split("\ndependencies = [\n")[1].split("\n]")[0]
    return [match[1] for line in listed.splitlines() if (match := REQUIREMENT.match(line))]


@pytest.mark.parametrize("library", required())
def test_it_is_another_for_another_library(tmp_path, monkeypatch, library):
    first = code_version(tmp_path)
    installed = metadata.version
    monkeypatch.setattr(
        "akp_keras.code_version.metadata.version",
        lambda name: "0.0.1" if name == library else installed(name),
    )
    assert code_version(tmp_path) != first


def test_it_is_another_for_another_backend(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    first = code_version(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert code_version(tmp_path) != first


@pytest.mark.parametrize(
    ("settings", "is_another"),
    [
        ('{"epsilon": 0.01}', True),
        ('{"floatx": "float64"}', True),
        ('{"epsilon": 1e-07, "floatx": "float32"}', False),
        ("damaged", False),
    ],
)
def test_it_is_another_for_other_settings_of_keras(tmp_path, monkeypatch, settings, is_another):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    first = code_version(tmp_path / "none")
    (tmp_path / "keras.json").write_text(settings)
    assert (code_version(tmp_path / "none") != first) == is_another


def test_by_default_it_covers_this_code():
    assert code_version() == code_version() != code_version(Path("nowhere"))
