"""The page of a late-enhancement stack."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_cmr import io, measure, report
from napari_cmr.cli.reporting import Kind
from napari_cmr.cli.reporting import report as verb
from napari_cmr.core import InputError, Segmentation, Stack, Structure
from napari_cmr.measure import ScarMethod
from tests.measure.shells import ellipsoid_shell, oriented
from tests.report.test_report import html_text, pdf_text


@pytest.fixture(scope="module")
def lge():
    """A heart whose inferior wall is scar, as images and as labels."""
    labels = ellipsoid_shell((24.0, 90.0), 10.0, np.arange(6) * 8.0)[None]
    rows, columns = np.mgrid[:96, :96]
    angle = np.rad2deg(np.arctan2(50 - rows, columns - 44)) % 360
    wall = labels == Structure.MYO
    scar = wall & (angle >= 240) & (angle < 300)
    noise = np.random.default_rng(0).normal(0, 2, labels.shape)
    pixels = np.select([scar, wall], [400.0, 50.0], 200.0) + noise
    labels = np.where(scar, Structure.INFARCT, labels).astype(np.uint8)
    stack = Stack(pixels, oriented(6), subject="heart")
    return stack, Segmentation.on(stack, labels, "Reader A")


def written(content, folder):
    report.write_pdf(content, folder / "r.pdf")
    report.write_html(content, folder / "r.html")
    paper, screen = pdf_text(folder / "r.pdf"), html_text(folder / "r.html")
    return " ".join(paper.split()), " ".join(screen.split())


def test_paper_and_screen_hold_every_method_and_the_remote_wall(lge, tmp_path):
    remote = measure.remote_sector(lge[1], 20, 80)
    found = measure.scar_measurement(*lge, remote=remote)
    made = report.compose_enhancement(*lge, found, remote=remote)
    assert made.shown is ScarMethod.LABELS
    for text in written(made, tmp_path):
        assert "late gadolinium enhancement" in text
        assert "ventricular function" not in text
        for row in made.rows:
            assert all(cell in text for cell in row)
        for words in (
            "Reader A",
            "20 to 80 degrees",
            "transmurality",
            "remote wall",
            "not reviewed",
        ):
            assert words in text
    assert len(made.rows) == 5
    grams = measure.scar(*lge, ScarMethod.LABELS).mass_g
    assert made.rows[0][:2] == ("labels (shown)", f"{grams:.1f}")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").count("data:image/png") == 2


def test_images_stand_alone_before_contours_cover_them(lge):
    found = measure.scar_measurement(*lge)
    plain, drawn = report.compose_enhancement(*lge, found).pictures
    assert not plain.contours
    assert not plain.regions
    scar, remote = drawn.regions
    np.testing.assert_array_equal(scar.mask, lge[1].labels[0] == Structure.INFARCT)
    assert remote.name == "remote wall"
    assert not (remote.mask & scar.mask).any()


def test_without_labelled_scar_or_segments_the_page_is_still_whole(lge, tmp_path):
    stack, segmentation = lge
    wall = np.where(segmentation.labels == Structure.INFARCT, Structure.MYO, segmentation.labels)
    wall = np.where(wall == Structure.RV, 0, wall).astype(np.uint8)
    unknown = replace(stack.geometry, spacing_known=False)
    pair = replace(stack, geometry=unknown), Segmentation(wall, unknown)
    found = measure.scar_measurement(*pair)
    made = report.compose_enhancement(*pair, found)
    assert made.shown is ScarMethod.SD5
    assert made.bulls_eyes == ()
    for text in written(made, tmp_path):
        assert "spacing is unknown" in text
        assert "give its insertion points" in text


def test_the_verb_reports_late_enhancement(lge, tmp_path):
    stack, segmentation = lge
    io.write_nifti(replace(stack, pixels=stack.pixels.astype(np.float32)), tmp_path / "i.nii.gz")
    io.write_labels(segmentation, tmp_path / "l.nii.gz")
    out, labels = tmp_path / "out", tmp_path / "l.nii.gz"
    verb(tmp_path / "i.nii.gz", out, Kind.LGE, labels=labels, remote_sector="20,80")
    told = {n["name"]: n for n in json.loads((out / "numbers.json").read_text())["numbers"]}
    assert told["scar_labelled_percent"]["value"] == pytest.approx(100 / 6, abs=0.5)
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match="needs --labels"):
        verb(tmp_path / "i.nii.gz", out, Kind.LGE)
    with pytest.raises(InputError, match="--sex says nothing"):
        verb(tmp_path / "i.nii.gz", out, Kind.LGE, labels=labels, sex="F")
    with pytest.raises(InputError, match="--septum says nothing"):
        verb(tmp_path / "i.nii.gz", out, labels=labels, septum="120,240")
