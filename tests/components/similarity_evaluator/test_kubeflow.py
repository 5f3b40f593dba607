import inspect
import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("kfp", reason="the extra 'kfp' is missing")

import yaml
from kfp import compiler, dsl

from akp_keras import kubeflow as faces
from akp_keras.settings import declarations
from akp_keras.steps import similarity_evaluator as room
from akp_keras.steps.command import run_step
from akp_keras.steps.experiment import STEPS
from akp_keras.steps.similarity_evaluator import SIMILARITY_EVALUATOR
from components.similarity_evaluator import kubeflow

SUMMARY = {"members": ["a", "b"], "layers": ["dense"], "measures": ["cka.linear"], "similarity": []}


@pytest.fixture
def calls(monkeypatch):
    """What the evaluation is called with, in place of a comparison."""
    calls = []

    def evaluate(saved_models, probe, measures, output, **options):
        calls.append((saved_models, str(probe), measures, str(output), options))
        (Path(output) / "similarity" / "dense").mkdir(parents=True)
        return SUMMARY

    monkeypatch.setattr(room, "evaluate_similarity", evaluate)
    return calls


def compiled(component, path):
    compiler.Compiler().compile(component, str(path))
    return yaml.safe_load(path.read_text())


def test_the_lightweight_component_installs_nothing_and_runs_in_the_image(tmp_path):
    made = compiled(kubeflow.component("registry/akp-keras:1"), tmp_path / "component.yaml")
    ((_, executor),) = made["deploymentSpec"]["executors"].items()
    assert executor["container"]["image"] == "registry/akp-keras:1"
    assert "pip install" not in " ".join(executor["container"]["command"])
    declared = made["components"]["comp-similarity-evaluator"]
    assert set(declared["outputDefinitions"]["artifacts"]) == {"matrices", "table"}
    assert declared["inputDefinitions"]["artifacts"]["models"]["isArtifactList"]


def test_a_component_is_imported_by_the_name_of_its_step():
    from akp_keras.kubeflow import similarity_evaluator

    container = similarity_evaluator.component_spec.implementation.container
    assert container.image == faces.IMAGE
    with pytest.raises(ImportError, match="similarity_evaluater"):
        from akp_keras.kubeflow import similarity_evaluater  # noqa: F401


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_parameters_are_the_settings_with_their_defaults(step, tmp_path):
    made = faces.component(step.name)
    parameters = made.component_spec.inputs
    settings = {declared.flag: declared for declared in declarations(step.settings)}
    assert set(parameters) == {*step.inputs, *settings, "code_version"}
    for name, declared in settings.items():
        if declared.default and not declared.several and name != "workers":
            assert parameters[name].default == declared.default
    source = inspect.getsource(made.python_func)
    assert f'run_in_container("{step.name}", locals())' in source
    compiled(faces.container_component(step.name), tmp_path / "container.yaml")


def test_the_lightweight_component_calls_the_step(tmp_path, calls):
    matrices, table = (
        dsl.Dataset(name=name, uri=str(tmp_path / name)) for name in ("matrices", "table")
    )
    kubeflow.component("image").python_func(
        models=[dsl.Model(name=name, uri=str(tmp_path / name)) for name in ("a", "b")],
        probe=dsl.Dataset(name="probe", uri=str(tmp_path / "probe")),
        measures="cka.linear",
        families="control,late",
        # As Kubeflow hands on a whole number.
        null=3.0,
        matrices=matrices,
        table=table,
    )
    ((saved_models, probe, measures, output, options),) = calls
    assert saved_models == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert (probe, output) == (str(tmp_path / "probe"), str(tmp_path / "table"))
    assert measures == ("cka.linear",)
    assert options["families"] == ("control", "late")
    assert options["null"] == 3 and isinstance(options["null"], int)
    assert matrices.metadata == {"measures": "cka.linear", "members": 2, "layers": "dense"}
    assert (tmp_path / "matrices" / "dense").is_dir()


def command_of(component, path, passed=()):
    """The arguments of a container component with its default values, and those that are passed."""
    made = compiled(component, path)
    ((_, executor),) = made["deploymentSpec"]["executors"].items()
    values = {
        # As Kubeflow fills numbers in: the shortest way to write them.
        name: f"{parameter['defaultValue']:g}"
        if parameter["parameterType"].startswith("NUMBER") and "defaultValue" in parameter
        else parameter.get("defaultValue", name)
        for name, parameter in made["root"]["inputDefinitions"]["parameters"].items()
    } | dict(passed)
    arguments = []
    for argument in executor["container"]["args"]:
        if argument.startswith('{"IfPresent"'):
            condition = json.loads(argument)["IfPresent"]
            arguments += condition["Then"] if condition["InputName"] in dict(passed) else []
        else:
            arguments.append(argument)
    output = str(path.parent / "OUT")
    return executor["container"], [
        values[argument.split("'")[1]]
        if "inputs.parameters" in argument
        else argument.replace("{{$.outputs.artifacts['output'].path}}", output)
        for argument in arguments
    ]


def test_the_container_component_is_the_command_line(tmp_path, calls):
    component = kubeflow.container_component("image")
    container, arguments = command_of(component, tmp_path / "component.yaml")
    assert container["image"] == "image"
    assert container["command"] == ["python", "-m", "akp_keras", "similarity_evaluator"]
    assert run_step(SIMILARITY_EVALUATOR, arguments) == 0
    ((saved_models, probe, measures, folder, options),) = calls
    assert (saved_models, probe) == (["saved_models"], "probe")
    assert folder == str(tmp_path / "OUT")
    assert measures == ("cka.linear", "cka.linear.debiased", "procrustes.angular")
    del options["executor"], options["progress"]
    assert options == {
        "families": (),
        "signature": "representations",
        "trust": (),
        "layers": None,
        "spatial": "flatten",
        "null": 0,
        "interval": None,
        "seed": 0,
        "memory_gb": 4.0,
        "representations": None,
    }


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_container_component_passes_the_flags_that_have_values(step, tmp_path):
    settings = declarations(step.settings)
    optional = {it.flag for it in settings if it.optional}
    optional |= {it.flag or name for name, it in step.inputs.items() if it.optional}
    flags = {it.flag for it in settings} | {it.flag or name for name, it in step.inputs.items()}
    component = faces.container_component(step.name, "image")
    _, arguments = command_of(component, tmp_path / "component.yaml")
    assert {text[2:] for text in arguments[::2]} == (flags - optional) | {"output"}
    passed = dict.fromkeys(optional, "7")
    _, arguments = command_of(component, tmp_path / "component.yaml", passed)
    assert {text[2:] for text in arguments[::2]} == flags | {"output"}
    assert all(arguments[arguments.index(f"--{flag}") + 1] == "7" for flag in optional)


def test_no_component_of_an_unknown_step():
    with pytest.raises(ValueError, match="no step 'similarity'"):
        faces.component("similarity")
    assert {step.name for step in STEPS} <= set(dir(faces))


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
