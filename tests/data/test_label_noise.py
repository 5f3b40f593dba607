import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from akp_keras.data import randomise_labels


@st.composite
def labelled(draw):
    classes = draw(st.integers(2, 12))
    labels = draw(st.lists(st.integers(0, classes - 1), max_size=200))
    return np.array(labels, dtype=np.int64), classes


fractions = st.floats(0.0, 1.0)
seeds = st.integers(0, 2**32)


@given(labelled(), fractions, seeds)
def test_changes_no_more_than_the_fraction_and_stays_in_range(data, fraction, seed):
    labels, classes = data
    before = labels.copy()
    noisy = randomise_labels(labels, fraction, classes, seed)
    np.testing.assert_array_equal(labels, before)
    assert noisy.shape == labels.shape
    assert noisy.dtype == labels.dtype
    assert np.count_nonzero(noisy != labels) <= round(fraction * len(labels))
    assert np.all((noisy >= 0) & (noisy < classes))


@given(labelled(), fractions, seeds)
def test_the_same_seed_gives_the_same_labels(data, fraction, seed):
    labels, classes = data
    np.testing.assert_array_equal(
        randomise_labels(labels, fraction, classes, seed),
        randomise_labels(labels, fraction, classes, seed),
    )


@given(labelled(), st.tuples(fractions, fractions).map(sorted), seeds)
def test_more_noise_keeps_what_less_noise_changed(data, pair, seed):
    labels, classes = data
    less, more = (randomise_labels(labels, fraction, classes, seed) for fraction in pair)
    changed = less != labels
    np.testing.assert_array_equal(more[changed], less[changed])


@given(labelled(), seeds)
def test_no_noise_is_a_copy(data, seed):
    labels, classes = data
    noisy = randomise_labels(labels, 0.0, classes, seed)
    np.testing.assert_array_equal(noisy, labels)
    assert noisy is not labels


def test_full_noise_is_uniform_and_independent_of_the_true_label():
    labels = np.repeat(np.arange(5), 4000)
    noisy = randomise_labels(labels, 1.0, 5, seed=7)
    assert stats.chisquare(np.bincount(noisy)).pvalue > 0.01
    assert stats.chi2_contingency(stats.contingency.crosstab(labels, noisy).count).pvalue > 0.01
    assert np.mean(noisy == labels) == pytest.approx(1 / 5, abs=0.015)


def test_seeds_differ():
    labels = np.zeros(100, dtype=np.int64)
    assert np.any(randomise_labels(labels, 1.0, 2, 0) != randomise_labels(labels, 1.0, 2, 1))


@pytest.mark.parametrize(
    ("labels", "fraction", "classes", "message"),
    [
        ([0, 1], -0.1, 2, "from 0 to 1"),
        ([0, 1], 1.5, 2, "from 0 to 1"),
        ([0, 1], float("nan"), 2, "from 0 to 1"),
        ([0, 0], 0.5, 1, "at least 2"),
        ([0, 2], 0.5, 2, "labels from 0 to 1"),
        ([-1, 1], 0.5, 2, "labels from 0 to 1"),
    ],
)
def test_refuses_what_is_out_of_range(labels, fraction, classes, message):
    with pytest.raises(ValueError, match=message):
        randomise_labels(np.array(labels), fraction, classes, seed=0)
