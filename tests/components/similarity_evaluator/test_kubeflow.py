import runpy
from pathlib import Path

import pytest

pytest.importorskip("kfp", reason="the extra 'kfp' is missing")

import yaml
from kfp import compiler, dsl

from components.similarity_evaluator import __main__ as command
from components.similarity_evaluator import kubeflow, step


def compiled(component, path):
    compiler.Compiler().compile(component, str(path))
    return yaml.safe_load(path.read_text())


def test_the_lightweight_component_installs_nothing_and_runs_in_the_image(tmp_path):
    found = compiled(kubeflow.component("registry/akp-keras:1"), tmp_path / "component.yaml")
    ((_, executor),) = found["deploymentSpec"]["executors"].items()
    assert executor["container"]["image"] == "registry/akp-keras:1"
    assert "pip install" not in " ".join(executor["container"]["command"])
    declared = found["components"]["comp-similarity-evaluator"]
    assert set(declared["outputDefinitions"]["artifacts"]) == {"matrices", "table"}
    assert declared["inputDefinitions"]["artifacts"]["models"]["isArtifactList"]


def test_the_lightweight_component_calls_the_step(tmp_path, monkeypatch):
    calls = []

    def evaluate(saved_models, probe, output, **parameters):
        calls.append((saved_models, probe, parameters))
        (Path(output) / "similarity" / "dense").mkdir(parents=True)
        return {"measures": ["cka.linear"], "members": ["a", "b"]}

    monkeypatch.setattr(step, "similarity_evaluator", evaluate)
    matrices, table = (
        dsl.Dataset(name=name, uri=str(tmp_path / name)) for name in ("matrices", "table")
    )
    kubeflow.component("image").python_func(
        models=[dsl.Model(name=name, uri=str(tmp_path / name)) for name in ("a", "b")],
        probe=dsl.Dataset(name="probe", uri=str(tmp_path / "probe")),
        measures="cka.linear",
        families="",
        signature="representations",
        layers="",
        spatial="flatten",
        null=3.0,
        seed=0,
        memory_gb=4.0,
        code_version="1",
        matrices=matrices,
        table=table,
    )
    ((saved_models, probe, parameters),) = calls
    assert saved_models == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert probe == str(tmp_path / "probe")
    assert parameters["null"] == 3 and isinstance(parameters["null"], int)
    assert matrices.metadata == {"measures": "cka.linear", "members": 2}
    assert (tmp_path / "matrices" / "dense").is_dir()


def test_the_container_component_is_the_command_line(tmp_path, monkeypatch):
    found = compiled(kubeflow.container_component("image"), tmp_path / "component.yaml")
    ((_, executor),) = found["deploymentSpec"]["executors"].items()
    container = executor["container"]
    assert container["image"] == "image"
    assert container["command"] == ["python", "-m", "components.similarity_evaluator"]
    declared = found["root"]["inputDefinitions"]["parameters"]
    given = {
        # As Kubeflow fills numbers in: the shortest way to write them.
        name: f"{parameter['defaultValue']:g}"
        if parameter["parameterType"].startswith("NUMBER") and "defaultValue" in parameter
        else parameter.get("defaultValue", name)
        for name, parameter in declared.items()
    }
    arguments = [
        given[argument.split("'")[1]]
        if "inputs.parameters" in argument
        else argument.replace("{{$.outputs.artifacts['similarity'].path}}", "OUT")
        for argument in container["args"]
    ]
    calls = []

    def evaluate(**parameters):
        calls.append(parameters)
        return {"members": [], "layers": [], "measures": [], "similarity": []}

    monkeypatch.setattr(step, "similarity_evaluator", evaluate)
    assert command.main(arguments) == 0
    (parameters,) = calls
    assert parameters == {
        "saved_models": ["saved_models"],
        "probe": "probe",
        "measures": "measures",
        "families": "",
        "signature": "representations",
        "layers": "",
        "spatial": "flatten",
        "null": 0,
        "seed": 0,
        "memory_gb": 4.0,
        "workers": 2,
        "output": "OUT",
    }


def test_the_pipeline_of_the_readme_compiles(tmp_path):
    readme = Path(kubeflow.__file__).with_name("README.md").read_text()
    (block,) = (
        code.split("```")[0] for code in readme.split("```python\n") if "@dsl.pipeline" in code
    )
    # Kubeflow reads the source of the function, so it has to lie in a file.
    (tmp_path / "compare.py").write_text(block)
    compare = runpy.run_path(str(tmp_path / "compare.py"))["compare"]
    compiler.Compiler().compile(compare, str(tmp_path / "compare.yaml"))
    assert "models" in (tmp_path / "compare.yaml").read_text()
