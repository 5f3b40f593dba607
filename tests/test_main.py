"""The command `akp`."""

import pytest

import akp_keras
from akp_keras.main import akp
from akp_keras.steps.experiment import STEPS


def test_help_lists_every_step(capsys):
    assert akp([]) == akp(["--help"]) == 0
    printed = capsys.readouterr().out
    for name in ("run", *(step.name for step in STEPS)):
        assert f"\n  {name} " in printed


def test_it_says_its_version(capsys):
    assert akp(["--version"]) == 0
    assert capsys.readouterr().out == f"akp_keras {akp_keras.__version__}\n"


def test_an_unknown_command_is_refused_in_one_line(capsys):
    assert akp(["dispersion_tset"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "akp: 'dispersion_tset' is not a command; did you mean 'dispersion_test'?"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_explains_its_flags(step, capsys):
    assert akp([step.name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert step.description.splitlines()[0] in printed
    for name, declared in step.inputs.items():
        assert f"--{declared.flag or name}:" in printed
    assert "--output:" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--family=a:", "--members=x"], "akp run: --members=x must be a whole number"),
        (["run"], "akp run: --family is missing"),
        (["report", "--nonsense=1"], "akp report: Unknown command line flag 'nonsense'"),
        (["dispersion_test", "--output=x"], "akp dispersion_test: --matrices is missing"),
    ],
)
def test_wrong_input_ends_in_one_line_with_exit_code_2(arguments, message, capsys):
    assert akp(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
