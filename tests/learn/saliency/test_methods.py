"""Each method where its answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.learn.saliency.attention import (
    attention_rollout,
    attentions_of,
    head_attention,
    rollout,
)
from napari_cmr.learn.saliency.gradcam import gradcam, weighted_maps
from napari_cmr.learn.saliency.integrated import gradient, integrated_gradients
from napari_cmr.learn.saliency.occlusion import n_squares, occlusion
from napari_cmr.learn.saliency.question import Explained, mixed
from napari_cmr.nets.vit import VisionTransformer
from tests.learn.saliency.conftest import Bent, Weighted, ask

TINY = {"patch": 4, "width": 16, "depth": 3, "heads": 2, "size": 16}


def test_the_gradient_of_a_linear_model_is_its_weights(pictures):
    weight = torch.arange(144.0).view(1, 12, 12)
    found = gradient(ask(Weighted(weight), pictures))
    torch.testing.assert_close(found, weight.expand(3, 1, 12, 12))


def test_integrated_gradients_of_a_linear_model_are_weight_times_way(pictures):
    weight = torch.linspace(-1, 1, 144).view(1, 12, 12)
    found = integrated_gradients(ask(Weighted(weight), pictures), steps=3)
    torch.testing.assert_close(found, weight * (pictures - mixed(pictures)))


def test_integrated_gradients_sum_to_the_change_from_the_baseline(pictures):
    question = ask(Bent(), pictures, torch.tensor([[1.0, -2.0]]).expand(3, 2))
    found = integrated_gradients(question, steps=24)
    every = torch.arange(3)
    change = question.score(pictures, every) - question.score(question.emptied(), every)
    torch.testing.assert_close(found.sum((1, 2, 3)), change.detach(), rtol=1e-3, atol=1e-4)


def test_an_emptied_picture_has_the_same_pixels_elsewhere(pictures):
    found = mixed(pictures)
    assert not torch.equal(found, pictures)
    torch.testing.assert_close(found.flatten(1).sort(1).values, pictures.flatten(1).sort(1).values)
    nothing = torch.zeros(1, 1, 4, 4)
    assert torch.equal(mixed(nothing), nothing)


def test_occlusion_of_a_linear_model_is_the_sum_over_each_square(pictures):
    weight = torch.rand(1, 12, 12)
    question = ask(Weighted(weight), pictures)
    away = torch.zeros_like(pictures)
    found = occlusion(question, patch=4, step=4, baseline=away)
    sums = (pictures * weight).view(3, 3, 4, 3, 4).sum((2, 4))
    expected = sums.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert n_squares((12, 12), 4, 4) == 9


def test_squares_that_overlap_are_averaged_and_reach_the_edge():
    pictures = torch.ones(1, 1, 1, 7)
    weight = torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]])
    found = occlusion(
        ask(Weighted(weight), pictures), patch=4, step=2, baseline=torch.zeros_like(pictures)
    )
    first, second, third = 10.0, 18.0, 22.0  # columns 0-3, 2-5, 3-6
    expected = [
        first,
        first,
        (first + second) / 2,
        (first + second + third) / 3,
        (second + third) / 2,
        (second + third) / 2,
        third,
    ]
    np.testing.assert_allclose(found[0, 0, 0], expected, rtol=1e-6)


class Pooling(Explained):
    """Two maps, each pooled and weighted: GradCAM++ by hand."""

    def __init__(self):
        super().__init__()
        self.encoder = TwoMaps()
        self.weight = nn.Parameter(torch.tensor([2.0, -1.0]))

    def forward(self, pictures):
        maps = self.encoder(pictures)[0]
        return (maps.mean((2, 3)) * self.weight).sum(1, keepdim=True)


class TwoMaps(nn.Module):
    def forward(self, pictures):
        return [torch.cat([pictures, pictures**2], dim=1)]


def test_gradcam_of_pooled_maps_is_as_by_hand():
    picture = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    found = gradcam(ask(Pooling(), picture))
    # The first map's slope is 2 / 4 everywhere and speaks for the number; the second's is negative
    # and is left out. alpha = g^2 / (2 g^2 + sum(A) g^3) with g = 0.5 and sum(A) = 6.
    alpha = 0.25 / (0.5 + 6 * 0.125)
    weight = 4 * alpha * 0.5
    torch.testing.assert_close(found, weight * picture)


def test_maps_that_change_nothing_have_no_weight():
    assert weighted_maps(torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)).abs().max() == 0


def test_no_place_of_a_map_of_both_signs_counts_for_more_than_half_its_slope():
    # With g = 0.5 and sum(A) = -4, 2 g^2 + sum(A) g^3 is nearly nothing and weighs without end.
    maps = torch.tensor([[[[1.0, 0.0], [0.0, -5.0]]]])
    slopes = torch.full_like(maps, 0.5000001)
    found = weighted_maps(maps, slopes)
    most = 0.5 * slopes.sum() * maps.clamp(min=0)[:, 0]
    assert (found <= most).all()
    # sum(A) of what is above zero is 1: alpha = 0.25 / (0.5 + 0.125), at each of four places.
    torch.testing.assert_close(found[0, 0, 0], torch.tensor(4 * 0.4 * 0.5))


class Turned(Explained):
    """Sees its picture upright and by a quarter turn, and pools a map that marks one corner."""

    calls = ((0, 0), (0, 1))

    def __init__(self):
        super().__init__()
        self.encoder = Same()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, pictures):
        upright = self.encoder(pictures)[0].mean((2, 3))
        turned = self.encoder(pictures.rot90(1, (2, 3)))[0].mean((2, 3))
        return (upright + turned) * self.scale


class Same(nn.Module):
    def forward(self, pictures):
        return [pictures.clone()]


def test_maps_of_turned_pictures_are_turned_back():
    picture = torch.zeros(1, 1, 4, 4)
    picture[0, 0, 0, 1] = 1.0
    found = gradcam(ask(Turned(), picture))
    assert found.argmax() == 1
    assert int((found > 1e-9).sum()) == 1


def test_rollout_multiplies_the_blocks_with_their_shortcuts():
    first = torch.tensor([[[0.2, 0.8], [0.6, 0.4]], [[0.4, 0.6], [0.0, 1.0]]])[None]
    second = torch.tensor([[[0.5, 0.5], [1.0, 0.0]]])[None]
    one = (np.array([[0.3, 0.7], [0.3, 0.7]]) + np.eye(2)) / 2
    two = (np.array([[0.5, 0.5], [1.0, 0.0]]) + np.eye(2)) / 2
    found = rollout([first, second])
    np.testing.assert_allclose(found[0], two @ one, rtol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1.0, rtol=1e-6)


def test_tokens_that_look_at_themselves_roll_out_to_themselves():
    alone = torch.eye(5).expand(2, 3, 5, 5)
    torch.testing.assert_close(rollout([alone] * 4), torch.eye(5).expand(2, 5, 5))


@pytest.fixture
def transformer():
    torch.manual_seed(0)
    return VisionTransformer(**TINY).eval()


def test_the_attention_is_what_the_block_mixes_by(transformer):
    images = torch.randn(2, 1, 16, 16)
    block = transformer.blocks[0]
    tokens = transformer._with_class(transformer.patches(images))
    attention = attentions_of(transformer, images)[0]
    value = block.qkv(block.norm1(tokens)).view(2, 17, 3, 2, 8)[:, :, 2].transpose(1, 2)
    mixed_values = (attention @ value).transpose(1, 2).reshape(2, 17, 16)
    torch.testing.assert_close(
        block.out(mixed_values), block._attend(block.norm1(tokens)), rtol=1e-4, atol=1e-5
    )


class OfTransformer(Explained):
    def __init__(self, transformer):
        super().__init__()
        self.encoder = transformer

    def forward(self, pictures):
        return self.encoder(pictures)[-1].mean((2, 3))


def test_attention_maps_lie_on_the_picture_and_share_out_one(transformer):
    question = ask(OfTransformer(transformer), torch.randn(2, 1, 16, 16))
    found = attention_rollout(question)
    assert found.shape == (2, 1, 16, 16)
    per_patch = 16
    assert 0 < float(found.sum((2, 3)).max()) < per_patch  # the class token keeps its share
    one = head_attention(question, block=1, head=1)
    assert not torch.equal(one, head_attention(question, block=1, head=0))
    with pytest.raises(InputError, match="blocks are 0 to 2, heads 0 to 1"):
        head_attention(question, block=3)


def test_a_model_without_a_transformer_has_no_attention(pictures):
    with pytest.raises(InputError, match="another method"):
        attention_rollout(ask(Bent(), pictures))


def test_steps_on_the_way_integrate_a_sharp_rise_near_the_beginning():
    from napari_cmr.learn.saliency.integrated import nodes_on_the_way

    nodes, weights = nodes_on_the_way(24)
    assert sum(weights) == pytest.approx(1.0)
    slope = [30 / math.cosh(30 * (a - 0.1)) ** 2 for a in nodes]
    due = math.tanh(27) - math.tanh(-3)
    assert sum(w * s for w, s in zip(weights, slope, strict=True)) == pytest.approx(due, rel=0.02)
