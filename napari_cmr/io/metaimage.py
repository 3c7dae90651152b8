"""MetaImage (``.mhd`` with ``.raw`` or ``.zraw``, ``.mha``): grey images of two or three axes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.core import Geometry, InputError, NothingToReadError, Stack, replacing
from napari_cmr.io.declared_size import inflated

METAIMAGES = (".mhd", ".mha")
_LARGEST_HEADER = 64 * 1024
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}


def read_metaimage(path: Path, *, subject: str = "") -> Stack:
    """Read a MetaImage whose axes are (x, y[, phase]) as a stack of one slice.

    A third axis is time, as in the sequences of ultrasound data sets; its spacing says nothing
    of the slice's thickness, which is taken as 1 mm.

    Raises
    ------
    InputError
        If a file is missing or damaged, or is no grey image of two or three axes.
    """
    header, data = _parts(path)
    try:
        size = [int(n) for n in header["DimSize"].split()]
        spacing = [float(s) for s in header.get("ElementSpacing", "1 1 1").split()]
        kind = np.dtype(_TYPES[header["ElementType"]])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path.name} has a damaged MetaImage header.") from error
    grey = header.get("ElementNumberOfChannels", "1") == "1"
    if not grey or len(size) not in (2, 3) or min(size) < 1 or len(spacing) < 2:
        raise InputError(f"{path.name} is not a grey image of two or three axes.")
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise InputError(f"{path.name} has a spacing that is not positive.")
    if _says_true(header, "BinaryDataByteOrderMSB") or _says_true(header, "ElementByteOrderMSB"):
        kind = kind.newbyteorder(">")
    data = _unpacked(data, path) if _says_true(header, "CompressedData") else data
    if len(data) != math.prod(size) * kind.itemsize:
        raise InputError(f"{path.name} has {len(data)} bytes of pixels, not what its size needs.")
    pixels = np.frombuffer(data, kind).reshape(*([1] * (3 - len(size))), *size[::-1])
    if kind.kind == "f" and not np.isfinite(pixels).all():
        raise InputError(f"{path.name} holds pixels that are not numbers (NaN or infinite).")
    return Stack(
        pixels[:, None].astype(kind.newbyteorder("=")),
        Geometry.regular(1, (1.0, spacing[1], spacing[0])),
        stack_id=path.stem,
        subject=subject or path.stem,
    )


def write_metaimage(
    pixels: npt.NDArray[np.uint8], path: Path, spacing: tuple[float, float]
) -> None:
    """Write ``(y, x)`` pixels as ``.mhd`` with a ``.raw`` beside it.

    Parameters
    ----------
    spacing
        Row and column step, mm.

    Raises
    ------
    InputError
        If the files cannot be written.
    """
    rows, columns = pixels.shape
    raw = path.with_suffix(".raw")
    lines = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": f"{spacing[1]:g} {spacing[0]:g} 1",
        "DimSize": f"{columns} {rows} 1",
        "ElementType": "MET_UCHAR",
        "ElementDataFile": raw.name,
    }
    with replacing(raw) as part:
        part.write_bytes(np.ascontiguousarray(pixels).tobytes())
    with replacing(path) as part:
        part.write_text("".join(f"{k} = {v}\n" for k, v in lines.items()), encoding="ascii")


def _parts(path: Path) -> tuple[dict[str, str], bytes]:
    """The header and the bytes of the pixels."""
    if not path.is_file():
        raise NothingToReadError(f"There is no file {path}.")
    header: dict[str, str] = {}
    with path.open("rb") as file:
        while "ElementDataFile" not in header:
            line: Any = file.readline(1024)
            key, equals, value = line.decode("latin-1").partition("=")
            if not equals or file.tell() > _LARGEST_HEADER:
                raise InputError(f"{path.name} has a damaged MetaImage header.")
            header[key.strip()] = value.strip()
        if header["ElementDataFile"] == "LOCAL":
            return header, file.read()
    # Only a file beside the header: a header must not point anywhere else.
    name = Path(header["ElementDataFile"].replace("\\", "/")).name
    try:
        return header, path.with_name(name).read_bytes()
    except (OSError, ValueError) as error:  # no such file, or no name that a file can have
        raise InputError(
            f"The pixels of {path.name} are missing: there is no {name[:80]}."
        ) from error


def _says_true(header: dict[str, str], key: str) -> bool:
    return header.get(key, "False").lower() == "true"


def _unpacked(data: bytes, path: Path) -> bytes:
    try:
        return inflated(data)
    except ValueError as error:
        raise InputError(f"The pixels of {path.name} are damaged.") from error
