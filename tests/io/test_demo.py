"""The bundled study: small, readable, and of nobody."""

from __future__ import annotations

import pydicom

from napari_cmr import io
from napari_cmr.io.technical_elements import EMPTIED
from tests.io.test_deidentify import REPLACED_UIDS, TECHNICAL, WRITTEN_BY_US


def test_the_bundled_study_is_a_short_axis_cine_and_five_long_axes() -> None:
    catalogue = io.scan(io.demo_study())
    assert catalogue.skipped == {}
    told = [(e.stack_id, e.shape[:2], e.n_files) for e in catalogue.entries]
    assert told == [
        ("sax-1", (25, 6), 150),
        ("2ch-1", (25, 1), 25),
        ("3ch-1", (25, 1), 25),
        ("4ch-1", (25, 1), 25),
        ("rv2ch-1", (25, 1), 25),
        ("rvot-1", (25, 1), 25),
    ]


def test_the_bundled_study_names_nobody_and_is_at_most_10_mb() -> None:
    files = sorted(io.demo_study().iterdir())
    assert len(files) == 275
    assert sum(f.stat().st_size for f in files) <= 10_000_000
    # its README names the scanner's model, which copies made today leave out
    allowed = TECHNICAL | REPLACED_UIDS | EMPTIED | WRITTEN_BY_US
    allowed |= {"SpecificCharacterSet", "ManufacturerModelName"}
    for path in files:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        assert dataset.PatientIdentityRemoved == "YES"
        for element in dataset:
            assert not element.tag.is_private
            assert element.keyword in allowed
            assert element.keyword not in EMPTIED or not element.value
            assert element.VR not in ("DA", "DT", "TM", "PN") or not element.value


def test_the_bundled_study_says_whose_it_is() -> None:
    text = (io.demo_study().parent / "README.md").read_text()
    assert "biv-me" in text
    assert "Apache License 2.0" in text
