from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

from akp_keras.tensorboard.event_files import masked_checksum


@given(st.binary(max_size=300))
def test_the_checksum_is_tensorboards(data):
    assert masked_checksum(data) == pywrap_tensorflow.masked_crc32c(data)
