import json

import pytest
import torch
from typer.testing import CliRunner

from napari_cmr.cli.app import app
from napari_cmr.core import InputError
from napari_cmr.io.manifest import load_image, read_manifest
from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.examples import load_frames
from napari_cmr.learn.finetune import finetune_segmenter
from napari_cmr.learn.segmenter import SegmenterConfig, StageConfig
from napari_cmr.nets import Heart, InputGrid, load_model, save_model
from napari_cmr.nets.shelf import build
from tests.learn.discs import write_discs
from tests.nets.conftest import make_card


def stage(steps):
    return StageConfig(
        channels=(4, 6), grid=InputGrid(spacing_mm=3.0, size=32), steps=steps, batch=2,
        warm_up=1, augment=AugmentConfig(),
    )  # fmt: skip


def config(steps, localiser_steps):
    return SegmenterConfig(segmenter=stage(steps), localiser=stage(localiser_steps), flips=())


@pytest.fixture
def manifest(tmp_path):
    return write_discs(tmp_path / "discs")


def tune(manifest, out, chosen, **more):
    return finetune_segmenter(
        [manifest], out, chosen, name="n", version="1.0.0", threads=1, say=lambda _: None, **more
    )


def test_a_version_starts_another_that_names_it_and_keeps_its_localiser(manifest, tmp_path):
    torch.manual_seed(0)
    card = make_card()
    networks = {role: build(spec) for role, spec in card.networks.items()}
    card = save_model(tmp_path / "first", card, networks)
    made = tune(manifest, tmp_path / "second", config(1, 0), start=tmp_path / "first")
    first, second = load_model(tmp_path / "first"), load_model(tmp_path / "second")
    assert made.parent == "test 1.0.0"
    assert made.recipe["start"]["sha256"] == card.sha256
    assert made.networks == card.networks
    for key, value in first.networks["localiser"].state_dict().items():
        assert torch.equal(second.networks["localiser"].state_dict()[key], value)
    moved = second.networks["segmenter"].state_dict()
    assert any(
        not torch.equal(moved[k], v) for k, v in first.networks["segmenter"].state_dict().items()
    )


def test_a_grid_that_was_named_is_kept_and_what_the_start_does_not_fit_is_said(manifest, tmp_path):
    card = make_card()
    save_model(tmp_path / "first", card, {role: build(s) for role, s in card.networks.items()})
    first = card.networks["segmenter"]
    grid = first.grid.model_copy(update={"size": 48})

    def tuned(settings):
        (tmp_path / "settings.json").write_text(json.dumps({"segmenter": settings}))
        out = tmp_path / "-".join(settings)
        done = CliRunner().invoke(app, [
            "finetune", "--manifest", str(manifest), "--start", str(tmp_path / "first"),
            "--config", str(tmp_path / "settings.json"), "--steps", "1", "--localiser-steps", "0",
            "--threads", "1", "--out", str(out),
        ])  # fmt: skip
        assert done.exit_code == 0, done.output
        return load_model(out).card.networks["segmenter"], done.output

    kept, said = tuned({"grid": grid.model_dump(), "batch": 2})
    assert kept == first.model_copy(update={"grid": grid})
    assert "the start keeps" not in said
    usual, said = tuned({"channels": [4, 6, 8], "batch": 2})
    assert usual == first
    assert "the start keeps its channels, whatever the settings say" in said


@pytest.mark.parametrize("size", [33, 2])
def test_a_grid_that_the_widths_do_not_fit_is_refused_before_anything_is_trained(
    manifest, tmp_path, size
):
    chosen = config(1, 1)
    grid = chosen.segmenter.grid.model_copy(update={"size": size})
    unfit = chosen.segmenter.model_copy(update={"grid": grid})
    with pytest.raises(InputError, match=f"segmenter's grid has {size} pixels .* a multiple of 2"):
        tune(manifest, tmp_path / "out", chosen.model_copy(update={"segmenter": unfit}))
    assert not (tmp_path / "out").exists()


def test_images_are_read_once_for_both_stages_and_the_phases_nobody_labelled(
    manifest, tmp_path, monkeypatch
):
    read = []

    def counted(row):
        read.append(row.image.name)
        return load_image(row)

    for room in ("examples", "consistency"):
        monkeypatch.setattr(f"napari_cmr.learn.{room}.load_image", counted)
    tune(manifest, tmp_path / "out", config(1, 1))
    assert sorted(read) == ["a_image.nii.gz", "b_image.nii.gz"]


def test_who_judges_never_joins_without_labels(manifest, tmp_path, monkeypatch):
    read, said = [], []

    def counted(row):
        read.append(row.image.name)
        return load_image(row)

    monkeypatch.setattr("napari_cmr.learn.consistency.load_image", counted)
    renamed = manifest.with_name("renamed.csv")
    images = "x,c_image.nii.gz,\nc,a_image.nii.gz,\ny,b_image.nii.gz,test\nb,b_image.nii.gz,train\n"
    renamed.write_text(f"subject,image,split\n{images}")
    finetune_segmenter(
        [manifest], tmp_path / "out", config(1, 1), name="n", version="1.0.0", threads=1,
        say=said.append, unlabelled=[manifest, renamed],
    )  # fmt: skip
    assert sorted(read) == ["a_image.nii.gz", "b_image.nii.gz", "b_image.nii.gz"]
    assert "4 unlabelled image(s) left out, of those who judge or of another split" in said


def test_heart_crops_are_found_by_the_shelfs_localiser_and_the_card_says_so(manifest, tmp_path):
    made = tune(manifest, tmp_path / "out", config(1, 1), heart_crop=True)
    told = made.recipe["heart_crop"]
    assert told["stacks"] == 2
    assert told["found_by"].startswith(load_model().title)
    assert made.recipe["start"] == "scratch"
    assert made.parent is None


def test_crops_lie_where_the_heart_is_said_to_be_else_round_the_labels(manifest):
    rows = [r for r in read_manifest(manifest, need_labels=True) if r.split == "train"]

    def find(stack):
        return Heart((10.0, 20.0), stack.geometry.pixel_spacing, True)

    assert {f.centre_mm for f in load_frames(rows, find)} == {(10.0, 20.0)}
    assert {f.centre_mm for f in load_frames(rows)} == {(65.0, 65.0)}


def test_a_localiser_of_no_steps_needs_a_start_that_has_one(manifest, tmp_path):
    with pytest.raises(InputError, match="no steps only where the start has one"):
        tune(manifest, tmp_path / "out", config(1, 0))


def test_a_training_does_not_go_on_with_another_manifest(manifest, tmp_path):
    out = tmp_path / "out"
    tune(manifest, out, config(1, 1))
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match="another manifest; remove it"):
        tune(manifest, out, config(2, 1))
    manifest.write_text("\n".join(lines) + "\n")
    assert tune(manifest, out, config(2, 1)).finished
