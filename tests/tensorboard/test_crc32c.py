import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

from akp_keras.tensorboard import crc32c


@pytest.mark.parametrize("size", [1, 4, 511, 512, 513, 4096, 65_535, 65_536, 65_537, 200_001])
def test_it_is_the_checksum_that_tensorboard_computes(size):
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    assert crc32c.masked_crc32c(data) == pywrap_tensorflow.masked_crc32c(data)


@pytest.mark.parametrize("data", [bytes(70_000), b"\xff" * 70_000, b"123456789" * 9_000])
def test_regular_bytes_too(data):
    assert crc32c.masked_crc32c(data) == pywrap_tensorflow.masked_crc32c(data)


def test_the_standard_check_value(monkeypatch):
    # CRC-32C of "123456789" is E3069283; zeros before it would change a register full of ones.
    assert crc32c._register(b"123456789") ^ 0xFFFFFFFF == 0xE3069283
