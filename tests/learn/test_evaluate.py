import csv
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_cmr.core import InputError, Segmentation, Structure
from napari_cmr.io.manifest import read_manifest
from napari_cmr.learn.evaluate import evaluate_segmenter, interval, score_segmenter, summarise
from napari_cmr.learn.examples import load_labelled
from napari_cmr.learn.over_manifest import evaluate_manifest
from tests.learn.corrected import ACDC, write_cases, write_start


def write(path, array):
    nib.save(nib.Nifti1Image(array, np.diag([2.0, 1.0, 10.0, 1.0])), path)


@pytest.fixture
def manifest(tmp_path):
    """One subject: cavities of 100 and 40 pixels of 2 x 1 x 10 mm on one of two slices."""
    with (tmp_path / "m.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "image", "label", "frame", "expert_edv_ml", "expert_esv_ml"])
        for frame, side in (("ED", 10), ("ES", 4)):
            label = np.zeros((20, 20, 2), np.uint8)
            label[:10, :side, 0] = 1
            write(tmp_path / f"{frame}.nii.gz", label.astype(np.int16) * 100)
            write(tmp_path / f"{frame}_gt.nii.gz", label)
            writer.writerow(["s1", f"{frame}.nii.gz", f"{frame}_gt.nii.gz", frame, 4.0, 1.0])
    return tmp_path / "m.csv"


def half_found(stack):
    """Finds the structure, but leaves out its first five columns (half of it)."""
    labels = (stack.pixels > 50).astype(np.uint8)
    labels[..., :5] = 0
    return Segmentation.on(stack, labels)


def test_metrics_equal_those_computed_by_hand(manifest):
    metrics = evaluate_segmenter(read_manifest(manifest), half_found)["s1"]
    # half of the pixels found: Dice = 2 * 50 / (50 + 100)
    assert metrics["dice_LV"] == pytest.approx(2 / 3)
    assert metrics["dice_mean"] == pytest.approx(2 / 3)
    # a pixel is 2 x 1 x 10 mm = 0.02 mL: EDV 2 mL of which 1 is found; ESV 0.8 of which 0.4 is
    assert metrics["edv_error_ml"] == pytest.approx(1.0)
    assert metrics["esv_error_ml"] == pytest.approx(0.4)
    assert metrics["edv_bias_ml"] == pytest.approx(-1.0)
    assert metrics["ef_error"] == pytest.approx(0.0)
    # the hospital's EF is 75 %, ours 60 %
    assert metrics["expert_ef_error"] == pytest.approx(15.0)
    assert metrics["expert_edv_error_ml"] == pytest.approx(3.0)
    # the surface that is left out lies five columns of 2 mm away
    assert metrics["hd95_LV_mm"] == pytest.approx(10.0)


def test_a_perfect_segmenter_has_no_error(manifest):
    def perfect(stack):
        return Segmentation.on(stack, (stack.pixels > 50).astype(np.uint8))

    metrics = evaluate_segmenter(read_manifest(manifest), perfect)["s1"]
    assert metrics["dice_mean"] == 1
    assert metrics["ef_error"] == metrics["edv_error_ml"] == metrics["hd95_LV_mm"] == 0


def test_an_interval_holds_the_mean_and_shrinks_with_more_subjects():
    rng = np.random.default_rng(0)
    few, many = (interval(list(rng.normal(0.9, 0.05, n)), rng) for n in (5, 500))
    for metric in (few, many):
        assert metric.low < metric.value < metric.high
    assert many.high - many.low < few.high - few.low
    # mean of 500 has a standard error of 0.05 / sqrt(500); the interval is 2 x 1.96 of it
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.05 / 500**0.5, rel=0.2)


def test_a_metric_that_some_subjects_lack_is_averaged_over_those_who_have_it():
    mean = summarise({"a": {"x": 1.0, "y": 2.0}, "b": {"x": 3.0}})
    assert mean["x"].value == 2.0
    assert mean["x"].n == 2
    assert mean["y"].n == 1


