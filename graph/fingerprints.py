"""Hash functions that decide buckets: FarmHash Fingerprint64, SipHash-2-4, and the hash of several features together.

Each is computed for many strings at once, those of one length class together, in unsigned 64-bit arithmetic that wraps.
Sources: G. Pike, FarmHash (farmhashna::Hash64, whose values never change); J.-P. Aumasson and D. J. Bernstein,
"SipHash: a fast short-input PRF" (2012); TensorFlow's SparseCross for how fingerprints are joined.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

UInts = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]

_K0, _K1, _K2 = (
    np.uint64(number) for number in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F)
)
_SEED = np.uint64(81)
_CROSS_SEED = np.uint64(0xDECAFCAFFE)
_CROSS_FACTOR = np.uint64(0xC6A4A7935BD1E995)
# "somepseudorandomlygeneratedbytes", as SipHash begins.
_SIP_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def farm_fingerprints(strings: Sequence[bytes]) -> UInts:
    """Return FarmHash Fingerprint64 of each string."""
    found = np.empty(len(strings), np.uint64)
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    classes = np.searchsorted([1, 4, 8, 17, 33, 65], lengths, side="right")
    # Long strings are read in blocks of 64 bytes: equal numbers of blocks go together.
    classes += np.maximum(lengths - 1, 0) // 64
    with np.errstate(over="ignore"):
        for places, rows in _groups(strings, classes):
            sizes = lengths[places].astype(np.uint64)
            found[places] = _FARM[min(int(classes[places[0]]), 6)](_Rows(rows, sizes))
    return found


def sip_hashes(strings: Sequence[bytes], key: tuple[int, int]) -> UInts:
    """Return SipHash-2-4 of each string under a key of two 64-bit words."""
    found = np.empty(len(strings), np.uint64)
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    with np.errstate(over="ignore"):
        for places, rows in _groups(strings, lengths // 8):
            found[places] = _sip(rows, lengths[places], key)
    return found


def crossed(features: Sequence[UInts]) -> UInts:
    """Return one hash of several features, given their fingerprints, or their own values where they are integers."""
    result = np.full_like(features[0], _CROSS_SEED)
    with np.errstate(over="ignore"):
        for feature in features:
            result = result ^ _CROSS_FACTOR
            result = result ^ (_mixed(feature * _CROSS_FACTOR) * _CROSS_FACTOR)
            result = result * _CROSS_FACTOR
            result = _mixed(_mixed(result) * _CROSS_FACTOR)
    return result


def _groups(
    strings: Sequence[bytes], classes: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[np.int64], Bytes]]:
    """Yield the places of the strings of each class, and their bytes as rows of one width, padded with zeros."""
    for number in np.unique(classes):
        places = np.flatnonzero(classes == number)
        chosen = [strings[place] for place in places.tolist()]
        width = max(8, -(-(max(map(len, chosen)) + 1) // 8) * 8)
        padded = b"".join(text.ljust(width, b"\0") for text in chosen)
        yield places, np.frombuffer(padded, np.uint8).reshape(len(chosen), width)


class _Rows:
    """Strings of one class: their bytes, padded, and their lengths."""

    def __init__(self, rows: Bytes, sizes: UInts) -> None:
        self._rows = rows
        self._number = np.arange(len(rows))
        self.sizes = sizes

    def word(self, start: Any, width: int = 8) -> UInts:
        """Return `width` bytes of each string as a little-endian number; `start` may be an array."""
        places = np.broadcast_to(np.asarray(start, np.int64), self._number.shape)
        columns = places[:, None] + np.arange(width)
        taken = np.zeros((len(self._rows), 8), np.uint8)
        taken[:, :width] = self._rows[self._number[:, None], columns]
        return taken.view("<u8")[:, 0].astype(np.uint64)

    def behind(self, distance: int, width: int = 8) -> UInts:
        """Return the word that begins so many bytes before the end."""
        return self.word(self.sizes.astype(np.int64) - distance, width)

    @property
    def factor(self) -> UInts:
        """The factor that depends on the length."""
        return _K2 + self.sizes * np.uint64(2)


def _turned(words: UInts, bits: int) -> UInts:
    """Rotate to the right."""
    return (words >> np.uint64(bits)) | (words << np.uint64(64 - bits))


def _mixed(words: UInts) -> UInts:
    return words ^ (words >> np.uint64(47))


def _joined(first: UInts, second: UInts, factor: UInts) -> UInts:
    a = _mixed((first ^ second) * factor)
    return _mixed((second ^ a) * factor) * factor


def _farm_none(rows: _Rows) -> UInts:
    return np.full_like(rows.sizes, _K2)


def _farm_to_3(rows: _Rows) -> UInts:
    half = (rows.sizes >> np.uint64(1)).astype(np.int64)
    y = rows.word(0, 1) + (rows.word(half, 1) << np.uint64(8))
    z = rows.sizes + (rows.behind(1, 1) << np.uint64(2))
    return _mixed(y * _K2 ^ z * _K0) * _K2


def _farm_to_7(rows: _Rows) -> UInts:
    first = rows.sizes + (rows.word(0, 4) << np.uint64(3))
    return _joined(first, rows.behind(4, 4), rows.factor)


def _farm_to_16(rows: _Rows) -> UInts:
    factor, a, b = rows.factor, rows.word(0) + _K2, rows.behind(8)
    return _joined(_turned(b, 37) * factor + a, (_turned(a, 25) + b) * factor, factor)


def _farm_to_32(rows: _Rows) -> UInts:
    factor = rows.factor
    a, b = rows.word(0) * _K1, rows.word(8)
    c, d = rows.behind(8) * factor, rows.behind(16) * _K2
    first = _turned(a + b, 43) + _turned(c, 30) + d
    return _joined(first, a + _turned(b + _K2, 18) + c, factor)


def _farm_to_64(rows: _Rows) -> UInts:
    factor = rows.factor
    a, b = rows.word(0) * _K2, rows.word(8)
    c, d = rows.behind(8) * factor, rows.behind(16) * _K2
    y = _turned(a + b, 43) + _turned(c, 30) + d
    z = _joined(y, a + _turned(b + _K2, 18) + c, factor)
    e, f = rows.word(16) * factor, rows.word(24)
    g, h = (y + rows.behind(32)) * factor, (z + rows.behind(24)) * factor
    return _joined(_turned(e + f, 43) + _turned(g, 30) + h, e + _turned(f + a, 18) + g, factor)


def _weak(rows: _Rows, start: Any, a: UInts, b: UInts) -> tuple[UInts, UInts]:
    """Mix 32 bytes into two seeds."""
    last = rows.word(start + 24)
    a = a + rows.word(start)
    b = _turned(b + a + last, 21)
    total = a + rows.word(start + 8) + rows.word(start + 16)
    return total + last, b + _turned(total, 44) + a


def _farm_long(rows: _Rows) -> UInts:
    """Hash strings of more than 64 bytes, all of the same number of blocks."""
    sizes = rows.sizes.astype(np.int64)
    blocks = int((sizes[0] - 1) // 64)
    zero = np.zeros_like(rows.sizes)
    x, y = zero + _SEED, zero + (_SEED * _K1 + np.uint64(113))
    z = _mixed(y * _K2 + np.uint64(113)) * _K2
    v, w = (zero, zero), (zero, zero)
    x = x * _K2 + rows.word(0)
    for block in range(blocks):
        x, y, z, v, w = _round(rows, 64 * block, (x, y, z, v, w), zero + _K1, (1, 1))
    factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    rest = (rows.sizes - np.uint64(1)) & np.uint64(63)
    w = (w[0] + rest, w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _round(rows, sizes - 64, (x, y, z, v, w), factor, (9, 9))
    first = _joined(v[0], w[0], factor) + _mixed(y) * _K0 + z
    return _joined(first, _joined(v[1], w[1], factor) + x, factor)


_State = tuple[UInts, UInts, UInts, tuple[UInts, UInts], tuple[UInts, UInts]]


def _round(rows: _Rows, start: Any, state: _State, factor: UInts, times: tuple[int, int]) -> _State:
    """Mix 64 bytes into the state; the last round multiplies two of its words."""
    x, y, z, v, w = state
    x = _turned(x + y + v[0] + rows.word(start + 8), 37) * factor
    y = _turned(y + v[1] + rows.word(start + 48), 42) * factor
    x = x ^ (w[1] * np.uint64(times[0]))
    y = y + v[0] * np.uint64(times[1]) + rows.word(start + 40)
    z = _turned(z + w[0], 33) * factor
    v = _weak(rows, start, v[1] * factor, x + w[0])
    w = _weak(rows, start + 32, z + w[1], y + rows.word(start + 16))
    return z, y, x, v, w


_FARM = (
    _farm_none, _farm_to_3, _farm_to_7, _farm_to_16, _farm_to_32, _farm_to_64, _farm_long,
)  # fmt: skip


def _sip(rows: Bytes, lengths: npt.NDArray[np.int64], key: tuple[int, int]) -> UInts:
    """Hash strings of which all have the same number of whole words."""
    start = [number ^ key[place % 2] for place, number in enumerate(_SIP_START)]
    state = [np.full(len(rows), number, np.uint64) for number in start]
    words = rows.view("<u8")
    count = int(lengths[0] // 8)
    ends = (lengths.astype(np.uint64) & np.uint64(0xFF)) << np.uint64(56)
    # The bytes behind the last whole word, the rest of which is padding, and the length on top.
    for word in [*(words[:, place] for place in range(count)), words[:, count] | ends]:
        state[3] = state[3] ^ word
        state = _sip_round(_sip_round(state))
        state[0] = state[0] ^ word
    state[2] = state[2] ^ np.uint64(0xFF)
    for _ in range(4):
        state = _sip_round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(state: list[UInts]) -> list[UInts]:
    a, b, c, d = state
    a, c = a + b, c + d
    b, d = _turned(b, 64 - 13) ^ a, _turned(d, 64 - 16) ^ c
    a = _turned(a, 32)
    c, a = c + b, a + d
    b, d = _turned(b, 64 - 17) ^ c, _turned(d, 64 - 21) ^ a
    return [a, b, _turned(c, 32), d]
