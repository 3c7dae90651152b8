from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_cmr.core import CancelledError, Geometry, Stack, Structure
from napari_cmr.measure import dice
from napari_cmr.nets import find_heart, predict
from napari_cmr.nets.uncertainty import winner


def disc_stack(centre, radius_mm, spacing, shape, *, known=True, phases=2):
    """A bright disc at a (row, column) place in mm on a dark picture."""
    z = 3
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot(
        (rows + 0.5) * spacing[0] - centre[0], (columns + 0.5) * spacing[1] - centre[1]
    )
    disc = distance < radius_mm
    pixels = np.broadcast_to(disc * 900 + 100, (phases, z, *shape)).astype(np.int16)
    geometry = Geometry.regular(z, (8.0, *spacing), spacing_known=known)
    return Stack(pixels, geometry), disc


@pytest.mark.parametrize(
    ("spacing", "shape"),
    [((1.4, 1.4), (240, 200)), ((0.7, 0.9), (400, 350)), ((2.5, 2.1), (120, 140))],
)
def test_labels_come_back_onto_the_source_grid_where_the_heart_is(by_intensity, spacing, shape):
    stack, disc = disc_stack((150.0, 190.0), 45.0, spacing, shape)
    labels = predict(stack, by_intensity).labels
    assert labels.shape == stack.shape
    assert set(np.unique(labels)) == {0, Structure.LV}
    for phase in labels:
        for frame in phase:
            assert dice(frame == Structure.LV, disc) > 0.97


def test_a_heart_at_the_edge_of_a_wide_field_of_view_is_found(by_intensity):
    stack, _ = disc_stack((60.0, 260.0), 40.0, (1.5, 1.5), (240, 220))
    heart = find_heart(stack, by_intensity)
    assert heart.found
    assert heart.centre_mm == pytest.approx((60.0, 260.0), abs=3.0)


def test_a_picture_without_a_heart_is_segmented_in_its_middle_and_says_so(by_intensity):
    stack, _ = disc_stack((0.0, 0.0), -1.0, (1.5, 1.5), (100, 100))
    found = predict(stack, by_intensity)
    assert [f.code for f in found.findings] == ["heart-not-found"]


def test_where_the_spacing_is_unknown_the_hearts_size_sets_the_scale(by_intensity):
    small, disc = disc_stack((190.0, 190.0), 20.0, (1.0, 1.0), (380, 380), known=False)
    heart = find_heart(small, by_intensity)
    # a find 36 mm wide on a guessed 340 mm field must be enlarged, at most twofold
    assert heart.pixel_mm[0] == pytest.approx(2 * 340 / 380)
    assert dice(predict(small, by_intensity).labels[0, 0] == 1, disc) > 0.95


def test_progress_counts_slices_and_cancel_stops_between_phases(by_intensity):
    stack, _ = disc_stack((150.0, 150.0), 45.0, (1.5, 1.5), (200, 200), phases=12)
    seen = []
    predict(stack, by_intensity, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3 * (phase + 1), 36) for phase in range(12)]
    with pytest.raises(CancelledError):
        predict(stack, by_intensity, cancel=lambda: True)


def test_the_images_are_not_changed(by_intensity):
    stack, _ = disc_stack((150.0, 150.0), 45.0, (1.5, 1.5), (200, 200))
    before = stack.pixels.copy()
    predict(stack, by_intensity)
    assert np.array_equal(stack.pixels, before)


def test_the_winner_of_a_pixel_is_the_first_of_the_largest_scores():
    scores = torch.randint(0, 5, (3, 4, 20, 20)).float()  # with ties
    assert np.array_equal(winner(scores, 1).numpy(), scores.numpy().argmax(1))
    assert np.array_equal(winner(scores, 0).numpy(), scores.numpy().argmax(0))


class EverywhereLV(nn.Module):
    """Calls every pixel LV."""

    def forward(self, images):
        answers = torch.zeros(len(images), 4, *images.shape[2:])
        answers[:, 1] = 9
        return answers


def test_a_blank_slice_has_no_labels_and_moves_no_heart_whatever_a_network_says_of_it(by_intensity):
    whole, _ = disc_stack((150.0, 190.0), 45.0, (1.4, 1.4), (240, 200), phases=1)
    pixels = whole.pixels.copy()
    pixels[0, 1] = 700
    stack = replace(whole, pixels=pixels)
    networks = {"localiser": EverywhereLV(), "segmenter": EverywhereLV()}
    labels = predict(stack, replace(by_intensity, networks=networks)).labels[0]
    assert [bool(frame.any()) for frame in labels] == [True, False, True]
    nothing = replace(whole, pixels=np.full_like(whole.pixels, 700))
    assert not find_heart(nothing, replace(by_intensity, networks=networks)).found
