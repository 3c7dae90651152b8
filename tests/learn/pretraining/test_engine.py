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
from tests.conftest import REPOSITORY
from tests.learn.pretraining.conftest import GRID, OPTIONS, TINY, tall_pictures, write_manifest


def short(phantoms, out, method, encoder, **changes):
    said = changes.pop("said", [])
    options = OPTIONS[method] | changes.pop("options", {})
    sizes = TINY[encoder] | changes.pop("sizes", {})
    packs = phantoms.parent / "packs"
    run = {"steps": 4, "batch": 8, "log_every": 1, "probe_every": 1000} | changes
    return pretrain(
        [phantoms], out, method, encoder, run=RunConfig(**run), options=options,
        encoder_options=sizes, grid=GRID, packs=packs, say=said.append,
    )  # fmt: skip


# A few hundred steps want a quicker teacher, a centre that keeps up, and views that are alike.
MILD = {"flip": 0.0, "rotation_deg": 10.0, "noise": 0.1, "bias": 0.2, "gamma": 0.2, "blur": 0.1}
QUICK = {
    ("mim", "vit_small_patch8"): {"decoder_width": 32},
    ("dino", "unet"): {
        "hidden": 128,
        "bottleneck": 64,
        "prototypes": 256,
        "momentum": 0.98,
        "centre_momentum": 0.0,
        "first_teacher_temperature": 0.02,
        "teacher_temperature": 0.02,
        "weight_decay": 0.0,
        "last_weight_decay": 0.0,
        "whole": {"size": 32, "area": (0.8, 1.0), **MILD},
        "part": {"size": 24, "area": (0.5, 0.8), **MILD},
    }
}


# Sixteen patches, of which an MAE sees four, say too little of a picture: take sixty-four.
FINE = {"patch": 4}


def progress(out):
    with (out / "progress.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("method", "encoder", "steps", "rate"),
    [
        ("simclr", "unet", 100, 0.1),
        ("pcl", "unet", 100, 0.02),
        ("byol", "unet", 100, 0.1),
        ("dino", "unet", 300, 0.01),
        ("mim", "unet", 100, 0.1),
        ("mim", "vit_small_patch8", 150, 0.1),
    ],
)
def test_a_short_run_lowers_the_loss_and_raises_the_probe_above_chance(
    method, encoder, steps, rate, phantoms, tmp_path
):
    card = short(
        phantoms, tmp_path, method, encoder, steps=steps, batch=16, log_every=10,
        probe_every=steps, options={"learning_rate": rate, **QUICK.get((method, encoder), {})},
        sizes=FINE if encoder == "vit_small_patch8" else {},
    )  # fmt: skip
    losses = [float(row["loss"]) for row in progress(tmp_path)]
    assert losses[-1] < losses[0]
    probe = card.metrics["validation images"]
    assert probe["knn_accuracy"].value > probe["knn_chance"].value + 0.05


def test_the_version_folder_gives_the_encoder_back(phantoms, tmp_path):
    card = short(phantoms, tmp_path, "byol", "unet")
    read, encoder, others = load_encoder(tmp_path)
    assert read == card
    assert card.training_data.sets == {phantoms.parent.name: 8}
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
        print(line, flush=True)  # noqa: T201  the parent process reads it


def test_a_killed_run_goes_on_from_a_whole_checkpoint_with_the_same_next_step(phantoms, tmp_path):
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(phantoms), str(out)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
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


def test_the_heart_crop_is_made_and_recorded(phantoms, tmp_path):
    from napari_cmr.nets import Heart

    def find(stack):
        middle = (stack.shape[2] * 2.0, stack.shape[3] * 2.0)
        return Heart(middle, (4.0, 4.0), found=stack.shape[1] % 2 == 0)

    card = pretrain(
        [phantoms], tmp_path, "simclr", "unet", run=RunConfig(steps=1, batch=8),
        options=OPTIONS["simclr"], encoder_options=TINY["unet"], grid=GRID,
        heart_crop=True, finder=find, say=lambda _: None,
    )  # fmt: skip
    recipe = card.recipe
    assert (recipe["heart_crop"], recipe["heart_finder"]) == (True, "given by the caller")
    assert 0 < recipe["hearts_found"] < recipe["stacks"] == 12


