import csv

import numpy as np
import pytest
import torch
from PIL import Image

from napari_cmr.core import InputError, ModelError, Segmentation
from napari_cmr.io.layouts import make_manifest
from napari_cmr.io.manifest import read_manifest
from napari_cmr.learn import evaluate_manifest
from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.echo import EchoConfig, evaluate_echo, finetune_echo
from napari_cmr.learn.echo.finetune import load_echo_frames, read_echo_start
from napari_cmr.learn.segmenter import StageConfig
from napari_cmr.nets import Card, InputGrid, Network, TrainingData, load_model, save_model
from napari_cmr.nets.encoders import make_encoder
from napari_cmr.nets.locate import GUESSED_FIELD_MM
from napari_cmr.phantom.write_ultrasound import ultrasound_configs, write_echonet

DEEPLAB = {"planes": 2, "blocks": [1, 1, 1, 1], "channels": 8}


@pytest.fixture
def two_people(tmp_path):
    """One large heart, one small; ``a`` is found to half, ``b`` wholly."""
    with (tmp_path / "m.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "image", "label", "frame", "expert_ef_percent"])
        for subject, phase, rows, columns in (
            ("a", "ED", 40, 20), ("a", "ES", 40, 10), ("b", "ED", 8, 4), ("b", "ES", 8, 2),
        ):  # fmt: skip
            label = np.zeros((64, 64), np.uint8)
            label[8 : 8 + rows, 8 : 8 + columns] = 1
            seen = label.copy()
            if subject == "a":
                seen[8 : 8 + rows // 2] = 0
            name = f"{subject}_{phase}"
            Image.fromarray(seen * 200).save(tmp_path / f"{name}.png")
            Image.fromarray(label).save(tmp_path / f"{name}_gt.png")
            writer.writerow([subject, f"{name}.png", f"{name}_gt.png", phase, 70])
    return read_manifest(tmp_path / "m.csv", need_labels=True)


def what_shines(stack):
    return Segmentation.on(stack, (stack.pixels > 100).astype(np.uint8))


def test_pooled_and_per_frame_dice_are_those_computed_by_hand(two_people):
    scores = evaluate_echo(two_people, what_shines)
    # half of a cavity found: Dice = 2 * 1/2 / (1 + 1/2)
    assert scores.subjects["a"]["dice_LV"] == pytest.approx(2 / 3)
    assert scores.subjects["b"]["dice_LV"] == 1
    assert scores.mean["dice_LV"].value == pytest.approx(5 / 6)
    # pixels of all frames together: a has 1200, of which 600 are found, b 48, all found
    assert scores.mean["dice_LV_pooled"].value == pytest.approx(2 * 648 / (1248 + 648))
    assert scores.mean["dice_LV_ED_pooled"].value == pytest.approx(2 * 432 / (832 + 432))
    assert scores.mean["dice_LV_ES_pooled"].n == 2
    low, high = scores.mean["dice_LV_pooled"].low, scores.mean["dice_LV_pooled"].high
    assert (low, high) == pytest.approx((2 / 3, 1))


def test_errors_of_the_ejection_fraction_are_those_of_discs(two_people):
    scores = evaluate_echo(two_people, what_shines)
    # b: rectangles 8 x 4 and 8 x 2; discs across 8 with the diameters 4 and 2: EF = 1 - 4 / 16
    assert scores.subjects["b"]["ef_error"] == pytest.approx(0, abs=1e-9)
    assert scores.subjects["b"]["expert_ef_error"] == pytest.approx(5, abs=1e-6)


def test_a_cavity_that_was_not_found_has_no_ejection_fraction(two_people):
    def nothing(stack):
        return Segmentation.on(stack, np.zeros(stack.shape, np.uint8))

    scores = evaluate_echo(two_people, nothing)
    assert scores.mean["dice_LV_pooled"].value == 0
    assert "ef_error" not in scores.mean


def test_rows_without_labels_are_refused(two_people):
    rows = [row.__class__(row.subject, row.image) for row in two_people]
    with pytest.raises(InputError, match="no labelled row"):
        evaluate_echo(rows, what_shines)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    even = {"haze": 0.0, "dropout": 0.1, "blood": 0.02, "gain_db": -8.0, "range_db": 50.0}
    hearts = ultrasound_configs(8, n_frames=4, frames_a_beat=4, rows=64, columns=64, **even)
    write_echonet(hearts, folder)
    return make_manifest(folder, folder / "m.csv", validation=2).path


def small(steps, **stage):
    """A training that takes seconds."""
    network = {"channels": (8, 16, 32, 48)} | stage
    return EchoConfig(
        segmenter=StageConfig(
            structures=("BACKGROUND", "LV"),
            grid=InputGrid(spacing_mm=GUESSED_FIELD_MM / 64, size=64),
            steps=steps,
            augment=AugmentConfig(flip=0.0, any_rotation=0.0, elastic=0.0, shift_mm=20.0),
            batch=6,
            warm_up=5,
            average=0.9,
            learning_rate=5e-3,
            **network,
        ),
        validate_every=1000,
    )


def finetune(manifest, out, config, **options):
    return finetune_echo(
        [manifest], out, config, name="n", version="0.0.1", threads=1, say=lambda _: None, **options
    )


def test_a_short_training_finds_the_cavity_of_hearts_it_never_saw(manifest, tmp_path):
    card = finetune(manifest, tmp_path, small(70))
    (metrics,) = card.metrics.values()
    assert metrics["dice_LV"].n == 2
    assert metrics["dice_LV"].value > 0.7
    assert (card.task, card.training_data.sets) == ("echo_lv_seg", {manifest.parent.name: 6})
    told = evaluate_manifest(manifest, task="echo_lv_seg", model=tmp_path, split="validation")
    assert len(told["subjects"]) == 2
    # weights are kept in half precision
    assert told["mean"]["dice_LV_pooled"]["value"] == pytest.approx(
        metrics["dice_LV_pooled"].value, abs=5e-3
    )


def pretrained(folder, name, options):
    torch.manual_seed(7)
    encoder = make_encoder(name, **options)
    channels = options.get("channels", ()) if name == "unet" else ()
    spec = Network(
        encoder=name, channels=channels, structures=(), grid=InputGrid(spacing_mm=2, size=64)
    )
    card = Card(
        name="p", version="1", task="pretrain", networks={"encoder": spec}, tier="full",
        training_data=TrainingData(sets={}, manifest_sha256="", terms=""),
        recipe={"encoder_options": options}, seed=0, hours=0, hardware="", finished=True,
        metrics={}, sha256="", licence="", intended_use="", bad_at=(),
    )  # fmt: skip
    save_model(folder, card, {"encoder": encoder})
    return encoder.half().float()


@pytest.mark.parametrize(
    ("name", "options"), [("unet", {"channels": (4, 8, 16)}), ("deeplabv3_resnet50", DEEPLAB)]
)
def test_training_starts_from_a_pretrained_encoder_and_ends_as_a_model(
    manifest, tmp_path, name, options
):
    encoder = pretrained(tmp_path / "start", name, options)
    frozen = small(1).segmenter.model_copy(update={"frozen": 5, "average": 0.0})
    config = small(1).model_copy(update={"segmenter": frozen})
    card = finetune(manifest, tmp_path / "out", config, start=tmp_path / "start")
    assert card.parent == "p 1"
    assert card.recipe["start"]["name"] == "p"
    network = load_model(tmp_path / "out", task="echo_lv_seg").networks["segmenter"]
    for key, value in encoder.named_parameters():
        trained = network.get_parameter(f"encoder.{key}").cpu()
        torch.testing.assert_close(trained, value.half().float(), msg=key)


def test_training_goes_on_from_an_ultrasound_model(manifest, tmp_path):
    finetune(manifest, tmp_path / "first", small(1, encoder_options={}))
    card = finetune(manifest, tmp_path / "second", small(1), start=tmp_path / "first")
    assert card.parent == "n 0.0.1"


def test_a_start_or_an_encoder_without_a_head_is_refused_by_name(tmp_path):
    pretrained(tmp_path, "resnet50", {"planes": 2, "blocks": [1, 1, 1, 1]})
    with pytest.raises(ModelError, match="no start for ultrasound"):
        read_echo_start(tmp_path)
    with pytest.raises(ModelError, match="no ultrasound head for the encoder 'vit'"):
        EchoConfig().changed(encoder="vit")


def test_a_person_in_both_splits_is_refused(manifest, tmp_path):
    text = manifest.read_text().splitlines()
    other = manifest.with_name("both.csv")
    other.write_text("\n".join([*text, text[1].replace(",train,", ",validation,")]) + "\n")
    with pytest.raises(InputError, match="both the train and the validation split"):
        finetune(other, tmp_path, small(1))


def test_rows_without_any_label_to_learn_from_are_refused(manifest, tmp_path):
    bare = manifest.with_name("bare.csv")
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with bare.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"label": ""} for row in rows)
    with pytest.raises(InputError, match="No row that trains has a label"):
        finetune(bare, tmp_path / "out", small(1))
    assert not (tmp_path / "out").exists()


def test_a_picture_as_a_whole_is_what_the_network_sees(manifest):
    rows = [r for r in read_manifest(manifest) if r.label]
    for frame in load_echo_frames(rows):
        assert frame.pixel_mm == pytest.approx((GUESSED_FIELD_MM / 64,) * 2)
        assert frame.centre_mm == pytest.approx((GUESSED_FIELD_MM / 2,) * 2)
