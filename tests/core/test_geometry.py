import numpy as np
import pytest

from napari_cmr.core import Geometry, GeometryError, SpacingUnknownError


def slices_at(positions, **options):
    regular = Geometry.regular(len(positions), (1.0, 1.5, 1.25), **options)
    origins = np.zeros((len(positions), 3))
    origins[:, 2] = positions
    return Geometry(origins, regular.axes, regular.pixel_spacing)


def test_each_slice_stands_for_half_the_gap_to_each_neighbour_and_ends_for_a_full_slab():
    # gaps 8, 8, 12: ends 8 and 12, inside (8+8)/2 and (8+12)/2
    assert slices_at([0, 8, 16, 28]).slabs_mm == pytest.approx([8, 8, 10, 12])


def test_slabs_do_not_depend_on_running_from_base_or_apex():
    up, down = slices_at([0, 8, 16, 28]), slices_at([28, 16, 8, 0])
    assert down.slabs_mm == pytest.approx(up.slabs_mm[::-1])


def test_a_single_slice_stands_for_its_thickness_and_needs_one():
    single = Geometry.regular(1, (7.0, 1.0, 1.0))
    assert single.slabs_mm == pytest.approx([7.0])
    origins, axes = np.zeros((1, 3)), single.axes
    with pytest.raises(SpacingUnknownError, match="thickness"):
        _ = Geometry(origins, axes, (1.0, 1.0)).slabs_mm


def test_volumes_are_refused_where_the_spacing_is_unknown():
    unknown = Geometry.regular(3, (1.0, 1.0, 1.0), spacing_known=False)
    with pytest.raises(SpacingUnknownError):
        _ = unknown.slabs_mm


def test_an_oblique_affine_survives_the_way_to_slices_and_back():
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn * [9.0, 1.3, 1.4]
    affine[:3, 3] = [-120.0, 40.0, 15.0]
    geometry = Geometry.from_affine(affine, 7)
    assert geometry.affine == pytest.approx(affine)
    assert geometry.spacing == pytest.approx((9.0, 1.3, 1.4))


def test_the_normal_is_perpendicular_to_both_axes_of_the_picture():
    geometry = slices_at([0, 10])
    assert geometry.axes[0] @ geometry.normal == pytest.approx([0, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_positions_that_are_not_numbers_are_refused(bad):
    with pytest.raises(GeometryError, match="finite"):
        slices_at([0, bad])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_pixel_spacing_that_is_not_positive_is_refused(bad):
    with pytest.raises(GeometryError, match="spacing"):
        Geometry.regular(2, (8.0, bad, 1.0))


def test_taking_slices_keeps_their_places():
    taken = slices_at([0, 8, 16, 28]).take([1, 3])
    assert taken.origins[:, 2] == pytest.approx([8, 28])
