"""Contours between contours; the truth is discs, whose radius between two is the mean."""

import numpy as np
import pytest

from napari_cmr.core import InputError, Structure
from napari_cmr.review import Kind, Verdict, between_phases, between_slices
from napari_cmr.review.interpolation import mix
from tests.review.conftest import dab, labels_of

ROWS, COLUMNS = np.mgrid[:40, :44]


def disc(radius, row=20, column=22):
    return (ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2


def heart(cavity, wall, row=20, column=22):
    labels = np.zeros((40, 44), np.uint8)
    labels[disc(cavity + wall, row, column)] = Structure.MYO
    labels[disc(cavity, row, column)] = Structure.LV
    return labels


def draw(session, phase, index, frame):
    box = ((phase, phase + 1), (index, index + 1), (0, 40), (0, 44))
    session.correct(box, frame[None, None])


def radius(mask):
    return (mask.sum() / np.pi) ** 0.5


def test_between_two_slices_radius_and_wall_are_their_mean(session):
    draw(session, 1, 0, heart(4, 3))
    draw(session, 1, 4, heart(10, 3))
    proposal = between_slices(session.reading, 1)
    assert sorted(proposal.frames) == [(1, 1), (1, 2), (1, 3)]
    for index, cavity in ((1, 5.5), (2, 7), (3, 8.5)):
        drawn = proposal.frames[1, index]
        assert radius(drawn == Structure.LV) == pytest.approx(cavity, abs=0.4)
        assert radius(drawn > 0) == pytest.approx(cavity + 3, abs=0.4)


def test_a_thin_wall_does_not_vanish_where_its_radius_changes_by_more_than_it_is_thick():
    half_way = mix(heart(5, 2), heart(12, 2), 0.5, (1.0, 1.0))
    assert radius(half_way == Structure.LV) == pytest.approx(8.5, abs=0.4)
    assert radius(half_way > 0) == pytest.approx(10.5, abs=0.4)


def test_a_structure_that_moves_by_more_than_its_size_is_found_half_way():
    first = np.where(disc(4, 10, 10), Structure.RV, 0).astype(np.uint8)
    last = np.where(disc(4, 28, 30), Structure.RV, 0).astype(np.uint8)
    half_way = mix(first, last, 0.5, (1.0, 1.0)) == Structure.RV
    assert np.argwhere(half_way).mean(axis=0) == pytest.approx((19, 20), abs=0.5)
    assert radius(half_way) == pytest.approx(4, abs=0.4)


def test_pixels_that_are_not_square_count_as_they_are():
    tall = (ROWS - 20) ** 2 * 4 + (COLUMNS - 22) ** 2 <= 12**2  # a disc where rows are 2 mm
    wide = (ROWS - 20) ** 2 * 4 + (COLUMNS - 22) ** 2 <= 6**2
    first, last = (np.where(m, Structure.LV, 0).astype(np.uint8) for m in (tall, wide))
    area_mm2 = 2 * (mix(first, last, 0.5, (2.0, 1.0)) > 0).sum()
    assert (area_mm2 / np.pi) ** 0.5 == pytest.approx(9, abs=0.5)


def test_phases_are_interpolated_round_the_cycle(session):
    draw(session, 1, 2, heart(4, 3))
    draw(session, 3, 2, heart(10, 3))
    proposal = between_phases(session.reading, 2)
    assert sorted(proposal.frames) == [(0, 2), (2, 2)]
    for frame in proposal.frames.values():
        assert radius(frame == Structure.LV) == pytest.approx(7, abs=0.4)


def test_a_preview_changes_nothing_and_frames_are_taken_one_by_one_as_single_steps(session):
    draw(session, 1, 0, heart(4, 3))
    draw(session, 1, 4, heart(10, 3))
    before = labels_of(session)
    proposal = between_slices(session.reading, 1)
    np.testing.assert_array_equal(labels_of(session), before)
    assert session.accept_proposal(proposal, [(1, 2)])
    np.testing.assert_array_equal(labels_of(session)[1, 2], proposal.frames[1, 2])
    assert not labels_of(session)[1, 1].any()
    assert session.accept_proposal(proposal.without([(1, 2)]))
    assert labels_of(session)[1, 1].any()
    assert [session.undo().kind for _ in range(2)] == [Kind.INTERPOLATION] * 2
    np.testing.assert_array_equal(labels_of(session), before)


def test_a_frame_drawn_since_the_proposal_stays(session):
    draw(session, 1, 0, heart(4, 3))
    draw(session, 1, 4, heart(10, 3))
    proposal = between_slices(session.reading, 1)
    dab(session, phase=1, index=2, row=2, column=2, label=3)
    own = labels_of(session)[1, 2]
    session.accept_proposal(proposal)
    np.testing.assert_array_equal(labels_of(session)[1, 2], own)
    assert labels_of(session)[1, 1].any()


def test_an_accepted_frame_is_a_key_and_stays(session):
    draw(session, 1, 0, heart(4, 3))
    draw(session, 1, 4, heart(10, 3))
    session.judge([(1, 2)], Verdict.ACCEPTED)  # empty, and the reader says that it is right
    assert sorted(between_slices(session.reading, 1).frames) == [(1, 1), (1, 3)]


def test_no_other_structure_is_drawn_over(session):
    draw(session, 1, 0, heart(8, 0))
    draw(session, 1, 2, heart(8, 0))
    other = np.zeros((40, 44), np.uint8)
    other[18:30, 20:40] = Structure.RV
    other[2:5, 2:5] = Structure.LV
    draw(session, 1, 1, other)
    session.undo()
    session.apply_prediction(
        session.segmentation.with_labels(with_frame(labels_of(session), (1, 1), other))
    )
    mixed = between_slices(session.reading, 1).frames[1, 1]
    np.testing.assert_array_equal(mixed == Structure.RV, other == Structure.RV)
    np.testing.assert_array_equal(mixed == Structure.LV, disc(8) & (other != Structure.RV))


def with_frame(labels, frame, drawn):
    labels[frame] = drawn
    return labels


def test_only_the_structures_that_may_change_do(session):
    draw(session, 1, 0, heart(6, 3))
    draw(session, 1, 2, heart(6, 3))
    mixed = between_slices(session.reading, 1, [Structure.LV]).frames[1, 1]
    assert set(np.unique(mixed)) == {0, Structure.LV}


def test_a_structure_that_one_of_the_two_lacks_is_left_as_it_is(session):
    draw(session, 1, 0, heart(6, 0))
    draw(session, 1, 2, np.where(disc(6), Structure.RV, 0).astype(np.uint8))
    assert not between_slices(session.reading, 1).frames[1, 1].any()


def test_too_few_frames_is_said(session):
    draw(session, 1, 0, heart(4, 3))
    with pytest.raises(InputError, match="two slices of phase 1 at least; there are 1"):
        between_slices(session.reading, 1)
    with pytest.raises(InputError, match="two phases of slice 0 at least; there are 1"):
        between_phases(session.reading, 0)
    draw(session, 1, 1, heart(4, 3))
    with pytest.raises(InputError, match="lies no other"):
        between_slices(session.reading, 1)
