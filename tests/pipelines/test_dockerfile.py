"""The Dockerfile, checked without a daemon."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"


def instructions():
    text = re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line.split(maxsplit=1) for line in lines]


def test_what_is_copied_is_there_and_not_ignored():
    sources = {
        source
        for name, rest in instructions()
        if name == "COPY" and "--from=" not in rest
        for source in rest.split()[:-1]
    }
    assert {"akp_keras", "components", "pipelines", "requirements.txt"} <= sources
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert kept == sources
    for source in sources:
        assert (ROOT / source).exists(), source


def test_it_does_not_run_as_root_nor_keep_caches():
    names = [name for name, _ in instructions()]
    assert dict(instructions())["USER"] not in ("root", "0")
    last = len(names) - 1 - names[::-1].index("FROM")
    started = [names.index(name, last) for name in ("ENTRYPOINT", "CMD") if name in names[last:]]
    assert all(names.index("USER", last) < at for at in started), "the last image starts as USER"
    assert "USER" in names[last:], "a user of an earlier stage is not that of the image"
    for name, rest in instructions():
        if name == "RUN" and "pip" in rest:
            assert "--no-cache-dir" in rest
            assert "--constraint requirements.txt" in rest or "--no-deps" in rest
        if name == "FROM":
            assert re.match(r"python:3\.\d+-", rest), "the image is named by its version"


# Beside this Python, whose folder need not be on the path.
HADOLINT = shutil.which(
    "hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_a_linter_finds_nothing():
    done = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