def test_a_checkpoint_of_another_encoder_is_refused_by_name(phantoms, tmp_path):
    short(phantoms, tmp_path, "simclr", "unet")
    with pytest.raises(InputError, match="of encoder 'unet', not 'vit_small_patch8'"):
        short(phantoms, tmp_path, "simclr", "vit_small_patch8")
    with pytest.raises(InputError, match="of method 'simclr', not 'byol'"):
        short(phantoms, tmp_path, "byol", "unet")
    with pytest.raises(InputError, match="of seed '0', not '1'"):
        short(phantoms, tmp_path, "simclr", "unet", seed=1)


def test_a_collapse_is_named_while_it_happens(phantoms, tmp_path, monkeypatch):
    from napari_cmr.nets.unet import UNetEncoder

    pooled = UNetEncoder.pooled
    monkeypatch.setattr(UNetEncoder, "pooled", lambda self, x: 0 * pooled(self, x) + 1)
    said = []
    short(phantoms, tmp_path, "simclr", "unet", said=said)
    assert sum("collapse at step" in line and "same feature" in line for line in said) == 4
    assert all("same feature" in row["collapse"] for row in progress(tmp_path))


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
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert "refused: Cannot write" in done.stdout
    assert checkpoint.read_bytes() == before
    assert list(tmp_path.glob("*.part*")) == []


EQUAL = [
    ("simclr", "unet", {}),
    ("pcl", "vit_small_patch8", {}),
    ("dino", "vit_small_patch8", {}),
    ("byol", "unet", {"head_norm": "layer"}),
    ("mim", "vit_small_patch8", {}),
]
TORCHRUN = """
import sys
from pathlib import Path
from tests.learn.pretraining.test_engine import EQUAL, Aloud, short
for method, encoder, options in EQUAL:
    short(Path(sys.argv[1]), Path(sys.argv[2]) / method, method, encoder, steps=20,
          options=options, said=Aloud())
"""


def test_two_processes_give_the_loss_curves_of_one(phantoms, tmp_path):
    for method, encoder, options in EQUAL:
        out = tmp_path / "one" / method
        short(phantoms, out, method, encoder, steps=20, options=options)
    script = tmp_path / "run.py"
    script.write_text(TORCHRUN, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            str(script), str(phantoms), str(tmp_path / "two"),
        ],
        capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for method, _, _ in EQUAL:
        one, two = (progress(tmp_path / name / method) for name in ("one", "two"))
        assert len(one) == len(two) == 20
        for a, b in zip(one, two, strict=True):
            assert float(b["loss"]) == pytest.approx(float(a["loss"]), abs=1e-4), method


MEMORY = """
import resource, sys
from pathlib import Path
import torch
from napari_cmr.learn.pretraining.packing import pack_manifests
from napari_cmr.learn.pretraining.sampling import Sampler
from tests.learn.pretraining.conftest import GRID
pack = pack_manifests([Path(sys.argv[1])], Path(sys.argv[2]), GRID, say=lambda _: None)
sampler = Sampler(pack, seed=0)
for step in range(60):
    sampler.draw(step, 0, 64)
print(len(pack.records), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_ten_times_the_images_need_no_more_memory(tmp_path):
    peaks = []
    for n in (8, 80):
        folder = tmp_path / str(n)
        folder.mkdir()
        rows = tall_pictures(folder, n)
        manifest = write_manifest(folder / "m.csv", rows)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(manifest), str(folder / "packs")],
            capture_output=True, text=True, check=True, cwd=REPOSITORY,
        )  # fmt: skip
        images, peak = map(int, done.stdout.split())
        assert images == n * 200
        peaks.append(peak / 1024)
    # The images alone are 4 MiB and 37 MiB; what differs is the index and noise.
    assert peaks[1] - peaks[0] < 8
