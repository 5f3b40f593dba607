import numpy as np
import pytest
from PIL import Image

from akp_keras.data import fingerprint, load_dataset
from akp_keras.data.image_file import read_image

SIZE = 8


def colours(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def save(path, array, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path, **options)


def by_id(dataset):
    splits = (dataset.train, dataset.validation, dataset.test)
    ids = np.concatenate([split.ids for split in splits])
    inputs = np.concatenate([split.inputs for split in splits])
    labels = np.concatenate([split.labels for split in splits])
    return {
        str(i): (x, dataset.class_names[y]) for i, x, y in zip(ids, inputs, labels, strict=True)
    }


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """300 images in two classes, of many formats, one of them corrupt."""
    root = tmp_path_factory.mktemp("data") / "patches"
    pixels = colours(300)
    for number, array in enumerate(pixels):
        label = "tumour" if number % 3 else "normal"
        save(root / label / f"{number:03d}.png", array)
    tumour = root / "tumour"
    (tumour / "001.png").write_bytes((tumour / "001.png").read_bytes()[:60])
    sixteen_bits = np.arange(SIZE * SIZE, dtype=np.uint16).reshape(SIZE, SIZE) * 1024
    save(tumour / "patient 7" / "deep.TIF", sixteen_bits)
    save(tumour / "print.jpg", np.full((SIZE, SIZE, 3), (200, 100, 50), np.uint8), "CMYK")
    save(tumour / "transparent.png", pixels[4], "RGBA")
    save(tumour / "palette.bmp", np.full((SIZE, SIZE, 3), 255, np.uint8), "P")
    save(tumour / "grey.jpeg", np.full((SIZE, SIZE), 77, np.uint8))
    (tumour / "notes.txt").write_text("no image")
    return root, pixels, sixteen_bits


def test_images_of_all_formats_have_values_from_0_to_255_and_ids_of_their_paths(patches):
    root, pixels, sixteen_bits = patches
    dataset = load_dataset(f"folder:{root}")
    assert dataset.class_names == ("normal", "tumour")
    images = by_id(dataset)
    assert len(images) == 304
    for number in (0, 2, 299):
        label = "tumour" if number % 3 else "normal"
        image, name = images[f"{label}/{number:03d}.png"]
        np.testing.assert_array_equal(image, pixels[number])
        assert name == label
    np.testing.assert_allclose(
        images["tumour/patient 7/deep.TIF"][0], np.repeat(sixteen_bits[..., None] / 257, 3, -1)
    )
    np.testing.assert_allclose(images["tumour/print.jpg"][0][0, 0], (200, 100, 50), atol=3)
    np.testing.assert_array_equal(images["tumour/transparent.png"][0], pixels[4])
    np.testing.assert_array_equal(images["tumour/palette.bmp"][0], 255)
    np.testing.assert_array_equal(images["tumour/grey.jpeg"][0], 77)


def test_unreadable_images_are_left_out_and_named(patches):
    dataset = load_dataset(f"folder:{patches[0]}")
    assert dataset.description.startswith("304 images of the folder patches. Left out")
    assert "tumour/001.png (" in dataset.description


def test_images_are_resized_with_the_mean_of_their_pixels(patches):
    dataset = load_dataset(f"folder:{patches[0]}[size=4]")
    image, _ = by_id(dataset)["normal/000.png"]
    assert image.shape == (4, 4, 3)
    np.testing.assert_allclose(image.mean(), patches[1][0].mean(), rtol=0.1)


def test_resizing_keeps_a_plane():
    image = np.tile(np.arange(0, 64, 4, dtype=np.uint8), (16, 1))
    path = "plane.png"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "open", lambda _: Image.fromarray(image))
        small = read_image(path, 4)
    # The antialiased kernel is symmetric: away from the border, a plane stays a plane.
    np.testing.assert_allclose(small[1, 1:3, 0], [22.0, 38.0], atol=1e-3)


def test_only_grey_images_have_one_channel(tmp_path):
    for number in range(20):
        save(tmp_path / "ab"[number % 2] / f"{number}.png", colours(1)[0, :, :, 0])
    assert load_dataset(f"folder:{tmp_path}").train.inputs.shape[1:] == (SIZE, SIZE, 1)


def test_published_splits_are_subfolders(tmp_path):
    for split, count in (("train", 20), ("validation", 4), ("test", 8)):
        for number in range(count):
            save(tmp_path / split / "ab"[number % 2] / f"{number}.png", colours(1)[0])
    dataset = load_dataset(f"folder:{tmp_path}")
    assert [len(s.ids) for s in (dataset.train, dataset.validation, dataset.test)] == [20, 4, 8]
    assert all(identity.startswith("test/") for identity in dataset.test.ids)


def test_the_fingerprint_tells_added_images(patches, tmp_path):
    before = fingerprint(f"folder:{patches[0]}")
    assert before == fingerprint(f"folder:{patches[0]}[size=4]")
    for number in range(4):
        save(tmp_path / "ab"[number % 2] / f"{number}.png", colours(1)[0])
    first = fingerprint(f"folder:{tmp_path}")
    save(tmp_path / "a" / "more.png", colours(1)[0])
    assert len({before, first, fingerprint(f"folder:{tmp_path}")}) == 3


def with_images(folder, *paths, size=SIZE):
    for path in paths:
        save(folder / path, np.zeros((size, size, 3), np.uint8))


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        ([], "", "has no images in subfolders; it must have one subfolder per class"),
        (["a.png"], "", "has no images in subfolders"),
        (["a/1.png", "a/2.png"], "", "all samples are of one class, 'a'"),
        (["a/1.png", "empty/", "b/1.png"], "", "class 'empty' has no samples"),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png"], "", "subfolders train and val; beside"),
        (["train/a/1.png", "train/b/1.png", "test/"], "", "the test split has no images"),
        (["a/1.png", "b/broken.png"], "", r"1 of 2 images cannot be read.*b/broken.png \("),
        (["a/1.png", "b/float.tif"], "", "floating-point numbers without a known range"),
        (["a/1.png", "b/large.png"], "", r"8 × 8 pixels \(a/1.png\) and 9 × 9.*\[size=64\]"),
        (["a/1.png"], "[size=0]", "size=0 must be a number of pixels"),
        (["a/1.png"], "[size=x]", "size=x must be a number of pixels"),
        (["a/1.png"], "[sise=9]", "unknown option 'sise'.*did you mean 'size'"),
        (["a/1.png"], "[size=9,size=8]", "must be given once"),
        (["a/1.png"], "/nowhere", "there is no folder"),
    ],
)
def test_folders_that_cannot_be_used_are_refused_in_one_line(tmp_path, paths, options, message):
    for path in paths:
        if path.endswith("/"):
            (tmp_path / path).mkdir()
        elif "broken" in path:
            (tmp_path / path).parent.mkdir()
            (tmp_path / path).write_bytes(b"no image")
        elif "float" in path:
            save(tmp_path / path, np.zeros((SIZE, SIZE), np.float32))
        else:
            with_images(tmp_path, path, size=9 if "large" in path else SIZE)
    with pytest.raises(ValueError, match=message) as refusal:
        load_dataset(f"folder:{tmp_path}{options}")
    assert "\n" not in str(refusal.value)
