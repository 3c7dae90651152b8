import csv
import os
import signal
import subprocess
import sys

import pytest
import torch

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining import RunConfig, pretrain
from napari_cmr.nets.encoders import load_encoder
from tests.learn.pretraining.conftest import GRID, OPTIONS, TINY


def short(phantoms, out, method, encoder, **changes):
    said = changes.pop("said", [])
    options = OPTIONS[method] | changes.pop("options", {})
    packs = phantoms.parent / "packs"
    run = {"steps": 4, "batch": 8, "log_every": 1, "probe_every": 1000} | changes
    return pretrain(
        [phantoms], out, method, encoder, run=RunConfig(**run), options=options,
        encoder_options=TINY[encoder], grid=GRID, packs=packs, say=said.append,
    )  # fmt: skip


def progress(out):
    with (out / "progress.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("method", "encoder", "steps"),
    [
        ("simclr", "unet", 60),
        ("pcl", "unet", 60),
        ("byol", "unet", 60),
        ("dino", "vit_small_patch8", 60),
        ("mim", "unet", 60),
        ("mim", "vit_small_patch8", 100),
    ],
)
def test_a_short_run_lowers_the_loss_and_tells_heights_apart(
    method, encoder, steps, phantoms, tmp_path
):
    card = short(
        phantoms, tmp_path, method, encoder, steps=steps, batch=16, log_every=10, probe_every=steps
    )
    rows = progress(tmp_path)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    probe = card.metrics["validation images"]
    assert probe["knn_accuracy"].value > probe["knn_chance"].value + 0.15


def test_the_version_folder_gives_the_encoder_back(phantoms, tmp_path):
    card = short(phantoms, tmp_path, "byol", "unet")
    read, encoder, others = load_encoder(tmp_path)
    assert read == card
    assert card.training_data.sets == {phantoms.parent.name: 4}
    assert encoder.pooled(torch.randn(1, 1, 32, 32)).shape == (1, 8)
    assert {key.split(".")[0] for key in others} == {"teacher"}


def test_a_resumed_run_takes_the_steps_that_an_unbroken_run_takes(phantoms, tmp_path):
    options = {"steps": 6, "checkpoint_every_s": 0.0}
    short(phantoms, tmp_path / "whole", "dino", "vit_small_patch8", **options)
    stop = Stop(after=3)
    with pytest.raises(KeyboardInterrupt):
        short(phantoms, tmp_path / "cut", "dino", "vit_small_patch8", said=stop, **options)
    said = []
    short(phantoms, tmp_path / "cut", "dino", "vit_small_patch8", said=said, **options)
    assert "going on from step 2 of 6" in said
    whole, cut = progress(tmp_path / "whole"), progress(tmp_path / "cut")
    assert [r["loss"] for r in whole] == [r["loss"] for r in cut]
    weights = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("whole", "cut")]
    assert weights[0] == weights[1]


class Stop(list):
    """Interrupts a run when it has said so many steps, before that step's checkpoint."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def append(self, line):
        if line.startswith(f"step {self.after} "):
            raise KeyboardInterrupt


KILLED = """
import sys
from pathlib import Path
from tests.learn.pretraining.test_engine import Aloud, short
short(Path(sys.argv[1]), Path(sys.argv[2]), "simclr", "unet", steps=100000,
      checkpoint_every_s=0.0, said=Aloud())
