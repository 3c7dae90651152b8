"""Shapes changed by hand; the truth is discs and rings, whose areas and borders are known."""

import numpy as np
import pytest

from napari_cmr.core import InputError, Structure
from napari_cmr.review.shaping import cut, fill_holes, grow, kept_to, nudge

LV, MYO, RV = Structure.LV, Structure.MYO, Structure.RV
ROWS, COLUMNS = np.mgrid[:100, :120]
SQUARE = (1.0, 1.0)


def disc(radius, row=50.0, column=60.0, spacing=SQUARE):
    away = ((ROWS - row) * spacing[0]) ** 2 + ((COLUMNS - column) * spacing[1]) ** 2
    return away <= radius**2


def heart(cavity=15, wall=8):
    labels = np.zeros(ROWS.shape, np.uint8)
    labels[disc(cavity + wall)] = MYO
    labels[disc(cavity)] = LV
    return labels


def reach(mask, step):
    """How far from (50, 60) a mask goes on in one direction."""
    n = 0
    while mask[50 + n * step[0], 60 + n * step[1]]:
        n += 1
    return n - 1


def test_the_dragged_point_of_a_border_follows_the_pointer_and_the_far_side_stays():
    before = np.where(disc(20), LV, 0).astype(np.uint8)
    after = nudge(before, [(50, 80), (50, 86)], 6.0, SQUARE) == LV
    assert reach(after, (0, 1)) == pytest.approx(26, abs=1)
    for step in ((0, -1), (1, 0), (-1, 0)):
        assert reach(after, step) == 20
    # What is gained is the falloff along the border: 6 px x sqrt(2 pi) x 6 px, less on a bend.
    assert after.sum() - (before == LV).sum() == pytest.approx(6 * 6 * np.sqrt(2 * np.pi), rel=0.2)


def test_a_drag_inwards_dents_and_a_long_one_does_not_fold():
    before = np.where(disc(20), LV, 0).astype(np.uint8)
    after = nudge(before, [(50, 80), (50, 74)], 6.0, SQUARE) == LV
    assert reach(after, (0, 1)) == pytest.approx(14, abs=1)
    far = nudge(before, [(50, 80), (50, 105)], 6.0, SQUARE) == LV
    assert reach(far, (0, 1)) == pytest.approx(45, abs=1)
    from scipy import ndimage

    assert ndimage.label(far)[1] == 1


def test_a_drag_there_and_back_leaves_nearly_what_was_there():
    before = heart()
    after = nudge(before, [(50, 75), (50, 80), (50, 75)], 8.0, SQUARE)
    assert (after != before).sum() < 12


def test_a_wall_that_is_dragged_keeps_its_thickness_in_the_middle_of_the_drag():
    after = nudge(heart(15, 6), [(50, 78), (50, 83)], 20.0, SQUARE)
    right = after[50, 60:]
    assert (right == MYO).sum() == pytest.approx(6, abs=1)
    assert (right == LV).sum() == pytest.approx(16 + 5, abs=1)


def test_the_reach_of_a_drag_is_in_millimetres():
    tall = (2.0, 1.0)
    before = np.where(disc(30, spacing=tall), LV, 0).astype(np.uint8)
    after = nudge(before, [(65, 60), (69, 60)], 8.0, tall) == LV  # 8 mm along the rows
    assert reach(after, (1, 0)) == pytest.approx(19, abs=1)
    # 16 mm off along the columns, two widths away, it moves by exp(-2) of four rows
    assert after[:, 76].sum() - (before == LV)[:, 76].sum() <= 2


def test_a_drag_of_only_one_structure_moves_no_other():
    before = heart()
    after = nudge(before, [(50, 75), (50, 71)], 8.0, SQUARE, only=LV)
    np.testing.assert_array_equal(after == MYO, before == MYO)
    assert (after == LV).sum() < (before == LV).sum()


def test_a_press_without_a_drag_changes_nothing_and_no_reach_is_refused():
    np.testing.assert_array_equal(nudge(heart(), [(50, 75)], 8.0, SQUARE), heart())
    with pytest.raises(InputError, match="more than 0 mm"):
        nudge(heart(), [(50, 75), (50, 80)], 0.0, SQUARE)


