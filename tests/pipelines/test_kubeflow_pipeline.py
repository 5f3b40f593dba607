"""The Kubeflow pipeline: compiled, asked for resources, branched on, run in subprocesses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from akp_keras.failures import WorkFailed
from pipelines import kubeflow_pipeline
from pipelines.kubeflow_pipeline import main

pytest.importorskip("kfp", reason="kfp is not installed")

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
FLAGS = GOLDEN / "experiment.flags"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    assert main([f"--flagfile={FLAGS}", f"--compile={path}"]) == 0
    return path


def executors(path):
    specification, *_ = yaml.safe_load_all(path.read_text())
    return {
        name.removeprefix("exec-"): executor["container"]
        for name, executor in specification["deploymentSpec"]["executors"].items()
    }


def test_it_compiles_to_the_golden_file(compiled):
    assert compiled.read_text() == (GOLDEN / "experiment.yaml").read_text(), (
        "if the change is meant, renew the file as experiment.flags beside it says"
    )


def test_every_step_runs_in_the_image_and_installs_nothing(compiled):
    steps = executors(compiled)
    assert set(steps) == {
        "probe-set",
        "family-trainer",
        "similarity-evaluator",
        "dispersion-test",
        "embedding-writer",
        "report",
    }
    for container in steps.values():
        assert container["image"] == "registry.example/akp-keras:golden"
        assert "pip install" not in " ".join(container["command"])


def test_trainers_ask_for_gpus_and_heavy_steps_for_memory(compiled):
    steps = executors(compiled)
    trainer = steps["family-trainer"]["resources"]
    assert trainer["accelerator"]["resourceCount"] == "1"
    assert trainer["accelerator"]["resourceType"] == "nvidia.com/gpu"
    for step in ("family-trainer", "similarity-evaluator", "embedding-writer"):
        assert steps[step]["resources"]["resourceMemoryRequest"] == "8Gi"
        assert steps[step]["resources"]["resourceCpuLimit"] == "4"
    for step in ("probe-set", "dispersion-test", "report"):
        assert "resources" not in steps[step]
    assert "accelerator" not in steps["similarity-evaluator"]["resources"]


def test_a_step_of_ones_own_branches_on_the_verdict(tmp_path):
    from kfp import compiler, dsl

    from components.dispersion_test.kubeflow import component

    @dsl.component(base_image="image", install_kfp_package=False)
    def publish():
        print("AKP")

    @dsl.pipeline(name="branch")
    def branch():
        matrices = dsl.importer(artifact_uri="a", artifact_class=dsl.Dataset)
        with dsl.ParallelFor(["a", "b"]) as uri:
            member = dsl.importer(artifact_uri=uri, artifact_class=dsl.Model)
        test = component("image")(
            matrices=matrices.output,
            members=dsl.Collected(member.output),
            control="control",
            permutations=99,
            alpha=0.05,
            margin=0.01,
            seed=0,
            measures="",
            code_version="1",
        )
        with dsl.If(test.outputs["verdict"] == "AKP"):
            publish()

    compiler.Compiler().compile(branch, str(tmp_path / "branch.yaml"))
    tasks = yaml.safe_load((tmp_path / "branch.yaml").read_text())["root"]["dag"]["tasks"]
    (condition,) = (
        task["triggerPolicy"]["condition"]
        for name, task in tasks.items()
        if name.startswith("condition")
    )
    assert (
        condition == "inputs.parameter_values['pipelinechannel--dispersion-test-verdict'] == 'AKP'"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --compile=FILE or --local"),
        (["--compile=a.yaml", "--local"], "give either --compile=FILE or --local"),
        (["--local"], "--pipeline_root is missing"),
        (["--compile={tmp}/a.txt"], "--compile={tmp}/a.txt must end in .yaml"),
        (["--compile={tmp}/b/a.yaml"], "{tmp}/b is not a folder"),
        (["--compile={tmp}/a.yaml", "--cpus=0"], "cpus"),
        (["--local", "--pipeline_root=/proc/x"], "--pipeline_root=/proc/x cannot be made"),
        (["--compile={tmp}/a.yaml", "--image="], "--image is empty"),
        (["--compile={tmp}/a.yaml", "--gpus=1", "--accelerator="], "--accelerator is empty"),
        (["--compile={tmp}/a.yaml", "--memory=8GB"], "--memory=8GB is not an amount of memory"),
        (["--compile=/proc/p.yaml"], "--compile=/proc/p.yaml cannot be written"),
        (["--compile={tmp}/a.yaml", "--epochs=1"], "--family=tanh: the swap"),
    ],
)
def test_wrong_input_ends_in_one_line(tmp_path, capsys, arguments, message):
    flags = [text.format(tmp=tmp_path) for text in arguments]
    assert main([f"--flagfile={FLAGS}", *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pipelines.kubeflow_pipeline: ")
    assert message.format(tmp=tmp_path) in line
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_pipeline():
    """A pipeline of one step that writes a text as its verdict; two texts make it fail."""
    pytest.importorskip("kfp")
    from kfp import dsl

    @dsl.component(base_image="python", install_kfp_package=False)
    def dispersion_test(text: str, verdict: dsl.OutputPath(str)):
        from pathlib import Path

        if text == "wrong":
            raise ValueError("--control='wrong' is no family; did you mean 'control'?")
        if text == "broken":
            raise MemoryError("no room")
        Path(verdict).write_text(text)

    def make(text):
        @dsl.pipeline(name="small")
        def small():
            dispersion_test(text=text)

        return small

    return make


def test_a_run_in_the_root_of_another_gives_its_own_verdict(small_pipeline, tmp_path, monkeypatch):
    for name in ("PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    for verdict in ("AKP", "neither"):
        printed = kubeflow_pipeline.run_here(small_pipeline(verdict), tmp_path)
        assert printed.splitlines()[0] == f"Verdict:   {verdict}"
        assert (tmp_path / printed.split()[-1] / "dispersion-test" / "verdict").is_file()


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("wrong", ValueError, "--control='wrong' is no family; did you mean 'control'?"),
        ("broken", WorkFailed, "MemoryError: no room"),
    ],
)
def test_what_a_step_says_is_what_the_command_says(
    small_pipeline, tmp_path, monkeypatch, text, kind, message
):
    for name in ("PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    with pytest.raises(kind) as error:
        kubeflow_pipeline.run_here(small_pipeline(text), tmp_path)
    assert str(error.value) == message


@pytest.mark.slow
def test_in_subprocesses_it_gives_the_bytes_of_the_run(run_of_main, flagfile, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipelines.kubeflow_pipeline",
            f"--flagfile={flagfile}",
            "--local",
            f"--pipeline_root={tmp_path}",
            "--cpus=1",
            "--parallel_families=1",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = tmp_path.iterdir()
    matrices = run / "similarity-evaluator" / "matrices"
    expected = sorted((run_of_main / "similarity").rglob("*.npz"))
    assert len(expected) == 6
    for path in expected:
        written = matrices / path.relative_to(run_of_main / "similarity")
        assert written.read_bytes() == path.read_bytes(), written
    for name in ("dispersion.json", "verdict.json"):
        written = run / "dispersion-test" / "outcome" / name
        assert written.read_bytes() == (run_of_main / name).read_bytes()
    assert (run / "dispersion-test" / "verdict").read_text() == "undecidable"
