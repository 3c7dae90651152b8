import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cmr.core import InputError
from napari_cmr.learn import segmenter
from napari_cmr.learn.augment import AugmentConfig, make_view
from napari_cmr.learn.examples import EvenSampler, LabelledFrame
from napari_cmr.learn.segmenter import SegmenterConfig, StageConfig, draw_batch, train_stage
from napari_cmr.learn.settings import read_settings
from napari_cmr.learn.start import start_of
from napari_cmr.nets import InputGrid, load_model, save_model
from tests.nets.conftest import make_card

NO_CHANGE = AugmentConfig(
    flip=0, any_rotation=0, rotation_deg=0, zoom=(1, 1), stretch=0, shift_mm=0, elastic=0,
    gamma=0, tone=0, bias=0, noise=0, blur=0, coarse=0, sharpen=0, local_contrast=0,
)  # fmt: skip


def frame_of(subject, structures=(1, 2, 3), slices=3):
    """A ring on a slope: LV in the middle, wall around, RV beside it."""
    rows, columns = np.mgrid[:64, :64]
    distance = np.hypot(rows - 30, columns - 34)
    labels = np.where(distance < 8, 1, np.where(distance < 12, 2, 0))
    labels[(np.hypot(rows - 30, columns - 14) < 8) & (labels == 0)] = 3
    labels = np.where(np.isin(labels, structures), labels, 0).astype(np.uint8)
    image = (labels == 1) * 100 + (labels == 3) * 90 + rows
    return LabelledFrame(
        subject,
        torch.from_numpy(np.repeat(image[None], slices, 0).astype(np.float32)),
        torch.from_numpy(np.repeat(labels[None], slices, 0)),
        (1.5, 1.5),
        structures,
        (46.0, 46.0),
    )


def tiny(steps, **changes):
    return StageConfig(
        channels=(4, 8),
        grid=InputGrid(spacing_mm=3.0, size=32),
        steps=steps,
        augment=changes.pop("augment", AugmentConfig()),
        batch=4,
        warm_up=2,
        **changes,
    )


def test_without_changes_a_view_is_the_picture_itself():
    frame = frame_of("a")
    rng = np.random.default_rng(0)
    image, target = make_view(
        frame.images[:1], frame.labels[0], (1.5, 1.5), (48.0, 48.0), 64, 1.5, 4, NO_CHANGE, rng
    )
    assert torch.equal(target, frame.labels[0].long())
    correlation = np.corrcoef(image.flatten(), frame.images[0].flatten())[0, 1]
    assert correlation > 0.999


def test_flipping_turns_picture_and_label_alike():
    frame = frame_of("a")
    flipped = NO_CHANGE.model_copy(update={"flip": 1.0})
    _, target = make_view(
        frame.images[:1], frame.labels[0], (1.5, 1.5), (48.0, 48.0), 64, 1.5, 4, flipped,
        np.random.default_rng(0),
    )  # fmt: skip
    assert torch.equal(target, frame.labels[0].flip(0, 1).long())


def test_zoom_makes_the_heart_as_much_larger_as_it_says():
    frame = frame_of("a")
    areas = []
    for zoom in (1.0, 1.3):
        config = NO_CHANGE.model_copy(update={"zoom": (zoom, zoom)})
        _, target = make_view(
            frame.images[:1], frame.labels[0], (1.5, 1.5), frame.centre_mm, 96, 1.0, 4, config,
            np.random.default_rng(0),
        )  # fmt: skip
        areas.append(int((target == 1).sum()))
    assert areas[1] / areas[0] == pytest.approx(1.3**2, rel=0.05)


def test_subjects_are_drawn_evenly_however_many_slices_they_have():
    sampler = EvenSampler([(1.0, [frame_of("few", slices=1), frame_of("many", slices=30)])])
    rng = np.random.default_rng(0)
    few = sum(sampler.draw(rng)[0].subject == "few" for _ in range(2000))
    assert few == pytest.approx(1000, abs=120)


