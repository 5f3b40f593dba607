"""What is put on a shelf comes back, in memory and from disk."""

import numpy as np
import pytest

from akp_keras.similarity.shelf import Shelf


@pytest.mark.parametrize("memory", [0, 3000, 1e9])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tiles_are_what_was_put(tmp_path, memory, ragged, dtype):
    rng = np.random.default_rng(0)
    put = [
        {
            "matrix": rng.normal(size=(20, 5 + ragged * i)).astype(dtype),
            "index": rng.integers(0, 9, 7),
            "number": np.array(i + 0.5),
        }
        for i in range(6)
    ]
    shelf = Shelf(6, memory, folder=tmp_path)
    for prepared in put:
        shelf.put(prepared)
    for start, stop in [(0, 6), (2, 5), (5, 6)]:
        tile = shelf.tile(start, stop)
        for i in range(start, stop):
            for name, array in put[i].items():
                got = np.asarray(tile[name][i - start])
                assert got.dtype == array.dtype
                np.testing.assert_array_equal(got, array)
    assert shelf.largest == max(sum(a.nbytes for a in one.values()) for one in put)
    needed = sum(a.nbytes for one in put for a in one.values())
    assert bool(list(tmp_path.iterdir())) == (needed > memory)
    shelf.close()
    assert list(tmp_path.iterdir()) == []
