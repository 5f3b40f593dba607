import numpy as np
import pytest

from akp_keras.tensorboard.sample_factors import MOST_FACTORS, sample_factor


def centred_gram(representation):
    rows = representation.reshape(len(representation), -1).astype(float)
    rows = rows - rows.mean(axis=0)
    product = rows @ rows.T
    return product / np.linalg.norm(product)


def product(found):
    factor = found.factor.astype(float)
    return factor @ factor.T


@pytest.mark.parametrize("shape", [(30, 5), (30, 8), (9, 200)])
def test_a_low_rank_is_kept_whole(shape):
    representation = np.random.default_rng(0).normal(size=shape)
    found = sample_factor("dense", "control/0", representation)
    assert (found.layer, found.member) == ("dense", "control/0")
    assert found.factor.dtype == np.float16
    assert found.factor.shape == (shape[0], min(shape[0] - 1, shape[1]))
    assert found.kept == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(product(found), centred_gram(representation), atol=2e-3)


@pytest.mark.parametrize("shape", [(40, 60), (40, 3, 3, 4), (60, 20)])
@pytest.mark.parametrize("factors", [1, 4, 8])
def test_a_high_rank_is_approximated_as_well_as_can_be(shape, factors):
    representation = np.random.default_rng(1).normal(size=shape) + 3
    found = sample_factor("dense", "control/0", representation, factors)
    eigenvalues = np.linalg.eigvalsh(centred_gram(representation))[::-1]
    assert found.factor.shape == (shape[0], factors)
    assert found.kept == pytest.approx((eigenvalues[:factors] ** 2).sum())
    error = np.linalg.norm(product(found) - centred_gram(representation))
    # The best of that rank (Eckart and Young), but for the digits of float16.
    assert error == pytest.approx(np.linalg.norm(eigenvalues[factors:]), abs=2e-3)


def test_a_rotation_a_shift_and_a_scale_change_nothing():
    rng = np.random.default_rng(2)
    representation = rng.normal(size=(25, 6)) * [5, 4, 3, 2, 1, 0.5]
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    first = sample_factor("dense", "a/0", representation)
    second = sample_factor("dense", "b/0", 1e-6 * (representation @ rotation) + 1e-5)
    np.testing.assert_allclose(product(first), product(second), atol=2e-3)


def test_the_product_of_two_is_linear_cka():
    from akp_keras import similarity

    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 50, 6))
    y[:, :3] = x[:, :3]
    found = [product(sample_factor("dense", "a/0", array)) for array in (x, y)]
    assert (found[0] * found[1]).sum() == pytest.approx(
        similarity.compare(x, y, "cka.linear"), abs=2e-3
    )


def test_the_same_representation_gives_the_same_bytes():
    representation = np.random.default_rng(4).normal(size=(100, 300)).astype(np.float32)
    first, second = (sample_factor("dense", "a/0", representation) for _ in range(2))
    assert first.factor.tobytes() == second.factor.tobytes()


def test_two_thousand_samples_are_enough_and_more_are_refused():
    representation = np.random.default_rng(5).normal(size=(2048, 10))
    assert sample_factor("dense", "a/0", representation).factor.shape == (2048, MOST_FACTORS)
    with pytest.raises(ValueError, match="2 to 2048 samples"):
        sample_factor("dense", "a/0", np.vstack([representation, representation[:1]]))


@pytest.mark.parametrize(
    ("representation", "message"),
    [
        (np.ones((5, 3)), "all samples alike"),
        (np.full((5, 3), np.nan), "NaN or infinity"),
        (np.zeros((1, 3)), "2 to 2048 samples"),
        (np.zeros(5), "2 to 2048 samples"),
        (np.zeros((5, 0)), "one feature or more"),
    ],
)
def test_what_has_no_factor_is_refused(representation, message):
    with pytest.raises(ValueError, match=message):
        sample_factor("dense", "a/0", representation)


@pytest.mark.parametrize("factors", [0, 9])
def test_the_number_of_factors_is_bounded(factors):
    with pytest.raises(ValueError, match="from 1 to 8"):
        sample_factor("dense", "a/0", np.eye(5), factors)
