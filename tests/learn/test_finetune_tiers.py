"""Fine-tuning by tier from a whole model and from a pretrained encoder."""

import csv

import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from napari_cmr.cli.app import app
from napari_cmr.core import InputError
from napari_cmr.learn import finetune_tiers
from napari_cmr.learn.finetune import finetune_segmenter
from napari_cmr.learn.finetune_tiers import finetune_by_tier
from napari_cmr.learn.lora import adapt_given
from napari_cmr.learn.segmentation_tasks import SEGMENTATION_TASKS
from napari_cmr.learn.segmenter import SegmenterConfig
from napari_cmr.learn.settings import read_settings
from napari_cmr.learn.tiers.head import HeadConfig
from napari_cmr.learn.tiers.tier import FullConfig, LoraConfig
from napari_cmr.learn.versions import choosing
from napari_cmr.nets import load_model, read_card
from napari_cmr.nets.unet import UNet
from tests.learn.corrected import write_cases, write_start
from tests.learn.test_finetune import stage
from tests.learn.test_start import CHANNELS, GRID, VIT, pretrained

TRIALS = {
    "head": HeadConfig(steps=8, batch=4, learning_rate=0.05),
    "lora": LoraConfig(steps=1, batch=2, warm_up=1, adapter_rank=2),
    "full": FullConfig(steps=1, batch=2, warm_up=1),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Three people to train on and one to measure on."""
    manifest = write_cases(tmp_path_factory.mktemp("cases") / "set", "abcd")
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        writer.writerows(
            row | {"split": "validation" if row["subject"] == "d" else "train"} for row in rows
        )
    return manifest


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return write_start(tmp_path_factory.mktemp("start"))


def small():
    """A short training of the small networks, with a localiser of its own."""
    begins = stage(3).model_copy(update={"channels": CHANNELS, "grid": GRID})
    return SegmenterConfig(segmenter=begins, localiser=stage(2), flips=())


def tune(cases, out, tier, start, config=None, **more):
    options = {"name": "mine", "version": "2", "threads": 1, "say": lambda _: None}
    chosen = config or SegmenterConfig()
    return finetune_by_tier([cases], out, chosen, tier=tier, start=start, **(options | more))


def moved(start, out, role="segmenter"):
    before, after = (load_model(folder).networks[role].state_dict() for folder in (start, out))
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
def test_a_tier_moves_what_it_says_of_a_whole_model_and_is_measured(tmp_path, cases, start, tier):
    card = tune(cases, tmp_path / "out", tier, start, steps=4)
    assert (card.tier, card.name, card.version) == (tier, "mine", "2")
    assert card.parent == load_model(start).title
    assert card.training_data.sets == {"set": 3}
    assert card.metrics["set validation"]["dice_mean"].n == 1
    assert not moved(start, tmp_path / "out", "localiser")
    changed = moved(start, tmp_path / "out")
    assert changed
    if tier == "head":
        assert all(name.startswith("head.") for name in changed)


def test_the_same_head_again_asks_the_networks_nothing_and_is_equal_to_the_bit(
    tmp_path, cases, start
):
    said = []
    first = tune(cases, tmp_path / "out", "head", start, steps=3)
    again = tune(cases, tmp_path / "out", "head", start, steps=3, say=said.append)
    assert again.sha256 == first.sha256
    assert any("0 asked for" in line or "and 0 " in line for line in said)


def test_the_best_tier_of_a_whole_model_is_chosen_among_those_who_train(
    tmp_path, cases, start, monkeypatch
):
    for name, config in TRIALS.items():
        monkeypatch.setitem(choosing.TRIALS, name, config)
    card = tune(cases, tmp_path / "out", "auto", start, steps=2)
    told = card.recipe["chosen"]["why"] if card.tier == "head" else card.recipe["notes"]
    assert told.startswith(f"{card.tier}, by cross-validation over 3 training subjects")


@pytest.mark.parametrize("tier", ["head", "lora"])
def test_settings_that_a_whole_model_does_not_follow_are_said(tmp_path, cases, start, tier):
    usual, said = SEGMENTATION_TASKS["cine_sax_seg"].config, []
    tune(cases, tmp_path / "usual", tier, start, usual, steps=1, say=said.append)
    assert not any("whatever else" in line for line in said)
    wide = {"told": ("grid",), "say": said.append}
    card = tune(cases, tmp_path / "out", tier, start, usual, steps=1, **wide)
    assert "the start keeps its localiser and its settings, whatever else was asked for" in said
    assert card.networks == load_model(start).card.networks


@pytest.mark.parametrize(
    ("encoder", "options"), [("unet", {"channels": CHANNELS}), ("vit_small_patch8", VIT)]
)
@pytest.mark.parametrize("tier", ["head", "lora", "full"])
def test_a_tier_moves_what_it_says_of_a_pretrained_encoder(tmp_path, cases, tier, encoder, options):
    made = pretrained(tmp_path / "pre", encoder, options)
    config = small()
    if encoder != "unet":  # a patch of eight pixels has four maps
        config = config.model_copy(
            update={"segmenter": config.segmenter.model_copy(update={"channels": (4, 4, 6, 8)})}
        )
    card = tune(cases, tmp_path / "out", tier, tmp_path / "pre", config)
    assert card.tier == tier
    network = load_model(tmp_path / "out").networks["segmenter"]
    part = network.encoder if encoder == "unet" else network.encoder.transformer
    stayed = [
        name
        for name, value in made.state_dict().items()
        if torch.equal(part.state_dict()[name], value.half().float())
    ]
    everything = len(made.state_dict())
    if tier == "head":
        assert len(stayed) == everything
    elif tier == "lora":
        assert 0 < len(stayed) < everything
    else:
        recipe = card.recipe["segmenter"]
        assert recipe["layer_decay"] == 0.75
        assert recipe["drop_path"] == 0.1
        assert (recipe["encoder_rate"] < 1) == (encoder == "unet")
        assert len(stayed) < everything / 2


def test_the_tier_of_an_encoder_is_chosen_by_short_trials(tmp_path, cases, start, monkeypatch):
    monkeypatch.setattr(finetune_tiers, "TRIAL_STEPS", 1)
    monkeypatch.setattr(finetune_tiers, "load_model", lambda task: load_model(start, task=task))
    pretrained(tmp_path / "pre", "unet", {"channels": CHANNELS})
    said = []
    card = tune(cases, tmp_path / "out", "auto", tmp_path / "pre", small(), say=said.append)
    assert card.recipe["notes"].startswith(f"{card.tier}, by cross-validation over 3")
    assert any("choosing the tier" in line for line in said)


def test_what_begins_by_chance_has_nothing_that_could_stay(tmp_path, cases):
    with pytest.raises(InputError, match="--tier full"):
        tune(cases, tmp_path / "out", "head", None)
    with pytest.raises(InputError, match="no tier 'quick'"):
        tune(cases, tmp_path / "out", "quick", None)
    assert not (tmp_path / "out").exists()


def test_the_terminal_takes_a_tier_and_refuses_one_that_a_task_has_no_use_for(
    tmp_path, cases, start
):
    def call(*words):
        told = ["finetune", "--manifest", cases, "--out", tmp_path / "out", "--threads", 1, *words]
        return CliRunner().invoke(app, [str(word) for word in told])

    done = call("--start", start, "--tier", "head", "--steps", 2, "--seed", 3)
    assert done.exit_code == 0, done.output
    card = read_card(tmp_path / "out")
    assert (card.tier, card.seed, card.recipe["steps"]) == ("head", 3, 2)
    for words, sentence in (
        (("--tier", "lord"), "no tier 'lord'"),
        (("--task", "disease", "--tier", "full"), "take --tier head"),
        (("--task", "landmarks", "--tier", "lora"), "take --tier head"),
        (("--task", "echo_lv_seg", "--tier", "head"), "take --tier full"),
    ):
        refused = call(*words)
        assert isinstance(refused.exception, InputError)
        assert sentence in str(refused.exception)


def test_lora_on_another_tasks_segmenter_keeps_it_and_writes_what_it_adds(
    tmp_path, cases, start, monkeypatch
):
    monkeypatch.setattr(finetune_tiers, "SHARED_RANK", 1)  # less than the few channels here
    out = tmp_path / "out"
    card = tune(cases, out, "lora", start, small(), task="mapping_sax_seg")
    below, made = load_model(start), load_model(out, task="mapping_sax_seg")
    assert (card.tier, card.networks["segmenter"].base.sha256) == ("lora", below.card.sha256)
    assert (out / "below" / "card.json").is_file()
    with safe_open(out / "model.safetensors", "pt") as file:
        kept = {name.removeprefix("segmenter.") for name in file.keys()}  # noqa: SIM118
    theirs = below.networks["segmenter"].state_dict()
    assert "head.weight" in kept
    assert any(name.startswith("encoder.") and name.endswith(".up") for name in kept)
    assert any(name.startswith("ups.") for name in kept)
    biases = {name for name in theirs if name.endswith("bias") and not name.startswith("head.")}
    assert biases
    assert not biases & kept  # what was given stays
    own = made.networks["segmenter"].state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in biases)


def test_what_a_segmenter_was_given_is_adapted_but_for_its_finer_decoder():
    network = UNet(3, (4, 8, 16))
    given = {name for name in network.state_dict() if not name.startswith("head.")}
    adapt_given(network, given, rank=2)
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert all(name.startswith(("encoder.", "ups.0.", "joins.0.")) for name in frozen)
    assert not any(
        name.startswith(("encoder.", "ups.0.", "joins.0.")) and not name.endswith((".up", ".down"))
        for name in trained
    )
    assert any(name.startswith("ups.1.") for name in trained)
    assert {"head.weight", "head.bias"} <= trained


def test_another_models_localiser_is_taken_as_it_is(tmp_path, cases, start):
    out = tmp_path / "out"
    card = finetune_segmenter(
        [cases], out, small(), name="n", version="1", threads=1, localiser=start,
        say=lambda _: None,
    )  # fmt: skip
    assert not moved(start, out, "localiser")
    assert moved(start, out)
    assert card.recipe["localiser"]["steps"] == 0
    assert card.recipe["localiser_of"]["sha256"] == load_model(start).card.sha256
    assert read_settings(out / "card.json", small()).localiser.steps == 0


def test_settings_that_add_to_a_segmenter_need_one(tmp_path, cases):
    config = small()
    shared = config.segmenter.model_copy(update={"shared": True, "adapter_rank": 1})
    with pytest.raises(InputError, match="name it with --start"):
        finetune_segmenter(
            [cases], tmp_path, config.model_copy(update={"segmenter": shared}), name="n",
            version="1", threads=1, say=lambda _: None,
        )  # fmt: skip
