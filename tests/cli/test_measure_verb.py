"""The verb measure on late enhancement, maps and the long axis, from files to files."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_cmr import io, measure, phantom
from napari_cmr.cli.app import app
from napari_cmr.core import InputError, Segmentation, Stack, Structure
from tests.io.stacks import cine
from tests.measure.shells import ellipsoid_shell, oriented

SMALL = phantom.PhantomConfig(
    n_phases=3, n_slices=8, rows=64, columns=64, pixel_mm=(3.0, 3.0), slice_step_mm=11.0,
    long_axes=True,
)  # fmt: skip


def call(*arguments):
    """Run in this process, which is quicker; the user's error is what the program would print."""
    done = CliRunner().invoke(app, ["measure", *map(str, arguments)])
    if isinstance(done.exception, InputError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One heart as late enhancement and as two T1 maps, NIfTI with labels, and a remote region."""
    folder = tmp_path_factory.mktemp("measure")
    labels = ellipsoid_shell((24.0, 90.0), 10.0, np.arange(6) * 8.0)[None]
    rows, columns = np.mgrid[:96, :96]
    angle = np.rad2deg(np.arctan2(50 - rows, columns - 44)) % 360
    wall = labels == Structure.MYO
    scar = wall & (angle >= 240) & (angle < 300)
    noise = np.random.default_rng(0).normal(0, 2, labels.shape)
    lge = np.select([scar, wall], [400.0, 50.0], 200.0) + noise
    images = {
        "lge": lge,
        "before": np.where(labels == Structure.LV, 1600.0, 1000.0),
        "after": np.where(labels == Structure.LV, 250.0, 400.0),
        "remote": (wall & (angle < 90)).astype(float),
    }
    for name, pixels in images.items():
        stack = Stack(pixels.astype(np.float32), oriented(6))
        io.write_nifti(stack, folder / f"{name}.nii.gz")
    stack = Stack(lge, oriented(6))
    io.write_labels(Segmentation.on(stack, labels), folder / "labels.nii.gz")
    truth = 100 * scar.sum() / wall.sum()
    return folder, truth


def test_late_enhancement_from_nifti_to_json_and_csv(files, tmp_path):
    folder, truth = files
    arguments = (folder / "labels.nii.gz", "--kind", "lge", "--images", folder / "lge.nii.gz")
    remote = ("--remote", folder / "remote.nii.gz")
    done = call(*arguments, *remote, "--json", tmp_path / "l.json", "--csv", tmp_path / "l.csv")
    told = {n["name"]: n for n in json.loads((tmp_path / "l.json").read_text())["numbers"]}
    for key in ("5sd", "6sd", "fwhm"):
        assert told[f"scar_{key}_percent"]["value"] == pytest.approx(truth, abs=0.3)
    assert told["scar_2sd_percent"]["value"] == pytest.approx(truth + 2, abs=1.5)
    assert told["segment_10_scar_5sd_transmurality_percent"]["value"] > 90
    assert "remote wall: a region drawn by a reader" in told["scar_5sd_g"]["method"]
    with (tmp_path / "l.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(told)
    assert rows["scar_5sd_g"]["unit"] == "g"
    assert "Scar mass, 5-SD" in done.output
    assert "research use only" in done.output


def test_the_reader_moves_the_remote_region_and_gives_the_septum(files, tmp_path):
    folder, truth = files
    arguments = (folder / "labels.nii.gz", "--kind", "lge", "--images", folder / "lge.nii.gz")
    sector = ("--remote-sector", "20,80", "--remote-slices", "1,2", "--method", "5sd")
    call(*arguments, *sector, "--septum", "110,230", "--json", tmp_path / "l.json")
    told = {n["name"]: n for n in json.loads((tmp_path / "l.json").read_text())["numbers"]}
    assert told["scar_5sd_percent"]["value"] == pytest.approx(truth, abs=0.3)
    assert (
        "20 to 80 degrees in the picture, chosen by a reader, slices 1, 2"
        in (told["scar_5sd_percent"]["method"])
    )
    assert "scar_2sd_percent" not in told
    within = ("--remote-sector", "245,295", "--method", "5-SD")
    call(*arguments, *within, "--json", tmp_path / "m.json")
    told = {n["name"]: n for n in json.loads((tmp_path / "m.json").read_text())["numbers"]}
    assert told["scar_5sd_percent"]["value"] == 0


def test_maps_and_extracellular_volume(files, tmp_path):
    folder, _ = files
    labels, before = folder / "labels.nii.gz", folder / "before.nii.gz"
    call(labels, "--kind", "t1", "--images", before, "--json", tmp_path / "t1.json")
    told = {n["name"]: n for n in json.loads((tmp_path / "t1.json").read_text())["numbers"]}
    assert told["t1_segment_08_ms"]["value"] == pytest.approx(1000)
    assert told["t1_blood_ms"]["value"] == pytest.approx(1600)
    after = ("--after", folder / "after.nii.gz", "--haematocrit", "0.4")
    call(labels, "--kind", "ecv", "--images", before, *after, "--csv", tmp_path / "ecv.csv")
    with (tmp_path / "ecv.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    # by hand: 0.6 x (1/400 - 1/1000) / (1/250 - 1/1600) = 0.6 x 0.0015 / 0.003375 = 26.667 %
    assert float(rows["ecv_wall_percent"]["value"]) == pytest.approx(26.667, abs=1e-3)
    assert rows["segment_07_ecv_percent"]["unit"] == "%"


def test_the_long_axis_from_four_chamber_labels(tmp_path):
    labels = np.zeros((60, 70, 1, 2), np.uint8)  # x, y, slice, phase
    labels[20:32, 5:55, 0, 0] = 1
    labels[22:30, 13:55, 0, 1] = 1
    labels[20:32, 55:65] = 4
    image = nib.Nifti1Image(labels, np.diag([1.5, 1.5, 8, 1]))
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, 1)
    nib.save(image, tmp_path / "l.nii.gz")
    call(tmp_path / "l.nii.gz", "--kind", "4ch", "--json", tmp_path / "l.json")
    told = {n["name"]: n for n in json.loads((tmp_path / "l.json").read_text())["numbers"]}
    # from the annulus' middle to a corner: 50 and 42 pixels along, 6 and 4 across, of 1.5 mm
    assert told["lv_length_ed_mm"]["value"] == pytest.approx(1.5 * np.hypot(50, 6), abs=1.2)
    assert told["long_axis_shortening_mm"]["value"] == pytest.approx(12, abs=0.8)
    assert told["long_axis_shortening_mm"]["unit"] == "mm"
    assert "left atrium" in told["lv_length_ed_mm"]["method"]
    assert "ED phase 0, ES phase 1" in told["lv_length_ed_mm"]["phases"]


def test_dicom_segmentations_are_measured_on_their_images(tmp_path):
    stack = cine((2, 4, 24, 20))
    io.write_dicom(stack, tmp_path / "images")
    labels = np.zeros(stack.shape, np.uint8)
    labels[:, :, 6:18, 4:16] = Structure.MYO
    labels[0, :, 8:16, 6:14] = Structure.LV
    labels[1, :, 10:14, 8:12] = Structure.LV
    entry = io.scan(tmp_path / "images").entries[0]
    io.write_seg(Segmentation.on(io.load(entry), labels), io.source_images(entry), tmp_path / "seg")
    known = ("--images", tmp_path / "images", "--height-cm", 180, "--weight-kg", 80)
    call(tmp_path / "seg", *known, "--json", tmp_path / "m.json", "--csv", tmp_path / "m.csv")
    told = json.loads((tmp_path / "m.json").read_text())
    expected = measure.function(Segmentation.on(stack, labels))
    assert told["edv_ml"] == pytest.approx(expected.edv_ml, rel=1e-4)
    numbers = {n["name"]: n for n in told["numbers"]}
    assert numbers["lv_edv_ml"]["value"] == pytest.approx(told["edv_ml"])
    assert numbers["lv_edv_ml_per_m2"]["value"] == pytest.approx(told["edv_ml"] / 2, rel=1e-3)
    assert numbers["lv_mass_g"]["unit"] == "g"
    with pytest.raises(InputError, match="need --images"):
        call(tmp_path / "seg")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--kind", "lge"), "give them with --images"),
        (("--kind", "4ch", "--remote-sector", "1,2"), "choose --kind lge"),
        (("--haematocrit", "0.4"), "choose --kind ecv"),
        (("--kind", "lge", "--images", "{lge}", "--remote-slices", "1"), "give it too"),
        (("--kind", "lge", "--images", "{lge}", "--remote-sector", "1"), "two angles"),
        (("--kind", "lge", "--images", "{lge}", "--septum", "x,y"), "two angles"),
        (("--kind", "lge", "--images", "{lge}", "--method", "3-SD"), "no scar method '3-SD'"),
        (("--kind", "ecv", "--images", "{before}"), "needs --after"),
        (
            ("--kind", "ecv", "--images", "{before}", "--after", "{after}", "--haematocrit", "42"),
            "haematocrit as a fraction",
        ),
        (("--kind", "t1", "--images", "{before}", "--margin-pixels", "-1"), "0 or more"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(files, arguments, words):
    folder, _ = files
    named = {name: str(folder / f"{name}.nii.gz") for name in ("lge", "before", "after")}
    with pytest.raises(InputError, match=words):
        call(folder / "labels.nii.gz", *(a.format(**named) for a in arguments))


def test_a_remote_region_drawn_on_other_images_is_refused(files, tmp_path):
    folder, _ = files
    other = Stack(np.ones((1, 5, 96, 96), np.float32), oriented(5))
    io.write_nifti(other, tmp_path / "r.nii.gz")
    arguments = (folder / "labels.nii.gz", "--kind", "lge", "--images", folder / "lge.nii.gz")
    with pytest.raises(InputError, match="not drawn on these images"):
        call(*arguments, "--remote", tmp_path / "r.nii.gz")


def test_of_a_study_of_many_stacks_the_one_of_the_kinds_view_is_measured(tmp_path):
    heart = phantom.make(SMALL)
    phantom.write_dicom_study(heart, tmp_path / "study")
    four = heart.segmentations["4CH"]
    for name, found in (("sax", heart.segmentation), ("four", four)):
        io.write_labels(found, tmp_path / f"{name}.nii.gz")
    images = ("--images", tmp_path / "study", "--json", tmp_path / "m.json")
    call(tmp_path / "sax.nii.gz", *images)
    edv = json.loads((tmp_path / "m.json").read_text())["edv_ml"]
    assert edv == pytest.approx(max(heart.truth.lv_ml), rel=0.05)
    call(tmp_path / "four.nii.gz", "--kind", "4ch", *images)
    told = json.loads((tmp_path / "m.json").read_text())["numbers"]
    assert next(n["value"] for n in told if n["name"] == "lv_length_ed_mm") > 60
