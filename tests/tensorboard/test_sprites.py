import io

import numpy as np
import pytest
from PIL import Image

from akp_keras.tensorboard.sprites import draw_atlas


def tiles(atlas, count):
    picture = np.asarray(Image.open(io.BytesIO(atlas.png)))
    assert picture.shape == (atlas.tile * atlas.tiles_per_side,) * 2 + (3,)
    # The page finds a tile's row by the tiles in a column: right only in a square.
    return [
        picture[row * atlas.tile : (row + 1) * atlas.tile, column * atlas.tile :][:, : atlas.tile]
        for row, column in (divmod(index, atlas.tiles_per_side) for index in range(count))
    ]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 16, 17, 70])
def test_tile_i_is_image_i(count):
    images = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3)).astype(np.float32)
    atlas = draw_atlas(images)
    assert atlas.tiles_per_side**2 >= count
    assert atlas.tiles_per_side & (atlas.tiles_per_side - 1) == 0
    for tile, image in zip(tiles(atlas, count), images, strict=True):
        np.testing.assert_array_equal(tile, image)


def test_small_images_keep_their_pixels():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    atlas = draw_atlas(images)
    assert atlas.tile == 32
    for tile, image in zip(tiles(atlas, 3), images, strict=True):
        np.testing.assert_array_equal(tile[2::4, 2::4, 0], image)


def test_images_that_are_not_square_keep_their_proportions():
    images = np.zeros((2, 32, 64, 1), dtype=np.float32)
    atlas = draw_atlas(images)
    tile = tiles(atlas, 2)[1]
    assert atlas.tile == 64
    assert (tile[16:48] == 0).all()
    assert (tile[:16] == 255).all()
    assert (tile[48:] == 255).all()


def test_fractions_are_scaled_to_full_brightness():
    images = np.random.default_rng(0).uniform(size=(4, 32, 32, 3))
    images[0, 0, 0, 0] = 1.0
    np.testing.assert_array_equal(tiles(draw_atlas(images), 4)[2], np.rint(images[2] * 255))


def test_large_images_and_many_images_stay_within_the_texture():
    assert draw_atlas(np.full((4, 200, 200, 3), 9, np.uint8)).tile == 64
    many = draw_atlas(np.zeros((20_000, 1, 1), np.uint8))
    assert many.tile * many.tiles_per_side <= 8192


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 4)), "n × h × w × c"),
        (np.zeros((3, 4, 4, 2)), "channels"),
        (np.zeros((0, 4, 4, 3)), "n × h × w × c"),
        (np.full((1, 4, 4, 3), np.nan), "NaN"),
        (np.full((1, 4, 4, 3), 256), "between 0 and 255"),
        (np.full((1, 4, 4, 3), -1.0), "between 0 and 255"),
    ],
)
def test_refuses_what_is_no_picture(images, message):
    with pytest.raises(ValueError, match=message):
        draw_atlas(images)
