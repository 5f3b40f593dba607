import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from skbio import DistanceMatrix
from skbio.stats.ordination import pcoa

from akp_keras import dispersion, similarity
from akp_keras.comparison.trajectories import follow_members

EPOCHS = (0, 2, 5)
MEMBERS = tuple(f"{family}/{seed}" for family in ("control", "shock") for seed in range(5))
MEASURE = "cka.linear"


@pytest.fixture(scope="module")
def snapshots():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(len(EPOCHS), 20, 6)).astype(np.float32) for name in MEMBERS}


@pytest.fixture(scope="module")
def followed(snapshots):
    return follow_members("dense", MEASURE, EPOCHS, snapshots)


def distance(x, y):
    return similarity.pairwise({"x": x, "y": y}, [MEASURE])[MEASURE].distance()[0, 1]


def test_values_and_distances_are_those_of_the_measure_at_each_epoch(snapshots, followed):
    assert followed.members == MEMBERS
    for moment in range(len(EPOCHS)):
        x, y = snapshots["control/1"][moment], snapshots["shock/3"][moment]
        assert followed.values[moment, 1, 8] == pytest.approx(similarity.compare(x, y, MEASURE))
        assert followed.distances[moment, 1, 8] == pytest.approx(distance(x, y))


def test_within_a_family_all_epochs_are_compared(snapshots, followed):
    within = followed.within["shock"]
    assert within.shape == (15, 15)
    expected = distance(snapshots["shock/1"][2], snapshots["shock/4"][0])
    assert within[1 * 3 + 2, 4 * 3 + 0] == pytest.approx(expected)
    np.testing.assert_allclose(within[0::3, 0::3], followed.distances[0][5:, 5:])


def test_the_map_is_the_classical_scaling_of_all_points(snapshots, followed):
    every = {
        f"{name} {moment}": snapshots[name][moment]
        for name in MEMBERS
        for moment in range(len(EPOCHS))
    }
    distances = similarity.pairwise(every, [MEASURE])[MEASURE].distance()
    axes = pcoa(DistanceMatrix(distances), method="eigh").samples.to_numpy()[:, :3]
    assert not followed.is_aligned
    np.testing.assert_allclose(np.abs(followed.coordinates.reshape(-1, 3)), np.abs(axes), atol=1e-8)


def test_dispersion_is_that_of_the_test(followed):
    families = [name.split("/")[0] for name in MEMBERS]
    for moment in range(len(EPOCHS)):
        outcome = dispersion.permutation_test(
            followed.distances[moment], families, permutations=99, crosscheck_permutations=0
        )
        for family in ("control", "shock"):
            assert followed.dispersion[family][moment] == pytest.approx(outcome.dispersion[family])
        np.testing.assert_allclose(
            followed.to_centroid["shock"][moment], outcome.member_distances[5:], rtol=1e-12
        )


def test_the_same_snapshots_give_the_same_bytes(snapshots, followed):
    again = follow_members("dense", MEASURE, EPOCHS, snapshots)
    assert again.coordinates.tobytes() == followed.coordinates.tobytes()
    assert again.values.tobytes() == followed.values.tobytes()


def test_too_many_points_get_a_map_per_epoch_turned_onto_the_last(snapshots, followed):
    aligned = follow_members("dense", MEASURE, EPOCHS, snapshots, most_points=29)
    assert aligned.is_aligned
    np.testing.assert_allclose(aligned.values, followed.values)
    np.testing.assert_allclose(aligned.within["shock"], followed.within["shock"])
    for moment, of_epoch in enumerate(aligned.distances):
        alone = pcoa(DistanceMatrix(of_epoch), method="eigh").samples.to_numpy()[:, :3]
        # A turn changes no distance.
        np.testing.assert_allclose(
            pdist(aligned.coordinates[:, moment]), pdist(alone), rtol=1e-6, atol=1e-8
        )


def test_turning_finds_back_what_was_only_turned():
    rng = np.random.default_rng(1)
    first = {name: rng.normal(size=(20, 6)) for name in MEMBERS}
    still = {name: np.stack([values, values]) for name, values in first.items()}
    aligned = follow_members("dense", MEASURE, (0, 1), still, most_points=1)
    np.testing.assert_allclose(
        aligned.coordinates[:, 0], aligned.coordinates[:, 1], rtol=1e-6, atol=1e-8
    )


def test_members_without_comparable_snapshots_are_left_out_with_the_reason(snapshots):
    broken = dict(snapshots)
    broken["control/0"] = snapshots["control/0"].copy()
    broken["control/0"][1, 3, 2] = np.nan
    broken["shock/4"] = np.ones_like(snapshots["shock/4"])
    followed = follow_members("dense", MEASURE, EPOCHS, broken)
    assert set(followed.members) == set(MEMBERS) - {"control/0", "shock/4"}
    assert followed.excluded == {
        "control/0": "not finite after epoch 2: NaN or infinity among its answers",
        "shock/4": "constant over the probe set after epoch 0: it tells no samples apart",
    }


def test_a_family_of_one_member_has_no_dispersion(snapshots):
    some = {name: snapshots[name] for name in MEMBERS[:6]}
    followed = follow_members("dense", MEASURE, EPOCHS, some)
    assert followed.dispersion["shock"] == (None, None, None)
    assert all(value > 0 for value in followed.dispersion["control"])
    assert squareform(followed.within["shock"]).shape == (3,)


def test_two_members_are_enough_and_one_is_refused(snapshots):
    two = {name: snapshots[name] for name in MEMBERS[:2]}
    assert follow_members("dense", MEASURE, EPOCHS, two).coordinates.shape == (2, 3, 3)
    with pytest.raises(ValueError, match=r"layer .dense. needs at least two members .*, got 1"):
        follow_members("dense", MEASURE, EPOCHS, {"control/0": snapshots["control/0"]})


def test_snapshots_of_other_epochs_are_refused(snapshots):
    with pytest.raises(ValueError, match=r"control/0 at dense have the shape \(3, 20, 6\), not 2"):
        follow_members("dense", MEASURE, (0, 1), snapshots)
