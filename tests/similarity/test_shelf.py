"""What is put on a shelf comes back, in memory and from disk."""

import numpy as np
import pytest

from akp_keras.similarity.shelf import Shelf


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("memory", [0, 9000, 1e9])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tiles_are_what_was_put(tmp_path, memory, ragged, dtype, in_memory):
    rng = np.random.default_rng(0)
    put = [
        {
            "matrix": rng.normal(size=(60, 5 + ragged * i)).astype(dtype),
            "index": rng.integers(0, 9, 7),
            "number": np.array(i + 0.5),
        }
        for i in range(6)
    ]
    shelf = Shelf(6, memory, folder=tmp_path)
    for prepared in put:
        shelf.put(prepared)
    for start, stop in [(0, 6), (2, 5), (5, 6)]:
        tile = shelf.tile(start, stop, in_memory=in_memory)
        for i in range(start, stop):
            for name, array in put[i].items():
                got = np.asarray(tile[name][i - start])
                assert got.dtype == array.dtype
                np.testing.assert_array_equal(got, array)
    assert len(shelf) == 6
    assert shelf.largest == max(sum(a.nbytes for a in prepared.values()) for prepared in put)
    needed = sum(a.nbytes for prepared in put for a in prepared.values())
    assert shelf.is_on_disk == (needed > memory)
    assert bool(list(tmp_path.iterdir())) == (needed > memory)
    shelf.close()
    assert list(tmp_path.iterdir()) == []


def test_factors_are_rounded_and_numbers_are_not():
    shelf = Shelf(1, 1e9, np.float32)
    shelf.put({"matrix": np.full((2, 2), 1 / 3), "number": np.array(1 / 3), "index": np.arange(3)})
    tile = shelf.tile(0, 1)
    assert tile["matrix"].dtype == np.float32
    assert tile["number"][0] == 1 / 3
    assert tile["index"].dtype == np.int64
