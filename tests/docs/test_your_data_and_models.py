"""The blocks of docs/your-data-and-models.md: commands up to training, or whole as slow tests."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from PIL import Image

from akp_keras import open_run
from akp_keras.main import main
from akp_keras.settings import Experiment, Running, TrainingSettings
from akp_keras.settings.flags import define_flags, group_from_flags
from akp_keras.training.trainer import MemberTrainer

PAGE = Path(__file__).parents[2] / "docs" / "your-data-and-models.md"
BLOCKS = re.findall(r"```(\w+)(?: title=\"([\w.]+)\")?\n(.*?)```", PAGE.read_text(), re.DOTALL)
# A backslash at the end of a line continues it, which shlex does not know.
COMMANDS = [
    shlex.split(text.replace("\\\n", " "))[2:] for language, _, text in BLOCKS if language == "sh"
]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A folder with images, and with what the blocks of Python write."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    for number in range(120):
        path = folder / "patches" / ("normal", "tumour")[number % 2] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        for language, title, text in BLOCKS:
            if language == "python" and title:
                (folder / title).write_text(text)
        for language, title, text in BLOCKS:
            if language == "python" and not title:
                exec(compile(text, str(PAGE), "exec"), {})
        yield folder


def experiment_of(arguments):
    values = flags.FlagValues()
    define_flags(values, Experiment, Running)
    values(["akp run", *arguments])
    return group_from_flags(Experiment, values)


@pytest.mark.parametrize(
    ("arguments", "taps"),
    list(zip(COMMANDS, [("block1", "block2", "block3", "dense"), ("high", "head")], strict=True)),
)
def test_commands_fit_data_model_and_schedules(arguments, taps):
    trainer = MemberTrainer(TrainingSettings.of(experiment_of(arguments)))
    trainer.check()
    assert trainer.taps == taps


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS)
def test_commands_end_in_verdicts(arguments, folder):
    assert main([*arguments, "--members=3", "--permutations=99", "--alpha=0.1", "--workers=2"]) == 0
    name = next(text for text in arguments if text.startswith("--run_dir=")).split("=")[1]
    run = open_run(folder / name)
    assert len(run.members) == 3 * sum(text.startswith("--family") for text in arguments)
    assert len(run.verdicts) > 0