def test_a_cut_takes_the_smaller_piece_of_the_crossed_structure_alone():
    labels = np.where(disc(20), RV, 0).astype(np.uint8)
    labels[90:95, 10:20] = RV  # another piece, not under the line
    labels[45:55, 95:110] = LV
    after = cut(labels, [(20, 70), (80, 70)])
    kept = after == RV
    chord = 20**2 * np.arccos(10 / 20) - 10 * np.sqrt(20**2 - 10**2)  # the segment cut off
    assert (labels == RV).sum() - kept.sum() == pytest.approx(chord, rel=0.1)
    assert kept[92, 15]
    assert not kept[:, 72:].any()
    np.testing.assert_array_equal(after == LV, labels == LV)


def test_a_slanting_cut_leaves_no_way_through():
    labels = np.where(disc(20), RV, 0).astype(np.uint8)
    after = cut(labels, [(24, 66), (76, 84)])
    assert 0 < (after == RV).sum() < (labels == RV).sum()


def test_a_cut_that_parts_nothing_is_refused():
    with pytest.raises(InputError, match="does not part the LV cavity"):
        cut(np.where(disc(20), LV, 0).astype(np.uint8), [(50, 60), (50, 90)])
    with pytest.raises(InputError, match="crosses no structure"):
        cut(heart(), [(2, 2), (2, 90)])
    with pytest.raises(InputError, match="crosses no RV cavity"):
        cut(heart(), [(20, 60), (80, 60)], RV)


def test_growing_and_shrinking_change_a_disc_by_the_ring_in_pixels_or_millimetres():
    labels = np.where(disc(20), LV, 0).astype(np.uint8)
    for by in (3, -3):
        area = (grow(labels, LV, by) == LV).sum()
        assert area == pytest.approx(np.pi * (20 + by) ** 2, rel=0.03)
    tall = (2.0, 1.0)
    in_mm = np.where(disc(30, spacing=tall), LV, 0).astype(np.uint8)
    assert 2 * (grow(in_mm, LV, 4.0, tall) == LV).sum() == pytest.approx(np.pi * 34**2, rel=0.03)


def test_a_cavity_grows_into_its_wall_and_gives_back_to_it():
    grown = grow(heart(), LV, 2)
    assert (grown > 0).sum() == (heart() > 0).sum()
    assert (grown == LV).sum() == pytest.approx(np.pi * 17**2, rel=0.03)
    shrunk = grow(heart(), LV, -2)
    assert (shrunk > 0).sum() == (heart() > 0).sum()
    assert (shrunk == MYO).sum() > (heart() == MYO).sum()


def test_a_cavity_that_alone_may_change_takes_nothing_from_its_wall_and_gives_it_nothing():
    np.testing.assert_array_equal(grow(heart(), LV, 2, only=LV), heart())
    shrunk = grow(heart(), LV, -2, only=LV)
    np.testing.assert_array_equal(shrunk == MYO, heart() == MYO)
    assert (shrunk == LV).sum() == pytest.approx(np.pi * 13**2, rel=0.03)


def test_what_would_vanish_or_is_not_there_is_refused():
    with pytest.raises(InputError, match="Nothing would be left of the LV cavity"):
        grow(heart(), LV, -40)
    with pytest.raises(InputError, match="There is no RV cavity"):
        grow(heart(), RV, 1)


def test_holes_are_filled_with_background_alone():
    labels = heart()
    labels[50:53, 60:64] = 0  # in the cavity
    labels[20:23, 20:24] = 0  # outside
    filled = fill_holes(labels, LV)
    np.testing.assert_array_equal(filled, heart())
    for none in (heart(), labels):
        with pytest.raises(InputError, match="LV myocardium has no hole"):
            fill_holes(none, MYO)


def test_only_one_structure_and_background_change_places():
    before = np.array([[0, LV, MYO, 0, LV]], np.uint8)
    after = np.array([[LV, MYO, LV, RV, 0]], np.uint8)
    np.testing.assert_array_equal(kept_to(before, after, LV), [[LV, LV, MYO, 0, 0]])
    np.testing.assert_array_equal(kept_to(before, after, None), after)
