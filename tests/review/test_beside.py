"""What lies beside: the same moment, the same level, the line of the cut, numbers of two."""

from dataclasses import replace

import numpy as np
import pytest

from napari_cmr import io, phantom
from napari_cmr.core import Geometry, Stack
from napari_cmr.review.beside import (
    crossing,
    lines_between,
    load_beside,
    numbers_beside,
    same_level,
    same_moment,
)

from .conftest import TINY, opened, square


@pytest.fixture(scope="module")
def long_axes():
    return phantom.make(TINY.model_copy(update={"long_axes": True}))


def test_each_view_shows_where_the_other_cuts_it_and_the_lines_are_one_in_space(long_axes):
    sax = long_axes.sax
    for view, stack in long_axes.stacks.items():
        if view == "SAX":
            continue
        here, there = lines_between(sax, 2, stack, 0)
        points = [_in_space(sax, 2, end) for end in here]
        points += [_in_space(stack, 0, end) for end in there]
        along = points[1] - points[0]
        for point in points[2:]:
            assert np.linalg.norm(np.cross(along, point - points[0])) < 1e-6 * along @ along


def _in_space(stack, index, point):
    steps = np.array(point) * stack.geometry.pixel_spacing
    return stack.geometry.origins[index] + steps @ stack.geometry.axes[index]


def test_the_views_that_cut_the_short_axis_are_offered(long_axes, tmp_path):
    phantom.write_dicom_study(long_axes, tmp_path)
    catalogue = io.scan(tmp_path)
    sax = io.load(io.sax_cine(catalogue))
    assert {str(e.view) for e in crossing(catalogue, sax)} == {"2CH", "3CH", "4CH"}


def stack(phases, slices, rr=1000.0, origins=None):
    geometry = Geometry.regular(slices, (8.0, 1.0, 1.0), oriented=True)
    if origins is not None:
        geometry = replace(geometry, origins=origins)
    return Stack(np.zeros((phases, slices, 3, 3)), geometry, rr_ms=rr)


def test_another_number_of_phases_and_rate_is_shown_at_the_same_part_of_the_cycle():
    assert same_moment(stack(20, 3), 1, 10, stack(30, 1, rr=600.0), 0) == 15
    assert same_moment(stack(20, 3), 1, 0, stack(30, 1), 0) == 0


def test_levels_are_counted_from_the_same_end_of_the_heart():
    one, other = stack(1, 5), stack(1, 9)
    assert [same_level(one, z, other) for z in range(5)] == [0, 2, 4, 6, 8]
    turned = stack(1, 9, origins=other.geometry.origins[::-1].copy())
    assert [same_level(one, z, turned) for z in range(5)] == [8, 6, 4, 2, 0]


def test_a_stack_beside_has_what_the_log_has_and_the_session_does_not_change(
    session, project, tiny_folder
):
    session.predict(square)
    reading = session.reading
    (entry,) = [e for e in session.catalogue.entries if e.stack_id == session.stack.stack_id]
    beside = load_beside(entry, project, "ada")
    assert session.reading is reading
    np.testing.assert_array_equal(beside.history.labels, reading.history.labels)
    pairs = {p.title: p for p in numbers_beside(session.measures, beside.measures)}
    assert pairs["LV EDV"].change == 0
    assert pairs["LV EDV"].here == pytest.approx(session.measures.edv_ml)
    assert "RV EDV" not in pairs
    alone = numbers_beside(session.measures, None)
    assert alone[0].beside is None
    assert alone[0].change is None


def test_without_a_log_there_are_no_numbers_beside(tiny_folder):
    session = opened(tiny_folder)
    assert numbers_beside(session.measures, None) == ()
