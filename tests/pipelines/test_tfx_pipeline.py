"""The TFX pipeline: what runs, what is cached, and what is read of it in ML Metadata."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.lineage import executions

pytest.importorskip("tfx", reason="ml-pipelines-sdk is not installed")

ROOT = Path(__file__).parents[2]
NODES = (
    "ProbeSetGen",
    "FamilyTrainer.control",
    "FamilyTrainer.tanh",
    "FamilyTrainer.memoriser",
    "SimilarityEvaluator",
    "DispersionTest",
    "EmbeddingWriter",
    "ReportWriter",
)


def run(flagfile, root, *arguments):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipelines.tfx_pipeline",
            f"--flagfile={flagfile}",
            f"--pipeline_root={root}",
            "--workers=2",
            "--code_version=1",  # the sources may be edited while this runs
            *arguments,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_runs_then_is_cached_then_runs_what_follows_from_a_changed_family(
    run_of_main, flagfile, tmp_path
):
    root = tmp_path / "ROOT"
    metadata = root / "metadata.sqlite"

    first = run(flagfile, root)
    assert dict(executions(metadata)) == dict.fromkeys(NODES, "COMPLETE")
    (matrices,) = root.glob("SimilarityEvaluator/matrices/*")
    expected = sorted((run_of_main / "similarity").rglob("*.npz"))
    assert len(expected) == 6
    for path in expected:
        written = matrices / path.relative_to(run_of_main / "similarity")
        assert written.read_bytes() == path.read_bytes(), written
    (outcome,) = root.glob("DispersionTest/outcome/*")
    for name in ("dispersion.json", "verdict.json"):
        assert (outcome / name).read_bytes() == (run_of_main / name).read_bytes()

    again = run(flagfile, root)
    assert again == first.replace("COMPLETE", "CACHED  ")
    assert dict(executions(metadata)[len(NODES) :]) == dict.fromkeys(NODES, "CACHED")

    changed = tmp_path / "changed.flags"
    changed.write_text(flagfile.read_text().replace("@1 activation=tanh", "@1 activation=gelu"))
    run(changed, root)
    third = dict(executions(metadata)[2 * len(NODES) :])
    cached = ("ProbeSetGen", "FamilyTrainer.control", "FamilyTrainer.memoriser")
    assert third == {node: "CACHED" if node in cached else "COMPLETE" for node in NODES}

    printed = subprocess.run(
        [sys.executable, "-m", "pipelines.lineage", str(outcome)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert printed.returncode == 0, printed.stderr
    assert "Family tanh (5 members): @0 activation=relu loss=binary_crossentropy; @1" in (
        printed.stdout
    )
    for family in ("control", "tanh", "memoriser"):
        for seed in range(5):
            assert f" {family}/{seed}, random seed " in printed.stdout
    assert "dataset=wisconsin_breast_cancer" in printed.stdout
    assert "code version " in printed.stdout


def test_wrong_input_ends_in_one_line_and_leaves_nothing(flagfile, tmp_path, capsys):
    from pipelines.tfx_pipeline import main

    assert main([f"--flagfile={flagfile}"]) == 2
    assert "--pipeline_root is missing" in capsys.readouterr().err
    root = tmp_path / "ROOT"
    assert main([f"--flagfile={flagfile}", f"--pipeline_root={root}", "--epochs=1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pipelines.tfx_pipeline: --family=tanh: the swap")
    assert not root.exists()
