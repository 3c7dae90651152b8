"""Numbers with unit, method and convention, and the files that they become."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.core import (
    Geometry,
    GeometryError,
    InputError,
    Segmentation,
    Stack,
    Structure,
)
from napari_cmr.measure import ScarMethod
from tests.measure.shells import ellipsoid_shell, oriented

PIXEL_G = 10 * 2 * 1 / 1000 * 1.05  # 10 mm slice, 2 x 1 mm pixel, 1.05 g/mL


def by_hand():
    """Forty pixels of wall: twenty remote of 8 or 12, then 6 of 100, 3 of 21, 4 of 15, 7 of 10."""
    labels = np.zeros((1, 1, 8, 16), np.uint8)
    labels[0, 0, 2:6, 3:13] = Structure.MYO
    pixels = np.full(labels.shape, 60.0)
    pixels[0, 0, 2, 3:13], pixels[0, 0, 3, 3:13] = 8.0, 12.0
    pixels[0, 0, 4, 3:13] = [15, 15, 15, 10, 10, 10, 10, 10, 10, 10]
    pixels[0, 0, 5, 3:13] = [100, 100, 100, 100, 100, 100, 21, 21, 21, 15]
    stack = Stack(pixels, Geometry.regular(1, (10, 2, 1)))
    remote = np.zeros((1, 8, 16), bool)
    remote[0, 2:4] = True
    return stack, Segmentation.on(stack, labels), remote


def test_scar_mass_and_share_by_hand():
    # The remote wall's mean is 10, its SD sqrt(20 x 4 / 19) = 2.052: thresholds 14.1, 20.3, 22.3;
    # half of the maximum is 50. So 13, 9, 6 and 6 of the 40 pixels are scar.
    found = measure.scar_measurement(*by_hand()[:2], remote=by_hand()[2])
    for key, pixels in (("2sd", 13), ("5sd", 9), ("6sd", 6), ("fwhm", 6)):
        assert found[f"scar_{key}_g"].value == pytest.approx(pixels * PIXEL_G)
        assert found[f"scar_{key}_percent"].value == pytest.approx(100 * pixels / 40)
        assert found[f"mvo_{key}_g"].value == 0
    assert found["lge_wall_g"].value == pytest.approx(40 * PIXEL_G)
    assert "threshold 20.26" in found["scar_5sd_g"].method
    assert "20 pixels, mean 10, SD 2.05" in found["scar_5sd_g"].method
    assert all(f.code != "remote-automatic" for f in found.findings)


def test_every_number_says_its_unit_method_phase_and_convention():
    stack, segmentation, remote = by_hand()
    found = measure.scar_measurement(stack, segmentation, remote=remote)
    for number in found.numbers:
        assert number.unit in ("g", "%")
        assert number.name.endswith("_g" if number.unit == "g" else "_percent")
        assert number.method
        assert number.phases
        assert number.papillary
    assert len({n.name for n in found.numbers}) == len(found.numbers)


def test_grams_are_unknown_without_spacing_and_shares_are_not():
    stack, segmentation, remote = by_hand()
    unknown = replace(stack.geometry, spacing_known=False)
    pair = replace(stack, geometry=unknown), replace(segmentation, geometry=unknown)
    found = measure.scar_measurement(*pair, remote=remote, methods=[ScarMethod.SD5])
    assert found["scar_5sd_g"].value is None
    assert found["scar_5sd_percent"].value == pytest.approx(22.5)


def test_half_maximum_gives_no_number_where_healthy_wall_is_not_nulled():
    stack, segmentation, remote = by_hand()
    lifted = replace(stack, pixels=stack.pixels + 150)  # half of 250 is below the wall's 160
    found = measure.scar_measurement(lifted, segmentation, remote=remote)
    assert found["scar_fwhm_g"].value is found["scar_fwhm_percent"].value is None
    assert found["scar_5sd_percent"].value == pytest.approx(22.5)
    assert [f.code for f in found.findings].count("half-maximum-too-low") == 1


def test_a_remote_region_of_another_grid_is_refused():
    stack, segmentation, _ = by_hand()
    with pytest.raises(GeometryError, match="draw it on these images"):
        measure.scar(stack, segmentation, ScarMethod.SD5, np.ones((2, 8, 16), bool))


def lge_ring(first=240, last=300):
    """A heart without a labelled RV whose wall is bright between two angles, full thickness."""
    labels = ellipsoid_shell((24.0, 90.0), 10.0, np.arange(6) * 8.0)[None]
    rows, columns = np.mgrid[:96, :96]
    angle = np.rad2deg(np.arctan2(50 - rows, columns - 44)) % 360
    pixels = np.where(labels == Structure.MYO, 50.0, 200.0)
    pixels[(labels == Structure.MYO) & (angle >= first) & (angle < last)] = 400.0
    pixels += np.random.default_rng(0).normal(0, 2, pixels.shape)
    with_rv = Segmentation(labels, oriented(6))
    without = Segmentation(
        np.where(labels == Structure.RV, 0, labels).astype(np.uint8), oriented(6)
    )
    return Stack(pixels, oriented(6)), with_rv, without


def test_the_remote_sector_is_where_the_reader_moved_it():
    stack, segmentation, _ = lge_ring()
    healthy = measure.scar(
        stack, segmentation, ScarMethod.SD5, measure.remote_sector(segmentation, 350, 50)
    )
    assert healthy.percent == pytest.approx(100 * 60 / 360, abs=0.7)
    assert healthy.remote_mean == pytest.approx(50, abs=0.5)
    within = measure.remote_sector(segmentation, 240, 300)
    moved = measure.scar(stack, segmentation, ScarMethod.SD5, within)
    assert moved.remote_mean == pytest.approx(400, abs=2)
    assert moved.percent == 0
    one = measure.remote_sector(segmentation, 0, 90, [2])
    assert one.mask[2].any()
    assert not one.mask[[0, 1, 3, 4, 5]].any()
    quarter = one.mask[2].sum() / np.isin(segmentation.labels[0, 2], measure.WALL).sum()
    assert quarter == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("start", "end", "slices", "words"),
    [(30, 30, None, "different angles"), (0, np.nan, None, "angles"), (0, 90, [6], "no slice 6")],
)
def test_impossible_remote_sectors_are_refused(start, end, slices, words):
    _, segmentation, _ = lge_ring()
    with pytest.raises(InputError, match=words):
        measure.remote_sector(segmentation, start, end, slices)


def test_given_insertion_points_divide_the_wall_as_the_labelled_rv_does():
    stack, with_rv, without = lge_ring()
    no_septum = measure.scar_measurement(stack, without, methods=[ScarMethod.SD5])
    assert not measure.transmurality(no_septum, ScarMethod.SD5)
    assert any(f.code == "no-segments" for f in no_septum.findings)
    # shells.py draws the RV from 110 over 120 degrees; its edges reach a little farther
    septum = measure.given_insertions(without, 110, 230)
    given = measure.scar_measurement(stack, without, methods=[ScarMethod.SD5], septum=septum)
    found = measure.scar_measurement(stack, with_rv, methods=[ScarMethod.SD5])
    ours, theirs = (measure.transmurality(m, ScarMethod.SD5) for m in (given, found))
    assert sorted(ours) == sorted(theirs) == list(range(1, 17))
    # the free wall's first quarter, 230 to 290 degrees, is inferior: 240 to 290 of it is scar
    assert given["segment_10_scar_5sd_area_percent"].value == pytest.approx(100 * 50 / 60, abs=3)
    assert found["segment_10_scar_5sd_area_percent"].value == pytest.approx(100 * 50 / 60, abs=8)
    assert ours[10] == pytest.approx(100, abs=1)  # where there is scar it is through the wall
    assert ours[7] == 0


def test_swapped_insertion_points_are_refused():
    _, _, segmentation = lge_ring()
    with pytest.raises(InputError, match="anterior angle first"):
        measure.given_insertions(segmentation, 230, 110)


def t1_pair(wall, blood):
    labels = ellipsoid_shell((24.0, 90.0), 10.0, np.arange(6) * 8.0)[None]
    pixels = np.where(labels == Structure.LV, float(blood), float(wall))
    stack = Stack(pixels, oriented(6))
    return stack, Segmentation.on(stack, labels)


def test_maps_and_ecv_by_hand():
    # wall 1000 -> 400 ms, blood 1600 -> 250 ms, haematocrit 0.4:
    # 0.6 x (1/400 - 1/1000) / (1/250 - 1/1600) = 0.6 x 0.0015 / 0.003375 = 0.26667
    before, after = t1_pair(1000, 1600), t1_pair(400, 250)
    native = measure.map_measurement(*before, "t1")
    assert native["t1_wall_ms"].value == pytest.approx(1000)
    assert native["t1_blood_ms"].value == pytest.approx(1600)
    assert native["t1_segment_09_ms"].value == pytest.approx(1000)
    assert native["t1_segment_09_sd_ms"].value == pytest.approx(0)
    assert native["t1_segment_09_ms"].unit == "ms"
    ecv = measure.ecv_measurement(before, after, 0.4)
    assert ecv["ecv_wall_percent"].value == pytest.approx(26.6667, abs=1e-3)
    assert ecv["segment_16_ecv_percent"].value == pytest.approx(26.6667, abs=1e-3)
    assert "haematocrit 0.4" in ecv["ecv_wall_percent"].method


@pytest.mark.parametrize(("wall", "words"), [(1.0e4, "no relaxation time"), (0.9, "milliseconds")])
def test_maps_in_another_unit_are_refused(wall, words):
    with pytest.raises(InputError, match=words):
        measure.map_measurement(*t1_pair(wall, 1600), "t1")


def test_files_hold_every_number_with_unit_and_method(tmp_path):
    stack, segmentation, remote = by_hand()
    found = measure.scar_measurement(stack, segmentation, remote=remote)
    measure.write_numbers_csv(tmp_path / "n.csv", found)
    measure.write_numbers_json(tmp_path / "n.json", found)
    with (tmp_path / "n.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    told = json.loads((tmp_path / "n.json").read_text())
    assert list(rows) == [n["name"] for n in told["numbers"]] == [n.name for n in found.numbers]
    assert float(rows["scar_5sd_g"]["value"]) == pytest.approx(9 * PIXEL_G)
    assert all(row["unit"] and row["method"] and row["papillary"] for row in rows.values())


def test_a_cine_has_its_segments_among_its_numbers():
    shells = [ellipsoid_shell((r, 90.0), w, np.arange(6) * 8.0) for r, w in ((26, 9), (18, 14))]
    segmentation = Segmentation(np.stack(shells), oriented(6))
    measures = measure.function(segmentation)
    clinical = measure.clinical_numbers(segmentation, measures)
    found = measure.cine_measurement(clinical)
    number = found["segment_09_thickness_ed_mm"]
    assert number.value == pytest.approx(clinical.wall.ed_mm[9])
    assert number.phases == found["lv_edv_ml"].phases
    assert found["segment_09_thickening_percent"].unit == "%"
    assert sum(n.name.endswith("thickening_percent") for n in found.numbers) == 17  # and the mean
