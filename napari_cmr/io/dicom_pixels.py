"""DICOM pixels straight into the array that keeps them, in the smallest honest type."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.encaps import get_frame
from pydicom.uid import UID

from napari_cmr.core import Cancel, InputError, Progress, check_cancel
from napari_cmr.io.codestream import size_of
from napari_cmr.io.dicom_codecs import DEFLATED, NATIVE, decoder_of
from napari_cmr.io.header import PixelPlace
from napari_cmr.io.pixel_extent import BIG_ENDIAN

_READERS = 4
_CHUNK = 4  # frames that a thread reads before it hands them on


@dataclass(frozen=True)
class DicomFrames:
    """Reads frames laid out as ``places[t][z]``."""

    places: tuple[tuple[PixelPlace, ...], ...]

    def read(self, progress: Progress | None, cancel: Cancel | None) -> npt.NDArray[Any]:
        """``(t, z, y, x)``, rescaled.

        Raises
        ------
        InputError
            If a file vanished, is damaged, needs a decoder that is not installed, or holds
            pixels that are not numbers.
        """
        first = self.places[0][0]
        flat = [(t, z, p) for t, row in enumerate(self.places) for z, p in enumerate(row)]
        shape = (len(self.places), len(self.places[0]), first.rows, first.columns)
        output = np.empty(shape, smallest_dtype([p for _, _, p in flat]))
        flat.sort(key=lambda item: (str(item[2].path), item[2].frame))
        done = 0
        # Threads wait on the disk; decoding holds the interpreter's lock and stays here.
        for chunk, data in _read_ahead(_chunks(flat)):
            check_cancel(cancel)
            for (t, z, place), stored in zip(chunk, data, strict=True):
                output[t, z] = rescaled(decode(place, stored), place)
                if output.dtype.kind == "f" and not np.isfinite(output[t, z]).all():
                    raise InputError(
                        f"{place.path.name} holds pixels that are not numbers (NaN or infinite); "
                        "take it out of the folder or export it again."
                    )
            done += len(chunk)
            if progress is not None:
                progress(done, len(flat))
        return output


_Chunk = list[tuple[int, int, PixelPlace]]


def _chunks(flat: _Chunk) -> Iterator[_Chunk]:
    """A few frames at a time, few enough to be small beside the output."""
    frames = iter(flat)
    while chunk := list(islice(frames, _CHUNK)):
        yield chunk


def _read_ahead(chunks: Iterator[_Chunk]) -> Iterator[tuple[_Chunk, list[bytes]]]:
    with ThreadPoolExecutor(_READERS) as pool:
        waiting = deque((c, pool.submit(_bytes_of, c)) for c in islice(chunks, _READERS))
        while waiting:
            chunk, future = waiting.popleft()
            data = future.result()
            waiting.extend((c, pool.submit(_bytes_of, c)) for c in islice(chunks, 1))
            yield chunk, data


def _bytes_of(chunk: _Chunk) -> list[bytes]:
    """What :func:`decode` needs of each frame; frames of one compressed file share it."""
    shared: dict[Path, bytes] = {}
    data = []
    for _, _, place in chunk:
        if place.syntax in NATIVE:
            data.append(pixel_bytes(place))
            continue
        if place.path not in shared:
            shared[place.path] = pixel_bytes(place)
        data.append(shared[place.path])
    return data


def pixel_bytes(place: PixelPlace) -> bytes:
    """Stored bytes of an uncompressed frame, else the whole value of the pixel element.

    Raises
    ------
    InputError
        If the file vanished or changed since it was scanned.
    """
    try:
        if place.offset is None:
            return bytes(pydicom.dcmread(place.path)[place.keyword].value)
        offset, length, missing = place.offset, place.length, 0
        if place.syntax in NATIVE:
            frame = place.rows * place.columns * place.bits_allocated // 8
            offset += frame * place.frame
            length = min(frame, max(place.length - frame * place.frame, 0))
            missing = frame - length
        with place.path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
    except (OSError, KeyError) as error:
        raise InputError(f"{place.path.name} can no longer be read; scan it again.") from error
    if len(data) < length:
        raise InputError(f"{place.path.name} has been cut short; scan it again.")
    return data + bytes(missing)


def decode(place: PixelPlace, data: bytes) -> npt.NDArray[Any]:
    """``(y, x)`` stored values of one frame, from what :func:`pixel_bytes` read.

    Raises
    ------
    InputError
        If the pixels are damaged or no decoder for them is installed.
    """
    if place.syntax in NATIVE or place.syntax == DEFLATED:
        return _native(place, data)
    decoder = decoder_of(place.syntax, place.path.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of padding that does no harm
            _check_codestream(place, data)
            array, _ = decoder.as_array(
                data,
                index=place.frame,
                raw=True,
                transfer_syntax_uid=UID(place.syntax),
                rows=place.rows,
                columns=place.columns,
                number_of_frames=place.n_frames,
                samples_per_pixel=1,
                bits_allocated=place.bits_allocated,
                bits_stored=place.bits_stored,
                pixel_representation=int(place.kind == "i"),
                photometric_interpretation="MONOCHROME2",
                pixel_keyword=place.keyword,
            )
    except BaseException as error:  # each decoder raises its own; the sentence is the same
        # The RLE decoder's panics are no Exception, and neither is the user's Ctrl-C.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        name = UID(place.syntax).name
        raise InputError(
            f"{place.path.name} cannot be decoded ({name}): it is damaged; fetch it again."
        ) from error
    return np.asarray(array)


def _check_codestream(place: PixelPlace, data: bytes) -> None:
    """Refuse a picture that is not of the size of its file: decoders may loop on it for ever."""
    size = size_of(get_frame(data, place.frame, number_of_frames=place.n_frames))
    if size not in (None, (place.rows, place.columns)):
        raise ValueError("the codestream is of another size")


def _native(place: PixelPlace, data: bytes) -> npt.NDArray[Any]:
    order = ">" if place.syntax == BIG_ENDIAN else "<"
    dtype = np.dtype(f"{order}{place.kind}{place.bits_allocated // 8}")
    n = place.rows * place.columns
    start = place.frame * n * dtype.itemsize if place.syntax == DEFLATED else 0
    if len(data) < start + n * dtype.itemsize:
        raise InputError(f"{place.path.name} holds fewer pixels than it promises.")
    array = np.frombuffer(data, dtype, n, start)
    array = array.reshape(place.rows, place.columns)
    unused = place.bits_allocated - place.bits_stored
    if place.kind == "f" or unused <= 0:
        return array
    # Unused high bits may hold an overlay: shift them out and the sign back in.
    return (array << unused) >> unused


def rescaled(array: npt.NDArray[Any], place: PixelPlace) -> npt.NDArray[Any]:
    """Stored values to the modality's values (PS3.3 C.11.1), bright where the picture is."""
    if place.inverted and place.kind != "f":
        low, high = _stored_range(place)
        array = (low + high - array.astype(np.int64)).astype(np.int64)
    if (place.slope, place.intercept) == (1.0, 0.0):
        return array
    return array.astype(np.float64) * place.slope + place.intercept


def smallest_dtype(places: Sequence[PixelPlace]) -> np.dtype[Any]:
    """The smallest type that holds every rescaled value without loss.

    Whole slopes and intercepts keep whole numbers of 8 or 16 bits; all else becomes float32.
    """
    forms = {(p.kind, p.bits_stored, p.slope, p.intercept) for p in places}
    if any(
        kind == "f" or bits > 32 or not (s.is_integer() and i.is_integer())
        for kind, bits, s, i in forms
    ):
        return np.dtype(np.float32)
    ends = [
        v * p.slope + p.intercept
        for p in dict(zip(map(_form, places), places, strict=True)).values()
        for v in _stored_range(p)
    ]
    low, high = min(ends), max(ends)
    for dtype in (np.uint8, np.uint16, np.int16, np.int32):
        info = np.iinfo(dtype)
        if info.min <= low and high <= info.max:
            return np.dtype(dtype)
    return np.dtype(np.float32)


def _form(place: PixelPlace) -> tuple[str, int, float, float]:
    return place.kind, place.bits_stored, place.slope, place.intercept


def _stored_range(place: PixelPlace) -> tuple[int, int]:
    bits = place.bits_stored
    return (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if place.kind == "i" else (0, (1 << bits) - 1)
    )