"""


class Aloud(list):
    def append(self, line):
        print(line, flush=True)


def test_a_killed_run_goes_on_from_a_whole_checkpoint_with_the_same_next_step(phantoms, tmp_path):
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(phantoms), str(out)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("step 5 "):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()
    from napari_cmr.learn.checkpoint import read_state

    reached = read_state(out / ".pretrain.checkpoint.safetensors")["step"]
    assert reached >= 4
    losses = []
    for folder in (out, tmp_path / "unbroken"):
        with pytest.raises(KeyboardInterrupt):
            short(phantoms, folder, "simclr", "unet", steps=100000, said=Stop(reached + 2))
        losses.append([row["loss"] for row in progress(folder)])
    assert losses[0] == losses[1]


def test_a_checkpoint_of_another_encoder_is_refused_by_name(phantoms, tmp_path):
    short(phantoms, tmp_path, "simclr", "unet")
    with pytest.raises(InputError, match="of encoder 'unet', not 'vit_small_patch8'"):
        short(phantoms, tmp_path, "simclr", "vit_small_patch8")
    with pytest.raises(InputError, match="of method 'simclr', not 'byol'"):
        short(phantoms, tmp_path, "byol", "unet")
    with pytest.raises(InputError, match="of seed '0', not '1'"):
        short(phantoms, tmp_path, "simclr", "unet", seed=1)


def test_pairs_of_frames_make_no_sense_for_one_picture(phantoms, tmp_path):
    with pytest.raises(InputError, match="mim looks at one picture at a time"):
        short(phantoms, tmp_path, "mim", "unet", frame_pairs=True)


def test_pairs_of_frames_train(phantoms, tmp_path):
    card = short(phantoms, tmp_path, "simclr", "unet", frame_pairs=True)
    assert card.recipe["run"]["frame_pairs"] is True


def test_parts_of_a_batch_add_up_to_the_whole(phantoms, tmp_path):
    for name, parts in (("whole", 1), ("parts", 4)):
        short(phantoms, tmp_path / name, "mim", "unet", accumulate=parts)
    whole, parts = (progress(tmp_path / name) for name in ("whole", "parts"))
    for a, b in zip(whole, parts, strict=True):
        assert float(a["loss"]) == pytest.approx(float(b["loss"]), abs=1e-4)


def test_a_batch_that_does_not_divide_is_refused(phantoms, tmp_path):
    with pytest.raises(InputError, match="does not divide into 3 part"):
        short(phantoms, tmp_path, "mim", "unet", accumulate=3)


def test_a_loss_that_is_no_number_stops_the_run(phantoms, tmp_path):
    with pytest.raises(InputError, match="not a number at step"):
        short(phantoms, tmp_path, "mim", "unet", steps=50, options={"learning_rate": 1e38})


FULL = """
import resource, sys
from pathlib import Path
from napari_cmr.core import InputError
from tests.learn.pretraining.test_engine import Aloud, short
phantoms, out = Path(sys.argv[1]), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    short(phantoms, out, "simclr", "unet", steps=8, checkpoint_every_s=0.0, said=Aloud())
except InputError as error:
    print("refused:", error)
"""


def test_the_last_checkpoint_survives_a_full_disk(phantoms, tmp_path):
    stop = Stop(after=3)
    with pytest.raises(KeyboardInterrupt):
        short(phantoms, tmp_path, "simclr", "unet", steps=8, checkpoint_every_s=0.0, said=stop)
    checkpoint = tmp_path / ".pretrain.checkpoint.safetensors"
    before = checkpoint.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(phantoms), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "refused: Cannot write" in done.stdout
    assert checkpoint.read_bytes() == before
    assert list(tmp_path.glob("*.part*")) == []


TORCHRUN = """
import sys
from pathlib import Path
from tests.learn.pretraining.test_engine import Aloud, short
short(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], steps=20,
      options=eval(sys.argv[5]), said=Aloud())
"""


@pytest.mark.parametrize(
    ("method", "encoder", "options"),
    [
        ("simclr", "unet", {}),
        ("pcl", "vit_small_patch8", {}),
        ("dino", "vit_small_patch8", {}),
        ("byol", "unet", {"head_norm": "layer"}),
    ],
)
def test_two_processes_give_the_loss_curve_of_one(method, encoder, options, phantoms, tmp_path):
    short(phantoms, tmp_path / "one", method, encoder, steps=20, options=options)
    script = tmp_path / "run.py"
    script.write_text(TORCHRUN, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            str(script), str(phantoms), str(tmp_path / "two"), method, encoder, repr(options),
        ],
        capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (progress(tmp_path / name) for name in ("one", "two"))
    assert len(one) == len(two) == 20
    for a, b in zip(one, two, strict=True):
        assert float(b["loss"]) == pytest.approx(float(a["loss"]), abs=1e-4)
