"""Contours carried along the cycle; the truth is a phantom whose every phase is known."""

import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.core import CancelledError, InputError, Segmentation, Structure
from napari_cmr.measure import dice
from napari_cmr.review import History, Kind, Reading
from napari_cmr.review.editing import prediction, proposed, stroke
from napari_cmr.review.propagation import propagated, propagating
from tests.review.conftest import dab, labels_of

STRUCTURES = (Structure.LV, Structure.MYO, Structure.RV)


@pytest.fixture(scope="module")
def beating():
    config = phantom.PhantomConfig(
        n_phases=8, n_slices=3, rows=72, columns=72, pixel_mm=(2.0, 2.0), slice_step_mm=12.0,
        slice_positions_mm=(20.0, 32.0, 44.0),
    )  # fmt: skip
    return phantom.make(config)


def drawn(study, *keys):
    """A reading in which some frames of the truth were drawn by hand."""
    reading = Reading(study.sax, "", History(study.sax.shape))
    for t, z in keys:
        box = ((t, t + 1), (z, z + 1), (0, 72), (0, 72))
        truth = study.segmentation.labels[t : t + 1, z : z + 1]
        reading.history.take(stroke(reading, "", box, truth))
    return reading


def overlap(frames, truth):
    return np.array(
        [np.mean([dice(frames[f] == s, truth[f] == s) for f in frames]) for s in STRUCTURES]
    )


def test_ed_carried_round_the_cycle_follows_the_heart(beating):
    truth = beating.segmentation.labels
    proposal = propagated(drawn(beating, (0, 1)))
    assert proposal.kind is Kind.PROPAGATION
    assert sorted(proposal.frames) == [(t, 1) for t in range(1, 8)]
    found = overlap(proposal.frames, truth)
    still = overlap(dict.fromkeys(proposal.frames, truth[0, 1]), truth)
    assert (found > 0.9).all()
    assert found.mean() - still.mean() > 0.05
    volumes = [(truth[t, 1] == 1).sum() for t in range(8)]
    es = int(np.argmin(volumes))
    assert (proposal.frames[es, 1] == 1).sum() == pytest.approx(volumes[es], rel=0.1)


def test_own_frames_other_slices_and_other_structures_stay(beating):
    reading = drawn(beating, (0, 1), (4, 1), (2, 0))
    other = np.zeros((72, 72), np.uint8)
    other[30:42, 30:42] = Structure.LA
    predicted = reading.history.labels.copy()
    predicted[2, 1] = other
    found = Segmentation.on(beating.sax, predicted, "other 1")
    reading.history.take(prediction(reading, "", found, over_expert=False))
    proposal = propagated(reading, [1], [Structure.LV])
    assert sorted(proposal.frames) == [(t, 1) for t in (1, 2, 3, 5, 6, 7)]
    assert (proposal.frames[2, 1][other > 0] == Structure.LA).all()
    assert set(np.unique(proposal.frames[3, 1])) == {0, Structure.LV}


def test_a_propagation_is_one_step_and_a_preview_until_then(session):
    heart = np.zeros((1, 1, 40, 44), np.uint8)
    heart[0, 0, 14:24, 16:28] = 1
    session.correct(((0, 1), (2, 3), (0, 40), (0, 44)), heart)
    before = labels_of(session)
    task = propagating(session.reading, [2])
    seen = []
    proposal = task.run(lambda done, total: seen.append((done, total)), None)
    task.commit(proposal)
    np.testing.assert_array_equal(labels_of(session), before)
    assert seen[-1][0] <= seen[-1][1]
    assert session.accept_proposal(proposal)
    assert labels_of(session)[1:, 2].any(axis=(1, 2)).all()
    assert session.undo().kind is Kind.PROPAGATION
    np.testing.assert_array_equal(labels_of(session), before)


def test_a_frame_drawn_while_the_motion_was_followed_stays(session):
    heart = np.zeros((1, 1, 40, 44), np.uint8)
    heart[0, 0, 14:24, 16:28] = 1
    session.correct(((0, 1), (2, 3), (0, 40), (0, 44)), heart)
    proposal = propagated(session.reading, [2])
    dab(session, phase=1, index=2, row=2, column=2, label=3)
    own = labels_of(session)[1, 2]
    assert (1, 2) not in [
        tuple(f) for f in proposed(session.reading, "ada", proposal, None).body["frames"]
    ]
    session.accept_proposal(proposal)
    np.testing.assert_array_equal(labels_of(session)[1, 2], own)


def test_nothing_to_carry_is_said_and_a_cancel_ends_it(session, beating):
    with pytest.raises(InputError, match="nothing to carry along the cycle"):
        propagating(session.reading)
    dab(session, phase=0, index=2, label=0, row=2)
    with pytest.raises(InputError, match="nothing to carry along"):
        propagating(session.reading, [2])
    with pytest.raises(CancelledError):
        propagated(drawn(beating, (0, 1)), cancel=lambda: True)
