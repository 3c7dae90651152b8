"""Late enhancement and the long axis measured from files with experts' labels."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_cmr import measure
from napari_cmr.cli.app import app
from napari_cmr.core import Geometry, Segmentation

DATA = Path(__file__).parents[3] / "shared" / "data"


def rows_of(name):
    manifest = DATA / name / "manifest.csv"
    if not manifest.is_file():
        pytest.skip(f"the data set {name} is not beside the repository ({manifest})")
    with manifest.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(folder, *arguments):
    done = CliRunner().invoke(app, ["measure", *map(str, arguments), "--json", folder / "m.json"])
    assert done.exit_code == 0, done.exception
    told = json.loads((folder / "m.json").read_text())
    return {n["name"]: n["value"] for n in told["numbers"]}


def as_nifti(rows, column, path):
    """The slices of one subject, PNG files, as one NIfTI without spacing."""
    planes = [np.asarray(Image.open(DATA / "emidec" / row[column])) for row in rows]
    nib.save(nib.Nifti1Image(np.stack(planes).transpose(2, 1, 0), None), path)


def test_an_infarct_by_hand(tmp_path):
    rows = [r for r in rows_of("emidec") if r["subject"] == "Case_P010"]
    rows.sort(key=lambda r: int(r["slice"]))
    for column in ("image", "label"):
        as_nifti(rows, column, tmp_path / f"{column}.nii")
    given = (tmp_path / "label.nii", "--kind", "lge", "--images", tmp_path / "image.nii")
    given += ("--label-map", "emidec", "--method", "labels", "--method", "5-SD")
    found = numbers(tmp_path, *given)
    # Counted in the label files: 10,035 pixels of wall, 677 of infarct, 32 of no-reflow; all of
    # them are wall, so infarct with no-reflow is 709 / 10,744 = 6.599 %.
    assert found["scar_labelled_percent"] == pytest.approx(6.599, abs=1e-3)
    assert found["mvo_labelled_percent"] == pytest.approx(100 * 32 / 10_744, abs=1e-3)
    assert found["scar_labelled_g"] is None  # the set has lost its spacing
    # With 10 x 1.5 x 1.5 mm a pixel is 0.0225 mL: 709 of them x 1.05 g/mL are 16.750 g.
    found = numbers(tmp_path, *given, "--spacing", "10,1.5,1.5", "--septum", "120,240")
    assert found["scar_labelled_g"] == pytest.approx(709 * 0.0225 * 1.05, abs=1e-3)
    assert found["lge_wall_g"] == pytest.approx(10_744 * 0.0225 * 1.05, abs=1e-3)
    # The infarct lies at the septum's inferior half, base to middle (`look` at slices 4 to 6).
    across = {s: found[f"segment_{s:02d}_scar_labelled_area_percent"] for s in range(1, 17)}
    assert max(across, key=across.get) == 3
    assert across[5] == across[6] == across[11] == across[12] == 0


def test_four_chamber_cavities_shorten_as_they_shrink():
    """Two frames a person, seldom ED and ES; the spacing is unknown, ratios are not."""
    people: dict[str, list[dict[str, str]]] = {}
    for row in rows_of("dsb_4ch"):
        people.setdefault(row["subject"], []).append(row)
    shortening, shrinking = [], []
    for pair in people.values():
        if len(pair) != 2:
            continue
        labels = [np.asarray(Image.open(DATA / "dsb_4ch" / row["label"])) for row in pair]
        geometry = Geometry.regular(1, (1, 1, 1), spacing_known=False)
        found = measure.long_axis_measurement(Segmentation(np.stack(labels)[:, None], geometry))
        assert found["lv_length_ed_mm"].value is None
        shortening.append(found["long_axis_shortening_percent"].value)
        areas = sorted((plane == 1).sum() for plane in labels)
        shrinking.append(100 * (1 - areas[0] / areas[1]))
    assert len(shortening) >= 200
    assert np.corrcoef(shortening, shrinking)[0, 1] > 0.8
    # A base mistaken for the apex would lengthen a cavity that shrinks by a quarter or more.
    contracted = np.array(shortening)[np.array(shrinking) > 25]
    assert len(contracted) >= 20
    assert np.mean(contracted > 0) > 0.95
    assert 8 < np.median(contracted) < 25
