"""How large a compressed picture says it is, before a decoder believes it.

JPEG and JPEG-LS: the frame header (ITU-T T.81 B.2.2, T.87 C.2.2). JPEG 2000: SIZ (T.800 A.5.1).
"""

from __future__ import annotations

import struct

_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def size_of(data: bytes) -> tuple[int, int] | None:
    """Rows and columns that a codestream declares; None where it is of another kind.

    Raises
    ------
    ValueError
        If its header is cut short or declares nothing.
    """
    try:
        if data[:2] == b"\xff\xd8":
            return _jpeg_size(data)
        if data[:4] == b"\xff\x4f\xff\x51":
            right, bottom, left, top = struct.unpack_from(">4I", data, 8)
            return bottom - top, right - left
    except struct.error as error:
        raise ValueError("the codestream's header is cut short") from error
    return None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        fill, marker, length = struct.unpack_from(">BBH", data, at)
        if fill != 0xFF:
            raise ValueError("the codestream has no frame header")
        if marker in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">HH", data, at + 5)
            return rows, columns
        at += 1 if marker == 0xFF else 2 + length  # 0xFF may be repeated before a marker
