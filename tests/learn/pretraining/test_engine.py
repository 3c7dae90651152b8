import csv
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

from napari_cmr import phantom
from napari_cmr.core import InputError
from napari_cmr.learn.pretraining import RunConfig, pretrain
from napari_cmr.learn.pretraining.engine import Finished
from napari_cmr.learn.pretraining.packing import open_pack, pack_manifests
from napari_cmr.nets import InputGrid
from napari_cmr.nets.encoders import load_encoder
from napari_cmr.nets.shelf import load_model
from tests.conftest import REPOSITORY
from tests.learn.pretraining.conftest import GRID, OPTIONS, TINY, tall_pictures, write_manifest


def short(phantoms, out, method, encoder, **changes):
    said = changes.pop("said", [])
    options = OPTIONS[method] | changes.pop("options", {})
    sizes = TINY[encoder] | changes.pop("sizes", {})
    packs = phantoms.parent / "packs"
    calling = {name: changes.pop(name) for name in ("seconds", "start") if name in changes}
    run = {"steps": 4, "batch": 8, "log_every": 1, "probe_every": 1000} | changes
    return pretrain(
        [phantoms], out, method, encoder, run=RunConfig(**run), options=options,
        encoder_options=sizes, grid=GRID, packs=packs, say=said.append, **calling,
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
    },
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
        ("dino", "unet", 150, 0.02),
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


