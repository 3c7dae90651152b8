import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from napari_cmr.core import ModelError
from napari_cmr.nets.encoders import ENCODERS, make_encoder
from napari_cmr.nets.resnet import DeepLabV3ResNet50, ResNet50
from napari_cmr.nets.vit import VisionTransformer, sine_positions

SMALL = {
    "vit_small_patch8": {"width": 12, "depth": 4, "heads": 3, "size": 64},
    "unet": {"channels": (4, 6, 8)},
    "resnet50": {"planes": 4, "blocks": (1, 1, 1, 1)},
    "deeplabv3_resnet50": {"planes": 4, "blocks": (1, 1, 1, 1), "channels": 8},
}


def test_each_registered_encoder_is_tested():
    assert set(SMALL) == set(ENCODERS)


@pytest.mark.parametrize("name", SMALL)
def test_an_encoder_gives_one_vector_a_picture_and_maps_down_to_its_stride(name):
    encoder = make_encoder(name, **SMALL[name])
    images = torch.randn(2, 1, 64, 96)
    maps = encoder(images)
    assert encoder.pooled(images).shape == (2, encoder.width)
    assert maps[-1].shape == (2, encoder.width, 64 // encoder.stride, 96 // encoder.stride)
    assert all(a.shape[2] >= b.shape[2] for a, b in pairwise(maps))


@pytest.mark.parametrize("name", SMALL)
def test_an_encoder_trains_on_the_smallest_picture_it_allows(name):
    encoder = make_encoder(name, **SMALL[name]).train()
    side = encoder.smallest
    encoder.pooled(torch.randn(2, 1, side, side)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ["resnet50", "deeplabv3_resnet50"])
def test_a_norm_that_does_not_depend_on_the_batch_reaches_every_layer(name):
    encoder = make_encoder(name, **SMALL[name], norm=["group", {"num_groups": 2}])
    images = torch.randn(3, 1, 64, 64)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in encoder.modules())
    together, alone = encoder.pooled(images)[:1], encoder.pooled(images[:1])
    assert torch.allclose(together, alone, atol=1e-5)


def test_an_unknown_encoder_is_refused_with_the_known_ones():
    with pytest.raises(ModelError, match="vit_small_patch8"):
        make_encoder("vgg")


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(ModelError, match="wdith"):
        make_encoder("vit_small_patch8", wdith=12)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("vit_small_patch8", {"width": 384, "heads": 5}, "multiple of 4 and of 5 heads"),
        ("vit_small_patch8", {"depth": 0}, "sizes are positive"),
        ("vit_small_patch8", {"patch": 0}, "sizes are positive"),
        ("vit_small_patch8", {"drop_path": 2}, "no share below 1"),
        ("vit_small_patch8", {"pool": "max"}, "'class' or 'mean', not 'max'"),
        ("unet", {"channels": (4, 0)}, "one positive number a stage"),
        ("unet", {"channels": ()}, "one positive number a stage"),
        ("unet", {"in_channels": 3}, "in_channels"),
        ("unet", {"name": "x"}, "name"),
        ("resnet50", {"norm": "foo"}, "FOO"),
        ("resnet50", {"blocks": (1, 1)}, "four stages"),
    ],
)
def test_options_that_make_no_network_are_refused_by_name(name, options, said):
    with pytest.raises(ModelError, match=f"{name} does not take these options: .*{said}"):
        make_encoder(name, **options)


def test_the_small_transformer_has_the_published_size():
    n = sum(p.numel() for p in make_encoder("vit_small_patch8").blocks.parameters())
    per_block = 384 * 3 * 384 + 3 * 384 + 384 * 384 + 384 + 8 * 384 * 384 + 4 * 384 + 384 + 4 * 384
    assert n == 12 * per_block


def test_resnet50_has_the_published_size_but_for_colour_and_classes():
    n = sum(p.numel() for p in ResNet50().parameters())
    assert n == 25_557_032 - (2048 * 1000 + 1000) - 2 * 64 * 49


