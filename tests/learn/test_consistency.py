import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cmr.core import CancelledError, Geometry, Stack
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.consistency import (
    ConsistencyConfig,
    as_unlabelled,
    consistency_loss,
    draw_pairs,
    unsaid_phases,
)
from napari_cmr.learn.examples import EvenSampler, LabelledFrame, LabelledRow
from napari_cmr.learn.segmenter import StageConfig, train_stage
from napari_cmr.nets.card import InputGrid
from napari_cmr.nets.locate import Heart
from napari_cmr.nets.unet import UNet

GRID = InputGrid(spacing_mm=2.0, size=32)


def disc(seed: int, *, radius: float = 12.0, labelled: bool = True) -> LabelledFrame:
    """A bright disc on noise, 64 pixels of 1 mm."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64] - 31.5
    inside = np.hypot(rows, columns) < radius + rng.uniform(-3, 3)
    image = (60 + 120 * inside + rng.normal(0, 12, inside.shape)).astype(np.float32)
    labels = torch.from_numpy(inside.astype(np.uint8)[None]) * labelled
    return LabelledFrame(
        f"s{seed}", torch.from_numpy(image[None]), labels, (1.0, 1.0), (1,), (32.0, 32.0)
    )


def network() -> UNet:
    torch.manual_seed(0)
    return UNet(2, (4, 8))


def pairs(config: ConsistencyConfig, step: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    sampler = EvenSampler([(1.0, [disc(i) for i in range(4)])])
    return draw_pairs(sampler, config, GRID, 0, 10.0, AugmentConfig(), 0, step)


def test_both_views_are_of_the_same_crop_and_only_one_changes_its_contrast() -> None:
    plain, changed = pairs(ConsistencyConfig(batch=4))
    assert plain.shape == changed.shape == (4, 1, 32, 32)
    for a, b in zip(plain.flatten(1), changed.flatten(1), strict=True):
        assert not torch.equal(a, b)
        assert abs(float(torch.corrcoef(torch.stack([a, b]))[0, 1])) > 0.5
    again = pairs(ConsistencyConfig(batch=4))
    assert torch.equal(plain, again[0])  # the seed and the step alone decide


def test_an_unsure_teacher_teaches_nothing() -> None:
    student = network()
    teacher = copy.deepcopy(student)
    with torch.no_grad():
        teacher.head.weight.zero_()
        teacher.head.bias.zero_()
    config = ConsistencyConfig(batch=4)
    plain, changed = pairs(config)
    assert consistency_loss(student, teacher, plain, changed, config) == 0


def test_no_gradient_reaches_the_teacher_and_a_sure_one_pulls_the_student() -> None:
    student, teacher = network(), network()
    with torch.no_grad():
        teacher.head.bias.copy_(torch.tensor([0.0, 50.0]))  # all of it is disc
    config = ConsistencyConfig(batch=4)
    plain, changed = pairs(config)
    optimizer = torch.optim.Adam(student.parameters(), 1e-2)
    losses = []
    for _ in range(16):
        loss = consistency_loss(student.train(), teacher, plain, changed, config)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert all(p.grad is None for p in teacher.parameters())


def test_its_weight_rises_from_its_first_step() -> None:
    config = ConsistencyConfig(weight=0.4, begin=100, ramp=50)
    assert [config.weight_at(s) for s in (0, 100, 125, 150, 999)] == [0, 0, 0.2, 0.4, 0.4]


def test_a_training_with_unlabelled_frames_resumes_to_the_same_weights(tmp_path: Path) -> None:
    config = StageConfig(
        channels=(4, 8),
        structures=("BACKGROUND", "LV"),
        grid=GRID,
        steps=6,
        augment=AugmentConfig(),
        batch=2,
        warm_up=1,
        consistency=ConsistencyConfig(batch=2, begin=1, ramp=1, confidence=0.0),
    )
    sets = [(1.0, [disc(0)])]
    more = [(1.0, [disc(5, labelled=False)])]

    def train(steps: int, folder: str, **kwargs: object) -> dict[str, torch.Tensor]:
        short = config.model_copy(update={"steps": steps})
        out = tmp_path / folder
        quiet = {"seed": 3, "say": lambda _: None, "on": torch.device("cpu")}
        return train_stage("segmenter", short, sets, out, **quiet, **kwargs).network.state_dict()  # type: ignore[arg-type]

    whole = train(6, "a", unlabelled=more)
    calls = iter([False] * 3 + [True])
    with pytest.raises(CancelledError):
        train(6, "b", unlabelled=more, cancel=lambda: next(calls))
    resumed = train(6, "b", unlabelled=more)
    without = train(6, "c")
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert any(not torch.equal(whole[k], without[k]) for k in whole)


def test_unlabelled_frames_say_nothing() -> None:
    geometry = Geometry.regular(2, (8.0, 1.5, 1.5))
    stack = Stack(np.ones((3, 2, 8, 8)), geometry, stack_id="x", subject="s")
    frame = as_unlabelled("s", stack, 1, Heart((6.0, 6.0), (1.5, 1.5), True))
    assert frame.structures == ()
    assert not frame.labels.any()
    assert frame.centre_mm == (6.0, 6.0)


def test_of_each_stack_of_a_folder_the_phases_nobody_labelled_join(tmp_path: Path) -> None:
    geometry = Geometry.regular(2, (8.0, 1.5, 1.5))
    stack = Stack(np.ones((3, 2, 8, 8)), geometry, stack_id="x", subject="s")
    labels, said = np.zeros((1, 2, 8, 8), np.uint8), np.ones((1, 2, 8, 8), bool)

    def labelled(view: str, phase: int) -> LabelledRow:
        row = ManifestRow("s", tmp_path, view=view)
        return LabelledRow(row, stack, (phase,), labels, said, (1,))

    found = Heart((6.0, 6.0), (1.5, 1.5), True)
    rows = [labelled("SAX", 0), labelled("SAX", 1), labelled("4CH", 2)]
    assert len(unsaid_phases(rows, lambda _: found)) == 1 + 2


@pytest.mark.parametrize("steps", [1, 30, 200, 400, 6000])
def test_a_short_training_gives_unlabelled_frames_their_whole_weight_by_its_half(steps) -> None:
    told = ConsistencyConfig().within(steps)
    assert told.weight_at(-(-steps // 2)) == 1.0
    if steps >= 1200:
        assert told == ConsistencyConfig()
