"""Views from geometry: planes built at known angles around a known heart."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cmr.core import Geometry, Sequence, View
from napari_cmr.io.header import Kind
from napari_cmr.io.naming import component_of, kind_of, view_hint
from napari_cmr.io.views import Plane, guess_views, long_axis_place

APEX = np.array([0.48, -0.62, -0.62]) / np.linalg.norm([0.48, -0.62, -0.62])
FRONT = np.array([0, -1, 0]) - APEX * (np.array([0, -1, 0]) @ APEX)
FRONT = FRONT / np.linalg.norm(FRONT)
LEFT = np.cross(FRONT, APEX)
MIDDLE = np.array([15.0, 7.0, -60.0])


def plane(normal, down, n_slices=1, middle=MIDDLE, hint=None, sequence=Sequence.CINE, step=8.0):
    """A stack of 101 x 101 pixels of 2 mm round a point."""
    normal = normal / np.linalg.norm(normal)
    right = np.cross(down, normal)
    offsets = (np.arange(n_slices) - (n_slices - 1) / 2) * step
    corner = middle - 100 * (right + down)
    origins = corner + offsets[:, None] * normal
    axes = np.tile(np.stack([down, right]), (n_slices, 1, 1))
    return Plane(Geometry(origins, axes, (2.0, 2.0), 8.0), (101, 101), sequence, hint)


def sax(n_slices=8, **options):
    return plane(APEX, -FRONT, n_slices, **options)


def long_axis(degrees, offset=0.0, **options):
    """A plane through the long axis, turned by degrees from the patient's left to the front."""
    within = np.cos(np.radians(degrees)) * LEFT + np.sin(np.radians(degrees)) * FRONT
    normal = np.cross(APEX, within)
    across = normal if normal @ (FRONT - LEFT) >= 0 else -normal
    return plane(normal, APEX, middle=MIDDLE + offset * across, **options)


@pytest.mark.parametrize("degrees", [5, 42, 102, 162, 179])
@pytest.mark.parametrize("offset", [-20.0, 0.0, 35.0])
def test_angle_and_offset_are_those_the_plane_was_built_with(degrees, offset) -> None:
    found = long_axis_place(long_axis(degrees, offset), sax())
    assert found == pytest.approx((degrees, offset), abs=1e-6)


