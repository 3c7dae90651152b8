import json

import pytest

from tests.learn.pretraining.conftest import pictures, write_manifest

TINY = {
    "run": {"batch": 8, "log_every": 1},
    "method": {"view": {"size": 32}, "hidden": 16, "out": 8},
    "encoder": {"channels": [4, 8]},
    "grid": {"spacing_mm": 4.0, "size": 48},
}


@pytest.fixture
def images(tmp_path):
    write_manifest(tmp_path / "m.csv", pictures(tmp_path, 6))
    (tmp_path / "tiny.json").write_text(json.dumps(TINY), encoding="utf-8")
    return tmp_path


def test_pretrain_writes_a_version_folder_and_goes_on_where_it_was(run, images):
    call = (
        "pretrain", "--method", "simclr", "--encoder", "unet", "--manifest", "m.csv",
        "--out", "v", "--config", "tiny.json", "--json", "card.json",
    )  # fmt: skip
    done = run(*call, "--steps", 2)
    assert "simclr-unet 1.0.0" in done.stdout
    card = json.loads((images / "card.json").read_text(encoding="utf-8"))
    assert (card["task"], card["networks"]["encoder"]["encoder"]) == ("pretrain", "unet")
    assert card["recipe"]["run"]["steps"] == 2
    assert (images / "v" / "model.safetensors").is_file()
    assert "going on from step 2 of 3" in run(*call, "--steps", 3).stdout


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"--method": "moco"}, "There is no method 'moco'"),
        ({"--method": "mim", "--encoder": "resnet50"}, "mim rebuilds pixels"),
        ({"--config": "m.csv"}, "cannot be read as JSON"),
    ],
)
def test_bad_input_gets_one_sentence(run, images, changes, sentence):
    options = {"--method": "simclr", "--encoder": "unet", "--manifest": "m.csv", "--out": "v"}
    arguments = [part for pair in (options | changes).items() for part in pair]
    done = run("pretrain", *arguments, code=2)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
