import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from akp_keras.dispersion.location import locate


def draw(shift, within=0.0, seed=0, families=9, members=4):
    """Families further along one axis, and members along it, as they generalise less."""
    rng = np.random.default_rng(seed)
    means = np.linspace(0.9, 0.6, families)
    values = np.repeat(means, members) + rng.normal(0, 0.02, families * members)
    points = rng.normal(size=(families * members, 6))
    own = np.repeat(means, members)
    points[:, 0] += shift * (0.9 - own) + within * (own - values)
    names = [f"f{index}" for index in range(families)]
    return squareform(pdist(points, "sqeuclidean")), dict.fromkeys(names, members), values, points


def run(squared, sizes, values, happy=("f0", "f1", "f2")):
    return locate(squared, sizes, values, happy, 499, np.random.default_rng(0))


def test_families_that_lie_further_away_are_seen():
    squared, sizes, values, _ = draw(shift=40.0)
    found = run(squared, sizes, values)
    assert found.statistic < -0.6 and found.pvalue < 0.05
    assert found.within_pvalue > 0.05
    assert found.distance["f8"] > found.distance["f3"]


def test_members_that_lie_further_away_are_seen_within_their_family():
    squared, sizes, values, _ = draw(shift=100.0, within=100.0, seed=1)
    found = run(squared, sizes, values)
    assert found.within_statistic < -0.2 and found.within_pvalue < 0.05


def test_distances_leave_the_own_family_out():
    squared, sizes, values, points = draw(shift=5.0, seed=2)
    found = run(squared, sizes, values, happy=("f0", "f1"))
    own, other = points[:4], points[4:8]
    expected = np.sqrt(((own - other.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert found.distance["f0"] == pytest.approx(expected)
    both = points[:8].mean(axis=0)
    expected = np.sqrt(((points[-4:] - both) ** 2).sum(axis=1).mean())
    assert found.distance["f8"] == pytest.approx(expected)
    means = values.reshape(9, 4).mean(axis=1)
    rho = spearmanr(means, list(found.distance.values())).statistic
    assert found.statistic == pytest.approx(rho)


def test_nothing_to_correlate():
    squared, sizes, values, _ = draw(shift=0.0)
    alone = run(squared, sizes, values, happy=("f0",))
    assert alone.distance["f0"] is None and alone.distance["f1"] > 0
    none = run(squared, sizes, values, happy=())
    assert none.statistic is None and none.within_statistic is None
    of_families = np.repeat(values.reshape(9, 4).mean(axis=1), 4)
    assert run(squared, sizes, of_families).within_statistic is None
