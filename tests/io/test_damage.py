"""Whatever happens to a file's bytes: it is read, left out, or refused in a sentence."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from napari_cmr import io
from napari_cmr.core import InputError
from tests.io.stacks import cine
from tests.io.test_dicom_folder import recode


def seed_file(kind: str, folder: Path) -> Path:
    whole = cine((2, 3, 64, 48))
    if kind.startswith("nii"):
        path = folder / f"a.{kind}"
        io.write_nifti(whole, path)
        return path
    files = io.write_dicom(whole, folder, enhanced=kind in ("enhanced", "deflated"))
    syntax = {
        "rle": RLELossless,
        "j2k": JPEG2000Lossless,
        "deflated": DeflatedExplicitVRLittleEndian,
    }.get(kind)
    if syntax:
        recode(files, syntax)
    return files[0]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed or cut out, mostly in the header."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        end = min(len(result), 3000) if rng.random() < 0.8 else len(result)
        at = rng.randrange(end)
        if rng.random() < 0.15:
            del result[at : at + rng.randrange(1, 40)]
        else:
            result[at] = rng.choice((0, 255, rng.randrange(256)))
    return bytes(result)


@pytest.mark.parametrize("kind", ["classic", "enhanced", "rle", "j2k", "deflated", "nii", "nii.gz"])
@pytest.mark.filterwarnings("ignore")  # nibabel and pydicom warn of what they see
def test_damaged_bytes_never_surface_as_anything_but_a_sentence(kind, tmp_path) -> None:
    (tmp_path / "seed").mkdir()
    source = seed_file(kind, tmp_path / "seed")
    rng = random.Random(kind)
    told = []
    logging.disable(logging.CRITICAL)
    try:
        for _ in range(60):
            path = tmp_path / source.name
            path.write_bytes(damaged(source.read_bytes(), rng))
            try:
                for entry in io.scan(path).entries:
                    io.load(entry)
            except InputError as error:
                told.append(str(error))
    finally:
        logging.disable(logging.NOTSET)
    assert told
    assert all(sentence.endswith(".") for sentence in told)
