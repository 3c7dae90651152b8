"""Ways to spoil a file: what disks, networks and people of ill will do to it."""

from __future__ import annotations

import gzip
import random
import re
import struct
from collections.abc import Callable, Sequence

Mutation = Callable[[bytearray, random.Random, Sequence[bytes]], None]

GZIP = b"\x1f\x8b"
HUGE = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NUMBER = re.compile(rb"-?\d+(\.\d+)?")
NUMBERS = (b"0", b"-1", b"nan", b"inf", b"1e999", b"65535", b"4294967295", b"9" * 30, b"9" * 5000)
OPENERS = (b"[", b"{", b'{"a":', b"<a>", b"(", b'"', b"\xfe\xff\x00\xe0\xff\xff\xff\xff")
SEQUENCE = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
_HEADER = 2000  # bytes in which most of what a format says of itself stands


def mutated(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """One to four changes; ``others`` are files of the same kind to splice with."""
    packed = data[:2] == GZIP and rng.random() < 0.7  # else only the packing is ever tried
    result = bytearray(gzip.decompress(data) if packed else data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice(MUTATIONS)(result, rng, others)
    return gzip.compress(result, 1) if packed else bytes(result)


def _place(data: bytearray, rng: random.Random) -> int:
    end = len(data) if rng.random() < 0.3 else min(len(data), _HEADER)
    return rng.randrange(end) if end else 0


def flip_bits(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    for _n in range(rng.choice((1, 2, 8))):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, rng)
    data[at : at + rng.choice((1, 4, 16))] = rng.randbytes(rng.choice((1, 4, 16)))


def truncate(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del data[_place(data, rng) :]


def cut_out(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 3, 40, 400))]


def splice(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    other = rng.choice(others)
    at, there = _place(data, rng), _place(bytearray(other), rng)
    end = len(data) if rng.random() < 0.5 else at + rng.choice((8, 64, 512))
    data[at:end] = other[there : there + end - at]


def lie_about_a_length(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    form = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q", "<h", "<f"))
    size, at = struct.calcsize(form), _place(data, rng) & ~1
    value = rng.choice(HUGE)
    if form[1] == "f":
        packed = struct.pack(form, rng.choice((float("nan"), float("inf"), -1.0, 3e38)))
    else:
        packed = struct.pack(form.upper(), value & ((1 << 8 * size) - 1))
    data[at : at + size] = packed


def lie_about_a_number(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    found = list(NUMBER.finditer(data))
    if found:
        match = rng.choice(found)
        data[match.start() : match.end()] = rng.choice(NUMBERS)


def nest(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    opener = rng.choice((*OPENERS, SEQUENCE + ITEM))
    at = _place(data, rng)
    data[at:at] = opener * rng.choice((10, 1000, 100_000 // len(opener)))


def repeat(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, rng)
    data[at:at] = data[at : at + rng.choice((1, 20, 300))] * rng.choice((1, 10, 200))


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    flip_bits,
    flip_bits,
    overwrite,
    overwrite,
    truncate,
    cut_out,
    splice,
    lie_about_a_length,
    lie_about_a_length,
    lie_about_a_number,
    nest,
    repeat,
)
