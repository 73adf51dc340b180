"""CRC-32C (Castagnoli), as TensorFlow's checkpoints carry it of each block and each tensor.

The bytes are cut into as many runs of equal length as there are, whose sums NumPy makes side by side; then runs are
joined in pairs. Source: RFC 3720, appendix B.4; the mask is LevelDB's (table_format.md).
"""

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_RUN_BYTES = 2048
_MASK_DELTA = 0xA282EAD8

_Words = np.ndarray[tuple[int, ...], np.dtype[np.uint32]]


def crc32c(data: memoryview) -> int:
    """Return the sum of some bytes."""
    table = _byte_table()
    runs = len(data) // _RUN_BYTES
    whole = np.frombuffer(data[: runs * _RUN_BYTES], "<u2").reshape(runs, _RUN_BYTES // 2)
    # The register starts at all ones; a run behind another one starts at zero, and is joined by linearity.
    state = np.zeros(runs, np.uint32)
    if runs:
        state[0] = 0xFFFFFFFF
        pairs = _pair_table()
        for column in np.ascontiguousarray(whole.T):
            state = (state >> np.uint32(16)) ^ pairs.take((state ^ column) & np.uint32(0xFFFF))
    register = _joined(state, _RUN_BYTES) if runs else 0xFFFFFFFF
    for byte in data[runs * _RUN_BYTES :]:
        register = (register >> 8) ^ int(table[(register ^ byte) & 0xFF])
    return register ^ 0xFFFFFFFF


def unmasked(stored: int) -> int:
    """Return the sum that a masked one stands for."""
    rotated = (stored - _MASK_DELTA) & 0xFFFFFFFF
    return ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF


@cache
def _byte_table() -> _Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ np.where(table & np.uint32(1), _POLYNOMIAL, 0).astype(
            np.uint32
        )
    return table


@cache
def _pair_table() -> _Words:
    """Return the same for two bytes at once, the first one in the lower bits."""
    table = _byte_table()
    words = np.arange(65536, dtype=np.uint32)
    after: _Words = (words >> np.uint32(8)) ^ table[words & np.uint32(0xFF)]
    return (after >> np.uint32(8)) ^ table[after & np.uint32(0xFF)]


def _joined(state: _Words, run_bytes: int) -> int:
    """Return the register behind all runs, which are joined two by two; the first of an odd number is kept apart."""
    shift = _shift_by_bytes(run_bytes)
    while len(state) > 1:
        # Zeros in front do not change a register that starts at zero, so an odd number is filled in front.
        even = state if len(state) % 2 == 0 else np.concatenate((np.zeros(1, np.uint32), state))
        state = _apply(shift, even[0::2]) ^ even[1::2]
        shift = _apply(shift, shift)
    return int(state[0])


def _shift_by_bytes(count: int) -> _Words:
    """Return what happens to each of the 32 bits of a register when `count` zero bytes follow; a power of two."""
    table = _byte_table()
    bits = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    matrix: _Words = (bits >> np.uint32(8)) ^ table[bits & np.uint32(0xFF)]
    while count > 1:
        matrix = _apply(matrix, matrix)
        count //= 2
    return matrix


def _apply(matrix: _Words, registers: _Words) -> _Words:
    """Return a linear map, given by the images of the 32 bits, of each register."""
    result = np.zeros_like(registers)
    for bit in range(32):
        chosen = (registers >> np.uint32(bit)) & np.uint32(1)
        result ^= chosen * matrix[bit]
    return result
