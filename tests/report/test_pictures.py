import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from napari_cmr import measure, phantom, report
from napari_cmr.core import Geometry, GeometryError, InputError, Segmentation, Stack, Structure
from napari_cmr.report import style


@pytest.fixture(scope="module")
def study():
    return phantom.make(
        phantom.PhantomConfig(n_phases=6, n_slices=5, slice_step_mm=16, rows=80, columns=80)
    )


def rgb(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(float) / 255


def of_colour(picture, colour):
    return np.abs(picture - to_rgb(colour)).max(-1) < 0.12


def sheet(tmp_path, stack, segmentation, **phases):
    path = tmp_path / "sheet.png"
    report.contour_sheet(stack, segmentation, measure.function(segmentation, **phases), path)
    return rgb(path)


def ellipse_stack(spacing):
    """One slice, one phase: a cavity 40 mm down and 20 mm across."""
    y, x = np.ogrid[:128, :128]
    down, right = (y - 64) * spacing[0], (x - 64) * spacing[1]
    labels = (((down / 20) ** 2 + (right / 10) ** 2) < 1).astype(np.uint8)[None, None]
    stack = Stack(labels * 100.0, Geometry.regular(1, (8.0, *spacing)))
    return stack, Segmentation.on(stack, labels)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.6), (0.7, 1.3)])
def test_contours_have_the_true_proportions_whatever_the_pixels(tmp_path, spacing):
    picture = sheet(tmp_path, *ellipse_stack(spacing))
    found = np.argwhere(of_colour(picture, style.ENDOCARDIUM)[160:])  # below the legend
    tall, wide = np.ptp(found, axis=0)
    assert tall / wide == pytest.approx(2, rel=0.08)


def test_the_sheet_shows_all_three_contours_on_black(tmp_path, study):
    picture = sheet(tmp_path, study.sax, study.segmentation)
    for colour in (style.ENDOCARDIUM, style.EPICARDIUM, style.RV):
        assert of_colour(picture, colour).sum() > 500
    assert picture[0, 0].tolist() == [0, 0, 0]


def test_a_cavity_labelled_without_a_wall_has_no_epicardium(tmp_path):
    picture = sheet(tmp_path, *ellipse_stack((1.0, 1.0)))
    assert of_colour(picture, style.ENDOCARDIUM).sum() > 100
    assert of_colour(picture, style.EPICARDIUM).sum() == 0


def test_a_single_phase_has_no_end_systole(tmp_path, study):
    both = sheet(tmp_path, study.sax, study.segmentation)
    stack = Stack(study.sax.pixels[:1], study.sax.geometry)
    one = sheet(tmp_path, stack, Segmentation.on(stack, study.segmentation.labels[:1]))
    assert one.shape[0] < 0.7 * both.shape[0]
    assert one.shape[1] == both.shape[1]


def test_a_sheet_without_a_heart_is_drawn_all_the_same(tmp_path, study):
    empty = study.segmentation.with_labels(np.zeros_like(study.segmentation.labels))
    assert sheet(tmp_path, study.sax, empty).mean() > 0.01


def test_the_chosen_phases_are_those_that_are_shown(tmp_path, study):
    """Only phase 2 has an RV, so its colour is there only when phase 2 is shown."""
    labels = study.segmentation.labels.copy()
    labels[[0, 1, 3, 4, 5]] = np.where(labels[[0, 1, 3, 4, 5]] == Structure.RV, 0, 1)
    segmentation = study.segmentation.with_labels(labels)
    counts = [
        of_colour(sheet(tmp_path, study.sax, segmentation, ed=ed, es=4), style.RV).sum()
        for ed in (0, 2)
    ]
    assert counts[1] > 3 * counts[0]  # the legend's line is there in both


def test_labels_of_another_shape_are_refused(tmp_path, study):
    other = replace(study.segmentation, labels=study.segmentation.labels[:, :, :50])
    with pytest.raises(GeometryError, match="shape"):
        report.contour_sheet(study.sax, other, measure.function(other), tmp_path / "s.png")


@pytest.mark.parametrize("what", ["sheet", "curve"])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, study, what):
    (tmp_path / "file").write_text("in the way")
    m = measure.function(study.segmentation)
    path = tmp_path / "file" / "x.png"
    images = (study.sax,) if what == "sheet" else ()
    draw = report.contour_sheet if what == "sheet" else report.volume_curve
    with pytest.raises(InputError, match="choose another place"):
        draw(*images, study.segmentation, m, path)


def curve(tmp_path, segmentation):
    path = tmp_path / "curve.png"
    report.volume_curve(segmentation, measure.function(segmentation), path)
    return rgb(path)


def test_the_curve_shows_both_ventricles(tmp_path, study):
    picture = curve(tmp_path, study.segmentation)
    assert of_colour(picture, style.ENDOCARDIUM).sum() > 1000
    assert of_colour(picture, style.RV).sum() > 1000


def test_the_curve_falls_and_rises_as_the_volume_does(tmp_path, study):
    lv_only = np.where(study.segmentation.labels == Structure.RV, 0, study.segmentation.labels)
    found = of_colour(curve(tmp_path, study.segmentation.with_labels(lv_only)), style.ENDOCARDIUM)
    found[:, 1050:] = False  # the legend's corner
    columns = np.flatnonzero(found.any(0))
    heights = found.shape[0] - found[:, columns].argmax(0)
    lowest = columns[heights.argmin()]
    # Six phases, the smallest at 2 of 0 to 5.
    place = (lowest - columns[0]) / (np.flatnonzero(found[:, :1040].any(0))[-1] - columns[0])
    assert 0.3 < place < 0.55


def test_the_curve_is_drawn_without_spacing_times_or_any_heart(tmp_path, study):
    segmentation = study.segmentation
    bare = replace(
        segmentation,
        geometry=replace(segmentation.geometry, spacing_known=False),
        times_ms=None,
    )
    assert of_colour(curve(tmp_path, bare), style.ENDOCARDIUM).sum() > 1000
    empty = bare.with_labels(np.zeros_like(segmentation.labels))
    assert of_colour(curve(tmp_path, empty), style.ENDOCARDIUM).sum() == 0


def test_importing_the_room_imports_no_matplotlib():
    code = "import sys, napari_cmr.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
