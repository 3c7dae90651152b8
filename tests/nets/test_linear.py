"""The fast linear layer against the plain one, and the shortened last block against the whole."""

import copy

import pytest
import torch
from torch import nn

from napari_cmr.nets.encoders import make_encoder
from napari_cmr.nets.linear import Linear


def twins(n_in, n_out, *, bias=True):
    torch.manual_seed(n_in)
    fast, plain = Linear(n_in, n_out, bias=bias), nn.Linear(n_in, n_out, bias=bias)
    plain.load_state_dict(fast.state_dict())
    return fast, plain


@pytest.mark.parametrize("shape", [(1, 8), (5, 8), (2, 7, 8), (1, 1, 8), (3, 2, 5, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_those_of_the_plain_layer(shape, bias):
    fast, plain = twins(8, 6, bias=bias)
    found = []
    for layer in (fast, plain):
        torch.manual_seed(1)
        values = torch.randn(shape, requires_grad=True)
        out = layer(values)
        (out * torch.randn(out.shape)).sum().backward()
        found.append([out, values.grad, *(p.grad for p in layer.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_strided_values_and_a_gradient_of_one_number_are_right():
    fast, plain = twins(8, 6)
    values = torch.randn(4, 9, 8)[:, :1]
    torch.testing.assert_close(fast(values), plain(values), rtol=1e-5, atol=1e-5)
    for layer in (fast, plain):
        layer(values).sum().backward()  # an expanded gradient without memory of its own
    torch.testing.assert_close(fast.weight.grad, plain.weight.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("change", [{"dtype": torch.float64}, {"dtype": torch.bfloat16}])
def test_other_types_go_the_plain_way(change):
    fast, plain = (layer.to(**change) for layer in twins(8, 6))
    values = torch.randn(2, 3, 8, **change)
    assert torch.equal(fast(values), plain(values))


def test_autocast_is_kept():
    fast, _ = twins(8, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert fast(torch.randn(2, 8)).dtype == torch.bfloat16


def test_nothing_in_gives_nothing_out():
    assert twins(8, 6)[0](torch.zeros(0, 8)).shape == (0, 6)


def test_a_frozen_layer_passes_gradients_on():
    fast, _ = twins(8, 6)
    fast.requires_grad_(False)
    values = torch.randn(2, 8, requires_grad=True)
    fast(values).sum().backward()
    torch.testing.assert_close(values.grad[0], fast.weight.sum(0))


def test_the_class_token_made_alone_is_the_one_of_the_whole_block():
    vit = make_encoder("vit_small_patch8", width=24, depth=3, heads=2, size=32)
    whole = copy.deepcopy(vit)
    torch.manual_seed(0)
    images = torch.randn(3, 1, 32, 32)
    alone = vit.pooled(images)
    full = whole.encode(whole.patches(images))[:, 0]
    torch.testing.assert_close(alone, full, rtol=1e-5, atol=1e-5)
    alone.square().sum().backward()
    full.square().sum().backward()
    for one, other in zip(vit.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)
