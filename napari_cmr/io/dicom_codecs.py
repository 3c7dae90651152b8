"""How DICOM pixels may be compressed, and which package reads each way."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydicom.pixels import get_decoder
from pydicom.uid import UID

from napari_cmr.core import InputError
from napari_cmr.io.pixel_extent import BIG_ENDIAN

DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", BIG_ENDIAN}
_PACKAGES = (
    ("JPEG-LS", "pylibjpeg-libjpeg"),
    ("High-Throughput JPEG 2000", "pylibjpeg-openjpeg"),
    ("JPEG 2000", "pylibjpeg-openjpeg"),
    ("JPEG", "pylibjpeg-libjpeg"),
    ("RLE", "pylibjpeg-rle"),
)


class CodecMissingError(InputError):
    """The package that reads a compression is not installed."""


@cache
def can_be_decoded(syntax: str) -> bool:
    """Whether a package can be had for a transfer syntax; there is none for videos."""
    if syntax in NATIVE or syntax == DEFLATED:
        return True
    try:
        get_decoder(UID(syntax))
    except NotImplementedError:
        return False
    return True


def decoder_of(syntax: str, file_name: str) -> Any:
    """Give pydicom's decoder for a compressed transfer syntax.

    Raises
    ------
    CodecMissingError
        If the package for it is not installed; the sentence names it.
    """
    decoder = get_decoder(UID(syntax))
    if decoder.is_available:
        return decoder
    name = UID(syntax).name
    package = next(p for words, p in _PACKAGES if words in name)
    raise CodecMissingError(
        f"{file_name} is compressed ({name}) and the package for that is not here; install it "
        f"with `pip install pylibjpeg {package}` and open the study again."
    )
