"""Public data sets' own folders: what the experts drew, against hand calculation and a manifest."""

import csv
import re
import warnings

import numpy as np
import pydicom
import pytest
from scipy.ndimage import binary_dilation

from napari_cmr.core import Structure
from napari_cmr.io import load_image, load_label, read_manifest
from napari_cmr.io.layouts import detect, make_manifest
from napari_cmr.io.layouts.sunnybrook import read_contour
from napari_cmr.io.polygon import polygon_mask, shoelace_area
from napari_cmr.measure import volumes_ml


def test_sunnybrook_volumes_are_those_of_the_contours_by_hand(shared_data, tmp_path):
    """Shoelace area times pixel area times the 8 mm between slices, 4 at ED and 5 at ES."""
    make_manifest(shared_data / "sunnybrook", tmp_path / "m.csv")
    rows = {r.frame: r for r in read_manifest(tmp_path / "m.csv", need_labels=True)}
    by_hand = {"ED": 0.0, "ES": 0.0}
    for path in (shared_data / "sunnybrook").glob("*icontour*"):
        number = re.search(r"-(\d+)-icontour", path.name)[1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of UIDs that the data set itself has wrong
            image = pydicom.dcmread(shared_data / "sunnybrook" / f"IM-0009-{number}.dcm")
            frame = "ED" if float(image.TriggerTime) > 600 else "ES"
        by_hand[frame] += shoelace_area(read_contour(path)) * 1.3672**2 * 8 / 1000
    assert by_hand == pytest.approx({"ED": 62.52, "ES": 32.06}, abs=0.01)
    for frame, n_slices in (("ED", 4), ("ES", 5)):
        stack = load_image(rows[frame])
        _, truth = load_label(rows[frame], stack)
        assert truth.labels.shape == (1, n_slices, 256, 256)
        assert set(np.unique(truth.labels)) == {0, Structure.LV}
        volume = float(volumes_ml(truth, [Structure.LV])[0])
        assert volume == pytest.approx(by_hand[frame], rel=0.005)
    assert "1 outer contour(s)" in rows["ED"].columns["note"]


def test_sunnybrook_masks_are_as_large_as_what_was_drawn(shared_data):
    paths = sorted((shared_data / "sunnybrook").glob("*contour*.txt"))
    contours = [read_contour(p) for p in paths]
    areas = np.array([shoelace_area(c) for c in contours])
    masks = np.array([polygon_mask(c, (256, 256)).sum() for c in contours])
    assert len(contours) == 10
    assert np.max(np.abs(masks / areas - 1)) < 0.02
    assert abs(np.sum(masks) / np.sum(areas) - 1) < 0.003


def test_sunnybrook_cavities_are_brighter_inside_than_around(shared_data, tmp_path):
    """What the contours enclose is blood: the images are matched to the right contours."""
    make_manifest(shared_data / "sunnybrook", tmp_path / "m.csv")
    for row in read_manifest(tmp_path / "m.csv"):
        stack = load_image(row)
        cavity = load_label(row, stack)[1].labels[0] == Structure.LV
        for image, inside in zip(stack.pixels[0].astype(float), cavity, strict=True):
            around = binary_dilation(inside, iterations=4) & ~inside
            assert image[inside].mean() > 1.2 * image[around].mean()


def test_acdc_is_listed_as_its_shared_manifest_lists_it(shared_data, tmp_path):
    folder = shared_data / "acdc"
    assert detect(folder) == ["acdc"]
    written = make_manifest(folder, tmp_path / "m.csv")
    assert (written.n_rows, written.n_subjects, written.n_labelled) == (160, 80, 160)
    with (folder / "manifest.csv").open(newline="") as file:
        known = {(r["subject"], r["frame"]): r for r in csv.DictReader(file)}
    for row in read_manifest(tmp_path / "m.csv", need_labels=True):
        record = known.pop((row.subject, row.frame))
        assert row.image == folder / record["image"]
        assert row.label == folder / record["label"]
        assert row.label_map == record["label_map"]
        assert row.group == record["group"]
        assert row.number("height_cm") == float(record["height_cm"])
    assert not known
