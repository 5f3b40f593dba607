import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from akp_keras import dispersion
from akp_keras.tensorboard import page_dispersions
from akp_keras.tensorboard.page_dispersions import measured_dispersions

FAMILIES = ("control", "late_tanh", "memoriser")
MEMBERS = tuple(f"{family}/{seed}" for family in FAMILIES for seed in range(6))
OF = [name.split("/")[0] for name in MEMBERS]


@pytest.fixture(scope="module")
def distances():
    rng = np.random.default_rng(0)
    widths = np.repeat([1.0, 1.5, 4.0], 6)
    return squareform(pdist(widths[:, None] * rng.normal(size=(18, 6))))


@pytest.fixture(scope="module")
def outcome(distances):
    return dispersion.permutation_test(
        distances,
        OF,
        dict(zip(FAMILIES, (0.9, 0.8, 0.5), strict=True)),
        members=MEMBERS,
        control="control",
        permutations=199,
        crosscheck_permutations=0,
        seed=0,
    )


def test_a_tested_layer_has_the_figures_of_its_outcome(outcome):
    found = page_dispersions.tested_dispersions("dense", "cka.linear", outcome)
    assert (found.layer, found.measure, found.control) == ("dense", "cka.linear", "control")
    assert (found.verdict, found.reason) == (outcome.verdict, outcome.reason)
    assert found.pvalue == outcome.adjusted_pvalue
    assert found.cautions == outcome.cautions
    assert tuple(family.family for family in found.families) == FAMILIES
    for family in found.families:
        values = list(family.distances.values())
        assert set(family.distances) == {n for n in MEMBERS if n.startswith(family.family)}
        assert family.mean == outcome.dispersion[family.family] == pytest.approx(np.mean(values))
        interval = stats.t.interval(0.95, 5, np.mean(values), stats.sem(values))
        assert family.interval == pytest.approx(interval)
    control, tanh, memoriser = found.families
    assert (control.ratio, control.ratio_interval) == (None, None)
    for family in (tanh, memoriser):
        assert family.ratio == pytest.approx(family.mean / control.mean)
        low, high = outcome.ratios[family.family].interval
        assert family.ratio_interval == pytest.approx((np.exp(low), np.exp(high)))
    assert found.effect.startswith(
        f"Furthest from control is memoriser, {memoriser.ratio:.2f} times as dispersed (95 % "
    )


def test_an_untested_layer_has_the_same_dispersions_and_no_verdict(outcome, distances):
    tested = page_dispersions.tested_dispersions("dense", "cka.linear", outcome)
    measured = measured_dispersions("dense", "cka.linear", MEMBERS, distances, control="control")
    assert measured.verdict is None
    assert measured.pvalue is None
    for one, other in zip(tested.families, measured.families, strict=True):
        assert other.mean == pytest.approx(one.mean)
        assert other.interval == pytest.approx(one.interval)
        assert other.distances == pytest.approx(one.distances)
        assert other.ratio == (one.ratio and pytest.approx(one.ratio))
        assert other.ratio_interval is None


def test_a_single_member_and_identical_members_are_no_error():
    names = ("control/0", "control/1", "lone/0", "wide/0", "wide/1")
    distances = squareform(pdist(np.array([[0.0], [0.0], [1.0], [2.0], [4.0]])))
    found = measured_dispersions("dense", "cka.linear", names, distances, control="control")
    control, lone, wide = found.families
    assert control.mean == 0
    assert (lone.mean, lone.interval, lone.distances) == (None, None, {"lone/0": None})
    # Nothing is a number of times as dispersed as families without dispersion.
    assert wide.ratio is None
    assert found.effect == ""


def test_without_a_control_there_are_no_ratios(distances):
    found = measured_dispersions("dense", "cka.linear", MEMBERS, distances)
    assert [family.ratio for family in found.families] == [None] * 3


def test_distances_must_fit_the_members(distances):
    with pytest.raises(ValueError, match=r"17 members must have the shape \(17, 17\)"):
        measured_dispersions("dense", "cka.linear", MEMBERS[:-1], distances)


@pytest.mark.parametrize(("members", "has_interval"), [(2, False), (3, True)])
def test_an_interval_needs_three_members(members, has_interval):
    names = tuple(f"control/{seed}" for seed in range(members))
    places = np.random.default_rng(1).normal(size=(members, 4))
    found = measured_dispersions("dense", "cka.linear", names, squareform(pdist(places)))
    (family,) = found.families
    assert family.mean > 0
    # Two members are equally far from their centroid: an interval would have no width.
    assert (family.interval is not None) == has_interval
    if has_interval:
        assert family.interval[0] < family.mean < family.interval[1]
