import math

import numpy as np
import pytest

from akp_keras.report import format_table, wording

LAYERS = ("block1", "block2", "block3", "dense")


@pytest.fixture(scope="module")
def four_layers(make_experiment):
    return make_experiment(layers=LAYERS)


@pytest.fixture(scope="module")
def table(four_layers):
    return format_table(four_layers.members, four_layers.outcomes, "cka.linear")


def test_at_most_a_hundred_columns_of_plain_text(table):
    assert max(map(len, table.splitlines())) <= 100
    assert "\x1b" not in table


def test_rows_have_the_numbers_given(table, four_layers):
    header, _, *rows = table.split("\n\n")[1].splitlines()
    assert header.split()[-4:] == list(LAYERS)
    assert [row.split()[0] for row in rows] == list(
        dict.fromkeys(member.family for member in four_layers.members)
    )
    for row in rows:
        cells = row.split()
        own = [member for member in four_layers.members if member.family == cells[0]]
        accuracy = 100 * np.array([member.metrics["test_accuracy"] for member in own])
        gap = 100 * np.array([member.metrics["gap"] for member in own])
        assert cells[1:5] == ["6", f"{accuracy.mean():.1f}", "±", f"{accuracy.std(ddof=1):.1f}"]
        assert cells[5:8] == [f"{gap.mean():.1f}", "±", f"{gap.std(ddof=1):.1f}"]
        assert cells[8:] == [
            f"{four_layers.outcomes[layer, 'cka.linear'].dispersion[cells[0]]:.3f}"
            for layer in LAYERS
        ]


def test_a_verdict_a_layer(table, four_layers):
    text = " ".join(table.split())
    for layer in LAYERS:
        outcome = four_layers.outcomes[layer, "cka.linear"]
        sentence = wording.verdict_sentence(outcome)
        assert f"{layer}: {outcome.verdict}. {sentence}" in text


def test_long_names_and_failed_members(four_layers, make_member):
    member = make_member("a_family_with_a_very_long_name", 0, metrics={"test_accuracy": math.nan})
    table = format_table([*four_layers.members, member], four_layers.outcomes, "rsa")
    row = next(line for line in table.splitlines() if line.startswith("a_family"))
    assert row.split() == ["a_family_with_a_v…", "0/1", "–", "–", "–", "–", "–", "–"]
    assert len(row) <= 100


def test_control_comes_first(four_layers):
    table = format_table(four_layers.members, four_layers.outcomes, "rsa", control="pulse")
    assert table.split("\n\n")[1].splitlines()[2].startswith("pulse ")


def test_unknown_measure_is_named(four_layers):
    with pytest.raises(ValueError, match=r"measure 'cca'; there are cka\.linear, rsa"):
        format_table(four_layers.members, four_layers.outcomes, "cca")


def test_many_families_of_one_member_have_a_line_for_each_kind(many):
    table = format_table(many.members, many.outcomes, "cka.linear")
    rows = table.split("\n\n")[1].splitlines()[2:]
    assert [row[:18].strip() for row in rows] == [
        "control",
        "memoriser",
        "7 × activation",
        "5 × loss",
    ]
    own = [m.metrics["test_accuracy"] for m in many.members if "loss=hinge" in m.schedule]
    assert f"{100 * np.mean(own):.1f} ± {100 * np.std(own, ddof=1):.1f}" in rows[3]
    assert rows[3].split()[-1] == "–"
