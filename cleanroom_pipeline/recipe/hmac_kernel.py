"""HMAC-SHA256 of a whole Arrow column at once, in machine code made by numba.

Here: the kernel. Not here: when it is used, or the same by hashlib (vectorised.py).

Sixteen values go through each round of FIPS 180-4's compression function side by side, so that the
compiler can use vector instructions. A value of up to 55 bytes needs one block after the key's;
what is longer is left to the caller. Importing this module needs numba.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit, uint8, uint32

LONGEST = 55
_BLOCK, _DIGEST, _BASE64 = 64, 32, 44
_LANES = 16
_INNER_PAD, _OUTER_PAD = 0x36, 0x5C

Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _root_bits(prime: int, root: int) -> int:
    """Return the first 32 bits of the fraction of a prime's square or cube root."""
    scaled = prime << (32 * root)
    low, high = 0, 1 << 40
    while low < high:
        middle = (low + high + 1) // 2
        if middle**root <= scaled:
            low = middle
        else:
            high = middle - 1
    return low & 0xFFFFFFFF


_ROUND_CONSTANTS = np.array([_root_bits(prime, 3) for prime in _primes(64)], dtype=np.uint32)
_START = np.array([_root_bits(prime, 2) for prime in _primes(8)], dtype=np.uint32)
_ALPHABET = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8
)


@njit(inline="always")
def _turned(word: Any, places: int) -> Any:
    return (word >> uint32(places)) | (word << uint32(32 - places))


@njit(nogil=True, cache=True)
def _compress(state: Words, words: Words) -> None:
    """Take one block of each lane, its first 16 words given, into the lanes' states."""
    for t in range(16, 64):
        for lane in range(_LANES):
            x = words[t - 15, lane]
            y = words[t - 2, lane]
            low = _turned(x, 7) ^ _turned(x, 18) ^ (x >> uint32(3))
            high = _turned(y, 17) ^ _turned(y, 19) ^ (y >> uint32(10))
            words[t, lane] = words[t - 16, lane] + low + words[t - 7, lane] + high
    v = state.copy()
    for block in range(0, 64, 8):
        for turn in range(8):
            # Instead of moving eight words on by one place, the names of the places move.
            a, b, c, d = (8 - turn) % 8, (9 - turn) % 8, (10 - turn) % 8, (11 - turn) % 8
            e, f, g, h = (12 - turn) % 8, (13 - turn) % 8, (14 - turn) % 8, (15 - turn) % 8
            constant = _ROUND_CONSTANTS[block + turn]
            for lane in range(_LANES):
                x = v[e, lane]
                y = v[a, lane]
                choice = (x & v[f, lane]) ^ (~x & v[g, lane])
                majority = (y & v[b, lane]) ^ (y & v[c, lane]) ^ (v[b, lane] & v[c, lane])
                one = v[h, lane] + (_turned(x, 6) ^ _turned(x, 11) ^ _turned(x, 25)) + choice
                one = one + constant + words[block + turn, lane]
                two = (_turned(y, 2) ^ _turned(y, 13) ^ _turned(y, 22)) + majority
                v[d, lane] += one
                v[h, lane] = one + two
    for i in range(8):
        for lane in range(_LANES):
            state[i, lane] += v[i, lane]


@njit(nogil=True, cache=True)
def _load(words: Words, lane: int, data: Bytes, begin: int, size: int) -> None:
    """Write a value as the padded last block of a message that had one block before it."""
    for i in range(16):
        words[i, lane] = uint32(0)
    for i in range(size):
        words[i >> 2, lane] |= uint32(data[begin + i]) << uint32(24 - 8 * (i & 3))
    words[size >> 2, lane] |= uint32(0x80) << uint32(24 - 8 * (size & 3))
    words[15, lane] = uint32((_BLOCK + size) * 8)


@njit(nogil=True, cache=True)
def _spell(state: Words, lane: int, out: Bytes, place: int) -> None:
    """Write a digest as base64: ten groups of three bytes, and one of two."""
    for group in range(11):
        bits = uint32(0)
        for i in range(3):
            at = 3 * group + i
            byte = uint32(0)
            if at < _DIGEST:
                byte = (state[at >> 2, lane] >> uint32(24 - 8 * (at & 3))) & uint32(255)
            bits = (bits << uint32(8)) | byte
        for i in range(4):
            out[place + 4 * group + i] = _ALPHABET[(bits >> uint32(18 - 6 * i)) & uint32(63)]
    out[place + _BASE64 - 1] = uint8(61)


@njit(nogil=True, cache=True)
def _hash_all(data: Bytes, offsets: Any, inner: Words, outer: Words, out: Bytes) -> None:
    count = len(offsets) - 1
    words = np.zeros((64, _LANES), np.uint32)
    state = np.zeros((8, _LANES), np.uint32)
    for base in range(0, count, _LANES):
        lanes = min(_LANES, count - base)
        for lane in range(lanes):
            begin = offsets[base + lane]
            size = offsets[base + lane + 1] - begin
            _load(words, lane, data, begin, size if size <= LONGEST else 0)
        for i in range(8):
            for lane in range(_LANES):
                state[i, lane] = inner[i]
        _compress(state, words)
        for lane in range(_LANES):
            for i in range(8):
                words[i, lane] = state[i, lane]
                state[i, lane] = outer[i]
            words[8, lane] = uint32(0x80000000)
            for i in range(9, 15):
                words[i, lane] = uint32(0)
            words[15, lane] = uint32((_BLOCK + _DIGEST) * 8)
        _compress(state, words)
        for lane in range(lanes):
            _spell(state, lane, out, (base + lane) * _BASE64)


def _after_block(block: bytes) -> Words:
    """Return the state after one block of 64 bytes."""
    words = np.zeros((64, _LANES), np.uint32)
    words[:16] = np.frombuffer(block, ">u4").astype(np.uint32)[:, None]
    state = np.repeat(_START[:, None], _LANES, axis=1)
    _compress(state, words)
    return state[:, 0].copy()


class HmacSha256:
    """The keyed kernel: a text column to the base64 of its digests."""

    def __init__(self, key: bytes) -> None:
        short = key if len(key) <= _BLOCK else hashlib.sha256(key).digest()
        padded = short.ljust(_BLOCK, b"\0")
        self._inner = _after_block(bytes(byte ^ _INNER_PAD for byte in padded))
        self._outer = _after_block(bytes(byte ^ _OUTER_PAD for byte in padded))

    def __call__(self, values: pa.StringArray) -> pa.StringArray:
        """Return the digests, null for null; of a value that is too long, any text."""
        count = len(values)
        _, offset_buffer, data_buffer = values.buffers()
        offsets = np.frombuffer(offset_buffer, np.int32)[values.offset : values.offset + count + 1]
        data = np.frombuffer(data_buffer or b"", np.uint8)
        out = np.empty(count * _BASE64, np.uint8)
        _hash_all(data, offsets, self._inner, self._outer, out)
        places = np.arange(count + 1, dtype=np.int32) * _BASE64
        hashed = pa.StringArray.from_buffers(count, pa.py_buffer(places), pa.py_buffer(out))
        if not values.null_count:
            return hashed
        return pc.if_else(values.is_valid(), hashed, pa.scalar(None, pa.string()))
