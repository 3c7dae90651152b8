import pytest
import torch
from torch import nn

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.registry import METHODS, make_method, method_config
from napari_cmr.learn.pretraining.sampling import Sampler
from napari_cmr.learn.pretraining.teacher import follow, momentum_at, teacher_of
from napari_cmr.nets.encoders import make_encoder
from tests.learn.pretraining.conftest import OPTIONS, TINY

SENSIBLE = [
    (m, e) for m in METHODS for e in TINY if m != "mim" or e in ("unet", "vit_small_patch8")
]


def made(method, encoder, **options):
    torch.manual_seed(0)
    config = method_config(method, **OPTIONS[method] | options)
    return make_method(method, make_encoder(encoder, **TINY[encoder]), config)


@pytest.fixture
def batch(pack):
    return Sampler(pack, seed=0, placed=True).draw(0, 0, 8)


@pytest.mark.parametrize(("method", "encoder"), SENSIBLE)
def test_every_sensible_pair_gives_a_loss_and_gradients_to_all_it_trains(method, encoder, batch):
    coarse = {"part": {"size": 32}} if (method, encoder) == ("dino", "resnet50") else {}
    module = made(method, encoder, **coarse)
    outcome = module(batch)
    outcome.loss.backward()
    assert torch.isfinite(outcome.loss)
    assert outcome.features.ndim == 2
    without = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    assert isinstance(module.shipped()["encoder"], nn.Module)


@pytest.mark.parametrize("encoder", ["resnet50", "deeplabv3_resnet50"])
def test_rebuilding_pixels_without_a_decoder_is_refused_with_the_reason(encoder):
    with pytest.raises(InputError, match="mim rebuilds pixels: it needs the U-Net"):
        made("mim", encoder)


@pytest.mark.parametrize(
    ("method", "encoder", "options", "reason"),
    [
        ("mim", "unet", {"form": "mae"}, "needs a transformer"),
        ("mim", "vit_small_patch8", {"form": "unet"}, "needs the U-Net"),
        ("mim", "unet", {"unet_patch": 5}, "do not divide into patches of 5"),
        ("dino", "unet", {"patch_term": True}, "patch term needs patches"),
        ("dino", "vit_small_patch8", {"part": {"size": 12}}, "do not divide into patches of 8"),
        ("simclr", "resnet50", {"view": {"size": 16}}, "too small for this encoder"),
        ("simclr", "unet", {"temprature": 1}, "temprature: Extra inputs"),
        ("byol", "unet", {"clip": -1}, "clip: Input should be greater than 0"),
        ("byol", "unet", {"learning_rate": 0}, "learning_rate: Input should be greater than 0"),
        ("byol", "unet", {"momentum": 2}, "momentum: Input should be less than or equal to 1"),
        ("simclr", "unet", {"temperature": -0.1}, "temperature: Input should be greater than 0"),
        ("simclr", "unet", {"betas": (2, 0.9)}, "betas.0: Input should be less than 1"),
        ("simclr", "unet", {"view": {"area": (0.5, 3)}}, "area is two shares of the picture"),
        ("simclr", "unet", {"name": "x"}, "name: Extra inputs"),
        ("pcl", "unet", {"threshold": float("nan")}, "threshold: Input should be"),
        ("dino", "unet", {"hidden": 0}, "hidden: Input should be greater than 0"),
        ("dino", "vit_small_patch8", {"patch_term": True, "mask_ratio": 0.01}, "hides 0 of"),
        ("mim", "unet", {"ratio": 0.01}, r"A ratio of 0.01 hides 0 of a view's 16 patch"),
        ("mim", "vit_small_patch8", {"ratio": 0.99}, "hides 16 of a view's 16 patch"),
        ("mim", "vit_small_patch8", {"decoder_heads": 3}, "no multiple of decoder_heads"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(method, encoder, options, reason):
    with pytest.raises(InputError, match=reason):
        made(method, encoder, **options)


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="simclr, pcl, dino, mim, byol"):
        method_config("moco")


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("simclr", {"temperature": 0.1, "out": 128}),
        ("pcl", {"threshold": 0.1, "temperature": 0.1}),
        ("byol", {"hidden": 4096, "out": 256, "momentum": 0.996}),
        (
            "dino",
            {
                "prototypes": 65536, "student_temperature": 0.1, "teacher_temperature": 0.07,
                "first_teacher_temperature": 0.04, "centre_momentum": 0.9, "momentum": 0.996,
                "weight_decay": 0.04, "last_weight_decay": 0.4, "parts": 8,
            },
        ),
        ("mim", {"ratio": 0.75, "unet_patch": 32, "decoder_width": 512, "decoder_depth": 8}),
    ],
)  # fmt: skip
def test_a_method_starts_from_its_papers_numbers(method, expected):
    assert expected.items() <= method_config(method).model_dump().items()


