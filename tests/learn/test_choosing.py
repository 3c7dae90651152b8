"""The tier that cross-validation chooses, what is told on the way, and stopping in every tier."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_cmr.core import CancelledError
from napari_cmr.learn import finetune
from napari_cmr.learn.tiers import TIERS
from napari_cmr.learn.tiers.head import HeadConfig
from napari_cmr.learn.tiers.quick_score import QuickScore
from napari_cmr.learn.tiers.tier import FullConfig, LoraConfig
from napari_cmr.learn.tiers.watch import Unwatched
from napari_cmr.learn.versions import VersionStore, choosing, retrain
from napari_cmr.learn.versions.gate import Compared
from napari_cmr.measure import dice
from napari_cmr.nets import load_model, predict
from napari_cmr.nets.memory import within_memory
from tests.learn.corrected import ACDC, with_strokes_only, write_cases, write_start

SMALL = {
    "head": HeadConfig(steps=20, batch=6, learning_rate=0.05),
    "lora": LoraConfig(steps=2, batch=2, warm_up=1, adapter_rank=2),
    "full": FullConfig(steps=2, batch=2, warm_up=1),
}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return write_start(tmp_path_factory.mktemp("start"))


@pytest.fixture
def small(monkeypatch):
    for name, config in SMALL.items():
        monkeypatch.setitem(choosing.TRIALS, name, config)


class Told(Unwatched):
    def __init__(self):
        self.stages, self.steps, self.scores = [], [], []

    def stage(self, name, of=0):
        self.stages.append(name)

    def step(self, done, loss):
        self.steps.append((done, loss))

    def score(self, step, dice):
        self.scores.append((step, dice))


def tune(project, manifest, start=None, **more):
    options = {"threads": 1, "say": lambda _: None}
    return retrain(project, [manifest], start=start, **(options | more))


def test_the_tier_that_is_best_on_subjects_left_out_is_chosen_and_written_down(
    tmp_path, start, small, monkeypatch
):
    seen = []
    for name, tier in list(TIERS.items()):

        def spy(model, rows, config, inner=tier, **more):
            seen.append((inner.name, frozenset(row.subject for row in rows)))
            return inner.train(model, rows, config, **more)

        monkeypatch.setitem(TIERS, name, type(tier)(name, tier.config, spy))
    made = tune(tmp_path / "p", write_cases(tmp_path / "cases", "abcde"), start, steps=20)
    chosen = made.record.recipe["chosen"]
    assert made.record.tier == "head"  # two steps of the others teach nothing
    assert chosen["folds"] == 3
    assert chosen["dice"]["head"] > chosen["dice"]["unchanged"] + 0.1
    assert chosen["dice"]["head"] > chosen["dice"]["lora"] + 0.1
    assert chosen["steps"] == {"head": 20, "lora": 2, "full": 2}
    assert f"{chosen['dice']['head']:.3f}" in chosen["why"]
    final = seen.pop()
    assert final[0] == "head"
    for name in SMALL:  # each fold leaves others out, and nobody who judges is in any
        folds = [subjects for tier, subjects in seen if tier == name]
        assert len(folds) == 3
        assert all(fold < final[1] for fold in folds)
        assert frozenset.intersection(*folds) == frozenset()
        assert frozenset.union(*folds) == final[1]
    store = VersionStore(tmp_path / "p")
    assert load_model(store.place_of("v0002")).card.recipe["chosen"] == chosen


def test_of_tiers_that_are_as_good_the_cheapest_is_taken(tmp_path, start, monkeypatch):
    for name, config in SMALL.items():  # a rate of nothing: every trial is as the start
        nothing = config.model_copy(update={"learning_rate": 1e-12, "steps": 1})
        monkeypatch.setitem(choosing.TRIALS, name, nothing)
    made = tune(tmp_path / "p", write_cases(tmp_path / "cases", "ab"), start, steps=1)
    dice = made.record.recipe["chosen"]["dice"]
    assert max(dice.values()) - min(dice.values()) < 0.005
    assert made.record.tier == "head"


@pytest.mark.parametrize(
    ("dice", "chosen"),
    [
        ((0.80, 0.90, 0.85), "lora"),
        ((0.80, 0.85, 0.90), "full"),
        ((0.80, 0.896, 0.90), "lora"),
        ((0.896, 0.80, 0.90), "head"),
        ((0.894, 0.80, 0.90), "full"),
    ],
)
def test_a_dearer_tier_is_taken_where_it_is_better_by_more_than_the_tolerance(
    monkeypatch, dice, chosen
):
    of = dict(zip(SMALL, dice, strict=True))
    specs = {"segmenter": SimpleNamespace(structures=("BACKGROUND", "LV"))}

    def made(name):
        return SimpleNamespace(name=name, card=SimpleNamespace(networks=specs))

    def compared(rows, before, after, structures):
        scores = {row.subject: {"LV": of[after]} for row in rows}
        return Compared(scores, scores, {})

    monkeypatch.setattr(choosing, "segmenting", lambda model: model.name)
    monkeypatch.setattr(choosing, "compare", compared)
    rows = [SimpleNamespace(subject=s, in_whole_slices=True) for s in "abc"]
    found = choosing.best_tier(
        rows, "abc", lambda _: choosing.Fold(None, made), dict.fromkeys(of, 1)
    )
    assert found.tier == chosen
    assert found.record["dice"] == pytest.approx(of)


def test_one_subject_or_strokes_leave_nothing_to_choose_by(tmp_path, start):
    cases = write_cases(tmp_path / "cases", "ab", values=ACDC, label_map="acdc")
    one = tmp_path / "cases" / "one.csv"
    one.write_text("\n".join(cases.read_text().splitlines()[:2]) + "\n")
    made = tune(tmp_path / "p", one, start, steps=2)
    assert made.record.recipe["chosen"]["why"] == "head: one subject cannot be cross-validated"
    other = tune(tmp_path / "q", with_strokes_only(cases), start, steps=2)
    assert "strokes" in other.record.recipe["chosen"]["why"]


@pytest.mark.parametrize("tier", SMALL)
def test_steps_losses_and_scores_are_told_as_they_come(tmp_path, start, tier):
    told = Told()
    manifest = write_cases(tmp_path / "cases", "abcde")
    tune(tmp_path / "p", manifest, start, tier=tier, config=SMALL[tier], watch=told)
    steps = SMALL[tier].steps
    assert [done for done, _ in told.steps] == list(range(1, steps + 1))
    assert all(np.isfinite(loss) for _, loss in told.steps)
    assert told.scores[0][0] == 0
    assert told.scores[-1][0] == steps
    assert told.stages[0] == "reading"
    assert told.stages[-2:] == ["training", "judging"]


def test_the_score_on_the_way_is_dice_as_it_would_be_counted_from_a_prediction(tmp_path, start):
    from napari_cmr.io.manifest import read_manifest
    from napari_cmr.learn.examples import load_labelled

    manifest = write_cases(tmp_path / "cases", "ab")
    rows = load_labelled(read_manifest(manifest, need_labels=True))
    model = load_model(start)  # its grid is as fine as the pictures'
    score = QuickScore(model, rows)(model.networks["segmenter"])
    found = [predict(row.stack, model).labels for row in rows]
    counted = [
        np.mean([dice(labels[0] == s, row.labels[0] == s) for s in row.structures])
        for labels, row in zip(found, rows, strict=True)
    ]
    assert score == pytest.approx(np.mean(counted), abs=0.05)


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_a_slow_tier_stops_between_two_steps_and_goes_on_there(tmp_path, start, tier):
    manifest = write_cases(tmp_path / "cases", "ab")
    config = SMALL[tier].model_copy(update={"steps": 4})
    first, again = Told(), Told()
    with pytest.raises(CancelledError):
        tune(tmp_path / "p", manifest, start, tier=tier, config=config, watch=first,
             cancel=lambda: len(first.steps) == 2)  # fmt: skip
    store = VersionStore(tmp_path / "p")
    assert [v.version for v in store.versions()] == ["v0001"]
    tune(tmp_path / "p", manifest, tier=tier, config=config, watch=again)
    assert [done for done, _ in first.steps + again.steps] == [1, 2, 3, 4]
    assert VersionStore(tmp_path / "p").active().version == "v0001"


@pytest.mark.parametrize("tier", ["head", "full"])
def test_a_gpu_without_memory_steps_back_to_less_and_the_version_is_made(
    tmp_path, start, tier, monkeypatch
):
    def full_gpu(work, *, batch, device, say):
        def on_a_gpu(pictures, on):
            if on.type == "cuda":
                raise torch.OutOfMemoryError("CUDA out of memory")
            return work(pictures, on)

        return within_memory(on_a_gpu, batch=batch, device=torch.device("cuda"), say=say)

    monkeypatch.setattr("napari_cmr.learn.tiers.remembering.within_memory", full_gpu)
    monkeypatch.setattr("napari_cmr.learn.finetune.within_memory", full_gpu)
    said = []
    manifest = write_cases(tmp_path / "cases", "ab")
    made = tune(tmp_path / "p", manifest, start, tier=tier, config=SMALL[tier], say=said.append)
    assert made.record.version == "v0002"
    assert any("pictures at once" in line for line in said)
    assert any("going on on the CPU" in line for line in said)


@pytest.mark.parametrize("memory", [1, 0])
def test_a_card_says_the_batch_and_the_device_that_memory_sufficed_for(
    tmp_path, start, monkeypatch, memory
):
    def small_gpu(work, *, batch, device, say):
        def on_a_gpu(pictures, on):
            if on.type == "cuda" and pictures > memory:
                work(pictures, torch.device("cpu"))  # it gets some way first
                raise torch.OutOfMemoryError("CUDA out of memory")
            return work(pictures, on)

        return within_memory(on_a_gpu, batch=batch, device=torch.device("cuda"), say=say)

    def train_on_the_cpu(*arguments, on, inner=finetune.train_stage, **more):
        return inner(*arguments, on=torch.device("cpu"), **more)

    monkeypatch.setattr(finetune, "within_memory", small_gpu)
    monkeypatch.setattr(finetune, "train_stage", train_on_the_cpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    manifest = write_cases(tmp_path / "cases", "ab")
    tune(tmp_path / "p", manifest, start, tier="full", config=SMALL["full"])
    card = load_model(VersionStore(tmp_path / "p").place_of("v0002")).card
    assert card.recipe["batch"] == (1 if memory else 2)
    assert ("CPU" in card.hardware, card.hardware == "a GPU") == (not memory, bool(memory))
