"""NIfTI in a scan: labels left out, one-slice files joined, spacing that was lost, ACDC."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_cmr import io
from napari_cmr.core import InputError, Segmentation, Sequence, SpacingUnknownError, View
from tests.io.stacks import cine, geometry

ROTATED = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]])


def textured(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 900, shape).astype(np.int16)


def save(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(array, affine), path)


def slices_of_a_cine(folder: Path, n_slices: int = 5) -> np.ndarray:
    """What a converter makes of one series a slice; returns ``(t, z, y, x)`` base to apex."""
    whole = replace(cine((6, n_slices, 24, 20)), pixels=textured((6, n_slices, 24, 20)))
    for z in range(n_slices):
        one = replace(
            whole,
            pixels=whole.pixels[:, z : z + 1],
            geometry=whole.geometry.take([z]),
            times_ms=None,
        )
        # Names that do not follow the positions.
        io.write_nifti(one, folder / f"cine_{(z * 3) % n_slices}.nii.gz")
    return whole.pixels


def test_one_slice_files_become_one_stack_in_the_order_of_their_positions(tmp_path) -> None:
    pixels = slices_of_a_cine(tmp_path)
    catalogue = io.scan(tmp_path)
    (entry,) = catalogue.entries
    assert (entry.view, entry.sequence, entry.n_files) == (View.SAX, Sequence.CINE, 5)
    assert entry.shape == (6, 5, 24, 20)
    assert entry.phase_ms is None
    assert [f.code for f in entry.findings] == ["phase-times-unknown"]
    stack = io.load(entry)
    assert stack.pixels.dtype == np.int16
    np.testing.assert_array_equal(stack.pixels, pixels)
    np.testing.assert_allclose(stack.geometry.origins, geometry(5).origins, atol=1e-4)


def test_labels_of_joined_files_go_back_onto_one_grid(tmp_path) -> None:
    slices_of_a_cine(tmp_path)
    stack = io.open_stack(tmp_path)
    labels = (stack.pixels > 800).astype(np.uint8)
    io.write_labels(Segmentation.on(stack, labels), tmp_path / "out_labels.nii.gz")
    again = io.read_labels(tmp_path / "out_labels.nii.gz")
    np.testing.assert_array_equal(again.labels, labels)
    np.testing.assert_allclose(again.geometry.origins, stack.geometry.origins, atol=1e-3)


def test_slices_of_other_directions_and_sizes_stay_apart(tmp_path) -> None:
    slices_of_a_cine(tmp_path)
    affine = np.diag([1.5, 1.5, 8.0, 1.0])
    affine[:3, :3] = np.array([[0, 0, 8], [1.5, 0, 0], [0, -1.5, 0]], float)
    affine[:3, 3] = 40
    save(tmp_path / "long.nii.gz", textured((20, 24, 1, 6)), affine)
    shapes = sorted(e.shape for e in io.scan(tmp_path).entries)
    assert shapes == [(6, 1, 24, 20), (6, 5, 24, 20)] or shapes == [(6, 1, 20, 24), (6, 5, 24, 20)]


@pytest.mark.parametrize(
    "name", ["p1_gt", "p1_frame01_scribble", "seg", "heart-mask", "p1_labels", "p1_prediction"]
)
def test_label_files_are_told_by_their_names(tmp_path, name) -> None:
    save(tmp_path / "p1.nii.gz", textured((20, 24, 5, 6)), np.diag([1.2, 1.2, 8, 1]))
    save(tmp_path / f"{name}.nii.gz", textured((20, 24, 5, 6)), np.diag([1.2, 1.2, 8, 1]))
    catalogue = io.scan(tmp_path)
    assert [e.subject for e in catalogue.entries] == ["p1"]
    assert catalogue.skipped == {"label file": 1}


def test_label_files_are_told_by_their_few_whole_values(tmp_path) -> None:
    save(tmp_path / "p1.nii.gz", textured((20, 24, 5, 6)), np.diag([1.2, 1.2, 8, 1]))
    few = textured((20, 24, 5, 6)) % 4
    save(tmp_path / "p1_expert.nii.gz", few.astype(np.float32), np.diag([1.2, 1.2, 8, 1]))
    catalogue = io.scan(tmp_path)
    assert [e.subject for e in catalogue.entries] == ["p1"]
    assert catalogue.skipped == {"label file": 1}


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([-1.0, -1, 1, 1])])
def test_lost_spacing_is_asked_for_and_nothing_in_mm_is_computed(tmp_path, affine) -> None:
    path = tmp_path / "cine.nii.gz"
    save(path, textured((20, 24, 5, 6)), affine)
    (entry,) = io.scan(path).entries
    assert entry.spacing_mm is None
    assert "spacing-unknown" in {f.code for f in entry.findings}
    stack = io.load(entry)
    with pytest.raises(SpacingUnknownError):
        stack.geometry.slabs_mm  # noqa: B018
    given = io.load(entry, spacing=(8.0, 1.5, 1.2))
    assert given.geometry.spacing == pytest.approx((8, 1.5, 1.2))
    assert given.geometry.spacing_known
    assert "spacing-unknown" not in {f.code for f in given.findings}


def test_an_affine_of_zeros_is_a_lost_spacing(tmp_path) -> None:
    path = tmp_path / "cine.nii.gz"
    image = nib.Nifti1Image(textured((20, 24, 5, 6)), np.eye(4))
    for row in ("srow_x", "srow_y", "srow_z"):
        image.header[row] = 0
    image.header["sform_code"], image.header["qform_code"] = 1, 0
    with path.with_suffix("").open("wb") as file:
        file.write(image.header.binaryblock + bytes(4))
        file.write(np.asarray(image.dataobj).tobytes(order="F"))
    stack = io.open_stack(path.with_suffix(""))
    assert not stack.geometry.spacing_known


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_refused_in_one_sentence(tmp_path, bad) -> None:
    array = textured((20, 24, 5, 6)).astype(np.float32)
    array[3, 4, 2, 5] = bad
    save(tmp_path / "cine.nii.gz", array, np.diag([1.2, 1.2, 8, 1]))
    with pytest.raises(InputError, match="not numbers"):
        io.open_stack(tmp_path)


def test_a_single_3d_file_is_opened_as_one_phase(tmp_path) -> None:
    save(tmp_path / "ed.nii.gz", textured((20, 24, 5)), np.diag([1.2, 1.3, 8, 1]))
    stack = io.open_stack(tmp_path / "ed.nii.gz")
    assert stack.shape == (1, 5, 24, 20)
    assert stack.geometry.spacing == pytest.approx((8, 1.3, 1.2))


def test_damaged_and_empty_files_are_counted(tmp_path) -> None:
    save(tmp_path / "p1.nii.gz", textured((20, 24, 5, 6)), np.diag([1.2, 1.2, 8, 1]))
    (tmp_path / "p2.nii.gz").write_bytes(b"")
    (tmp_path / "p3.nii.gz").write_bytes((tmp_path / "p1.nii.gz").read_bytes()[:200])
    catalogue = io.scan(tmp_path)
    assert len(catalogue.entries) == 1
    assert catalogue.skipped == {"damaged": 1, "empty file": 1}


def test_a_cut_off_nifti_is_named_when_its_pixels_are_read(tmp_path) -> None:
    path = tmp_path / "p1.nii.gz"
    save(path, textured((64, 64, 8, 6)), np.diag([1.2, 1.2, 8, 1]))
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputError, match="damaged"):
        io.open_stack(path)


def test_a_sidecar_names_the_kind_and_the_view(tmp_path) -> None:
    oriented = replace(cine((1, 6, 24, 20)), pixels=textured((1, 6, 24, 20)))
    io.write_nifti(oriented, tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps({"SeriesDescription": "PSIR sax"}))
    io.write_nifti(
        replace(cine((6, 6, 24, 20)), pixels=textured((6, 6, 24, 20))), tmp_path / "b.nii.gz"
    )
    (tmp_path / "b.json").write_text(json.dumps({"SeriesDescription": "perfusion stress"}))
    assert [e.stack_id for e in io.scan(tmp_path).entries] == ["sax-lge-1", "perfusion-1"]


@pytest.mark.parametrize(
    ("name", "sequence"),
    [("Case_P003_LGE", Sequence.LGE), ("psir-sax", Sequence.LGE), ("late", Sequence.LGE),
     ("Case_P003", Sequence.OTHER), ("plate", Sequence.OTHER)],
)  # fmt: skip
def test_without_a_sidecar_a_files_name_tells_late_enhancement(tmp_path, name, sequence) -> None:
    save(tmp_path / f"{name}.nii.gz", textured((20, 24, 5)), np.diag([1.2, 1.3, 8, 1]))
    (entry,) = io.scan(tmp_path).entries
    assert entry.sequence is sequence


def acdc(folder: Path, *, whole: bool = False) -> dict[str, np.ndarray]:
    """A patient's folder as the challenge has it."""
    folder.mkdir()
    (folder / "Info.cfg").write_text(
        "ED: 1\nES: 4\nGroup: DCM\nHeight: 184.0\nNbFrame: 6\nWeight: 95.0\n"
    )
    affine = np.diag([1.25, 1.5, 10, 1])
    movie = textured((20, 24, 5, 6)) % 256
    parts = {"frame01": movie[..., 0], "frame04": movie[..., 3]}
    for name, array in parts.items():
        save(folder / f"{folder.name}_{name}.nii.gz", array.astype(np.uint8), affine)
        save(folder / f"{folder.name}_{name}_gt.nii.gz", (array % 4).astype(np.uint8), affine)
    if whole:
        save(folder / f"{folder.name}_4d.nii.gz", movie.astype(np.uint8), affine)
    return {**parts, "movie": movie}