def test_sets_are_drawn_by_their_weights():
    sampler = EvenSampler([(3.0, [frame_of("a")]), (1.0, [frame_of("b")])])
    rng = np.random.default_rng(0)
    a = sum(sampler.draw(rng)[0].subject == "a" for _ in range(2000))
    assert a == pytest.approx(1500, abs=100)


def test_a_batch_says_which_structures_each_picture_names():
    sampler = EvenSampler([(1.0, [frame_of("a", structures=(1,))])])
    _, targets, labelled, _ = draw_batch(sampler, tiny(1), seed=0, step=0)
    assert labelled.tolist() == [[False, True, False, False]] * 4
    assert set(targets.unique().tolist()) <= {0, 1}


def test_training_lowers_the_loss_and_learns_the_ring(tmp_path):
    sets = [(1.0, [frame_of("a"), frame_of("b")])]
    config = tiny(150, augment=NO_CHANGE, average=0.9, learning_rate=2e-2)
    trained = train_stage("segmenter", config, sets, tmp_path, seed=0, say=lambda _: None)
    images, targets, *_ = draw_batch(EvenSampler(sets), config, 1, 0)
    with torch.no_grad():
        found = trained.network(images).argmax(1)
    right = ((found == 1) & (targets == 1)).sum() * 2 / ((found == 1).sum() + (targets == 1).sum())
    assert float(right) > 0.8


def test_a_resumed_run_takes_the_steps_that_an_unbroken_run_takes(tmp_path):
    sets = [(1.0, [frame_of("a"), frame_of("b", structures=(1,))])]
    whole = train_stage("n", tiny(6), sets, tmp_path / "whole", seed=3, say=lambda _: None)

    class Stop:
        """Validation that interrupts the run after it has been checkpointed."""

        def __call__(self, *_):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stage(
            "n", tiny(6), sets, tmp_path / "broken", seed=3, say=lambda _: None,
            checkpoint_every_s=0.0, validate=Stop(), validate_every=4,
        )  # fmt: skip
    resumed = train_stage("n", tiny(6), sets, tmp_path / "broken", seed=3, say=lambda _: None)
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[key]), key


def test_two_runs_of_one_seed_are_equal_to_the_bit(tmp_path):
    sets = [(1.0, [frame_of("a")])]
    runs = [
        train_stage("n", tiny(4), sets, tmp_path / str(i), seed=1, say=lambda _: None)
        for i in range(2)
    ]
    for key, value in runs[0].network.state_dict().items():
        assert torch.equal(value, runs[1].network.state_dict()[key])


KILLED = """
import sys
from pathlib import Path
from tests.learn.test_segmenter import frame_of, tiny
from napari_cmr.learn.segmenter import train_stage
train_stage("n", tiny(100000), [(1.0, [frame_of("a")])], Path(sys.argv[1]), seed=0,
            checkpoint_every_s=0.0, say=lambda line: print(line, flush=True))
"""