def test_what_a_model_has_no_channel_for_is_named_and_not_scored(manifest):
    for frame, side in (("ED", 10), ("ES", 4)):
        label = np.zeros((20, 20, 2), np.uint8)
        label[:, :, 0] = Structure.MYO
        label[4:10, 4 : 4 + side, 0] = Structure.LV
        label[15:, :, 0] = Structure.INFARCT
        write(manifest.with_name(f"{frame}.nii.gz"), label.astype(np.int16))
        write(manifest.with_name(f"{frame}_gt.nii.gz"), label)
    rows = read_manifest(manifest)

    def without_scar(stack):
        labels = np.asarray(stack.pixels, np.uint8).copy()
        labels[labels == Structure.INFARCT] = Structure.MYO
        return Segmentation.on(stack, labels)

    assert evaluate_segmenter(rows, without_scar)["s1"]["dice_mean"] == pytest.approx(2 / 3)
    found = score_segmenter(rows, without_scar, drawable=("BACKGROUND", "LV", "MYO"))
    assert found.not_scored == (Structure.INFARCT,)
    assert "dice_INFARCT" not in found.subjects["s1"]
    assert found.subjects["s1"]["dice_mean"] == 1
    with pytest.raises(InputError, match="hold LV, MYO, INFARCT only, which the model does not"):
        score_segmenter(rows, without_scar, drawable=("BACKGROUND", "RV"))


def test_a_manifest_is_measured_by_what_its_model_draws(tmp_path):
    def with_scar(_, labels):
        scarred = labels.copy()
        scarred[:32][scarred[:32] == Structure.MYO] = Structure.INFARCT
        return scarred

    cases = write_cases(tmp_path / "set", "a", change=with_scar)
    told = evaluate_manifest(cases, task="cine_sax_seg", model=write_start(tmp_path / "start"))
    assert told["not_scored"] == ["INFARCT"]
    assert "dice_INFARCT" not in told["mean"]


def test_labels_under_the_wrong_map_are_not_measured_against(tmp_path):
    wrong = write_cases(tmp_path / "set", "ab", values=ACDC, label_map="cmr")
    with pytest.raises(InputError, match=r"labels of 2 subject\(s\) \(a, b\).*label_map"):
        evaluate_manifest(wrong, task="cine_sax_seg", model=write_start(tmp_path / "start"))


def test_rows_without_any_label_are_refused(manifest):
    rows = [r.__class__(r.subject, r.image) for r in read_manifest(manifest)]
    with pytest.raises(InputError, match="no labelled row"):
        evaluate_segmenter(rows, half_found)


def test_pictures_are_read_as_one_slice_and_their_labels_converted(tmp_path):
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "i.png")
    Image.fromarray(np.full((8, 8), 3, np.uint8)).save(tmp_path / "l.png")
    (tmp_path / "m.csv").write_text("subject,image,label,label_map\ns,i.png,l.png,acdc\n")
    (row,) = read_manifest(tmp_path / "m.csv", need_labels=True)

    def all_lv(stack):
        assert stack.shape == (1, 1, 8, 8)
        return Segmentation.on(stack, np.ones(stack.shape, np.uint8))

    assert evaluate_segmenter([row], all_lv)["s"] == {"dice_LV": 1.0, "dice_mean": 1.0}


def test_slices_that_the_label_does_not_describe_are_not_judged(manifest):
    def stray(stack):
        labels = (stack.pixels > 50).astype(np.uint8)
        labels[:, 1] = 1
        return Segmentation.on(stack, labels)

    rows = read_manifest(manifest)
    assert evaluate_segmenter(rows, stray)["s1"]["dice_LV"] < 0.5
    rows = [replace(row, columns=row.columns | {"labelled_slices": "0"}) for row in rows]
    metrics = evaluate_segmenter(rows, stray)["s1"]
    assert metrics["dice_LV"] == 1
    assert "ef_error" not in metrics  # one slice is no volume


def test_a_slice_that_the_image_does_not_have_is_named(manifest):
    (row, _) = read_manifest(manifest)
    row = replace(row, columns=row.columns | {"labelled_slices": "0 2"})
    with pytest.raises(InputError, match="s1: '2' in the column labelled_slices is none of"):
        load_labelled([row])
