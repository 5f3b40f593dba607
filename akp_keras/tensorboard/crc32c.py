"""The checksum of TensorBoard's records, fast enough for large ones.

TensorBoard computes it byte by byte in Python, a second for ten megabytes or more.
"""

from __future__ import annotations

import functools

import numpy as np
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, its bits reversed
_LANE = 512
_LARGE = 64 * 1024


def masked_crc32c(data: bytes) -> int:
    """CRC-32C of some bytes, masked as TFRecord files have it.

    The register is linear over GF(2): that of two pieces one after the other is that of the first,
    moved on by the length of the second, plus (exclusive or) that of the second alone. So pieces
    of 512 bytes are taken side by side and then joined in pairs.

    Args:
      data: the bytes.

    Returns:
      What `tensorboard` computes for them, in [0, 2³²).

    References:
      Castagnoli, Bräuer and Herrmann (1993), "Optimization of cyclic redundancy-check codes with
      24 and 32 parity bits", IEEE Transactions on Communications 41.
    """
    if len(data) < _LARGE:
        return pywrap_tensorflow.masked_crc32c(data)
    crc = _register(data) ^ 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _register(data: bytes) -> int:
    pieces = 1 << (-(-len(data) // _LANE) - 1).bit_length()
    padded = np.zeros(pieces * _LANE, np.uint8)
    # Zeros at the front leave an empty register empty. The true register begins full of ones,
    # which is the same as turning over the first four bytes.
    padded[-len(data) :] = np.frombuffer(data, np.uint8)
    padded[len(padded) - len(data) :][:4] ^= 0xFF
    table = _table()
    registers = np.zeros(pieces, np.uint32)
    for column in np.ascontiguousarray(padded.reshape(pieces, _LANE).T):
        registers = table[(registers ^ column) & 0xFF] ^ (registers >> 8)
    move = _moved_by_a_lane()
    while len(registers) > 1:
        registers = _apply(move, registers[0::2]) ^ registers[1::2]
        move = _apply(move, move)
    return int(registers[0])


@functools.cache
def _table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return table


@functools.cache
def _moved_by_a_lane() -> np.ndarray:
    """(32,) what becomes of each bit of the register after a piece of zeros."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    move = _table()[bits & 0xFF] ^ (bits >> 8)
    for _ in range(_LANE.bit_length() - 1):
        move = _apply(move, move)
    return move


def _apply(move: np.ndarray, registers: np.ndarray) -> np.ndarray:
    moved = np.zeros_like(registers)
    for bit, becomes in enumerate(move):
        moved ^= np.where((registers >> np.uint32(bit)) & 1, becomes, np.uint32(0))
    return moved
