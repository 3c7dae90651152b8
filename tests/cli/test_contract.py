"""What the verbs give on a phantom whose volumes are known, and on small hand-made files.

They run in this process: to load torch for each of them took longer than all that they do. The
program itself is started by the README's blocks, for bad input, and on real studies.
"""

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from napari_cmr import io, phantom
from napari_cmr.io import read_labels, write_labels
from napari_cmr.measure import dice
from napari_cmr.phantom.write import write_dicom_study, write_nifti_studies
from tests.io.stacks import cine


@pytest.fixture(scope="module")
def heart():
    return phantom.make(phantom.PhantomConfig(n_phases=6))


def test_scan_says_what_a_folder_holds(run_here, tmp_path, heart):
    write_dicom_study(heart, tmp_path / "study")
    run_here("scan", "study", "--json", "scan.json")
    told = json.loads((tmp_path / "scan.json").read_text())
    sax = next(s for s in told["stacks"] if s["view"] == "SAX")
    assert sax["shape"] == list(heart.sax.shape)
    assert sax["spacing_mm"] == pytest.approx(heart.sax.geometry.spacing, abs=1e-3)
    assert sax["files"] == 6 * 12
    assert sax["sequence"] == "cine"
    assert len(sax["phase_ms"]) == 6
    assert set(sax) >= {"id", "view", "sequence", "shape", "spacing_mm", "phase_ms", "findings"}


def test_a_phantom_has_as_many_phases_as_were_asked_for(run_here, tmp_path):
    run_here("phantom", "--phases", "3", "--format", "nifti", "--out", "data")
    assert nib.load(tmp_path / "data" / "phantom-0_sax.nii.gz").shape[3] == 3
    said = run_here("scan", "data/phantom-0_sax.nii.gz").stdout
    assert " 3 phases x " in said
    assert ", 1 file (" in said


def test_scan_keeps_a_slice_that_lacks_a_phase_where_that_is_asked_for(run_here, tmp_path):
    io.write_dicom(cine(), tmp_path / "study")[0].unlink()
    n_phases, n_slices = cine().shape[:2]
    for option, slices in ((), n_slices - 1), (("--resample-time",), n_slices):
        done = run_here("scan", "study", *option)
        assert f"sax-1: SAX cine, {n_phases} phases x {slices} slices" in done.stdout
    told = run_here("scan", "study").stdout
    assert "--resample-time" in told
    assert "volumes and mass lack what they show" in told


def test_measure_gives_the_closed_form_volumes_of_the_phantom(run_here, tmp_path, heart):
    write_labels(heart.segmentation, tmp_path / "labels.nii.gz")
    done = run_here("measure", "labels.nii.gz", "--json", "m.json")
    told = json.loads((tmp_path / "m.json").read_text())
    truth = heart.truth.lv_ml
    assert told["edv_ml"] == pytest.approx(max(truth), rel=0.02)
    assert told["esv_ml"] == pytest.approx(min(truth), rel=0.03)
    assert told["ef_percent"] == pytest.approx(100 * (1 - min(truth) / max(truth)), abs=1.5)
    assert f"{told['edv_ml']:.1f} mL" in done.stdout


def test_measure_without_spacing_gives_ef_only_and_with_it_all(run_here, tmp_path):
    labels = np.zeros((10, 10, 2, 2), np.uint8)
    labels[:6, :5, :, 0] = 1
    labels[:3, :5, :, 1] = 1
    nib.save(nib.Nifti1Image(labels, np.eye(4)), tmp_path / "l.nii.gz")
    run_here("measure", "l.nii.gz", "--json", "without.json")
    without = json.loads((tmp_path / "without.json").read_text())
    assert without["edv_ml"] is None
    assert without["ef_percent"] == pytest.approx(50.0)
    run_here("measure", "l.nii.gz", "--spacing", "10,2,1", "--json", "with.json")
    # 30 pixels of 2 x 1 mm on two slices of 10 mm
    assert json.loads((tmp_path / "with.json").read_text())["edv_ml"] == pytest.approx(1.2)


def test_measure_takes_phases_and_heart_rate_from_the_reader(run_here, tmp_path):
    labels = np.zeros((10, 10, 2, 3), np.uint8)
    for phase, rows in enumerate((10, 5, 8)):
        labels[:rows, :, :, phase] = 1
    nib.save(nib.Nifti1Image(labels, np.diag([2.0, 2.0, 10.0, 1.0])), tmp_path / "l.nii.gz")
    chosen = ("--ed", 2, "--es", 1, "--heart-rate", 60)
    done = run_here("measure", "l.nii.gz", *chosen, "--json", "m.json")
    told = json.loads((tmp_path / "m.json").read_text())
    # 80 and 50 pixels of 4 square mm on two slices of 10 mm; 60 beats of 2.4 mL a minute
    assert (told["ed_phase"], told["es_phase"], told["phases_set_by"]) == (2, 1, "reader")
    assert told["edv_ml"] == pytest.approx(6.4)
    assert told["esv_ml"] == pytest.approx(4.0)
    assert told["cardiac_output_l_min"] == pytest.approx(0.144)
    assert "research use" in done.stdout
    run_here("measure", "l.nii.gz", "--ed", 3, code=2)
    run_here("measure", "l.nii.gz", "--heart-rate", 0, code=2)