@pytest.mark.parametrize("method", ["dino", "byol"])
def test_the_teacher_equals_the_student_at_step_0_and_receives_no_gradient(method, batch):
    module = made(method, "vit_small_patch8")
    student, teacher = module.student.state_dict(), module.teacher.state_dict()
    assert all(torch.equal(student[key], teacher[key]) for key in teacher)
    module(batch).loss.backward()
    assert all(p.grad is None and not p.requires_grad for p in module.teacher.parameters())
    assert {key.split(".")[0] for key in module.state_dict()} >= {"student", "teacher"}


def test_the_teacher_follows_with_weights_and_buffers():
    student = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    teacher = teacher_of(student)
    before = {k: v.clone() for k, v in teacher.state_dict().items()}
    with torch.no_grad():
        for value in student.state_dict().values():
            value.add_(1)
    follow(teacher, student, 0.75)
    for key, value in teacher.state_dict().items():
        share = 1 if key.endswith("num_batches_tracked") else 0.25
        assert torch.allclose(value.float(), before[key].float() + share), key


def test_the_momentum_rises_to_one_along_a_cosine():
    assert momentum_at(0, 100, 0.996) == pytest.approx(0.996)
    assert momentum_at(50, 100, 0.996) == pytest.approx(0.998)
    assert momentum_at(100, 100, 0.996) == pytest.approx(1.0)


def test_the_teacher_of_a_transformer_drops_no_branch():
    student = make_encoder("vit_small_patch8", **TINY["vit_small_patch8"], drop_path=0.5)
    images = torch.randn(4, 1, 32, 32)
    teacher = teacher_of(student)
    assert torch.equal(teacher.pooled(images), teacher.pooled(images))
    assert not torch.equal(student.pooled(images), student.pooled(images))


def test_an_mae_encodes_the_visible_quarter_only(batch, monkeypatch):
    module, seen = made("mim", "vit_small_patch8"), []
    encode = module.encoder.encode
    monkeypatch.setattr(module.encoder, "encode", lambda t: seen.append(t.shape) or encode(t))
    module(batch)
    assert seen == [(8, 4, 24)]  # 16 patches of 8 pixels, 12 hidden


def test_the_unet_never_sees_a_hidden_pixel(batch, monkeypatch):
    module, seen = made("mim", "unet"), []
    encode = module.unet.encoder.forward
    monkeypatch.setattr(module.unet.encoder, "forward", lambda x: seen.append(x) or encode(x))
    module(batch)
    patches = seen[0].view(8, 4, 8, 4, 8).transpose(2, 3).reshape(8, 16, 64)
    assert (patches == 0).all(2).sum(1).tolist() == [12] * 8
    assert set(module.shipped()) == {"encoder", "decoder"}


@pytest.mark.parametrize("options", [{"form": "simmim"}, {"form": "mae", "ratio": 0.5}])
def test_the_other_forms_of_masking_train_too(options, batch):
    module = made("mim", "vit_small_patch8", **options)
    module(batch).loss.backward()
    assert all(p.grad is not None for p in module.parameters() if p.requires_grad)


def test_the_patch_term_teaches_the_mask_token(batch):
    module = made("dino", "vit_small_patch8", patch_term=True)
    module(batch).loss.backward()
    assert module.mask_token.grad.abs().sum() > 0
    assert module.patch_centre.abs().sum() > 0


def test_the_prototypes_stand_still_at_first(batch):
    module = made("dino", "vit_small_patch8", frozen_last=0.5)
    module(batch).loss.backward()
    last = module.student["head"].last.parametrizations.weight.original1
    module.after_backward(6, 10)
    assert last.grad is not None
    module.after_backward(4, 10)
    assert last.grad is None


def test_frames_of_a_pair_go_to_different_views(batch, monkeypatch):
    from napari_cmr.learn.pretraining import simclr

    used = []
    monkeypatch.setattr(
        simclr, "make_views", lambda x, k, n, c: used.append(x) or torch.randn(8, 1, 32, 32)
    )
    partners = torch.rand_like(batch.images)
    made("simclr", "unet")(batch._replace(partners=partners))
    assert used[0] is batch.images
    assert used[1] is partners