def test_acdc_frames_become_a_stack_of_two_phases(tmp_path) -> None:
    parts = acdc(tmp_path / "patient001")
    catalogue = io.scan(tmp_path / "patient001")
    (entry,) = catalogue.entries
    assert entry.shape == (2, 5, 24, 20)
    assert (entry.view, entry.sequence) == (View.SAX, Sequence.CINE)
    assert (entry.subject, entry.height_cm, entry.weight_kg) == ("patient001", 184, 95)
    assert entry.spacing_mm == pytest.approx((10, 1.5, 1.25))
    assert [f.code for f in entry.findings] == ["phases-missing"]
    assert "ED (frame 1) and ES (frame 4)" in entry.findings[0].message
    assert catalogue.skipped == {"label file": 2, "not an image": 1}
    stack = io.load(entry)
    expected = np.stack([parts["frame01"], parts["frame04"]]).transpose(0, 3, 2, 1)
    np.testing.assert_array_equal(stack.pixels, expected)
    assert stack.pixels.dtype == np.uint8


def test_acdc_in_full_is_its_4d_file(tmp_path) -> None:
    parts = acdc(tmp_path / "patient001", whole=True)
    catalogue = io.scan(tmp_path / "patient001")
    (entry,) = catalogue.entries
    np.testing.assert_array_equal(io.load(entry).pixels, parts["movie"].transpose(3, 2, 1, 0))
    assert catalogue.skipped["frame of a cine that is here whole"] == 2


