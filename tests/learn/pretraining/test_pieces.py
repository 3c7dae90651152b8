"""The script for borrowed machines: small files, cut and joined; training that goes on."""

import json
import subprocess
import sys

import numpy as np
import pytest

from napari_cmr.learn.pretraining.packing import open_pack, pack_manifests
from tests.conftest import REPOSITORY
from tests.learn.pretraining.conftest import GRID, pictures, write_manifest

SCRIPT = REPOSITORY / "scripts" / "pretrain-in-pieces"


def call(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def folder(tmp_path):
    whole = tmp_path / "version"
    whole.mkdir()
    (whole / "model.safetensors").write_bytes(np.random.default_rng(0).bytes(300_000))
    (whole / "card.json").write_text("{}", encoding="utf-8")
    (whole / ".pretrain.checkpoint.safetensors").write_bytes(b"stays")
    return whole


def test_a_folder_is_cut_into_small_files_and_joined_again(folder, tmp_path):
    pieces, joined = tmp_path / "pieces", tmp_path / "joined"
    call("cut", folder, "--to", pieces, "--piece-mib", 0.1)
    sizes = {p.name: p.stat().st_size for p in pieces.iterdir()}
    assert set(sizes) == {"pieces.json", "part-00", "part-01", "part-02"}
    assert max(sizes.values()) <= 0.1 * 2**20
    call("join", pieces, "--to", joined)
    assert {p.name for p in joined.iterdir()} == {"model.safetensors", "card.json"}
    for file in joined.iterdir():
        assert file.read_bytes() == (folder / file.name).read_bytes()


def test_packed_images_are_sent_with_all_that_is_below_them(tmp_path):
    manifest = write_manifest(tmp_path / "m.csv", pictures(tmp_path, 5))
    pack = pack_manifests([manifest], tmp_path / "packs", GRID, say=lambda _: None)
    call("cut", pack.folder, "--to", tmp_path / "pieces")
    call("join", tmp_path / "pieces", "--to", tmp_path / "pack-sent")
    sent = open_pack(tmp_path / "pack-sent")
    assert np.array_equal(sent.read(np.arange(5)), pack.read(np.arange(5)))


def test_what_is_too_much_to_hand_back_is_refused(folder, tmp_path):
    done = call("cut", folder, "--to", tmp_path / "pieces", "--most-mib", 0.125, code=2)
    assert "are more than 0.125; cut less at once" in done.stderr


def test_missing_or_damaged_parts_are_refused_and_nothing_is_written(folder, tmp_path):
    pieces, joined = tmp_path / "pieces", tmp_path / "joined"
    call("cut", folder, "--to", pieces, "--piece-mib", 0.1)
    part = pieces / "part-01"
    part.write_bytes(b"x" + part.read_bytes()[1:])
    assert "not those of its index" in call("join", pieces, "--to", joined, code=2).stderr
    part.unlink()
    assert "does not hold all its parts" in call("join", pieces, "--to", joined, code=2).stderr
    assert not joined.exists()


def test_training_in_pieces_hands_back_an_encoder_each_time(pack, tmp_path):
    (tmp_path / "tiny.json").write_text(
        json.dumps(
            {
                "run": {"batch": 8, "log_every": 1, "steps": 1},
                "method": {"view": {"size": 32}, "hidden": 16, "out": 8},
                "encoder": {"channels": [4, 8]},
            }
        ),
        encoding="utf-8",
    )
    call(
        "train", "--for", 0, "--run", tmp_path / "run", "--to", tmp_path / "pieces", "--",
        "--method", "simclr", "--encoder", "unet", "--pack", pack.folder,
        "--config", tmp_path / "tiny.json",
    )  # fmt: skip
    call("join", tmp_path / "pieces", "--to", tmp_path / "got")
    names = {p.name for p in (tmp_path / "got").iterdir()}
    assert names == {"model.safetensors", "card.json", "README.md", "progress.csv"}
