"""The code of docs/tensorboard.md and of `write_projector`'s docstring runs as it stands."""

import re
import textwrap
from pathlib import Path

import numpy as np

from akp_keras.tensorboard import write_projector

PAGE = Path(__file__).parents[2] / "docs" / "tensorboard.md"


def test_the_page_prints_what_it_says(capsys):
    text = PAGE.read_text(encoding="utf-8")
    ((_, code), (_, expected)) = re.findall(r"```(python|text)\n(.*?)```", text, re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == expected


def test_the_example_of_the_docstring_runs(tmp_path, monkeypatch, pages_of):
    (example,) = re.findall(r"```python\n(.*?)```", write_projector.__doc__, re.DOTALL)
    arrays = np.random.default_rng(0).normal(size=(2, 20, 5))
    names = {"write_projector": write_projector, "array_0": arrays[0], "array_1": arrays[1]}
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(example), names)
    assert pages_of(tmp_path / "logs").runs() == ["00_models", "samples/control/0"]
