"""The wheel, made from a copy of the sources: what it holds, declares, and resolves to."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import akp_keras

ROOT = Path(__file__).parents[1]
LOAD = """
import akp_keras, sys
from importlib.metadata import EntryPoint
for value in sys.argv[1:]:
    assert callable(EntryPoint("name", value, "group").load()), value
print(akp_keras.__file__)
"""
BUILD = "from setuptools import build_meta; build_meta.build_wheel('dist')"
EXTRAS = {"dask", "kfp", "test", "tfx"}
EXPERIMENT = """\
--dataset=wisconsin_breast_cancer
--model=mlp
--epochs=1
--members=1
--probe_samples=64
--permutations=99
--workers=1
--family=control: @0 activation=relu loss=binary_crossentropy
--family=late_tanh: @0 activation=relu loss=binary_crossentropy; @step:4 activation=tanh
"""
PROGRESS = re.compile(r"[\w, ]+ +\d+/\d+ +\|[# ]*\| ")
# Beside this Python, whose folder need not be on the path.
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "akp_keras", folder / "akp_keras", ignore=caches)
    return folder


@pytest.fixture(scope="module")
def wheel(source):
    # The hook that pip calls: no network, and no pip, which an environment made by uv lacks.
    built = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=source, capture_output=True, text=True, timeout=120
    )
    assert built.returncode == 0, built.stderr
    (path,) = (source / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def distribution(wheel):
    name = "-".join(wheel.name.split("-")[:2])
    return PathDistribution(zipfile.Path(wheel, f"{name}.dist-info/"))


def requirements(distribution, extras=()):
    """What the wheel requires here, with these extras and without."""
    for requirement in map(Requirement, distribution.requires):
        environments = [{"extra": extra} for extra in ("", *extras)]
        if not requirement.marker or any(map(requirement.marker.evaluate, environments)):
            yield requirement


def pins(file):
    """The pinned versions of a file of requirements for the Python that runs."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    pinned = [Requirement(line) for line in lines]
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement in pinned
        if not requirement.marker or requirement.marker.evaluate()
    }


def test_the_wheel_holds_the_package_whole_and_nothing_else(source, wheel, distribution):
    package = {
        path.relative_to(source).as_posix()
        for path in (source / "akp_keras").rglob("*")
        if path.is_file()
    }
    assert "akp_keras/py.typed" in package
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == package
    metadata = f"akp_keras-{distribution.version}.dist-info"
    assert f"{metadata}/licenses/LICENSE" in names
    assert {name.split("/")[0] for name in names} == {"akp_keras", metadata}


def test_the_wheel_says_what_it_is(wheel, distribution):
    assert wheel.name.endswith("-py3-none-any.whl")
    assert distribution.version == akp_keras.__version__
    metadata = distribution.metadata
    assert metadata["Name"] == "akp-keras"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert set(metadata.get_all("Provides-Extra")) == EXTRAS
    python = SpecifierSet(metadata["Requires-Python"])
    assert [minor for minor in range(8, 16) if f"3.{minor}" in python] == [10, 11, 12, 13]


def test_every_entry_point_loads_from_the_wheel_alone(wheel, distribution, tmp_path):
    points = list(distribution.entry_points)
    assert ("tensorboard_plugins", "akp") in {(point.group, point.name) for point in points}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *(point.value for point in points)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(wheel))


def test_the_locked_versions_are_those_that_the_wheel_requires(distribution):
    pinned = pins("requirements.txt")
    for requirement in requirements(distribution, EXTRAS - {"tfx"}):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, requirement
    beside = pins("requirements-tfx.txt")
    (tfx,) = set(requirements(distribution, ["tfx"])) - set(requirements(distribution))
    assert beside[tfx.name] in tfx.specifier


def test_the_citation_names_this_version_and_the_paper(distribution):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    # What the Citation File Format requires.
    assert {"authors", "cff-version", "message", "title"} <= set(citation)
    assert citation["title"] == distribution.metadata["Name"]
    assert citation["version"] == distribution.version
    assert citation["license"] == distribution.metadata["License-Expression"]
    assert citation["authors"] == [{"name": "The akp-keras authors"}]
    (paper,) = citation["references"]
    assert paper["url"] == "https://arxiv.org/abs/2302.11380"
    assert {"authors", "title", "type"} <= set(paper)


def test_the_changelog_has_a_place_for_what_is_not_released():
    headings = [
        line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")
    ]
    assert headings[0] == "## [Unreleased]"


def resolve(wheel, extras, python, folder, *, offline):
    """Resolves the wheel with extras for glibc 2.40; returns the names and versions."""
    named = f"akp-keras[{','.join(sorted(extras))}] @ {wheel.as_uri()}"
    # Away from the repository, whose [tool.uv] a user of the wheel does not have.
    command = [UV, "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-version", python, "--python-platform", "x86_64-manylinux_2_40"]
    done = subprocess.run(
        [*command, *(["--offline"] if offline else [])],
        input=named,
        cwd=folder,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode and offline:
        return resolve(wheel, extras, python, folder, offline=False)
    assert done.returncode == 0, f"{sorted(extras)} on Python {python}: {done.stderr}"
    return dict(line.split("==") for line in done.stdout.splitlines() if "==" in line)


@pytest.mark.slow
@pytest.mark.skipif(UV is None, reason="uv is not installed")
@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_every_extra_and_all_together_resolve_from_the_wheel_alone(
    wheel, distribution, python, tmp_path
):
    # All together first: the answers of the index, which take the time, then serve each alone.
    resolve(wheel, EXTRAS, python, tmp_path, offline=False)
    for extra in sorted(EXTRAS):
        resolved = resolve(wheel, {extra}, python, tmp_path, offline=True)
        for requirement in requirements(distribution, [extra]):
            assert resolved[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.slow
def test_a_run_from_the_wheel_says_how_far_it_is_and_no_library_warns(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    (tmp_path / "small.flags").write_text(EXPERIMENT)
    done = subprocess.run(
        [sys.executable, "-m", "akp_keras.main", "--flagfile=small.flags", "--run_dir=RUN"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "RUN" / "report" / "index.html").exists()
    lines = done.stderr.splitlines()
    assert lines and not [line for line in lines if not PROGRESS.match(line)]
