"""MD4 (RFC 1320): broken as a digest, and still what NT password hashes are made of. OpenSSL no longer has it."""

from __future__ import annotations

import struct
from collections.abc import Callable

MASK = 0xFFFFFFFF
START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)

_SECOND = tuple(row + 4 * column for row in range(4) for column in range(4))
_THIRD = (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)
_Round = tuple[int, tuple[int, ...], tuple[int, ...], Callable[[int, int, int], int]]
_ROUNDS: tuple[_Round, ...] = (
    (0x00000000, tuple(range(16)), (3, 7, 11, 19), lambda x, y, z: (x & y) | (~x & z)),
    (0x5A827999, _SECOND, (3, 5, 9, 13), lambda x, y, z: (x & y) | (x & z) | (y & z)),
    (0x6ED9EBA1, _THIRD, (3, 9, 11, 15), lambda x, y, z: x ^ y ^ z),
)
"""Of each round: the constant that is added, the order of the words, the rotations, the function (section 3.4)."""


def md4(octets: bytes) -> bytes:
    """16 octets."""
    padded = octets + b"\x80" + b"\0" * ((55 - len(octets)) % 64) + struct.pack("<Q", 8 * len(octets))
    state = START
    for at in range(0, len(padded), 64):
        state = _block(state, struct.unpack_from("<16I", padded, at))
    return struct.pack("<4I", *state)


def _block(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for constant, order, rotations, mix in _ROUNDS:
        for step, word in enumerate(order):
            total = (a + mix(b, c, d) + words[word] + constant) & MASK
            left = rotations[step & 3]
            a, b, c, d = d, (total << left | total >> 32 - left) & MASK, b, c
    a0, b0, c0, d0 = state
    return (a0 + a) & MASK, (b0 + b) & MASK, (c0 + c) & MASK, (d0 + d) & MASK
