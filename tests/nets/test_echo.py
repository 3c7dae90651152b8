import numpy as np
import pytest
import torch
from torch import nn

from napari_cmr.core import CancelledError, Geometry, ModelError, Stack
from napari_cmr.nets import Card, InputGrid, Model, Network, TrainingData, predict
from napari_cmr.nets.deeplab import DeepLabV3
from napari_cmr.nets.echo import ECHO_TASK, whole_field
from napari_cmr.nets.locate import GUESSED_FIELD_MM
from napari_cmr.nets.shelf import build

SIDE = 64
GRID = InputGrid(spacing_mm=GUESSED_FIELD_MM / SIDE, size=SIDE)


class Bright(nn.Module):
    """Calls pixels nearer to white than to black the cavity, and remembers the size it saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(tuple(images.shape))
        middle = (images.amax((2, 3), keepdim=True) + images.amin((2, 3), keepdim=True)) / 2
        return torch.cat([torch.zeros_like(images), images - middle], 1)


def model_of(network, **test_time):
    spec = Network(encoder="unet", channels=(4, 8), structures=("BACKGROUND", "LV"), grid=GRID)
    card = Card(
        name="n", version="0", task=ECHO_TASK, networks={"segmenter": spec}, tier="full",
        test_time=test_time, training_data=TrainingData(sets={}, manifest_sha256="", terms=""),
        recipe={}, seed=0, hours=0, hardware="", finished=True, metrics={}, sha256="", licence="",
        intended_use="", bad_at=(),
    )  # fmt: skip
    return Model(card, {"segmenter": network})


def loop(shape, spacing=None, t=3):
    """Frames with a bright rectangle whose place and size are known."""
    rows, columns = shape
    pixels = np.zeros((t, 1, rows, columns), np.uint8)
    pixels[:, :, rows // 4 : rows // 2, columns // 4 : columns // 2] = 200
    geometry = Geometry.regular(1, spacing or (1.0, 1.0, 1.0), spacing_known=spacing is not None)
    return Stack(pixels, geometry)


def test_the_longer_side_fills_the_field_whatever_its_millimetres():
    assert whole_field((1.0, 1.0), (100, 50)) == pytest.approx((3.4, 3.4))
    assert whole_field((0.1, 0.1), (100, 50)) == pytest.approx((3.4, 3.4))
    # pixels twice as wide as high: 100 rows are as long as 50 columns
    assert whole_field((0.2, 0.4), (100, 50)) == pytest.approx((3.4, 6.8))


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((112, 112), None), ((320, 194), None), ((200, 100), (1.0, 0.3, 0.6)), ((30, 40), None)],
)
def test_labels_lie_on_the_source_s_grid_for_any_picture(shape, spacing):
    stack = loop(shape, spacing)
    network = Bright()
    found = predict(stack, model_of(network))
    truth = stack.pixels > 100
    assert found.labels.shape == stack.shape
    assert network.seen == [(3, 1, SIDE, SIDE)]
    wrong = np.count_nonzero((found.labels == 1) != truth)
    assert wrong < 0.05 * truth.sum()


def test_only_the_largest_piece_is_kept_where_the_card_says_so():
    stack = loop((64, 64))
    stack.pixels[0, 0, 50:54, 50:54] = 200
    both, one = (predict(stack, model_of(Bright(), one_piece=p)).labels for p in (False, True))
    assert both[0, 0, 52, 52] == 1
    assert one[0, 0, 52, 52] == 0
    assert one[0, 0, 24, 24] == 1
    np.testing.assert_array_equal(both[1:], one[1:])


def test_progress_counts_frames_and_a_cancelled_run_stops():
    counted = []
    predict(loop((32, 32), t=40), model_of(Bright()), progress=lambda *n: counted.append(n))
    assert counted == [(32, 40), (40, 40)]
    with pytest.raises(CancelledError):
        predict(loop((32, 32)), model_of(Bright()), cancel=lambda: True)


TINY = {"planes": 2, "blocks": [1, 1, 1, 1], "channels": 8}


def test_deeplab_answers_at_the_resolution_of_the_picture():
    network = DeepLabV3(3, **TINY).eval()
    assert network(torch.zeros(2, 1, 48, 40)).shape == (2, 3, 48, 40)


def test_a_card_builds_deeplab_and_refuses_neighbours_and_strange_options():
    spec = Network(
        encoder="deeplabv3_resnet50", channels=(), structures=("BACKGROUND", "LV"), grid=GRID,
        encoder_options=TINY,
    )  # fmt: skip
    assert isinstance(build(spec), DeepLabV3)
    with pytest.raises(ModelError, match="without neighbours"):
        build(spec.model_copy(update={"neighbours": 1}))
    with pytest.raises(ModelError, match="cannot be made so"):
        build(spec.model_copy(update={"encoder_options": {"depth": 3}}))