def test_a_folder_of_acdc_patients_lists_them_all_and_asks_which(tmp_path) -> None:
    for n in (1, 2):
        acdc(tmp_path / f"patient00{n}")
    catalogue = io.scan(tmp_path)
    assert [e.subject for e in catalogue.entries] == ["patient001", "patient002"]
    with pytest.raises(InputError, match="several studies"):
        io.sax_cine(catalogue)


def test_another_info_file_is_no_acdc(tmp_path) -> None:
    (tmp_path / "Info.cfg").write_text("hello")
    save(tmp_path / "p1_frame01.nii.gz", textured((20, 24, 5)), np.diag([1.2, 1.2, 8, 1]))
    (entry,) = io.scan(tmp_path).entries
    assert entry.view_basis != "ACDC's layout"


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((8, 8, 3, 1, 4), np.int16), ((8, 8, 3, 2, 3), np.int16), ((8, 8, 3), np.complex64)],
)
def test_whole_files_of_another_kind_are_not_called_damaged(tmp_path, shape, dtype) -> None:
    nib.save(nib.Nifti1Image(np.zeros(shape, dtype), np.diag([1.5, 1.5, 8, 1])), tmp_path / "a.nii")
    with pytest.raises(InputError, match="1 no grey image of two to four axes"):
        io.scan(tmp_path)