def test_hearts_that_the_shelfs_localiser_finds_are_counted_and_the_middle_taken_elsewhere(
    tmp_path,
):
    heart = phantom.PhantomConfig(rows=128, columns=128, pixel_mm=(2.8, 2.8), n_phases=2)
    phantom.write_nifti_studies([phantom.make(heart)], tmp_path)
    ramp = np.tile(np.arange(96, 224, dtype=np.uint8), (128, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows.append({"subject": "ramp", "image": "ramp.png", "spacing_mm": "8,2.8,2.8"})
    manifest = write_manifest(tmp_path / "both.csv", rows)
    card = pretrain(
        [manifest], tmp_path / "v", "simclr", "unet", run=RunConfig(steps=1, batch=4),
        options=OPTIONS["simclr"], encoder_options=TINY["unet"], grid=GRID, heart_crop=True,
        say=lambda _: None,
    )  # fmt: skip
    recipe = card.recipe
    shelf = load_model(task="cine_sax_seg")
    assert recipe["heart_crop"] is True
    assert recipe["heart_finder"] == f"{shelf.title} {shelf.card.sha256[:12]}"
    assert (recipe["hearts_found"], recipe["stacks"]) == (len(rows) - 1, len(rows))
    (found,) = (tmp_path / "v").glob("pack-*")
    plain = pack_manifests([manifest], tmp_path / "plain", GRID, say=lambda _: None)
    last = np.array([len(plain.records) - 1])
    assert np.array_equal(open_pack(found).read(last), plain.read(last))


def test_a_checkpoint_of_another_encoder_is_refused_by_name(phantoms, tmp_path):
    short(phantoms, tmp_path, "simclr", "unet")
    with pytest.raises(InputError, match="of encoder 'unet', not 'vit_small_patch8'"):
        short(phantoms, tmp_path, "simclr", "vit_small_patch8")
    with pytest.raises(InputError, match="of method 'simclr', not 'byol'"):
        short(phantoms, tmp_path, "byol", "unet")
    with pytest.raises(InputError, match="of seed '0', not '1'"):
        short(phantoms, tmp_path, "simclr", "unet", seed=1)
    with pytest.raises(InputError, match=r"'{'temperature': 0.1}', not '{'temperature': 0.2}'"):
        short(phantoms, tmp_path, "simclr", "unet", options={"temperature": 0.2})
    with pytest.raises(InputError, match="is at step 4 already: ask for more steps"):
        short(phantoms, tmp_path, "simclr", "unet", steps=3)


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


def test_parts_in_which_there_is_nothing_to_contrast_are_refused(phantoms, tmp_path):
    with pytest.raises(InputError, match="8 parts of 8 leave nothing to contrast"):
        short(phantoms, tmp_path, "simclr", "unet", accumulate=8)


def test_a_batch_that_does_not_divide_is_refused(phantoms, tmp_path):
    with pytest.raises(InputError, match="does not divide into 3 part"):
        short(phantoms, tmp_path, "mim", "unet", accumulate=3)


def test_a_loss_that_is_no_number_stops_the_run(phantoms, tmp_path):
    with pytest.raises(InputError, match="not a number at step"):
        short(phantoms, tmp_path, "mim", "unet", steps=50, options={"learning_rate": 1e38})


def test_a_gradient_that_is_no_number_stops_the_run_before_the_weights_change(
    phantoms, tmp_path, monkeypatch
):
    from napari_cmr.learn.pretraining.simclr import SimCLR

    often = {"steps": 6, "checkpoint_every_s": 0.0}
    forward = SimCLR.forward

    def steep(self, batch):
        outcome = forward(self, batch)
        steps.append(outcome)
        nought = (outcome.loss - outcome.loss.detach()).sqrt()  # its slope is infinite
        return outcome if len(steps) < 4 else outcome._replace(loss=outcome.loss + nought)

    steps = []
    monkeypatch.setattr(SimCLR, "forward", steep)
    with pytest.raises(InputError, match="gradient is not a number at step 3"):
        short(phantoms, tmp_path, "simclr", "unet", **often)
    monkeypatch.setattr(SimCLR, "forward", forward)
    said = []
    short(phantoms, tmp_path, "simclr", "unet", said=said, **often)
    assert "going on from step 3 of 6" in said


@contextmanager
def full_disk(most):
    """Files longer than so many bytes cannot be written, as when the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_last_checkpoint_survives_a_full_disk(phantoms, tmp_path):
    often = {"steps": 8, "checkpoint_every_s": 0.0}
    with pytest.raises(KeyboardInterrupt):
        short(phantoms, tmp_path, "simclr", "unet", said=Stop(after=3), **often)
    checkpoint = tmp_path / ".pretrain.checkpoint.safetensors"
    before = checkpoint.read_bytes()
    with full_disk(4096), pytest.raises(InputError, match="Cannot write"):
        short(phantoms, tmp_path, "simclr", "unet", **often)
    assert checkpoint.read_bytes() == before
    assert list(tmp_path.glob("*.part*")) == []
    said = []
    short(phantoms, tmp_path, "simclr", "unet", said=said, **often)
    assert "going on from step 2 of 8" in said


def test_a_run_stops_when_its_time_is_up_and_the_same_call_goes_on(phantoms, tmp_path):
    whole = short(phantoms, tmp_path / "whole", "mim", "unet", steps=3)
    said = []
    card = short(phantoms, tmp_path / "cut", "mim", "unet", steps=3, seconds=0.0, said=said)
    assert "time is up at step 1 of 3; the same call goes on from there" in said
    assert (whole.finished, card.finished) == (True, False)
    assert load_encoder(tmp_path / "cut")[0].finished is False
    while not card.finished:
        card = short(phantoms, tmp_path / "cut", "mim", "unet", steps=3, seconds=0.0)
    assert card.sha256 == whole.sha256
    steps = [row["step"] for row in progress(tmp_path / "cut")]
    assert steps == ["1", "2", "3"]


def test_packed_images_train_without_their_manifests(phantoms, pack, tmp_path):
    settings = {
        "run": RunConfig(steps=1, batch=8), "options": OPTIONS["simclr"],
        "encoder_options": TINY["unet"], "say": lambda _: None,
    }  # fmt: skip
    card = pretrain([], tmp_path, "simclr", "unet", pack=pack.folder, **settings)
    assert card.training_data.sets == {phantoms.parent.name: 8}
    assert len(card.training_data.manifest_sha256) == 64
    with pytest.raises(InputError, match="no packed images in"):
        pretrain([], tmp_path, "simclr", "unet", pack=tmp_path, **settings)
    for asked, said in (
        ({"heart_crop": True}, "were not cropped round the heart"),
        ({"probe": "group"}, "packed with the probe position, not group"),
        ({"grid": InputGrid(spacing_mm=1.0, size=96)}, "packed with the grid"),
    ):
        with pytest.raises(InputError, match=said):
            pretrain([], tmp_path, "simclr", "unet", pack=pack.folder, **settings, **asked)


def test_a_masked_autoencoder_comes_back_with_the_features_that_the_probe_saw(phantoms, tmp_path):
    short(phantoms, tmp_path, "mim", "vit_small_patch8")
    card, encoder, _ = load_encoder(tmp_path)
    images = torch.randn(2, 1, 32, 32)
    patches = encoder.encode(encoder.patches(images))[:, 1:].mean(1)
    assert torch.allclose(encoder.pooled(images), patches, atol=1e-5)
    assert card.recipe["encoder_options"]["pool"] == "mean"


def test_a_run_begins_with_a_pretrained_version(phantoms, tmp_path, monkeypatch):
    first = short(phantoms, tmp_path / "first", "mim", "unet")
    _, pretrained, _ = load_encoder(tmp_path / "first")
    begun = []
    monkeypatch.setattr(
        sys.modules["napari_cmr.learn.pretraining.pretrain"], "train",
        lambda fabric, method, *_, **__: begun.append(method) or Finished(4, 0.0, None),
    )  # fmt: skip
    card = short(phantoms, tmp_path / "second", "simclr", "unet", start=tmp_path / "first")
    weights = begun[0].encoder.state_dict()
    for key, value in pretrained.state_dict().items():
        assert torch.equal(weights[key], value)
    assert card.parent == f"{first.name} {first.version} {first.sha256[:12]}"


def test_a_start_of_another_encoder_is_refused_by_name(phantoms, tmp_path):
    short(phantoms, tmp_path / "first", "mim", "unet")
    with pytest.raises(InputError, match="mim-unet is a pretrained unet, not vit_small_patch8"):
        short(phantoms, tmp_path / "v", "mim", "vit_small_patch8", start=tmp_path / "first")
    with pytest.raises(InputError, match=r"unet of other sizes.*\[4, 8, 8\]"):
        short(
            phantoms, tmp_path / "v", "mim", "unet", start=tmp_path / "first",
            sizes={"channels": (4, 8)},
        )  # fmt: skip


EQUAL = [
    ("simclr", "unet", {}),
    ("pcl", "vit_small_patch8", {}),
    ("dino", "vit_small_patch8", {}),
    ("byol", "unet", {"head_norm": "layer"}),
    ("mim", "vit_small_patch8", {}),
]
TORCHRUN = """
import atexit
import sys
from pathlib import Path

def threads_left():
    names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    print(f"gloo threads left: {sum('gloo' in name for name in names)};\\n", end="")

atexit.register(threads_left)  # before those of the training, so it runs after them
from napari_cmr.core import InputError
from tests.learn.pretraining.test_engine import EQUAL, Aloud, short
for method, encoder, options in EQUAL:
    short(Path(sys.argv[1]), Path(sys.argv[2]) / method, method, encoder, steps=20,
          options=options, said=Aloud())
try:
    short(Path(sys.argv[3]), Path(sys.argv[2]) / "refused", "mim", "unet")
except InputError as error:
    print(f"refused: {error}")
"""


def test_two_processes_give_the_loss_curves_of_one_and_refuse_alike(phantoms, tmp_path):
    for method, encoder, options in EQUAL:
        out = tmp_path / "one" / method
        short(phantoms, out, method, encoder, steps=20, options=options)
    script = tmp_path / "run.py"
    script.write_text(TORCHRUN, encoding="utf-8")
    lost = tmp_path / "lost.csv"
    lost.write_text("subject,image\na,nowhere.nii.gz\n", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            str(script), str(phantoms), str(tmp_path / "two"), str(lost),
        ],
        capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("refused: ") == done.stdout.count("nowhere.nii.gz") == 2
    assert done.stdout.count("gloo threads left: 0;") == 2, done.stdout[-500:]
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
for manifest in map(Path, sys.argv[1:]):
    pack = pack_manifests([manifest], manifest.parent / "packs", GRID, say=lambda _: None)
    sampler = Sampler(pack, seed=0)
    for step in range(60):
        sampler.draw(step, 0, 64)
    print(len(pack.records), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    pack.close()
"""


def test_ten_times_the_images_need_no_more_memory(tmp_path):
    manifests = []
    for n in (8, 80):
        folder = tmp_path / str(n)
        folder.mkdir()
        manifests.append(write_manifest(folder / "m.csv", tall_pictures(folder, n)))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, manifests)],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    (few, small), (many, large) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert (few, many) == (8 * 200, 80 * 200)
    # A peak never falls, so this is what the larger set added to the smaller one's. Its images
    # alone are 37 MiB, the smaller one's 4 MiB; what is added is the index and noise, 7 to 18 MiB
    # where other work goes on. Of mapped images it was 25 to 40.
    assert (large - small) / 1024 < 20
