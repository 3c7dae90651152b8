"""Whether a file can hold what its header promises: a short lie could cost all memory."""

from __future__ import annotations

import zlib

SMALL_BYTES = 512 << 20
RATIO = 200


def is_plausible(declared: int, stored: int) -> bool:
    """Whether so many bytes of pixels can be packed into so many.

    Images pack 2 to 10 times; below 512 MiB a blank picture may be as small as it likes.
    """
    return declared <= max(SMALL_BYTES, RATIO * stored)


def inflated(data: bytes, *, raw: bool = False) -> bytes:
    """Decompress zlib data (without its header if ``raw``), a plausible amount at most.

    Raises
    ------
    ValueError
        If it is damaged or unpacks to far more than images do.
    """
    limit = max(SMALL_BYTES, RATIO * len(data))
    stream = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
    try:
        whole = stream.decompress(data, limit)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if stream.unconsumed_tail:
        raise ValueError("too large")
    return whole