@pytest.mark.parametrize(
    ("unit", "step", "known"),
    [
        ("mm", 1.5, True),
        ("meter", 0.0015, True),
        ("micron", 1500, True),
        ("meter", 1.5, False),
        ("mm", 0.0015, False),
        ("mm", 1500, False),
    ],
)
def test_a_spacing_counts_in_its_own_unit_and_only_where_a_person_fits(
    tmp_path, unit, step, known
) -> None:
    affine = np.diag([step, step, 5 * step, 1.0])
    affine[:3, :3] = ROTATED @ affine[:3, :3]
    image = nib.Nifti1Image(textured((8, 8, 4, 3)), affine)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii.gz")
    (entry,) = io.scan(tmp_path).entries
    expected = pytest.approx((7.5, 1.5, 1.5), rel=1e-4) if known else None
    assert entry.spacing_mm == expected
    assert any(f.code == "spacing-unknown" for f in entry.findings) is not known


def test_a_slice_file_that_lacks_a_phase_is_said_to_be_missing_from_the_stack(tmp_path) -> None:
    slices_of_a_cine(tmp_path)
    last = tmp_path / "cine_2.nii.gz"  # the fifth, by its position
    image = nib.load(last)
    array = np.asarray(image.dataobj)[..., :5]
    nib.save(nib.Nifti1Image(array, image.affine), last)
    whole, apart = io.scan(tmp_path).entries
    assert (whole.shape[:2], apart.shape[:2]) == ((6, 4), (5, 1))
    (said,) = [str(f) for f in whole.findings if f.code == "unequal-phases"]
    assert "1 slice file(s) after the last slice have 5 phases, the others 6." in said
    assert "lack what they show" in said


def test_a_slice_file_that_is_gone_leaves_a_gap_that_is_said(tmp_path) -> None:
    slices_of_a_cine(tmp_path)
    whole = io.scan(tmp_path).entries[0].geometry
    (tmp_path / "cine_1.nii.gz").unlink()  # the third, by its position
    (entry,) = io.scan(tmp_path).entries
    step = whole.slice_step
    (said,) = [str(f) for f in entry.findings if f.code == "uneven-gaps"]
    assert f"{step:.1f} to {2 * step:.1f} mm apart" in said
    np.testing.assert_allclose(entry.geometry.slabs_mm, step * np.array([1, 1.5, 1.5, 1]), 1e-5)


@pytest.mark.parametrize("kind", ["dicom", "nifti"])
def test_labels_that_an_earlier_run_wrote_into_the_study_are_no_stack_of_it(tmp_path, kind) -> None:
    stack = cine((3, 4, 24, 20))
    if kind == "dicom":
        io.write_dicom(stack, tmp_path)
    else:
        io.write_nifti(stack, tmp_path / "cine.nii.gz")
    found = Segmentation.on(stack, np.ones(stack.shape, np.uint8))
    (tmp_path / "demo-output").mkdir()
    io.write_labels(found, tmp_path / "demo-output" / "labels.nii.gz")
    catalogue = io.scan(tmp_path)
    assert len(catalogue.entries) == 1
    assert catalogue.skipped == {"label file": 1}