@pytest.mark.parametrize(
    ("degrees", "offset", "view"),
    [
        (42, 0, View.CH2),
        (102, 4, View.CH3),
        (162, -3, View.CH4),
        (150, 0, View.CH4),
        (45, 36, View.RV2CH),
        (70, 24, View.RVOT),
    ],
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_single_long_axis_is_told_by_where_it_lies(degrees, offset, view, mirrored) -> None:
    wanted = long_axis(degrees, offset)
    if mirrored:  # the same plane seen from its other side
        g = wanted.geometry
        wanted = Plane(
            Geometry(g.origins + 200 * g.axes[:, 1], g.axes * [[1], [-1]], (2.0, 2.0), 8.0),
            wanted.shape,
            wanted.sequence,
            None,
        )
    (_, _), (found, basis) = guess_views([sax(), wanted])
    assert found is view
    assert basis.startswith("geometry")


def test_a_heart_off_the_middle_of_the_pictures_is_found_where_its_planes_meet() -> None:
    away = 18 * LEFT - 20 * FRONT
    planes = [long_axis(d) for d in (42, 102, 162)]
    moved = [Plane(_moved(p.geometry, away), p.shape, p.sequence, None) for p in planes]
    views = guess_views([sax(), *moved])
    assert [v for v, _ in views] == [View.SAX, View.CH2, View.CH3, View.CH4]


def _moved(g, by):
    return Geometry(g.origins + by, g.axes, g.pixel_spacing, g.thickness_mm)


def test_a_description_that_contradicts_the_geometry_is_overruled_and_told() -> None:
    _, (view, basis) = guess_views([sax(), long_axis(102, hint=View.CH4)])
    assert view is View.CH3
    assert basis.endswith("the description says 4CH")


def test_between_two_views_the_description_decides() -> None:
    for hint in (View.CH3, View.CH4):
        _, (view, basis) = guess_views([sax(), long_axis(132, hint=hint)])
        assert view is hint
        assert basis.startswith("geometry and description")


def test_the_largest_parallel_set_is_the_short_axis_and_parallel_long_axes_are_a_stack() -> None:
    within = np.cos(np.radians(160)) * LEFT + np.sin(np.radians(160)) * FRONT
    parallel = plane(np.cross(APEX, within), APEX, n_slices=4)
    views = guess_views([parallel, sax(12)])
    assert [v for v, _ in views] == [View.LAX, View.SAX]


def test_other_stacks_parallel_to_the_short_axis_are_short_axes() -> None:
    views = guess_views([sax(10), sax(1), sax(9, sequence=Sequence.LGE), long_axis(42)])
    assert [v for v, _ in views] == [View.SAX, View.SAX, View.SAX, View.CH2]


def test_a_stack_between_short_and_long_axis_is_unknown() -> None:
    tilted = np.cos(np.radians(30)) * APEX + np.sin(np.radians(30)) * LEFT
    _, (view, basis) = guess_views([sax(), plane(tilted, FRONT)])
    assert view is View.UNKNOWN
    assert "30 degrees" in basis


@pytest.mark.parametrize("hint", [View.LAX, View.CH4])
def test_a_set_alone_believes_its_description(hint) -> None:
    ((view, basis),) = guess_views([sax(4, hint=hint)])
    assert view is View.LAX
    assert basis == "the description alone"


def test_a_set_alone_without_description_goes_by_its_direction() -> None:
    ((view, basis),) = guess_views([sax(8)])
    assert view is View.SAX
    assert "direction" in basis


def test_a_single_slice_alone_without_description_is_unknown() -> None:
    ((view, _),) = guess_views([long_axis(42)])
    assert view is View.UNKNOWN


def test_nothing_to_guess_gives_nothing() -> None:
    assert guess_views([]) == []


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("cine_trufi_retro 4CH", View.CH4),
        ("CINE 2 ch", View.CH2),
        ("SSFP-CINE SAx", View.SAX),
        ("SSFP-CINE LAx", View.LAX),
        ("CINESAX", View.SAX),
        ("cine short axis stack", View.SAX),
        ("b-ssfp 3CV", View.CH3),
        ("LVOT", View.CH3),
        ("RVOT cine", View.RVOT),
        ("RV 2CH", View.RV2CH),
        ("4-chamber", View.CH4),
        ("4CH and 2CH", None),
        ("relax", None),
        ("", None),
    ],
)
def test_descriptions_hint_at_one_view_or_none(text, view) -> None:
    assert view_hint(text) is view


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Scout", Kind.LOCALISER),
        ("localiser_3plane", Kind.LOCALISER),
        ("stress_perf_sax", Kind.PERFUSION),
        ("ao flow venc150", Kind.FLOW),
        ("PSIR_TFI SAX", Kind.LGE),
        ("T1 MOLLI pre", Kind.T1),
        ("t2_map_sax", Kind.T2),
        ("cine de corazon", Kind.PLAIN),
        ("cine_trufi_retro", Kind.PLAIN),
    ],
)
def test_descriptions_name_kinds(text, kind) -> None:
    assert kind_of(["ORIGINAL", "PRIMARY", "M"], text) is kind


def test_the_image_type_wins_over_the_description() -> None:
    assert kind_of(["DERIVED", "PRIMARY", "M", "T1 MAP"], "cine") is Kind.T1
    assert component_of(["DERIVED", "PRIMARY", "P"]) == "phase"
    assert component_of(["P", "PRIMARY", "M"]) == "M"