def test_dilation_keeps_every_weight_and_an_eighth_of_the_resolution():
    plain, dilated = ResNet50(planes=4), DeepLabV3ResNet50(planes=4).backbone
    dilated.load_state_dict(plain.state_dict())
    assert dilated(torch.zeros(1, 1, 64, 64))[-1].shape[2:] == (8, 8)
    assert {c.dilation for c in dilated.layer4.modules() if isinstance(c, nn.Conv2d)} == {
        (1, 1), (2, 2), (4, 4),
    }  # fmt: skip


@pytest.fixture
def vit():
    torch.manual_seed(0)
    return VisionTransformer(patch=4, width=12, depth=3, heads=3, size=16).eval()


def test_attention_is_the_one_written_out(vit):
    block, tokens = vit.blocks[0], torch.randn(2, 5, 12)
    q, k, v = block.qkv(tokens).chunk(3, dim=-1)
    heads = []
    for h in range(3):
        part = slice(4 * h, 4 * h + 4)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / 4**0.5
        heads.append(scores.softmax(-1) @ v[..., part])
    assert torch.allclose(block._attend(tokens), block.out(torch.cat(heads, -1)), atol=1e-6)


def test_a_kept_patch_knows_its_place_but_not_the_patches_left_out(vit):
    images = torch.randn(1, 1, 16, 16)
    kept = torch.tensor([1, 7, 11])
    part = vit.encode(vit.patches(images)[:, kept])
    changed = images.clone()
    changed[..., :4, :4] += 1  # patch 0 is not among those kept
    assert part.shape == (1, 4, 12)
    assert torch.equal(part, vit.encode(vit.patches(changed)[:, kept]))
    assert not torch.allclose(part, vit.encode(vit.patches(images)[:, kept.flip(0)]))


def test_all_patches_together_are_the_whole_picture(vit):
    images = torch.randn(2, 1, 16, 16)
    tokens = vit.encode(vit.patches(images))
    assert torch.allclose(vit.pooled(images), tokens[:, 0])
    assert torch.allclose(vit(images)[-1].flatten(2).transpose(1, 2), tokens[:, 1:])


def test_positions_follow_the_picture_when_it_has_another_size(vit):
    with torch.no_grad():
        ramp = torch.linspace(0, 1, 4)
        vit.positions.copy_(ramp.repeat_interleave(4)[None, :, None].expand(-1, -1, 12))
    rows = vit._positions(8, 4).detach()[0, ::4, 0]
    assert (rows.diff() > -0.02).all()  # the same ramp down the rows, twice as fine
    assert rows[-1] - rows[0] == pytest.approx(1.0, abs=0.15)


def test_a_transformer_begins_with_places_that_are_likest_next_door(vit):
    side, width = 6, 16
    positions = sine_positions(side, width)[0]
    for row in range(side):
        for column in range(side):
            for k in range(width):
                place = (row, column)[k // 8]
                angle = place / 10000 ** (k % 4 / 4)
                wanted = (math.sin, math.cos)[k % 8 // 4](angle)
                assert positions[row * side + column, k].item() == pytest.approx(wanted, abs=1e-6)
    like = positions @ positions.T
    assert like[14].topk(5).indices.sort().values.tolist() == [8, 13, 14, 15, 20]
    side = math.isqrt(vit.positions.shape[1])
    assert torch.equal(vit.positions, sine_positions(side, vit.width))


def test_stochastic_depth_keeps_the_mean_and_acts_in_training_only():
    torch.manual_seed(0)
    vit = VisionTransformer(patch=4, width=12, depth=2, heads=3, size=16, drop_path=0.5)
    block, branch = vit.blocks[-1], torch.ones(20_000, 1, 1)
    assert float(block._sometimes(branch).mean()) == pytest.approx(1.0, abs=0.05)
    assert torch.equal(block.eval()._sometimes(branch), branch)
