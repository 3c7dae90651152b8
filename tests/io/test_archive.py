"""Zip archives: opened like folders, refused where they would do harm, gone afterwards."""

from __future__ import annotations

import gc
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_cmr import io
from napari_cmr.core import CancelledError, InputError, NothingToReadError, View
from napari_cmr.io.archive import ArchiveError, Limits, unpack
from napari_cmr.io.dicom_writing import write_dicom
from tests.io.stacks import cine


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    """Where archives are unpacked to in these tests."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def zipped(folder: Path, target: Path, **extra: bytes) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
        for name, data in extra.items():
            archive.writestr(name, data)
    return target


@pytest.fixture
def study(tmp_path) -> Path:
    write_dicom(cine(), tmp_path / "files" / "a" / "b", description="sax")
    return zipped(tmp_path / "files", tmp_path / "study.zip")


def with_entries(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def test_an_archive_opens_as_the_folder_it_was_made_of(study, tmp_path) -> None:
    of_zip, of_folder = io.scan(study), io.scan(tmp_path / "files")
    assert of_zip.as_dict() == of_folder.as_dict()
    np.testing.assert_array_equal(io.open_stack(study).pixels, cine().pixels)


def test_an_archive_is_known_by_its_content_whatever_it_is_called(study, tmp_path) -> None:
    study.rename(tmp_path / "export")
    assert io.open_stack(tmp_path / "export").shape == (6, 4, 24, 20)


def test_what_is_unpacked_is_the_owners_only_and_goes_with_the_last_who_holds_it(
    study, scratch
) -> None:
    catalogue = io.scan(study)
    (home,) = scratch.iterdir()
    paths = [home, *home.rglob("*")]
    assert len(paths) > 24
    assert all(stat.S_IMODE(p.stat().st_mode) & 0o077 == 0 for p in paths)
    entry = catalogue.entries[0]
    del catalogue
    gc.collect()
    assert io.load(entry).shape == (6, 4, 24, 20)
    del entry
    gc.collect()
    assert not list(scratch.iterdir())


def test_what_is_unpacked_goes_when_the_program_ends(study, scratch) -> None:
    code = "import sys; from napari_cmr import io; kept = io.scan(sys.argv[1]); print('read')"
    ran = subprocess.run(
        [sys.executable, "-c", code, study],
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "read"
    assert not list(scratch.iterdir())


def test_nifti_in_an_archive_is_named_after_its_file(tmp_path) -> None:
    io.write_nifti(cine(), tmp_path / "files" / "S7.nii.gz")
    archive = zipped(tmp_path / "files", tmp_path / "study.zip")
    assert io.scan(archive).entries[0].subject == "S7"


LINK = zipfile.ZipInfo("a/link.dcm")
LINK.external_attr = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../outside.dcm", "leads out of its folder"),
        ("a/../../outside.dcm", "leads out of its folder"),
        ("..\\outside.dcm", "leads out of its folder"),
        ("/tmp/outside.dcm", "leads out of its folder"),
        ("\\server\\share\\outside.dcm", "leads out of its folder"),
        ("C:\\outside.dcm", "leads out of its folder"),
        (LINK, "a link or a device"),
    ],
)
def test_a_name_or_link_that_leads_out_is_refused_and_nothing_is_written(
    tmp_path, scratch, name, said
) -> None:
    path = with_entries(tmp_path / "bad.zip", ("good.dcm", b"x"), (name, b"/etc/passwd"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveError, match=rf"^bad\.zip holds .*{said}.*; it is refused\.$"):
        io.scan(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, scratch) -> None:
    path = with_entries(tmp_path / "bomb.zip", ("zeros.dcm", bytes(80 << 20)))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ArchiveError, match=r"as a zip bomb does; it is refused\.$"):
        io.scan(path)
    assert not list(scratch.iterdir())


def test_entries_that_share_their_bytes_are_counted_each(tmp_path) -> None:
    """As in a bomb whose files overlap: its list names one packed block again and again."""
    path = with_entries(tmp_path / "bomb.zip", ("a.dcm", bytes(4 << 20)))
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.infolist()[0]
        for i in range(40):
            copy = zipfile.ZipInfo(f"{i}.dcm")
            for name in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(copy, name, getattr(first, name))
            archive.filelist.append(copy)
        archive._didModify = True
    with pytest.raises(ArchiveError, match="zip bomb"):
        io.scan(path)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(entries=23), "holds 24 files, more than 23"),
        (Limits(total_bytes=20_000), "would unpack to 0.0 GiB"),
        (Limits(ratio=0.5, small_bytes=0), "zip bomb"),
    ],
)
def test_each_limit_is_held(tmp_path, limits, said) -> None:
    write_dicom(cine(), tmp_path / "files")
    path = zipped(tmp_path / "files", tmp_path / "s.zip")
    with pytest.raises(ArchiveError, match=said):
        unpack(path, limits=limits)


def test_a_list_of_entries_that_is_too_long_is_not_read(tmp_path) -> None:
    path = with_entries(tmp_path / "many.zip", ("a.dcm", b"x"))
    data = bytearray(path.read_bytes())
    data[-10:-6] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="lists too many files"):
        io.scan(path)


@pytest.mark.parametrize("keep", [4, 100, -30])
def test_an_archive_cut_short_is_named(study, keep) -> None:
    study.write_bytes(study.read_bytes()[:keep])
    with pytest.raises(
        ArchiveError, match=r"study\.zip is damaged or cut short; fetch it again\.$"
    ):
        io.scan(study)


def test_a_damaged_file_of_an_archive_is_left_out_and_counted(study) -> None:
    with zipfile.ZipFile(study) as archive:
        last = archive.infolist()[-1]
    data = bytearray(study.read_bytes())
    at = last.header_offset + 30 + len(last.filename)
    data[at : at + 40] = bytes(40)
    study.write_bytes(data)
    catalogue = io.scan(study)
    assert catalogue.skipped == {"damaged in the archive": 1}
    assert [e.shape[:2] for e in catalogue.entries] == [(6, 3), (5, 1)]


def test_a_locked_archive_is_named(tmp_path) -> None:
    path = with_entries(tmp_path / "locked.zip", ("a.dcm", b"x"))
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="locked by a password; unpack it yourself"):
        io.scan(path)


def test_two_entries_where_one_is_the_folder_of_the_other_are_refused(tmp_path, scratch) -> None:
    path = with_entries(tmp_path / "odd.zip", ("a", b"x"), ("a/b.dcm", b"x"))
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        io.scan(path)
    assert not list(scratch.iterdir())


def test_of_two_entries_of_one_name_the_later_counts(tmp_path) -> None:
    io.write_nifti(cine(), tmp_path / "a.nii")
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = with_entries(
            tmp_path / "s.zip", ("a.nii", b"x"), ("a.nii", (tmp_path / "a.nii").read_bytes())
        )
    assert io.scan(path).entries[0].shape == (6, 4, 24, 20)


def test_what_macos_adds_is_not_counted_and_an_archive_within_is(study, tmp_path) -> None:
    with zipfile.ZipFile(study, "a") as archive:
        archive.writestr("__MACOSX/a/._x.dcm", b"x")
        archive.writestr("a/.DS_Store", b"x")
        archive.writestr("inner.zip", study.read_bytes())
    assert io.scan(study).skipped == {"archive within an archive": 1}


def test_an_empty_archive_is_named(tmp_path) -> None:
    with pytest.raises(NothingToReadError, match="is empty"):
        io.scan(with_entries(tmp_path / "e.zip"))


def test_an_archive_without_images_says_what_it_held(tmp_path) -> None:
    with pytest.raises(InputError, match="1 not an image"):
        io.scan(with_entries(tmp_path / "e.zip", ("a.txt", b"nothing")))


def test_unpacking_stops_when_asked_to_and_leaves_nothing(study, scratch) -> None:
    asked = iter([False, False, True])
    with pytest.raises(CancelledError):
        unpack(study, cancel=lambda: next(asked))
    assert not list(scratch.iterdir())


def test_a_refused_archive_in_a_folder_leaves_the_rest_readable(study, tmp_path) -> None:
    with_entries(tmp_path / "files" / "bad.zip", ("../x", b"x"))
    catalogue = io.scan(tmp_path / "files")
    assert [e.stack_id for e in catalogue.entries] == ["sax-1"]
    assert catalogue.skipped == {"archive that is damaged or refused": 1}
    (finding,) = catalogue.as_dict()["findings"]
    assert finding["code"] == "archive-refused"
    assert "holds a name that leads out" in finding["message"]
    assert "bad.zip" not in finding["message"]  # findings are kept; a file's name may be a person's


def test_many_archives_in_a_folder_are_not_unpacked_at_once(study, tmp_path, scratch) -> None:
    for i in range(9):
        (tmp_path / "files" / f"{i}.zip").write_bytes(study.read_bytes())
    catalogue = io.scan(tmp_path / "files")
    assert catalogue.skipped == {"zip archive, one of many; open it by itself": 9}
    assert not list(scratch.iterdir())


UKB_HEAD = "filename,patientid,studyid,study date,modality,aet,series discription,size\n"


def biobank(folder: Path, name: str, description: str, manifest: str, **writing: object) -> Path:
    """An archive as UK Biobank hands out: flat, with a manifest, here without descriptions."""
    files = write_dicom(cine(), folder / name, **writing)  # type: ignore[arg-type]
    rows = [f"{f.name},1,1.2,Jun 13, 2014 9:04:05 AM,MR,AE,{description},9\n" for f in files]
    rows.append(f"gone.dcm,1,1.2,Jun 13, 2014 9:04:05 AM,MR,AE,{description},9\n")
    (folder / name / manifest).write_text(UKB_HEAD + "".join(rows))
    return zipped(folder / name, folder / "person" / f"{name}.zip")


@pytest.mark.parametrize("manifest", ["manifest.csv", "manifest.cvs"])
def test_the_two_archives_of_a_person_in_uk_biobank_are_one_study(tmp_path, manifest) -> None:
    (tmp_path / "person").mkdir()
    biobank(tmp_path, "1_20209_2_0", "CINE_segmented_SAX_b1", manifest)
    biobank(tmp_path, "1_20208_2_0", "CINE_segmented_SAX_InlineVF", manifest, series_number=9)
    catalogue = io.scan(tmp_path / "person")
    sax, result = catalogue.entries
    assert (sax.view, sax.shape, sax.findings) == (View.SAX, (6, 4, 24, 20), ())
    assert result.left_alone == "inline result"
    assert catalogue.skipped == {"manifest": 2}
    assert [(f.code, f.message) for f in catalogue.findings] == [
        ("files-missing", "The manifest lists 2 file(s) that are not here.")
    ]


def test_a_table_that_is_only_called_manifest_is_no_manifest(tmp_path) -> None:
    write_dicom(cine(), tmp_path)
    (tmp_path / "manifest.csv").write_text("subject,image\n1,a.png\n")
    catalogue = io.scan(tmp_path)
    assert catalogue.skipped == {"not an image": 1}
    assert not catalogue.findings


def test_the_terminal_scans_an_archive(study, tmp_path, capsys) -> None:
    from napari_cmr.cli.reading import scan

    scan(study, json=tmp_path / "told.json")
    assert "sax-1: SAX cine, 6 phases x 4 slices" in capsys.readouterr().out
    told = json.loads((tmp_path / "told.json").read_text())
    assert [s["shape"] for s in told["stacks"]] == [[6, 4, 24, 20]]
