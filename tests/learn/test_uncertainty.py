"""What a model says of its own errors: closed forms, and what is written of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_cmr.core import Geometry, InputError, Segmentation, Stack, Uncertainty
from napari_cmr.io import write_uncertainty
from napari_cmr.learn.calibration import rank_correlation, reliability
from napari_cmr.learn.evaluate import dice_lost
from napari_cmr.nets import predict
from napari_cmr.nets.uncertainty import dice_to_lose, disagreement, relative_entropy
from napari_cmr.review import study_uncertainty
from tests.nets.conftest import ByIntensity, make_card


def test_even_probabilities_have_entropy_one_and_sure_ones_none():
    likely = torch.zeros(1, 4, 1, 3)
    likely[0, :, 0, 0] = 0.25
    likely[0, 2, 0, 1] = 1.0
    likely[0, :2, 0, 2] = 0.5
    np.testing.assert_allclose(relative_entropy(likely)[0, 0], [1.0, 0.0, 0.5], atol=1e-6)


def test_the_dice_to_lose_is_that_of_probabilities_as_soft_masks():
    likely = torch.tensor([[[0.9, 0.6, 0.2, 0.0]]])
    there = torch.tensor([[[True, True, False, False]]])
    expected = 1 - 2 * 1.5 / (1.7 + 2)
    np.testing.assert_allclose(dice_to_lose(likely, there), [expected], rtol=1e-6)
    with_small = 1 - (2 * 1.5 + 5) / (1.7 + 2 + 5)
    np.testing.assert_allclose(dice_to_lose(likely, there, 5.0), [with_small], rtol=1e-6)


def test_where_probabilities_are_right_the_expected_loss_is_the_mean_loss():
    rng = np.random.default_rng(0)
    likely = torch.from_numpy(rng.uniform(0, 1, (1, 60, 60)) ** 0.3)
    there = likely > 0.5
    losses = []
    for _ in range(200):
        true = torch.from_numpy(rng.uniform(size=likely.shape)) < likely
        losses.append(1 - 2 * float((true & there).sum()) / float(true.sum() + there.sum()))
    assert float(dice_to_lose(likely, there)) == pytest.approx(np.mean(losses), abs=2e-3)


def test_views_disagree_by_one_minus_dice_over_pairs_and_empty_ones_agree():
    views = torch.zeros(3, 2, 4, 4, dtype=torch.uint8)
    views[0, 0, 0, :2] = 1
    views[1, 0, 0, :2] = 1
    views[2, 0, 0, 1:3] = 1  # half of it elsewhere: Dice 0.5 with both others
    assert disagreement(views, 3) == pytest.approx((0 + 0.5 + 0.5) / 3 / 2)


def _stack(noise):
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:64, :64]
    disc = (np.hypot(rows - 32, columns - 32) < 10) * 100.0
    pixels = disc[None, None] + noise * rng.normal(size=(2, 3, 64, 64))
    return Stack(pixels.astype(np.float32), Geometry.regular(3, (10.0, 2.0, 2.0)))


@pytest.fixture
def model():
    from napari_cmr.nets import Model

    card = make_card(test_time={"flips": [["columns"], ["rows"]], "one_heart": True})
    return Model(card, {"localiser": ByIntensity(), "segmenter": ByIntensity()})


def test_predicting_says_how_sure_the_model_is_without_other_labels(model):
    stack = _stack(5.0)
    plain = predict(stack, model)
    asked = predict(stack, model, phases=[1], uncertainty=True)
    assert plain.uncertainty is None
    found = asked.uncertainty
    np.testing.assert_array_equal(asked.labels[1], plain.labels[1])
    assert found.entropy.shape == stack.shape
    assert np.isnan(found.slices[0]).all()
    assert not np.isnan(found.slices[1]).any()
    assert 0 <= found.slices[1].min() <= found.slices[1].max() <= 1
    assert found.study == pytest.approx(0, abs=1e-6)  # a pixel's brightness knows no flips
    assert study_uncertainty(asked) == found.study
    with pytest.raises(InputError, match="segment"):
        study_uncertainty(plain)


def test_a_doubt_of_some_phases_and_as_plain_values(tmp_path):
    slices = np.array([[0.1, np.nan], [0.25, 0.5]])
    of = {"LV": slices, "MYO": slices * 0.5}
    whole = Uncertainty(np.zeros((2, 2, 3, 3), np.float16), of, 0.125)
    np.testing.assert_allclose(whole.of([1]).slices, [[0.1875, 0.375]])
    write_uncertainty(tmp_path / "u.json", whole)
    told = json.loads((tmp_path / "u.json").read_text())
    assert told["study"] == 0.125
    assert told["slices"] == [[0.075, None], [0.1875, 0.375]]
    assert told["structures"]["LV"] == [[0.1, None], [0.25, 0.5]]


def test_a_doubt_of_some_frames_leaves_the_others_as_they_were():
    def doubt(value, study):
        return Uncertainty(
            np.full((1, 2, 1, 1), value, np.float16), {"LV": np.full((1, 2), value)}, study
        )

    frames = np.array([[True, False]])
    merged = doubt(0.5, 0.2).only_in(frames, doubt(0.25, 0.1))
    assert merged.slices.tolist() == [[0.5, 0.25]]
    assert merged.entropy.ravel().tolist() == [0.5, 0.25]
    assert merged.study == 0.1
    alone = doubt(0.5, 0.2).only_in(frames, None)
    assert np.isnan(alone.slices[0, 1])
    assert alone.study == 0.2


def test_calibrated_probabilities_have_no_calibration_error_and_bold_ones_have_theirs():
    rng = np.random.default_rng(2)
    true_chance = rng.uniform(0.5, 1, 200_000)
    right = rng.uniform(size=true_chance.size) < true_chance
    assert reliability(true_chance, right).error < 0.01
    bold = np.full(1000, 0.9)
    found = reliability(bold, np.arange(1000) < 600)
    assert found.error == pytest.approx(0.3)
    assert found.counts == (1000,)
    with pytest.raises(ValueError, match="said"):
        reliability(bold, right)


def test_ranks_that_agree_correlate_and_subjects_are_drawn_whole():
    said = [0.1, 0.2, 0.3, 0.9, 0.8, 0.7]
    found = rank_correlation(said, [v**3 for v in said], list("aabbcc"))
    assert (found.value, found.n) == (pytest.approx(1.0), 3)
    against = rank_correlation(said, [-v for v in said], list("aabbcc"))
    assert against.value == pytest.approx(-1.0)
    assert rank_correlation([1.0, 1.0], [0.1, 0.2], ["a", "b"]).value is None


def test_ties_take_the_mean_rank():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(3)
    one, other = rng.integers(4, size=50), rng.integers(4, size=50)
    found = rank_correlation(one.tolist(), other.tolist(), [str(i) for i in range(50)])
    assert found.value == pytest.approx(spearmanr(one, other).statistic)
    assert found.low < found.value < found.high


def test_the_dice_that_a_slice_lost():
    found = np.zeros((1, 2, 2, 4), np.uint8)
    true = found.copy()
    found[0, 0, 0, :2] = 1
    true[0, 0, 0, 1:3] = 1
    np.testing.assert_allclose(dice_lost(found, true, [1]), [[0.5, 0.0]])


def test_a_segmentation_without_doubt_is_as_before():
    labels = np.zeros((1, 1, 2, 2), np.uint8)
    stack = Stack(np.zeros((1, 1, 2, 2)), Geometry.regular(1, (1.0, 1.0, 1.0)))
    assert Segmentation.on(stack, labels).uncertainty is None
