"""Scores of maps, and the check that a map depends on what was learnt."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cmr.core import CancelledError, InputError
from napari_cmr.learn.saliency import METHODS, explain
from napari_cmr.learn.saliency.integrated import gradient, integrated_gradients
from napari_cmr.learn.saliency.sanity import alike, sanity_check, shuffled
from napari_cmr.learn.saliency.scores import curves, place
from tests.learn.saliency.conftest import Bent, Weighted, ask


def test_energy_and_pointing_are_counted_where_there_is_a_heart():
    maps = np.zeros((1, 3, 4, 4), np.float32)
    heart = np.zeros((1, 3, 4, 4), bool)
    seen = np.ones_like(heart)
    heart[0, :2, :2, :2] = True
    maps[0, 0, 0, 0], maps[0, 0, 3, 3] = 3.0, 1.0
    maps[0, 1, 0, 0], maps[0, 1, 3, 3] = 1.0, 3.0
    maps[0, 1, 1, 1] = -9.0  # speaks against the number, and is no energy
    maps[0, 2, 3, 3] = 99.0  # no heart there
    found = place(maps, heart, seen)
    assert found.energy == pytest.approx(4 / 8)
    assert found.chance == pytest.approx(4 / 16)
    assert (found.hits, found.pictures) == (1, 2)
    assert place(maps, np.zeros_like(heart), seen) is None


def test_deletion_and_insertion_of_a_sum_are_its_sorted_shares():
    picture = torch.tensor([[[[4.0, 1.0], [3.0, 2.0]]]])
    question = ask(Weighted(torch.ones(1, 2, 2)), picture)
    empty = torch.zeros_like(picture)
    found = curves(question, picture, steps=4, baseline=empty)
    np.testing.assert_allclose(found.shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.deletion, [1, 0.6, 0.3, 0.1, 0], atol=1e-6)
    np.testing.assert_allclose(found.insertion, [0, 0.4, 0.7, 0.9, 1], atol=1e-6)
    assert found.area("deletion") == pytest.approx((0.5 + 0.6 + 0.3 + 0.1) / 4)
    worst = curves(question, -picture, steps=4, baseline=empty)
    assert worst.area("deletion") > found.area("deletion_by_chance") > found.area("deletion")


def test_a_picture_that_takes_away_counts_by_what_is_left_of_that():
    pictures = torch.tensor([[[[4.0, 1.0], [3.0, 2.0]]], [[[1.0, 2.0], [3.0, 4.0]]]])
    network = Weighted(torch.ones(1, 2, 2))
    question = ask(network, pictures, torch.tensor([[1.0], [-1.0]]))  # together they are nothing
    signed = pictures * torch.tensor([1.0, -1.0])[:, None, None, None]
    found = curves(question, signed, steps=4, baseline=torch.zeros_like(pictures))
    np.testing.assert_allclose(found.deletion, [1, 0.6, 0.3, 0.1, 0], atol=1e-6)


def test_a_number_that_hangs_on_nothing_has_no_curve(pictures):
    found = curves(ask(Weighted(torch.zeros(1, 12, 12)), pictures), pictures)
    assert found.deletion is None
    assert found.area("insertion") is None


def edges(question, tick=lambda: None):
    """Where the picture changes, whatever the network."""
    x = question.inputs
    return torch.nn.functional.pad((x[..., 1:, :] - x[..., :-1, :]).abs(), (0, 0, 0, 1))


@pytest.fixture
def question():
    pictures = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    return ask(Bent(), pictures, torch.tensor([[1.0, -1.0]]).expand(2, 2))


def test_an_edge_detector_fails_the_check(question):
    found = sanity_check(question, edges, edges(question))
    assert found.likeness == pytest.approx(1.0)
    assert not found.passed
    assert "FAILED" in found.sentence


def test_gradients_pass_the_check(question):
    found = sanity_check(question, gradient, gradient(question), stages=(0.5,))
    assert found.passed
    assert found.stages[0][0] == 0.5
    assert "passed" in found.sentence


def test_shuffling_keeps_the_values_and_begins_at_the_output():
    network = Bent()
    half = shuffled(network, share=0.5)
    whole = shuffled(network, share=1.0)
    torch.testing.assert_close(half.first.weight, network.first.weight)
    assert not torch.equal(half.last.weight, network.last.weight)
    assert not torch.equal(whole.first.weight, network.first.weight)
    torch.testing.assert_close(
        whole.first.weight.flatten().sort().values, network.first.weight.flatten().sort().values
    )


def test_maps_are_alike_by_rank_whatever_their_sign_and_scale():
    one = torch.rand(2, 1, 16, 16)
    assert alike(one, -5 * one) == pytest.approx(1.0)
    assert alike(one, torch.zeros_like(one)) == 0.0


def test_an_explanation_carries_its_scores_and_says_when_not_to_read_it(question, monkeypatch):
    heart = np.zeros((1, 2, 32, 32), bool)
    heart[:, :, :16] = True
    good = explain(question, "integrated", heart=heart, model="bent 1")
    told = good.as_json()
    assert good.maps.shape == (1, 2, 32, 32)
    assert told["completeness"][0] == pytest.approx(told["completeness"][1], rel=0.02)
    assert told["sanity"]["passed"] is good.sanity.passed
    assert told["heart"]["chance"] == pytest.approx(0.5)
    assert set(told) >= {"deletion_area", "insertion_area", "curves", "notes", "method"}
    fake = METHODS | {"edges": METHODS["gradient"].__class__(edges, lambda _q: 1, False)}
    monkeypatch.setattr("napari_cmr.learn.saliency.explaining.METHODS", fake)
    bad = explain(question, "edges")
    assert any("FAILED" in line for line in bad.lines)
    assert bad.place is None
    with pytest.raises(InputError, match="no method"):
        explain(question, "tea leaves")


def test_progress_goes_to_the_end_and_cancel_stops(question):
    seen = []
    explain(question, "integrated", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    with pytest.raises(CancelledError):
        explain(question, "integrated", cancel=lambda: True)


def test_some_pictures_of_a_question_keep_their_places(question):
    second = question.of([1])
    found = integrated_gradients(second, steps=4)
    assert second.places == ((0, 1),)
    whole = second.onto(found)
    assert whole.shape == (1, 2, 32, 32)
    assert np.abs(whole[0, 0]).max() == 0
