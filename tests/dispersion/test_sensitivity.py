"""How far a verdict depends on single families, where there are many."""

import numpy as np

from akp_keras.dispersion import akp_test

FAMILIES = 66


def study():
    rng = np.random.default_rng(0)
    accuracy = np.linspace(0.95, 0.5, FAMILIES)
    spread = (1.1 - accuracy) * rng.uniform(0.7, 1.3, FAMILIES)
    points = spread[:, None] * rng.normal(size=(FAMILIES, 20))
    names = np.array(["control", *(f"f{number:02}" for number in range(1, FAMILIES))])
    return points, names, accuracy


def asked(points, names, accuracy):
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    return akp_test(distances, list(names), list(accuracy), permutations=99).across


def test_of_many_families_those_are_left_out_that_strengthen_the_correlation_most():
    points, names, accuracy = study()
    finding = asked(points, names, accuracy)
    assert finding.verdict == "AKP"
    made = finding.without_family
    assert len(made) == 60
    weakest = max(abs(retest.statistic) for retest in made.values())
    for family in set(names) - set(made) - {"control"}:
        kept = names != family
        without = asked(points[kept], names[kept], accuracy[kept])
        assert abs(without.statistic) >= weakest - 1e-9
    some = next(name for name in made if name != "control")
    kept = names != some
    without = asked(points[kept], names[kept], accuracy[kept])
    np.testing.assert_allclose(made[some].statistic, without.statistic, rtol=1e-9)
