import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(shutil.which("bazel") is None, reason="Bazel is not installed")
def test_the_build_file_loads_and_every_dependency_is_there(tmp_path):
    bazel = ["bazel", "--nohome_rc", f"--output_user_root={tmp_path}"]
    try:
        done = subprocess.run(
            [*bazel, "build", "--nobuild", "--symlink_prefix=/", "//..."],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        subprocess.run([*bazel, "shutdown"], cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Build completed successfully" in done.stderr


def test_every_folder_of_tests_has_a_target():
    build = (ROOT / "BUILD").read_text()
    for folder in (ROOT / "tests").iterdir():
        if folder.is_dir() and list(folder.rglob("test_*.py")):
            assert f'"{folder.name}",' in build, f"BUILD has no target for tests/{folder.name}"
