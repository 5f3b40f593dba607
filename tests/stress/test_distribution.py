import numpy as np
import pytest

from akp_keras.hotswap import Change
from akp_keras.stress import StressDistribution, canonical_stress

TEXT = (
    "activation[block.*]=tanh|sigmoid; weight=2 loss=hinge|Huber(delta=0.1..1) "
    "weights=noise(0..0.5); swaps=2..4 times=0.25..1"
)


def test_a_distribution_is_kinds_swaps_and_times():
    stress = StressDistribution.parse(TEXT)
    assert [kind.weight for kind in stress.kinds] == [1, 2]
    assert [[choice.target for choice in kind.choices] for kind in stress.kinds] == [
        ["activation"],
        ["loss", "weights"],
    ]
    assert (stress.swaps, stress.times) == ((2, 4), (0.25, 1.0))
    assert stress.kinds[0].choices[0].pattern == "block.*"


@pytest.mark.parametrize("text", [TEXT, "loss=hinge", "labels=random(0.1..1);swaps=1"])
def test_what_is_printed_is_read_as_the_same(text):
    canonical = canonical_stress(text)
    assert StressDistribution.parse(canonical) == StressDistribution.parse(text)
    assert canonical_stress(canonical) == canonical


def test_a_range_gives_numbers_in_it_and_a_list_all_of_its_other_values():
    _, kind = StressDistribution.parse(TEXT).kinds
    loss, weights = kind.choices
    rng = np.random.default_rng(0)
    sigmas = [weights.draw(rng, None).call.arguments[0] for _ in range(200)]
    assert 0 <= min(sigmas) < 0.05 and 0.45 < max(sigmas) <= 0.5
    assert {loss.draw(rng, None).name.partition("(")[0] for _ in range(50)} == {"hinge", "Huber"}
    assert {loss.draw(rng, "hinge").name.partition("(")[0] for _ in range(50)} == {"Huber"}
    (choice,) = StressDistribution.parse("loss=hinge").kinds[0].choices
    assert choice.draw(rng, "hinge") is None
    assert choice.draw(rng, "poisson") == Change("loss", "hinge")


def test_kinds_have_their_share_of_the_unit_interval():
    stress = StressDistribution.parse("weight=3 loss=hinge; activation=tanh")
    targets = [stress.kind_at(share).choices[0].target for share in (0, 0.74, 0.76, 0.999)]
    assert targets == ["loss", "loss", "activation", "activation"]


@pytest.mark.parametrize(
    ("times", "epochs", "expected"),
    [
        ("0..1", 8, range(1, 8)),
        ("0.25..0.5", 8, range(2, 5)),
        ("0.3..1", 10, range(3, 10)),
        ("0.5", 4, range(2, 3)),
    ],
)
def test_times_are_the_beginnings_of_epochs_after_the_first(times, epochs, expected):
    stress = StressDistribution.parse(f"loss=hinge; times={times}")
    assert stress.epochs_of_swaps(epochs) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no kind of stress; write kinds and times such as"),
        ("swaps=1..3", "names no kind of stress"),
        ("activation", "'activation' must be target=values"),
        ("activatio=tanh", "unknown target 'activatio'; did you mean 'activation'"),
        ("activation=tan(", "activation must be a name"),
        ("labels[dense]=random(1.0)", "labels takes no layer filter"),
        ("weights=noise(1..0.1)", r"weights=noise\(1\.\.0\.1\): the range 1\.\.0\.1 must rise"),
        ("labels=random(0.5..2)", r"labels=random\(2\).*p from 0 to 1"),
        ("weight=0 loss=hinge", "weight=0 must be a number above 0"),
        ("weight=2", "weight=2 stands alone"),
        ("loss=hinge swaps=1..3", "mixes a kind of stress with swaps"),
        ("loss=hinge; swaps=0..2", r"swaps=0\.\.2 must be whole numbers from 1"),
        ("loss=hinge; swaps=many", "swaps=many must be a number, or a range"),
        ("loss=hinge; times=0.5..0.1", r"times=0\.5\.\.0\.1 must be a number, or a range"),
        ("loss=hinge; times=0..2", r"times=0\.\.2 must be fractions from 0 to 1"),
    ],
)
def test_what_is_no_distribution_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as refused:
        StressDistribution.parse(text)
    assert "\n" not in str(refused.value)


def test_times_that_hold_no_epoch_are_refused():
    stress = StressDistribution.parse("loss=hinge; times=0.9..0.95")
    with pytest.raises(ValueError, match=r"times=0\.9\.\.0\.95 hold the beginning of no epoch"):
        stress.epochs_of_swaps(8)
