import json
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from napari_cmr.core import ModelError
from napari_cmr.nets.encoders import load_encoder, make_encoder
from napari_cmr.nets.imagenet import import_imagenet


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A ResNet-50 of random weights as torchvision would save it, the same in grey, its colours."""
    ours = make_encoder("resnet50").eval()
    weights = ours.state_dict()
    colours = torch.randn(64, 3, 7, 7) * 0.1
    weights["conv1.weight"] = colours.sum(1, keepdim=True)
    ours.load_state_dict(weights)
    theirs = weights | {"conv1.weight": colours, "fc.weight": torch.randn(9, 2048)}
    file = tmp_path_factory.mktemp("weights") / "r.safetensors"
    save_file({k: v.contiguous() for k, v in theirs.items()}, file)
    return file, ours, colours


def test_a_residual_network_sees_a_grey_picture_as_the_colour_one_does(resnet, tmp_path):
    file, ours, colours = resnet
    card = import_imagenet(file, "resnet50", tmp_path / "v")
    read, encoder, _ = load_encoder(tmp_path / "v")
    assert read == card
    assert (card.name, card.recipe["method"]) == ("imagenet-resnet50", "imagenet")
    assert "from the file r.safetensors" in (tmp_path / "v" / "README.md").read_text()
    grey = torch.randn(1, 1, 64, 64)
    want = functional.conv2d(grey.expand(-1, 3, -1, -1), colours, stride=2, padding=3)
    assert torch.allclose(encoder.conv1(grey), want, atol=0.05)
    assert torch.allclose(encoder.pooled(grey), ours.pooled(grey), rtol=0.1, atol=0.05)


def test_deeplab_takes_the_backbone_and_leaves_its_pyramid(resnet, tmp_path):
    file, ours, _ = resnet
    import_imagenet(file, "deeplabv3_resnet50", tmp_path / "v")
    backbone = load_encoder(tmp_path / "v")[1].backbone
    assert torch.allclose(backbone.layer4[0].conv1.weight, ours.layer4[0].conv1.weight, atol=1e-3)


def small_vit(folder, **changes):
    """ViT-S/8 of random weights under timm's names, for pictures of 32 pixels."""
    width, depth = 384, 12
    weights = {
        "cls_token": torch.randn(1, 1, width),
        "pos_embed": torch.randn(1, 17, width),
        "patch_embed.proj.weight": torch.randn(width, 3, 8, 8) * 0.1,
        "patch_embed.proj.bias": torch.randn(width),
        "norm.weight": torch.rand(width) + 0.5,
        "norm.bias": torch.randn(width),
        "head.weight": torch.randn(10, width),
    }
    shapes = {
        "norm1.weight": (width,), "norm1.bias": (width,), "attn.qkv.weight": (3 * width, width),
        "attn.qkv.bias": (3 * width,), "attn.proj.weight": (width, width),
        "attn.proj.bias": (width,), "norm2.weight": (width,), "norm2.bias": (width,),
        "mlp.fc1.weight": (4 * width, width), "mlp.fc1.bias": (4 * width,),
        "mlp.fc2.weight": (width, 4 * width), "mlp.fc2.bias": (width,),
    }  # fmt: skip
    for block in range(depth):
        weights |= {f"blocks.{block}.{k}": torch.randn(s) * 0.05 for k, s in shapes.items()}
    weights |= changes
    save_file(weights, folder / "v.safetensors")
    return folder / "v.safetensors", weights


def slow_vit(weights, images):
    """The class token of a transformer written out, attention head by head."""
    w = weights
    x = functional.conv2d(
        images.expand(-1, 3, -1, -1), w["patch_embed.proj.weight"], w["patch_embed.proj.bias"],
        stride=8,
    ).flatten(2).transpose(1, 2)  # fmt: skip
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x], dim=1) + w["pos_embed"]
    for i in range(12):
        b = {
            k.removeprefix(f"blocks.{i}."): v for k, v in w.items() if k.startswith(f"blocks.{i}.")
        }
        y = functional.layer_norm(x, (384,), b["norm1.weight"], b["norm1.bias"], 1e-6)
        q, k, v = functional.linear(y, b["attn.qkv.weight"], b["attn.qkv.bias"]).chunk(3, dim=-1)
        heads = []
        for h in range(6):
            part = slice(64 * h, 64 * h + 64)
            share = (q[..., part] @ k[..., part].transpose(1, 2) / 8).softmax(-1)
            heads.append(share @ v[..., part])
        x = x + functional.linear(torch.cat(heads, -1), b["attn.proj.weight"], b["attn.proj.bias"])
        y = functional.layer_norm(x, (384,), b["norm2.weight"], b["norm2.bias"], 1e-6)
        y = functional.gelu(functional.linear(y, b["mlp.fc1.weight"], b["mlp.fc1.bias"]))
        x = x + functional.linear(y, b["mlp.fc2.weight"], b["mlp.fc2.bias"])
    return functional.layer_norm(x, (384,), w["norm.weight"], w["norm.bias"], 1e-6)[:, 0]


def test_a_transformer_gives_the_features_that_its_weights_give_elsewhere(tmp_path):
    file, weights = small_vit(tmp_path)
    card = import_imagenet(file, "vit_small_patch8", tmp_path / "v")
    encoder = load_encoder(tmp_path / "v")[1]
    images = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        got, want = encoder.pooled(images), slow_vit(weights, images)
    assert card.recipe["encoder_options"] == {"size": 32}
    assert functional.cosine_similarity(got, want).min() > 0.999  # fp16 weights


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ("resnet50", "not those of resnet50"),
        ("unet", "not those of unet"),
        ("vgg", "There is no encoder"),
    ],
)
def test_weights_of_another_encoder_are_refused(tmp_path, encoder, said):
    file, _ = small_vit(tmp_path)
    with pytest.raises(ModelError, match=said):
        import_imagenet(file, encoder, tmp_path / "v")
    assert not (tmp_path / "v").exists()


def test_patches_of_another_size_are_refused(tmp_path):
    file, _ = small_vit(tmp_path, **{"patch_embed.proj.weight": torch.randn(384, 3, 16, 16)})
    with pytest.raises(ModelError, match=r"1 differ in name or shape, embed\.weight first"):
        import_imagenet(file, "vit_small_patch8", tmp_path / "v")


def test_pickles_are_never_opened(tmp_path, monkeypatch, capsys):
    from napari_cmr.cli import main

    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "w.pth")
    words = ["models", "import", tmp_path / "w.pth", "--encoder", "resnet50", "--out", tmp_path]
    monkeypatch.setattr(sys, "argv", ["napari-cmr", *map(str, words)])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert leaving.value.code == 2
    assert "is no safetensors file" in capsys.readouterr().err


def test_the_terminal_makes_a_version_and_says_its_card(tmp_path, monkeypatch):
    from napari_cmr.cli import main

    file, _ = small_vit(tmp_path)
    words = ["models", "import", file, "--encoder", "vit_small_patch8", "--out", tmp_path / "v"]
    words += ["--name", "photographs", "--json", tmp_path / "c.json"]
    monkeypatch.setattr(sys, "argv", ["napari-cmr", *map(str, words)])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert not leaving.value.code
    assert json.loads((tmp_path / "c.json").read_text())["name"] == "photographs"
    assert load_encoder(tmp_path / "v")[0].name == "photographs"
