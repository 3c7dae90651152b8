import numpy as np
import pytest

from napari_cmr import measure, phantom
from napari_cmr.core import Geometry, SpacingUnknownError, Structure
from napari_cmr.measure.centreline import chords
from tests.measure.shells import ellipsoid_shell, grid, heart, radii

ENDO_ED, ENDO_ES = (24.0, 70.0), (16.0, 62.0)
ALONG = np.arange(8) * 8.0


def ring(inner, outer, shift=0.0, pixel=(1.2, 1.2)):
    """Cavity and wall between two circles, the cavity's moved to the right."""
    dy, dx = grid(pixel)
    cavity = np.hypot(dy, dx - shift) < inner
    return cavity, (np.hypot(dy, dx) < outer) & ~cavity


@pytest.mark.parametrize(("inner", "outer"), [(22.3, 31.1), (10.3, 16.7), (6.5, 14.5)])
@pytest.mark.parametrize("pixel", [(1.2, 1.2), (1.0, 1.6)])
def test_a_ring_is_as_thick_as_its_radii_say(inner, outer, pixel):
    cavity, wall = ring(inner, outer, pixel=pixel)
    found = chords(cavity, wall, pixel).thickness_mm
    assert found.mean() == pytest.approx(outer - inner, abs=0.25)
    assert np.abs(found - (outer - inner)).max() < 0.8  # half the larger pixel


def test_an_eccentric_ring_is_thin_on_the_side_that_the_cavity_moved_to():
    cavity, wall = ring(20.3, 30.3, shift=3)
    across = chords(cavity, wall, (1.2, 1.2))
    thickest, thinnest = across.thickness_mm.max(), across.thickness_mm.min()
    assert (thinnest, thickest) == pytest.approx((7, 13), abs=0.6)
    columns = across.middle[:, 1]
    assert columns[across.thickness_mm.argmin()] > columns[across.thickness_mm.argmax()]


def test_chords_cross_the_wall_of_an_ellipse_at_right_angles():
    """An ellipse and its parallel curve are one distance apart everywhere."""
    dy, dx = grid()
    t = np.linspace(0, 2 * np.pi, 4000)
    a, b, wall_mm = 26.0, 18.0, 8.0
    curve = np.stack([b * np.sin(t), a * np.cos(t)], 1)
    cavity = (dx / a) ** 2 + (dy / b) ** 2 < 1
    from scipy.spatial import cKDTree

    distance = cKDTree(curve).query(np.stack([dy, dx], -1).reshape(-1, 2))[0].reshape(dy.shape)
    wall = ~cavity & (distance < wall_mm)
    found = chords(cavity, wall, (1.2, 1.2)).thickness_mm
    assert found.mean() == pytest.approx(wall_mm, abs=0.2)
    assert np.abs(found - wall_mm).max() < 0.9


def test_where_there_is_no_wall_there_is_no_thickness():
    cavity, wall = ring(22, 30)
    dy, dx = grid()
    open_ = np.abs(np.rad2deg(np.arctan2(-dy, dx))) < 45  # an outflow tract of a quarter
    across = chords(cavity, wall & ~open_, (1.2, 1.2))
    # The centreline falls onto the cavity there: 26 x 270 of 26 x 270 + 22 x 90 degrees.
    assert across.complete == pytest.approx(0.78, abs=0.03)
    assert np.nanmean(across.thickness_mm) == pytest.approx(8, abs=0.5)


def test_segments_of_an_ellipsoid_shell_have_the_closed_forms_thickness():
    ed = ellipsoid_shell(ENDO_ED, 8.0, ALONG)
    segmentation = heart(ed)
    thickness, findings = measure.segment_thickness_mm(segmentation, 0)
    assert findings == ()
    assert sorted(thickness) == list(range(1, 17))
    # Eight slices from the equator; the thirds end at 8/3 and 16/3 slices, so slices 0 to 2 are
    # basal (middles at 0.5, 1.5, 2.5 of 8), 3 and 4 mid (3.5, 4.5), the rest apical.
    for slices, segments in (((0, 1, 2), range(1, 7)), ((3, 4), range(7, 13))):
        expected = np.mean([np.subtract(*radii(ENDO_ED, 8.0, ALONG[z])[::-1]) for z in slices])
        for segment in segments:
            assert thickness[segment] == pytest.approx(expected, abs=0.35)


def test_thickening_is_the_relative_growth_of_the_wall():
    ed = ellipsoid_shell(ENDO_ED, 8.0, ALONG)
    es = ellipsoid_shell(ENDO_ES, 12.0, ALONG)
    segmentation = heart(ed, es)
    motion = measure.wall_motion(segmentation, measure.function(segmentation))
    basal = (0, 1, 2)
    before, after = (
        np.mean([np.subtract(*radii(endo, wall, ALONG[z])[::-1]) for z in basal])
        for endo, wall in ((ENDO_ED, 8.0), (ENDO_ES, 12.0))
    )
    for segment in range(1, 7):
        found = motion.thickening_percent[segment]
        assert found == pytest.approx(100 * (after - before) / before, abs=7)


def test_the_beating_phantoms_wall_thickens_all_round():
    """The phantom's wall keeps its volume while the cavity shrinks; truth from its shapes."""
    from napari_cmr.phantom.heart import HeartShape

    config = phantom.PhantomConfig(n_phases=6, n_slices=10, papillary_muscles=False, twist_deg=0)
    study = phantom.make(config)
    measures = measure.function(study.segmentation)
    motion = measure.wall_motion(study.segmentation, measures)
    ed, es = (HeartShape.at(config, p) for p in (measures.ed_phase, measures.es_phase))
    # mid-ventricular slices lie near the equator's wide part, so radii differ by little there
    for shape, found in ((ed, motion.ed_mm), (es, motion.es_mm)):
        mid = np.mean([found[s] for s in range(7, 13)])
        assert mid == pytest.approx(shape.epi_radius - shape.endo_radius, rel=0.15)
    assert min(motion.thickening_percent.values()) > 10


def test_without_millimetres_there_is_no_thickness():
    labels = ellipsoid_shell(ENDO_ED, 8.0, ALONG)
    geometry = Geometry.regular(8, (1, 1, 1), spacing_known=False)
    with pytest.raises(SpacingUnknownError, match="spacing"):
        measure.segment_thickness_mm(heart(labels, geometry=geometry), 0)


def test_a_stack_without_rv_says_why_it_has_no_segments():
    labels = ellipsoid_shell(ENDO_ED, 8.0, ALONG)
    labels[labels == Structure.RV] = 0
    thickness, (finding,) = measure.segment_thickness_mm(heart(labels), 0)
    assert thickness == {}
    assert finding.code == "no-segments"
    assert "RV" in finding.message