def test_segment_writes_labels_on_the_source_grid_and_the_measures(run_here, tmp_path):
    heart = phantom.make(phantom.PhantomConfig(n_phases=2))
    write_nifti_studies([heart], tmp_path / "data")
    with (tmp_path / "data" / "manifest.csv").open() as file:
        image = next(csv.DictReader(file))["image"]
    run_here(
        "segment", f"data/{image}", "--heart-rate", "75", "--out", "out", "--json", "result.json"
    )
    source = nib.load(tmp_path / "data" / image)
    labels = nib.load(tmp_path / "out" / "labels.nii.gz")
    assert labels.shape == source.shape
    np.testing.assert_allclose(labels.affine, source.affine, atol=1e-4)
    assert set(np.unique(np.asarray(labels.dataobj))) <= {0, 1, 2, 3}
    told = json.loads((tmp_path / "out" / "measures.json").read_text())
    assert json.loads((tmp_path / "result.json").read_text()) == told
    assert told["heart_rate_bpm"] == 75
    assert told["cardiac_output_l_min"] == pytest.approx(told["sv_ml"] * 75 / 1000, abs=1e-3)
    run_here("measure", "out/labels.nii.gz", "--json", "again.json")
    again = json.loads((tmp_path / "again.json").read_text())
    for name in ("edv_ml", "esv_ml", "ef_percent", "mass_g"):
        assert again[name] == pytest.approx(told[name])
    # the network never saw a phantom, but it must find the heart where it is
    found = read_labels(tmp_path / "out" / "labels.nii.gz").labels
    assert dice(found == 1, heart.segmentation.labels == 1) > 0.75
    with (tmp_path / "out" / "measures.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert rows["edv_ml"]["unit"] == "mL"
    assert float(rows["edv_ml"]["value"]) == pytest.approx(told["edv_ml"], abs=0.01)


def test_predict_gives_a_row_a_row_and_evaluate_the_means(run_here, tmp_path):
    hearts = [
        phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=4, seed=seed)) for seed in (1, 2)
    ]
    write_nifti_studies(hearts, tmp_path / "data")
    manifest = tmp_path / "data" / "manifest.csv"
    with manifest.open() as file:
        rows = list(csv.DictReader(file))
    run_here("predict", "--manifest", manifest, "--out", "out", "--json", "p.json")
    with (tmp_path / "out" / "predictions.csv").open() as file:
        told = list(csv.DictReader(file))
    assert json.loads((tmp_path / "p.json").read_text())["rows"] == told
    assert [r["image"] for r in told] == [r["image"] for r in rows]
    assert list(told[0]) == ["subject", "image", "frame", "slice", "output"]
    for record, row in zip(told, rows, strict=True):
        output = nib.load(tmp_path / "out" / record["output"])
        assert output.shape == nib.load(manifest.parent / row["image"]).shape
    run_here("evaluate", "--manifest", manifest, "--json", "e.json")
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["task"] == "cine_sax_seg"
    assert {s["subject"] for s in result["subjects"]} == {r["subject"] for r in rows}
    dice = result["mean"]["dice_LV"]
    assert set(dice) == {"value", "low", "high", "n"}
    by_hand = np.mean([s["dice_LV"] for s in result["subjects"]])
    assert dice["value"] == pytest.approx(by_hand)


def test_predict_does_not_read_truth_columns(run_here, tmp_path):
    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=3))
    write_nifti_studies([study], tmp_path / "data")
    manifest = tmp_path / "data" / "manifest.csv"
    with manifest.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = "not/there.nii.gz"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run_here("predict", "--manifest", manifest, "--out", "out")
    assert (tmp_path / "out" / "predictions.csv").is_file()


def test_a_picture_gives_a_picture_of_labels(run_here, tmp_path):
    from PIL import Image

    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=5))
    frame = study.sax.pixels[0, 2].astype(float)
    Image.fromarray((frame / frame.max() * 255).astype(np.uint8)).save(tmp_path / "i.png")
    (tmp_path / "m.csv").write_text('subject,image,spacing_mm\ns,i.png,"8,1.4,1.4"\n')
    run_here("predict", "--manifest", "m.csv", "--out", "out")
    with (tmp_path / "out" / "predictions.csv").open() as file:
        (record,) = csv.DictReader(file)
    assert record["output"].endswith(".png")
    labels = np.asarray(Image.open(tmp_path / "out" / record["output"]))
    assert labels.shape == frame.shape
    assert set(np.unique(labels)) <= {0, 1, 2, 3}


def test_models_are_listed_shown_and_verified(run_here, tmp_path):
    assert "cine_sax_seg" in run_here("models", "list").stdout
    name = run_here("models", "list", "--json", "list.json").stdout.split()[0]
    assert json.loads((tmp_path / "list.json").read_text())[0]["name"] == name
    run_here("models", "show", name, "--json", "card.json")
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["metrics"]
    assert name in run_here("models", "verify").stdout


def test_a_list_of_models_says_which_are_on_trial_and_which_saw_no_person(run_here, tmp_path):
    told = run_here("models", "list", "--json", "list.json").stdout.splitlines()
    cautions = {
        card["name"]: card["caution"] for card in json.loads((tmp_path / "list.json").read_text())
    }
    for name, caution in (("cmr-view", "on trial"), ("mapping-sax-unet", "never tried on")):
        assert caution in cautions[name]
        assert caution in next(line for line in told if line.startswith(name))
    assert not cautions["cine-sax-unet"]


def test_the_demo_without_a_display_writes_pictures_tables_and_labels(run_here, tmp_path):
    done = run_here("demo", "--out", "result")
    written = {p.name for p in (tmp_path / "result").iterdir()}
    assert written == {
        "contours.png",
        "volume_curve.png",
        "measures.csv",
        "measures.json",
        "labels.nii.gz",
        "uncertainty.json",
    }
    for name, unit in (("EDV", "mL"), ("ESV", "mL"), ("SV", "mL"), ("EF", "%"), ("mass", "g")):
        line = next(x for x in done.stdout.splitlines() if x.startswith(f"LV {name}"))
        assert line.endswith(unit)
    assert "research use" in done.stdout
