import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from akp_keras.data.cell_patches import draw_cell_patches


@pytest.fixture(scope="module")
def patches():
    return draw_cell_patches(1024, seed=0)


def test_the_same_seed_gives_the_same_bytes(patches):
    again = draw_cell_patches(256, seed=0)
    assert again.images.tobytes() == patches.images[:256].tobytes()
    assert again.severity.tobytes() == patches.severity[:256].tobytes()


def test_the_first_patches_do_not_depend_on_how_many_are_asked_for(patches):
    few = draw_cell_patches(130, seed=0)
    np.testing.assert_array_equal(few.images, patches.images[:130])
    np.testing.assert_array_equal(few.severity, patches.severity[:130])


@pytest.mark.parametrize("other", [{"seed": 1}, {"seed": 0, "stream": 1}])
def test_seeds_and_streams_are_independent(patches, other):
    drawn = draw_cell_patches(128, **other)
    assert not set(drawn.severity) & set(patches.severity)
    assert not {i.tobytes() for i in drawn.images} & {i.tobytes() for i in patches.images}


def test_images_are_colour_patches_without_duplicates(patches):
    assert patches.images.shape == (1024, 32, 32, 3)
    assert patches.images.dtype == np.uint8
    assert len({image.tobytes() for image in patches.images}) == 1024


def test_classes_are_balanced(patches):
    assert np.bincount(patches.labels).tolist() == [512, 512]


@pytest.mark.parametrize(("label", "a", "b"), [(0, 2, 7), (1, 7, 2)])
def test_severity_has_the_distribution_that_is_stated(patches, label, a, b):
    severity = patches.severity[patches.labels == label]
    assert stats.kstest(severity, stats.beta(a, b).cdf).pvalue > 0.01


def test_the_best_rule_that_knows_the_severity_is_right_as_often_as_stated():
    assert stats.beta(2, 7).cdf(0.5) == pytest.approx(247 / 256, abs=1e-12)
    assert stats.beta(7, 2).sf(0.5) == pytest.approx(247 / 256, abs=1e-12)


def test_classes_overlap_in_severity(patches):
    severe = patches.severity > 0.5
    for label in (0, 1):
        wrong = np.count_nonzero(severe[patches.labels == label] != label)
        assert stats.binomtest(wrong, 512, 9 / 256).pvalue > 0.01


def test_severity_shows_as_darker_patches_in_either_class(patches):
    darkness = -patches.images.mean(axis=(1, 2, 3))
    for label in (0, 1):
        own = patches.labels == label
        assert stats.spearmanr(darkness[own], patches.severity[own]).statistic > 0.1


def test_no_single_brightness_separates_the_classes(patches):
    area_of_nuclei = (patches.images[..., 0] < 140).mean(axis=(1, 2))
    assert 0.75 < roc_auc_score(patches.labels, area_of_nuclei) < 0.98


def test_colours_are_those_of_haematoxylin_and_eosin(patches):
    red, green, blue = patches.images.reshape(-1, 3).astype(float).T
    nuclei = red < 120
    tissue = (red > 190) & (green < 190)
    assert np.mean(blue[nuclei] > red[nuclei]) > 0.9, "haematoxylin is blue to violet"
    assert np.mean((red > green) & (blue > green)) > 0.6, "both stains take green"
    assert np.mean((red > blue)[tissue]) > 0.6, "eosin is pink"
    assert np.mean((blue > green)[tissue]) > 0.95, "eosin is pink"


@pytest.mark.parametrize("count", [0, -3])
def test_refuses_to_draw_nothing(count):
    with pytest.raises(ValueError, match="at least 1"):
        draw_cell_patches(count, seed=0)


@pytest.mark.slow
def test_a_small_network_reaches_between_80_and_95_percent():
    import keras

    from akp_keras.models import build_model

    train, test = (draw_cell_patches(n, seed=0, stream=s) for n, s in ((2048, 0), (1024, 2)))
    images = train.images.astype(np.float32)
    keras.utils.set_random_seed(0)
    model = build_model(
        "small_cnn",
        input_shape=(32, 32, 3),
        classes=2,
        mean=images.mean(axis=(0, 1, 2)),
        variance=images.var(axis=(0, 1, 2)),
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(images, train.labels, epochs=8, batch_size=64, verbose=0)
    _, accuracy = model.evaluate(test.images.astype(np.float32), test.labels, verbose=0)
    assert 0.80 < accuracy < 0.95
