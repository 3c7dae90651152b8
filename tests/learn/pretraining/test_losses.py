"""Each loss against a reference that says the formula slowly, over a grid of parameters."""

import itertools
import math

import pytest
import torch

from napari_cmr.learn.pretraining.byol import byol_loss
from napari_cmr.learn.pretraining.dino import DINO, DINOConfig, DINOHead, dino_loss
from napari_cmr.learn.pretraining.masks import patches_of, random_masks
from napari_cmr.learn.pretraining.mim import masked_error
from napari_cmr.learn.pretraining.pcl import positional_contrast, positives
from napari_cmr.learn.pretraining.simclr import nt_xent
from napari_cmr.nets.encoders import make_encoder


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def slow_nt_xent(first, second, temperature):
    views = [*first, *second]
    n, total = len(first), 0.0
    for i, view in enumerate(views):
        partner = (i + n) % (2 * n)
        below = sum(
            math.exp(cosine(view, other) / temperature) for k, other in enumerate(views) if k != i
        )
        total -= math.log(math.exp(cosine(view, views[partner]) / temperature) / below)
    return total / (2 * n)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("d", [1, 3, 16])
@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_nt_xent_equals_the_formula(n, d, temperature):
    torch.manual_seed(n * d)
    first, second = torch.randn(2, n, d)
    got = float(nt_xent(first, second, temperature))
    assert got == pytest.approx(slow_nt_xent(first, second, temperature), rel=1e-4, abs=1e-5)


def test_nt_xent_of_equal_views_is_the_log_of_the_number_of_others():
    same = torch.ones(4, 3)
    assert float(nt_xent(same, same, 0.1)) == pytest.approx(math.log(7), rel=1e-5)


def slow_positional(projected, positions, threshold, temperature):
    total = 0.0
    for i, view in enumerate(projected):
        others = [k for k in range(len(projected)) if k != i]
        below = sum(math.exp(cosine(view, projected[k]) / temperature) for k in others)
        near = [k for k in others if abs(float(positions[k] - positions[i])) < threshold]
        terms = [math.log(math.exp(cosine(view, projected[k]) / temperature) / below) for k in near]
        total -= sum(terms) / len(terms) if terms else 0.0
    return total / len(projected)


@pytest.mark.parametrize("threshold", [0.05, 0.1, 0.35, 2.0])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("n", [2, 6])
def test_the_positional_contrast_equals_the_formula(n, threshold, temperature):
    torch.manual_seed(n)
    projected, positions = torch.randn(2 * n, 4), torch.rand(n).repeat(2)
    got = positional_contrast(projected, positions, threshold=threshold, temperature=temperature)
    want = slow_positional(projected, positions, threshold, temperature)
    assert float(got) == pytest.approx(want, rel=1e-4)


def test_positives_by_hand():
    """Subject A has slices at 0, 0.5 and 1, subject B at 0.05, 0.45 and 0.7."""
    places = torch.tensor([0.0, 0.5, 1.0, 0.05, 0.45, 0.7])
    near = positives(places, places, 0.1)
    assert [torch.nonzero(row).flatten().tolist() for row in near] == [
        [0, 3], [1, 4], [2], [0, 3], [1, 4], [5],
    ]  # fmt: skip


def test_slices_just_the_threshold_apart_are_no_positives():
    """Eleven slices lie a tenth apart, but for rounding."""
    places = torch.linspace(0, 1, 11)
    assert torch.equal(positives(places, places, 0.1), torch.eye(11, dtype=torch.bool))


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("d", [2, 32])
def test_byol_adds_the_squared_distances_of_both_orders(n, d):
    torch.manual_seed(d)
    predicted, target = torch.randn(2, 2 * n, d)
    slow = 0.0
    for half in (slice(0, n), slice(n, 2 * n)):
        rows = zip(predicted[half], target[half], strict=True)
        slow += sum(float(((p / p.norm() - t / t.norm()) ** 2).sum()) for p, t in rows) / n
    assert float(byol_loss(predicted, target)) == pytest.approx(slow, rel=1e-5)


@pytest.mark.parametrize("parts", [0, 3])
@pytest.mark.parametrize("temperature", [0.1, 0.7])
def test_dino_compares_every_view_with_the_other_whole_view(parts, temperature):
    torch.manual_seed(parts)
    targets = [torch.rand(2, 5).softmax(1) for _ in range(2)]
    logits = [torch.randn(2, 5) for _ in range(2 + parts)]
    terms = []
    for t, target in enumerate(targets):
        for v, student in enumerate(logits):
            if t == v:
                continue
            for row in range(2):
                scaled = [math.exp(float(x) / temperature) for x in student[row]]
                terms.append(
                    -sum(
                        float(p) * math.log(s / sum(scaled))
                        for p, s in zip(target[row], scaled, strict=True)
                    )
                )
    got = float(dino_loss(targets, logits, temperature))
    assert got == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_norm_in_dinos_head_tells_features_apart_that_hardly_differ():
    """Behind instance norm all pictures have nearly the same mean feature."""
    features = 1 + 1e-3 * torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
    spread = {}
    for norm in ("none", "batch"):
        torch.manual_seed(0)
        config = DINOConfig(prototypes=16, hidden=32, bottleneck=8, head_norm=norm)
        spread[norm] = float(DINOHead(8, config)(features).detach().std(0).mean())
    assert spread["batch"] > 100 * spread["none"]


def test_dino_centres_and_sharpens_the_teacher():
    config = DINOConfig(prototypes=3, hidden=4, bottleneck=2)
    dino = DINO(make_encoder("unet", channels=(2, 2)), config)
    dino.centre.copy_(torch.tensor([1.0, 0.0, 0.0]))
    logits = torch.tensor([[1.0, 0.1, 0.0]])
    dino.before_step(0, 100)
    wanted = torch.tensor([0.0, 0.1 / 0.04, 0.0]).softmax(0)
    assert torch.allclose(dino._targets(logits, dino.centre)[0], wanted)
    dino.before_step(30, 100)
    assert dino.teacher_temperature == pytest.approx(0.07)
    dino._recentre(dino.centre, torch.tensor([[0.0, 2.0, 0.0], [0.0, 4.0, 0.0]]))
    assert torch.allclose(dino.centre, torch.tensor([0.9, 0.3, 0.0]))


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_only_hidden_pixels_count(power, patch):
    torch.manual_seed(patch)
    image, rebuilt = torch.randn(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    masks = random_masks(torch.tensor([1, 2]), (8 // patch) ** 2, 0.5)
    side = 8 // patch
    terms = [
        abs(float(rebuilt[n, 0, y, x] - image[n, 0, y, x])) ** power
        for n, y, x in itertools.product(range(2), range(8), range(8))
        if masks[n, y // patch * side + x // patch]
    ]
    got = masked_error(patches_of(rebuilt, patch), patches_of(image, patch), masks, power=power)
    assert float(got) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


@pytest.mark.parametrize("ratio", [0.3, 0.6, 0.75])
@pytest.mark.parametrize("n", [9, 16, 144])
def test_masks_hide_the_promised_share_and_follow_their_seed(n, ratio):
    masks = random_masks(torch.tensor([5, 6, 5]), n, ratio)
    assert masks.sum(1).tolist() == [round(ratio * n)] * 3
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])