def test_a_run_killed_at_any_moment_goes_on_from_a_whole_checkpoint(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()  # fifty steps were taken
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()
    said = []
    train_stage("n", tiny(60), [(1.0, [frame_of("a")])], tmp_path, seed=0, say=said.append)
    assert "going on from step" in said[0]


def test_settings_are_read_from_json_or_a_card_and_the_rest_is_as_by_default(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"segmenter": {"steps": 7, "augment": {"gamma": 0.1}}, "seed": 3}')
    told, usual = read_settings(path, SegmenterConfig()), SegmenterConfig()
    assert (told.segmenter.steps, told.segmenter.augment.gamma, told.seed) == (7, 0.1, 3)
    assert told.segmenter.channels == usual.segmenter.channels
    assert told.localiser == usual.localiser
    recipe = told.model_dump(mode="json") | {"start": "scratch", "heart_crop": "round the labels"}
    path.write_text(json.dumps({"name": "a card", "recipe": recipe}))
    assert read_settings(path, SegmenterConfig()) == told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "by their names"),
        ('{"segmenter": {"stepz": 7}}', "segmenter.stepz"),
        ('{"segmenter": {"batch": "many"}}', "segmenter.batch"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(tmp_path, text, said):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_settings(path, SegmenterConfig())


def test_strokes_say_something_where_they_are_and_nothing_elsewhere():
    frame = frame_of("a")
    said = torch.zeros_like(frame.labels, dtype=torch.bool)
    said[:, : said.shape[1] // 2] = True
    whole, strokes = (
        draw_batch(EvenSampler([(1.0, [f])]), tiny(1, augment=NO_CHANGE), seed=0, step=0)
        for f in (frame, replace(frame, said=said))
    )
    assert whole.said.all()
    assert strokes.said.any()
    assert not strokes.said.all()
    assert torch.equal(strokes.targets[strokes.said], whole.targets[strokes.said])
    assert not strokes.targets[~strokes.said].any()


def test_a_loss_on_strokes_is_blind_to_what_nobody_said(tmp_path):
    frame = frame_of("a")
    said = torch.zeros_like(frame.labels, dtype=torch.bool)
    said[:, : said.shape[1] // 2] = True
    elsewhere = torch.where(said, frame.labels, 1 - frame.labels.clamp_max(1))
    trained = [
        train_stage(
            "segmenter", tiny(3), [(1.0, [replace(frame, labels=labels, said=said)])],
            tmp_path / str(i), seed=0, say=lambda _: None,
        ).network.state_dict()
        for i, labels in enumerate((frame.labels, elsewhere))
    ]  # fmt: skip
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_a_checkpoint_of_another_seed_or_rate_is_refused_and_a_longer_run_goes_on(tmp_path):
    def train(steps, seed=0, **changes):
        return train_stage(
            "segmenter", tiny(steps, **changes), [(1.0, [frame_of("a")])], tmp_path, seed=seed,
            say=lambda _: None,
        )  # fmt: skip

    train(1)
    with pytest.raises(InputError, match="another seed;"):
        train(2, seed=1)
    with pytest.raises(InputError, match="another learning_rate;"):
        train(2, learning_rate=0.5)
    assert train(2).steps == 2


def test_slices_that_nobody_described_are_not_drawn():
    frame = frame_of("a")
    n = len(frame.images)
    said = torch.zeros_like(frame.labels, dtype=torch.bool)
    said[n // 2] = True
    rng = np.random.default_rng(0)
    part, whole = (EvenSampler([(1.0, [f])]) for f in (replace(frame, said=said), frame))
    assert {part.draw(rng)[1] for _ in range(20)} == {n // 2}
    assert len({whole.draw(rng)[1] for _ in range(20 * n)}) == n
    batch = draw_batch(part, tiny(1, augment=NO_CHANGE), seed=0, step=0)
    assert batch.said.all()  # a whole slice is no stroke: what lies beyond the picture counts too


def test_what_labels_do_not_name_stays_as_the_start_drew_it(tmp_path):
    frame = frame_of("a")
    quiet = {"seed": 0, "say": lambda _: None}
    views = {"augment": NO_CHANGE, "learning_rate": 0.02, "average": 0.5}
    begun = train_stage("n", tiny(80, **views), [(1.0, [frame])], tmp_path / "a", **quiet)
    card = make_card(networks={"localiser": begun.spec, "segmenter": begun.spec})
    networks = {"localiser": begun.network, "segmenter": begun.network}
    save_model(tmp_path / "start", card, networks)
    start = start_of(load_model(tmp_path / "start"), "segmenter")
    one = replace(frame, labels=(frame.labels == 1).to(torch.uint8), structures=(1,))

    def moved(stay):
        config = tiny(80, stay=stay, **views)
        out = tmp_path / str(stay)
        made = train_stage("n", config, [(1.0, [one])], out, start=start, **quiet)
        images = draw_batch(EvenSampler([(1.0, [frame])]), config, seed=9, step=0).images
        with torch.no_grad():
            old, new = (net.eval()(images).argmax(1) for net in (begun.network, made.network))
        return float(((old != new) & (old != 1) & (new != 1)).float().mean())

    assert moved(stay=True) < 0.5 * moved(stay=False)


def test_nothing_stays_where_no_whole_start_drew_it():
    assert segmenter._Run(tiny(1, stay=True), seed=0).begun is None
