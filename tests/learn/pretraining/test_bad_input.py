"""Bad input through the terminal's program: exit code 2, and one sentence that says what to do."""

import json
import resource
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from napari_cmr.cli import main
from tests.learn.pretraining.conftest import pictures, write_manifest

SETTINGS = {
    "run": {"batch": 8, "log_every": 1, "steps": 2, "checkpoint_every_s": 0},
    "method": {"view": {"size": 32}, "hidden": 16, "out": 8},
    "encoder": {"channels": [4, 8]},
    "grid": {"spacing_mm": 4.0, "size": 48},
}


@pytest.fixture
def pretrain(tmp_path, monkeypatch, capsys):
    """Call the program on a manifest of these rows; what it said on stderr comes back."""

    def call(rows, *, code, changes=None, settings=SETTINGS):
        (tmp_path / "s.json").write_text(json.dumps(settings), encoding="utf-8")
        options = {
            "--method": "simclr", "--encoder": "unet", "--out": tmp_path / "v",
            "--manifest": write_manifest(tmp_path / "m.csv", rows), "--config": tmp_path / "s.json",
        } | (changes or {})  # fmt: skip
        words = [str(word) for pair in options.items() for word in pair]
        monkeypatch.setattr(sys, "argv", ["napari-cmr", "pretrain", *words])
        capsys.readouterr()
        left = 0
        try:
            main()
        except SystemExit as leaving:
            left = leaving.code or 0
        said = capsys.readouterr()
        assert left == code, said.err + said.out
        assert len(said.err.strip().splitlines()) == (1 if code else 0), said.err
        return said.err if code else said.out

    return call


def test_missing_files_are_listed_all_at_once(pretrain):
    rows = [{"subject": f"s{i}", "image": f"gone{i}.png"} for i in range(3)]
    said = pretrain(rows, code=2)
    assert all(f"gone{i}.png" in said for i in range(3))


def broken(folder, n, bad):
    rows = pictures(folder, n)
    for row in rows[:bad]:
        (folder / str(row["image"])).write_bytes(b"\x89PNG broken")
    return rows


def test_unreadable_images_are_skipped_with_their_count(pretrain, tmp_path):
    assert "skipped 1 unreadable image(s)" in pretrain(broken(tmp_path, 20, 1), code=0)


def test_more_than_a_twentieth_unreadable_is_refused(pretrain, tmp_path):
    said = pretrain(broken(tmp_path, 20, 2), code=2)
    assert "2 of 20 images cannot be read, more than 5 %; mend or remove them" in said
    assert "p0000.png" in said


def test_a_surprise_of_shape_or_type_is_named(pretrain, tmp_path):
    import nibabel as nib

    odd = np.ones((8, 8, 2, 2, 2), np.float32)
    nib.save(nib.Nifti1Image(odd, np.diag([2.0, 2, 8, 1])), tmp_path / "odd.nii.gz")
    complex_ = np.ones((8, 8, 2), np.complex64)
    nib.save(nib.Nifti1Image(complex_, np.diag([2.0, 2, 8, 1])), tmp_path / "complex.nii.gz")
    rows = [{"subject": n, "image": f"{n}.nii.gz"} for n in ("odd", "complex")]
    said = pretrain(rows, code=2)
    assert "odd.nii.gz" in said
    assert "complex.nii.gz" in said


def test_pictures_of_all_shapes_and_grey_depths_are_taken_together(pretrain, tmp_path):
    rows = pictures(tmp_path, 8)
    Image.fromarray(np.arange(64 * 40, dtype=np.uint16).reshape(64, 40) * 20).save(
        tmp_path / "deep.png"
    )
    rows.append({"subject": "deep", "image": "deep.png", "spacing_mm": "8,2,2"})
    assert "unfinished" not in pretrain(rows, code=0)


@contextmanager
def full_disk(most):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_checkpoint(pretrain, tmp_path):
    rows = pictures(tmp_path, 8)
    pretrain(rows, code=0)
    checkpoint = tmp_path / "v" / ".pretrain.checkpoint.safetensors"
    before = checkpoint.read_bytes()
    with full_disk(4096):
        said = pretrain(rows, code=2, changes={"--steps": 4})
    assert "Cannot write" in said
    assert checkpoint.read_bytes() == before
    assert "going on from step 2 of 4" in pretrain(rows, code=0, changes={"--steps": 4})


def test_a_checkpoint_of_another_encoder_is_refused_by_name(pretrain, tmp_path):
    rows = pictures(tmp_path, 8)
    pretrain(rows, code=0)
    other = SETTINGS | {"encoder": {"width": 24, "depth": 1, "heads": 2, "size": 32}}
    said = pretrain(rows, code=2, settings=other, changes={"--encoder": "vit_small_patch8"})
    assert "is of encoder 'unet', not 'vit_small_patch8'; choose another --out" in said


def test_neither_manifest_nor_packed_images_is_refused(pretrain, tmp_path):
    said = pretrain(pictures(tmp_path, 1), code=2, changes={"--pack": tmp_path})
    assert "Give either --manifest or, with --pack, a folder of packed images" in said
