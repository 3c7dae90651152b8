import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.core import Geometry, Structure
from napari_cmr.measure import aha
from napari_cmr.measure.insertion import Insertions
from tests.measure.shells import ellipsoid_shell, grid, heart, oriented

ENDO = (24.0, 70.0)
ALONG = np.arange(11) * 8.0  # the cavity ends at 70 mm, the wall at 78: one slice of cap
SEPTUM = (110.0, 120.0)  # from 110 to 230 degrees: the septum's middle is at 170


@pytest.fixture(scope="module")
def labels():
    return ellipsoid_shell(ENDO, 8.0, ALONG, septum=SEPTUM)


@pytest.fixture(scope="module")
def usual(labels):
    """The stack from base to apex as seen from the apex, and its division."""
    segmentation = heart(labels)
    return segmentation, measure.segment_model(segmentation, 0)


def segment_at(model, z, degrees, radius):
    angle = np.deg2rad(degrees)
    return int(model.segments_at(z, radius * np.array([-np.sin(angle), np.cos(angle)])))


def test_the_insertion_points_are_where_the_crescent_ends(labels):
    found = measure.rv_insertions(heart(labels), 0)
    for z in range(6):
        assert np.rad2deg(found[z].anterior) == pytest.approx(110, abs=5)
        assert np.rad2deg(found[z].inferior) == pytest.approx(230, abs=5)


def test_slices_without_rv_take_the_points_of_their_neighbours(labels):
    holed = labels.copy()
    for z in (2, 7, 8, 9):
        holed[z][holed[z] == Structure.RV] = 0
    found = measure.rv_insertions(heart(holed), 0)
    assert np.rad2deg(found[2].anterior) == pytest.approx(110, abs=5)
    assert np.rad2deg(found[9].mid_septum) == pytest.approx(170, abs=5)


# By hand: the septum, 110 to 230 degrees, is halved at 170; the free wall's 240 degrees are
# quartered at 290, 350 and 50. Counter-clockwise from the anterior point: 2, 3, 4, 5, 6, 1.
BASAL = [(140, 2), (200, 3), (260, 4), (320, 5), (20, 6), (80, 1)]
# The apical quarters are centred on the septum's middle: 125 to 215 septal, and so on.
APICAL = [(170, 14), (260, 15), (350, 16), (80, 13)]


@pytest.mark.parametrize(("degrees", "segment"), BASAL)
def test_basal_and_mid_segments_lie_where_cerqueira_puts_them(usual, degrees, segment):
    assert segment_at(usual[1], 1, degrees, 28) == segment
    assert segment_at(usual[1], 4, degrees, 28) == segment + 6


@pytest.mark.parametrize(("degrees", "segment"), APICAL)
def test_apical_segments_are_quarters_about_the_middle_of_the_septum(usual, degrees, segment):
    assert segment_at(usual[1], 8, degrees, 12) == segment


def test_wall_beyond_the_cavity_is_the_apex(usual):
    segmentation, model = usual
    assert model.rings[9] is aha.Ring.CAP
    numbers = measure.segment_map(segmentation, 0, model)
    assert set(np.unique(numbers[9])) == {0, 17}


def test_the_thirds_are_equal_and_in_order(usual):
    rings = usual[1].rings
    assert [rings[z] for z in range(9)] == ["base"] * 3 + ["mid"] * 3 + ["apical"] * 3


def test_every_pixel_of_the_wall_has_a_segment(labels, usual):
    segmentation, model = usual
    numbers = measure.segment_map(segmentation, 0, model)
    wall = labels == Structure.MYO
    assert (numbers[wall] > 0).all()
    assert (numbers[~wall] == 0).all()
    assert set(np.unique(numbers)) == set(range(18))


def test_a_stack_that_runs_from_the_apex_gives_the_same_segments(labels, usual):
    turned = heart(labels[::-1], geometry=oriented(11, apex_first=True))
    other = measure.segment_model(turned, 0)
    maps = [measure.segment_map(s, 0, m) for s, m in (usual, (turned, other))]
    np.testing.assert_array_equal(maps[0], maps[1][::-1])


def test_pictures_seen_from_the_base_are_mirrored_and_give_the_same_segments(labels, usual):
    mirrored = heart(labels[..., ::-1], geometry=oriented(11, mirrored=True))
    other = measure.segment_model(mirrored, 0)
    maps = [measure.segment_map(s, 0, m) for s, m in (usual, (mirrored, other))]
    differ = (maps[0] != maps[1][..., ::-1]) & (maps[0] > 0)
    assert differ.sum() < 0.03 * (maps[0] > 0).sum()  # a pixel's breadth at the borders


def test_unknown_sides_are_told(labels):
    for order in (1, -1):
        segmentation = heart(labels[::order], geometry=Geometry.regular(11, (8, 1.2, 1.2)))
        model = measure.segment_model(segmentation, 0)
        assert [f.code for f in model.findings] == ["sides-assumed"]
        base = 0 if order == 1 else 10
        assert model.rings[base] is aha.Ring.BASE


def test_too_few_slices_have_no_segments(labels):
    segmentation = heart(labels[4:6], geometry=oriented(2))
    assert measure.segment_model(segmentation, 0) is None
    assert "slices" in aha.why_no_segments(segmentation, 0).message


def test_a_slice_open_towards_the_outflow_tract_is_above_the_base(labels):
    opened = labels.copy()
    dy, dx = grid()
    tract = (np.rad2deg(np.arctan2(-dy, dx)) % 360 > 90) & (np.abs(dy) < 20)
    opened[0][(opened[0] == Structure.MYO) & tract] = 0
    assert 0 not in measure.segment_model(heart(opened), 0).rings


def test_angles_round_the_circle_meet_every_segment_once():
    angles = np.linspace(0, 2 * np.pi, 721)[:-1]
    points = Insertions(np.deg2rad(350), np.deg2rad(100))  # the septum crosses zero
    for ring, expected in ((aha.Ring.BASE, 6), (aha.Ring.MID, 6), (aha.Ring.APEX, 4)):
        numbers = aha.segment_of(angles, ring, points)
        changes = np.count_nonzero(numbers != np.roll(numbers, 1))
        assert changes == expected == len(np.unique(numbers))
