import json

import pytest

from akp_keras.steps.dispersion_test import DISPERSION_TEST


@pytest.fixture(scope="module")
def outcome(experiment, tmp_path_factory):
    output = tmp_path_factory.mktemp("tested") / "out"
    DISPERSION_TEST(
        output,
        matrices=experiment / "similarity",
        members=[experiment / "members"],
        control="zero",
        permutations=99,
        seed=3,
        measures="cka.linear",
    )
    return output


def test_the_page_says_what_it_was_given(experiment, outcome, tmp_path, command):
    code, out, err = command(
        "report",
        f"--matrices={experiment / 'similarity'}",
        f"--members={experiment / 'members'}",
        f"--outcome={outcome}",
        f"--data={experiment / 'probe'}",
        f"--output={tmp_path / 'out'}",
        "--measures=cka.linear",
        "--control=zero",
        "--title=Six families",
        f"--settings={json.dumps({'epochs': 3})}",
        "--log=LOG DIR",
    )
    assert code == 0, err
    assert out == f"{tmp_path / 'out'}\n"
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Six families" in page
    assert "Eight samples made by hand." in page
    assert "epochs" in page
    assert "tensorboard --logdir &#39;LOG DIR&#39;" in page
    assert list((tmp_path / "out").rglob("*.svg"))


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("settings", "[1]", "--settings=[1] must be a JSON object"),
        ("settings", "{", "--settings={ is not JSON"),
        ("outcome", "nowhere.json", "nowhere.json is missing or damaged"),
        ("data", "nowhere.json", "nowhere.json is missing or damaged"),
    ],
)
def test_wrong_input_ends_in_one_line_and_writes_nothing(
    experiment, outcome, tmp_path, command, flag, value, message
):
    flags = {
        "matrices": experiment / "similarity",
        "members": experiment / "members",
        "outcome": outcome,
        "data": experiment / "probe",
        "output": tmp_path / "out",
        "measures": "cka.linear",
        "control": "zero",
    } | {flag: value}
    code, _, err = command("report", *(f"--{name}={text}" for name, text in flags.items()))
    (line,) = err.splitlines()
    assert code == 2
    assert line.startswith("components.report: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []
