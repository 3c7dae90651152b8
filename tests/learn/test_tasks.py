import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_cmr.core import Segmentation, Stack, Structure
from napari_cmr.io.manifest import load_image, load_label, read_manifest
from napari_cmr.learn import SEGMENTATION_TASKS, finetune_segmenter
from napari_cmr.learn.evaluate import evaluate_segmenter
from napari_cmr.learn.over_manifest import predict_manifest
from napari_cmr.learn.segmenter import as_channels
from napari_cmr.learn.start import read_start
from napari_cmr.nets import load_model
from napari_cmr.nets.card import InputGrid, Network
from napari_cmr.nets.locate import HeartSize
from napari_cmr.nets.unet import UNet

COLUMNS = ("subject", "image", "label", "slice", "split", "view", "sequence", "label_map")


def enhancement(folder: Path, subjects: int = 3, side: int = 96) -> Path:
    """Rings with a bright third, a picture a slice, squeezed to half their height."""
    rng = np.random.default_rng(0)
    lines = []
    for n in range(subjects):
        for z in range(2):
            rows, columns = np.mgrid[:side, :side] - side / 2
            radius, angle = np.hypot(2 * rows, columns), np.arctan2(2 * rows, columns)
            labels = np.where(radius < 24, 2, 0)
            labels[radius < 14] = 1
            labels[(labels == 2) & (abs(angle) < 1)] = 3
            image = np.choose(labels, [60, 180, 20, 250]) + rng.normal(0, 5, labels.shape)
            name = f"s{n}_{z}.png"
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / name)
            Image.fromarray(labels.astype(np.uint8)).save(folder / f"l{name}")
            split = "train" if n else "validation"
            lines.append((f"s{n}", name, f"l{name}", z, split, "SAX", "LGE", "emidec"))
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(lines)
    return path


def test_a_scar_is_learnt_and_predicted_slice_by_slice(tmp_path: Path) -> None:
    manifest = enhancement(tmp_path)
    task = SEGMENTATION_TASKS["lge_sax_seg"]
    config = task.config.with_steps(segmenter=60, localiser=30, seed=0)
    small = {"channels": (8, 16), "batch": 4, "warm_up": 5, "average": 0.9}
    config = config.model_copy(
        update={
            "localiser": config.localiser.model_copy(update=small),
            "segmenter": config.segmenter.model_copy(update=small),
            "flips": (),
            "validate_every": 60,
        }
    )
    card = finetune_segmenter(
        [manifest], tmp_path / "out", config, task=task.name, name="tiny", version="0", threads=1
    )
    assert card.task == "lge_sax_seg"
    assert card.test_time["heart_size"] == {"mm": 72.0, "round": True}
    scores = card.metrics[f"{tmp_path.name} validation"]
    assert scores["dice_MYO"].value is not None
    assert scores["dice_MYO"].value > 0.4  # nothing drawn has none
    table = predict_manifest(manifest, tmp_path / "p", task=task.name, model=tmp_path / "out")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [f"s{n}_{z}.png" for n in range(3) for z in range(2)]
    first = np.asarray(Image.open(table.parent / rows[0]["output"]))
    assert first.shape == (96, 96)
    assert (first == Structure.LV)[44:52, 44:52].mean() > 0.5


def test_a_squeezed_heart_is_made_round_where_the_spacing_is_unknown() -> None:
    size = HeartSize(mm=72.0, round=True)
    assert size.pixel_mm((1.5, 1.5), (36.0, 72.0)) == pytest.approx((3.0, 1.5))
    assert HeartSize(mm=100.0).pixel_mm((1.0, 1.0), (50.0, 50.0)) == pytest.approx((2.0, 2.0))
    assert HeartSize(mm=None).pixel_mm((1.3, 1.3), (5.0, 50.0)) == (1.3, 1.3)


def test_scar_is_wall_where_a_network_has_no_channel_for_it() -> None:
    labels = torch.tensor([0, 1, 2, 3, 6, 7], dtype=torch.uint8)
    assert as_channels(labels, ("BACKGROUND", "LV", "MYO")).tolist() == [0, 1, 2, 0, 2, 2]
    names = ("BACKGROUND", "LV", "MYO", "INFARCT")
    assert as_channels(labels, names).tolist() == [0, 1, 2, 0, 3, 2]


def test_another_task_begins_with_the_stages_of_the_same_widths() -> None:
    start = read_start("cine-sax-unet").for_another_task((16, 32, 64, 128, 256))
    model = load_model("cine-sax-unet").networks["segmenter"]
    smaller = UNet(5, (16, 32, 64, 128, 256), 3)
    own = smaller.state_dict()
    assert all(own[name].shape == value.shape for name, value in start.weights.items())
    assert not any(name.startswith("head.") for name in start.weights)
    there = model.state_dict()
    for mine, theirs in (("ups.0", "ups.1"), ("joins.3", "joins.4")):
        name = next(k for k in start.weights if k.startswith(f"{mine}."))
        assert torch.equal(start.weights[name], there[name.replace(mine, theirs, 1)])
    narrower = read_start("cine-sax-unet").for_another_task((16, 32, 48))
    assert {int(k.split(".")[2]) for k in narrower.weights if k.startswith("encoder.")} == {0, 1}
    assert all(k.startswith(("encoder.", "ups.1.", "joins.1.")) for k in narrower.weights)


def test_infarct_is_judged_in_subjects_who_have_one(tmp_path: Path) -> None:
    manifest = enhancement(tmp_path, subjects=2)
    healthy = np.asarray(Image.open(tmp_path / "ls1_0.png")).copy()
    healthy[healthy == 3] = 2
    for z in range(2):
        Image.fromarray(healthy).save(tmp_path / f"ls1_{z}.png")
    rows = read_manifest(manifest)
    by_name = {row.image.name: row for row in rows}

    def all_wall(stack: Stack) -> Segmentation:
        slices = [by_name[f"{stack.subject}_{z}.png"] for z in range(2)]
        drawn = [load_label(row, load_image(row))[1].labels for row in slices]
        labels = np.concatenate(drawn, axis=1)
        labels[labels == Structure.INFARCT] = Structure.MYO
        return Segmentation.on(stack, labels, "test")

    found = evaluate_segmenter(rows, all_wall)
    assert found["s0"]["dice_INFARCT"] == 0
    assert "dice_INFARCT" not in found["s1"]
    assert found["s0"]["dice_MYO"] == found["s1"]["dice_MYO"] == 1  # wall with what is scarred


def test_a_network_of_one_slice_takes_the_weights_of_the_middle_one() -> None:
    start = read_start("cine-sax-unet").for_another_task((16, 32))
    first = "encoder.stages.0.conv.unit0.conv.weight"
    spec = Network(
        encoder="unet",
        channels=(16, 32),
        structures=("BACKGROUND", "LV"),
        grid=InputGrid(spacing_mm=1.4, size=64),
    )
    network = UNet(2, (16, 32), 1)
    start.give(network, spec)
    assert start.weights[first].shape[1] == 3
    assert torch.equal(network.state_dict()[first][:, 0], start.weights[first][:, 1])
