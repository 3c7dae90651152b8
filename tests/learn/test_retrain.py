import os
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from napari_cmr.core import CancelledError, InputError, ModelError
from napari_cmr.learn import finetune
from napari_cmr.learn.tiers import TIERS, head
from napari_cmr.learn.tiers.head import HeadConfig
from napari_cmr.learn.tiers.tier import FullConfig, LoraConfig
from napari_cmr.learn.versions import (
    VersionStore,
    export_version,
    import_version,
    judge_versions,
    retrain,
)
from napari_cmr.learn.versions.gate import Compared
from napari_cmr.learn.versions.record import Correction
from napari_cmr.learn.versions.work import Work
from napari_cmr.nets import Heart, InputGrid, Network, load_model, save_model
from napari_cmr.nets.shelf import build
from tests.learn.corrected import ACDC, with_strokes_only, write_cases, write_start
from tests.learn.test_tasks import enhancement
from tests.nets.conftest import make_card

QUICK = HeadConfig(steps=25, batch=6, learning_rate=0.05)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return write_start(tmp_path_factory.mktemp("start"))


@pytest.fixture
def project(tmp_path):
    return tmp_path / "project"


def tune(project, manifest, start=None, **more):
    options = {"config": QUICK, "threads": 1, "say": lambda _: None}
    return retrain(project, [manifest], start=start, **(options | more))


def wrong_for_training(project):
    """Labels turned upside down for everybody who may train, and right for who judges."""

    def change(subject, labels):
        store = VersionStore(project)
        trains = store.holdout.key(subject) not in _held(store)
        return np.roll(labels, 20, 0) if trains else labels

    return change


def _held(store):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(store.holdout.path)) as opened:
        return {k for (k,) in opened.execute("select key from subject where held = 1")}


def test_five_subjects_make_a_version_that_is_judged_and_becomes_active(tmp_path, project, start):
    manifest = write_cases(tmp_path / "cases", "abcde")
    made = tune(project, manifest, start, seed=3)
    record = made.record
    assert made.active
    assert record.judgement.how == "holdout"
    assert len(record.judgement.pairs) == 1
    assert record.judgement.after > record.judgement.before
    assert (record.version, record.parent, record.seed, record.tier) == (
        "v0002",
        "v0001",
        3,
        "head",
    )
    assert len(record.corrections) == 4
    store = VersionStore(project)
    assert store.active().version == "v0002"
    assert not record.trained_on & _held(store)
    card = load_model(store.place_of("v0002")).card
    assert card.parent == "test 1.0.0"
    assert card.recipe["corrections"] == [
        c.image_sha256 + c.label_sha256 for c in record.corrections
    ]
    told = card.metrics["project, holdout"]
    assert told["dice_mean_before"].value == record.judgement.before
    assert told["dice_mean_after"].value == record.judgement.after
    written = (store.place_of("v0002") / "version.json").read_text()
    assert "_image" not in written


def test_a_worse_version_is_kept_but_not_used_unless_told(tmp_path, project, start):
    right = write_cases(tmp_path / "right", "abcde")
    tune(project, right, start)
    wrong = write_cases(tmp_path / "wrong", "abcde", change=wrong_for_training(project))
    made = tune(project, wrong)
    store = VersionStore(project)
    assert made.record.judgement.not_worse is False
    assert not made.active
    assert "did not pass" in made.advice
    assert store.active().version == "v0002"
    again = tune(project, wrong, keep_anyway=True)
    assert again.active
    assert again.record.kept_anyway
    assert store.active().version == "v0004"
    assert store.activations()[-1].why == "kept although not judged as good"
    assert store.roll_back().version == "v0002"
    assert [v.version for v in store.versions()] == ["v0001", "v0002", "v0003", "v0004"]
    judged = judge_versions(store, "v0004", "v0002", [right])
    assert judged.not_worse is True
    assert judged.after == pytest.approx(store.read("v0004").judgement.before, abs=1e-6)


def test_rolling_back_goes_one_generation_at_a_time(tmp_path, project, start):
    manifest = write_cases(tmp_path / "cases", "ab")
    for begun in (start, None, None):
        tune(project, manifest, begun, config=HeadConfig(steps=1), keep_anyway=True)
    store = VersionStore(project)
    assert store.active().version == "v0004"
    for before in ("v0003", "v0002", "v0001"):
        assert store.roll_back().version == before
        assert store.active().version == before
    with pytest.raises(InputError, match="v0001 came from no version of the project"):
        store.roll_back()


def test_two_subjects_cannot_judge_so_the_old_version_stays_until_the_user_decides(
    tmp_path, project, start
):
    made = tune(project, write_cases(tmp_path / "cases", "ab"), start)
    store = VersionStore(project)
    assert made.record.judgement.not_worse is None
    assert "cannot be judged: 2 subject(s) are too few" in made.advice
    assert store.active().version == "v0001"
    store.activate("v0002", "chosen by the user")
    assert store.active().version == "v0002"


def test_three_subjects_judge_one_another_by_versions_that_never_saw_them(
    tmp_path, project, start, monkeypatch
):
    trained = []
    inner = head.head_examples

    def spy(model, rows, *arguments, **more):
        trained.append("".join(sorted({row.subject for row in rows})))
        return inner(model, rows, *arguments, **more)

    monkeypatch.setattr("napari_cmr.learn.tiers.tier.head_examples", spy)
    made = tune(project, write_cases(tmp_path / "cases", "abc"), start)
    assert made.record.judgement.how == "leave-one-subject-out"
    assert len(made.record.judgement.pairs) == 3
    assert sorted(trained) == ["ab", "abc", "ac", "bc"]
    again = tune(project, write_cases(tmp_path / "cases", "abc"))
    # the start is the nearest version that saw none of them
    assert made.record.judgement.against == ()
    assert again.record.judgement.against == ("v0001",)
    assert "beside v0001, which never saw who was left out" in again.advice
    assert "than v0002" not in again.advice
    assert again.record.judgement.before == pytest.approx(made.record.judgement.before)


def test_what_nobody_can_judge_was_compared_with_nothing(tmp_path, project, start, monkeypatch):
    tune(project, write_cases(tmp_path / "cases", "abc"), start)
    monkeypatch.setattr(Work, "compare", lambda *_: Compared())
    made = tune(project, write_cases(tmp_path / "cases", "abc"))
    assert "cannot be judged: No subject that could judge" in made.advice
    assert made.record.judgement.against == ()
    assert "beside" not in made.advice


@pytest.mark.parametrize("seed", [1, 2])
def test_no_subject_of_the_holdout_reaches_any_training(
    tmp_path, project, start, monkeypatch, seed
):
    seen = set()
    for name, tier in list(TIERS.items()):

        def spy(model, rows, *arguments, inner=tier.train, **more):
            seen.update(row.subject for row in rows)
            return inner(model, rows, *arguments, **more)

        monkeypatch.setitem(TIERS, name, type(tier)(name, tier.config, spy))
    VersionStore(project, seed=seed)
    for subjects in ("abc", "abcd", "abcdefg"):
        manifest = write_cases(tmp_path / subjects, subjects)
        tune(
            project,
            manifest,
            config=HeadConfig(steps=1),
            start=start if subjects == "abc" else None,
        )
    store = VersionStore(project)
    held = {s for s in "abcdefg" if store.holdout.key(s) in _held(store)}
    assert len(held) == 1
    assert seen == set("abcdefg") - held
    for record in store.versions():
        assert not record.trained_on & _held(store)


def test_a_version_trained_on_the_holdout_is_refused_by_the_store(tmp_path, project, start):
    made = tune(project, write_cases(tmp_path / "cases", "abcde"), start)
    store = VersionStore(project)
    (held,) = _held(store)
    leaked = made.record.corrections[0].model_copy(update={"subject": held})
    model = store.load("v0002")
    with pytest.raises(RuntimeError, match="holdout"):
        store.add(
            model.card, model.networks, made.record.model_copy(update={"corrections": (leaked,)})
        )
    assert len(store.versions()) == 2


def test_one_seed_gives_one_version_to_the_bit(tmp_path, start):
    manifest = write_cases(tmp_path / "cases", "ab")
    weights = [
        tune(tmp_path / name, manifest, start, seed=5).record.files["model.safetensors"]
        for name in ("one", "other")
    ]
    assert weights[0] == weights[1]


def test_the_full_tier_trains_all_of_the_segmenter_and_leaves_no_checkpoint(
    tmp_path, project, start
):
    config = FullConfig(steps=2, batch=2, warm_up=1)
    made = tune(project, write_cases(tmp_path / "cases", "ab"), start, tier="full", config=config)
    store = VersionStore(project)
    before, after = store.load("v0001").networks, store.load("v0002").networks
    for key, value in before["localiser"].state_dict().items():
        assert torch.equal(value, after["localiser"].state_dict()[key])
    moved = after["segmenter"].state_dict()
    first = "encoder.stages.0.conv.unit0.conv.weight"
    assert not torch.equal(before["segmenter"].state_dict()[first], moved[first])
    assert made.record.recipe["layer_decay"] == 0.75
    assert not list((store.cache / "training").iterdir())


def test_the_lora_tier_moves_the_decoder_and_the_last_stages_by_low_rank_only(
    tmp_path, project, start
):
    config = LoraConfig(steps=3, batch=2, warm_up=1, learning_rate=0.01, adapter_rank=2, adapted=1)
    tune(project, write_cases(tmp_path / "cases", "ab"), start, tier="lora", config=config)
    store = VersionStore(project)
    before, after = (store.load(v).networks["segmenter"].state_dict() for v in ("v0001", "v0002"))
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert any(key.startswith("joins") for key in moved)
    assert "head.weight" in moved
    encoder = {key for key in moved if key.startswith("encoder")}
    assert encoder
    assert all(key.startswith("encoder.stages.1") for key in encoder)
    for key in encoder:
        difference = (after[key] - before[key]).flatten(1)
        sizes = torch.linalg.svdvals(difference)
        assert sizes[2] < 0.05 * sizes[0]  # two of rank; the rest is half precision


def test_strokes_that_say_nothing_are_refused_and_place_nobody(tmp_path, project, start):
    cases = write_cases(tmp_path / "cases", "ab", values=ACDC, label_map="acdc")
    strokes = with_strokes_only(cases, share=0.0)
    with pytest.raises(InputError, match="a says nothing of any pixel in the map 'acdc'"):
        tune(project, strokes, start)
    assert not VersionStore.tasks(project)


def test_strokes_train_every_tier_but_judge_nothing(tmp_path, project, start):
    cases = write_cases(tmp_path / "cases", "abcde", values=ACDC, label_map="acdc")
    strokes = with_strokes_only(cases)
    made = tune(project, strokes, start)
    assert made.record.judgement.not_worse is None
    assert "whole labels" in made.advice
    for config in (FullConfig(steps=2, batch=2), LoraConfig(steps=2, batch=2, adapter_rank=2)):
        slow = tune(project, strokes, config=config)
        assert slow.record.judgement.how == "none"
        assert len(slow.record.corrections) == 4


def test_unlabelled_images_join_lora_but_not_those_of_who_judges(
    tmp_path, project, start, monkeypatch
):
    cases = write_cases(tmp_path / "cases", "abcde")
    judges = tune(project, cases, start).record.judgement.pairs
    (judge,) = (s for s in "abcde" if VersionStore(project).holdout.key(s) == judges[0].subject)
    more = write_cases(tmp_path / "more", ["x", "y", judge])
    drawn = []

    def find(stack, model):
        drawn.append(stack.subject)
        return Heart((64.0, 64.0), (2.0, 2.0), True)

    monkeypatch.setattr(finetune, "find_heart", find)
    config = LoraConfig(steps=4, batch=2, warm_up=1, adapter_rank=2, adapted=1)
    said = []
    with_more = {"config": config, "unlabelled": [more], "say": said.append}
    made = tune(project, cases, **with_more)
    store = VersionStore(project)
    assert set(made.record.joined) == {store.holdout.key(s) for s in "xy"}
    assert made.record.trained_on >= set(made.record.joined)
    assert any(line.startswith("2 unlabelled image(s) of 2 subject(s) join in") for line in said)
    assert store.load("v0003").card.training_data.sets == {"corrections": 4, "unlabelled": 2}
    assert any("2 unlabelled frames join in" in line for line in said)
    assert len(drawn) == 2
    head = tune(project, cases, unlabelled=[more], tier="head", say=said.append)
    assert head.record.joined == ()
    assert any("have no part in it" in line for line in said)


def test_a_file_of_somebody_labelled_under_another_id_may_not_join(tmp_path, project, start):
    cases = write_cases(tmp_path / "cases", "abcde")
    renamed = tmp_path / "cases" / "renamed.csv"
    renamed.write_text("subject,image\nother,a_image.nii.gz\n")
    config = LoraConfig(steps=1, batch=2, adapter_rank=2)
    with pytest.raises(InputError, match="two subject ids"):
        tune(project, cases, start, config=config, unlabelled=[renamed])


def test_who_joined_an_ancestor_is_never_judged_by_its_descendants(
    tmp_path, project, start, monkeypatch
):
    monkeypatch.setattr(finetune, "find_heart", lambda *_: Heart((64.0, 64.0), (2.0, 2.0), True))
    more = write_cases(tmp_path / "more", "xy")
    config = LoraConfig(steps=2, batch=2, warm_up=1, adapter_rank=2, adapted=1)
    first = write_cases(tmp_path / "first", "ab")
    tune(project, first, start, config=config, unlabelled=[more], keep_anyway=True)
    tune(project, first, keep_anyway=True)
    store = VersionStore(project)
    work = Work(store, 0, print, None)
    parent = store.active()
    assert (parent.version, parent.joined) == ("v0003", ())
    assert work.unseen(parent, {store.holdout.key("x")}).version == "v0001"
    assert work.unseen(parent, {store.holdout.key("new")}).version == "v0003"


def test_cancelling_leaves_the_project_as_it_was(tmp_path, project, start):
    manifest = write_cases(tmp_path / "cases", "ab")
    tune(project, manifest, start)
    asked = iter([False] * 5)
    with pytest.raises(CancelledError):
        tune(project, manifest, cancel=lambda: next(asked, True))
    store = VersionStore(project)
    assert len(store.versions()) == 2
    assert store.active().version == "v0001"


KILLED = """
import sys
from pathlib import Path
from napari_cmr.learn.tiers.head import HeadConfig
from napari_cmr.learn.versions import retrain
def say(line):
    print(line, flush=True)
retrain(Path(sys.argv[1]), [Path(sys.argv[2])], config=HeadConfig(steps=100000), threads=1, say=say)
"""


def test_a_training_killed_leaves_nothing_half_written_and_the_active_version(
    tmp_path, project, start
):
    manifest = write_cases(tmp_path / "cases", "ab")
    tune(project, manifest, start)
    store = VersionStore(project)
    before = {p: p.read_bytes() for p in store.folder.rglob("*") if p.is_file()}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(project), str(manifest)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(2):
        process.stdout.readline()  # the second line comes when training begins
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()
    after = {p: p.read_bytes() for p in VersionStore(project).folder.rglob("*") if p.is_file()}
    assert after == before
    assert tune(project, manifest).record.version == "v0003"


def test_a_half_written_version_is_not_one_and_goes_after_a_day(tmp_path, project, start):
    tune(project, write_cases(tmp_path / "cases", "ab"), start)
    store = VersionStore(project)
    part = store.staging()
    (part / "card.json").write_text("{")
    assert len(VersionStore(project).versions()) == 2
    assert part.is_dir()
    os.utime(part, (0, 0))
    VersionStore(project)
    assert not part.exists()


def test_altered_weights_are_never_made_active(tmp_path, project, start):
    tune(project, write_cases(tmp_path / "cases", "ab"), start)
    store = VersionStore(project)
    weights = store.place_of("v0002") / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="not the file that was written"):
        store.activate("v0002", "chosen by the user")
    assert store.active().version == "v0001"


def test_a_version_goes_to_another_site_as_one_file_and_is_checked_there(tmp_path, project, start):
    tune(project, write_cases(tmp_path / "cases", "ab"), start)
    store = VersionStore(project)
    parcel = export_version(store, "v0002", tmp_path / "v.zip")
    assert parcel.read_bytes() == export_version(store, "v0002", tmp_path / "w.zip").read_bytes()
    there = VersionStore(tmp_path / "there")
    taken = import_version(there, parcel)
    assert (taken.version, taken.origin, taken.parent) == ("v0001", "imported", None)
    assert taken.files == store.read("v0002").files
    assert not there.activations()
    there.activate("v0001", "chosen by the user")
    made = tune(tmp_path / "there", write_cases(tmp_path / "more", "xy"))
    assert made.record.parent == "v0001"


def test_a_parcel_names_who_taught_those_before_it_with_labels_or_without(tmp_path, project, start):
    store, model = VersionStore(project), load_model(start)
    begun = store.begin(start)
    taught = Correction(subject="x", image_sha256="i", label_sha256="l", structures=())

    def add(parent, **more):
        changes = {"version": "", "parent": parent, "origin": "trained", "files": {}} | more
        return store.add(model.card, model.networks, begun.model_copy(update=changes)).version

    last = add(add(begun.version, corrections=(taught,), joined=("j",)))
    taken = import_version(store, export_version(store, last, tmp_path / "v.zip"))
    assert (taken.parent, taken.corrections, taken.joined) == (None, (taught,), ("j",))
    assert taken.files == store.read(last).files


def handed_on(tmp_path, start, *manifests):
    """A version that learnt from one manifest after another in a project of its own."""
    there = tmp_path / "there"
    for manifest in manifests:
        tune(there, manifest, start if manifest is manifests[0] else None, keep_anyway=True)
    store = VersionStore(there)
    return export_version(store, store.active().version, tmp_path / "taught.zip")


def test_a_version_that_learnt_from_somebody_who_judges_is_not_taken_in(tmp_path, project, start):
    cases = write_cases(tmp_path / "cases", "abcde")
    tune(project, cases, start)
    store = VersionStore(project)
    (judge,) = [s for s in "abcde" if store.holdout.key(s) in _held(store)]
    first = write_cases(tmp_path / "first", judge + "x")
    parcel = handed_on(tmp_path, start, first, write_cases(tmp_path / "second", "yz"))
    with pytest.raises(InputError, match=r"pictures of 1 subject\(s\) who judge in this project"):
        import_version(store, parcel)
    assert [v.version for v in store.versions()] == ["v0001", "v0002"]


def test_whose_pictures_a_version_taken_in_has_seen_never_judges(tmp_path, project, start):
    parcel = handed_on(tmp_path, start, write_cases(tmp_path / "seen", "xy"))
    store = VersionStore(project)
    import_version(store, parcel)
    store.activate("v0001", "chosen by the user")
    cases = write_cases(tmp_path / "cases", "xyabc")
    lines = cases.read_text().splitlines()
    said = ["split", *("validation" if line[0] in "xy" else "" for line in lines[1:])]
    cases.write_text("".join(f"{line},{s}\n" for line, s in zip(lines, said, strict=True)))
    tune(project, cases)
    held = _held(store)
    assert held
    assert not held & {store.holdout.key(s) for s in "xy"}
    unseen = Work(store, 0, print, None).unseen
    assert unseen(store.read("v0001"), {store.holdout.key("x")}) is None
    assert unseen(store.read("v0001"), {store.holdout.key("a")}).version == "v0001"


def test_a_version_taken_in_that_has_seen_everybody_is_judged_by_nobody(tmp_path, project, start):
    seen = write_cases(tmp_path / "seen", "xyz")
    store = VersionStore(project)
    import_version(store, handed_on(tmp_path, start, seen))
    store.activate("v0001", "chosen by the user")
    made = tune(project, seen)
    assert made.record.judgement.not_worse is None
    assert "Every version there is has seen all subjects" in made.advice


def test_where_nothing_is_drawn_of_who_judges_those_who_train_do(tmp_path, project, start):
    def change(subject, labels):
        judges = VersionStore(project).holdout.key(subject) in _held(VersionStore(project))
        return labels * 0 if judges else labels

    tune(project, write_cases(tmp_path / "first", "abcde"), start)
    made = tune(project, write_cases(tmp_path / "empty", "abcde", change=change))
    assert made.record.judgement.how == "leave-one-subject-out"
    assert len(made.record.judgement.pairs) == 4


@pytest.mark.parametrize(
    "spoilt", ["card.json", "model.safetensors", "version.json", "sha256.json"]
)
def test_a_parcel_that_was_touched_is_refused(tmp_path, project, start, spoilt):
    VersionStore(project).begin(start)
    parcel = export_version(VersionStore(project), "v0001", tmp_path / "v.zip")
    with zipfile.ZipFile(parcel) as whole:
        content = {name: whole.read(name) for name in whole.namelist()}
    content[spoilt] = content[spoilt][:-5] + b"x" * 5
    with zipfile.ZipFile(tmp_path / "touched.zip", "w") as other:
        for name, data in content.items():
            other.writestr(name, data)
    there = VersionStore(tmp_path / "there")
    with pytest.raises(InputError):
        import_version(there, tmp_path / "touched.zip")
    assert not there.versions()
    assert not [p for p in there.folder.iterdir() if p.is_dir()]


def test_what_is_no_parcel_is_refused(tmp_path, project):
    store = VersionStore(project)
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("../../evil", "x")
    for name in ("text.zip", "other.zip"):
        with pytest.raises(InputError, match="no version that 'versions export' wrote"):
            import_version(store, tmp_path / name)
    with pytest.raises(InputError, match="There is no file"):
        import_version(store, tmp_path / "missing.zip")


def test_versions_are_removed_when_nothing_needs_them(tmp_path, project, start):
    tune(project, write_cases(tmp_path / "cases", "ab"), start)
    store = VersionStore(project)
    with pytest.raises(InputError, match="is active"):
        store.remove("v0001")
    store.activate("v0002", "to see")
    store.roll_back()
    store.remove("v0002")
    assert [v.version for v in store.versions()] == ["v0001"]
    made = tune(project, write_cases(tmp_path / "cases", "ab"))
    assert made.record.version == "v0003"  # what was once in use keeps its number to itself


def test_a_version_that_lost_its_record_keeps_its_number(tmp_path, project, start):
    manifest = write_cases(tmp_path / "cases", "ab")
    lost = tune(project, manifest, start).record
    store = VersionStore(project)
    (store.folder / lost.version / "version.json").unlink()
    assert (lost.version, tune(project, manifest).record.version) == ("v0002", "v0003")


def test_a_start_is_for_new_projects_and_no_tier_is_made_up(tmp_path, project, start):
    manifest = write_cases(tmp_path / "cases", "ab")
    tune(project, manifest, start)
    with pytest.raises(InputError, match="has versions already"):
        tune(project, manifest, start)
    with pytest.raises(InputError, match="no tier 'lord'; there are head, lora, full"):
        tune(project, manifest, tier="lord")


ENHANCED = ("BACKGROUND", "LV", "MYO", "INFARCT", "MVO")


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_the_slow_tiers_learn_late_enhancement_from_every_slice_of_a_case(
    tmp_path, project, tier, monkeypatch
):
    cases = enhancement(tmp_path, subjects=3, side=64)
    torch.manual_seed(0)
    networks = {
        role: Network(
            encoder="unet", channels=(4, 8), structures=ENHANCED,
            grid=InputGrid(spacing_mm=128 / size, size=size),
        )
        for role, size in (("localiser", 32), ("segmenter", 64))
    }  # fmt: skip
    card = make_card(networks=networks, task="lge_sax_seg")
    save_model(tmp_path / "start", card, {r: build(spec) for r, spec in networks.items()})
    seen = []
    load = finetune.load_training

    def noting(*arguments):
        loaded = load(*arguments)
        seen.extend(row.labels.shape[1] for rows in loaded for row in rows)
        return loaded

    monkeypatch.setattr(finetune, "load_training", noting)
    small = {"lora": LoraConfig(steps=2, batch=2, adapter_rank=2), "full": FullConfig(steps=2)}
    made = tune(project, cases, tmp_path / "start", config=small[tier], task="lge_sax_seg")
    assert made.record.tier == tier
    assert made.record.task == "lge_sax_seg"
    assert set(seen) == {2}  # both slices of each


def test_pictures_of_one_who_judges_do_not_come_back_under_another_name(tmp_path, project, start):
    first = write_cases(tmp_path / "cases", "abcde")
    tune(project, first, start)
    renamed = tmp_path / "cases" / "renamed.csv"
    lines = first.read_text().splitlines()
    renamed.write_text("\n".join([lines[0], *(f"new-{line}" for line in lines[1:])]) + "\n")
    with pytest.raises(InputError, match="another subject id"):
        tune(project, renamed)
    assert len(VersionStore(project).versions()) == 2


def test_losses_that_are_allowed_do_not_add_up(tmp_path, project, start, monkeypatch):
    manifest = write_cases(tmp_path / "cases", "abcde")
    tune(project, manifest, start)
    store = VersionStore(project)
    best = store.active()
    scores = iter([(best.judgement.after, -0.004), (best.judgement.after - 0.004, -0.004)])
    compared = []

    def on_holdout(_, parent, trained, judging):
        compared.append(parent.version)
        before, change = next(scores, (best.judgement.after, -0.008))
        whose = judging[0].subject
        return Compared({whose: {"LV": before}}, {whose: {"LV": before + change}})

    monkeypatch.setattr(Work, "_on_holdout", on_holdout)
    assert tune(project, manifest, seed=1).active
    made = tune(project, manifest, seed=2)
    assert compared == ["v0002", "v0003", "v0002"]
    assert not made.active
    assert "beside v0002, the best before it: " in made.record.judgement.reason
    assert "that is 0.8 points worse" in made.record.judgement.reason
    assert store.active().version == "v0003"


def test_what_is_better_than_the_one_in_use_replaces_it_whatever_was_better_once(
    tmp_path, project, start, monkeypatch
):
    manifest = write_cases(tmp_path / "cases", "abcde")
    scores = iter([(0.9, 0.8), (0.8, 0.82)])

    def on_holdout(_, parent, trained, judging):
        (before, after), whose = next(scores), judging[0].subject
        return Compared({whose: {"LV": before}}, {whose: {"LV": after}})

    monkeypatch.setattr(Work, "_on_holdout", on_holdout)
    assert tune(project, manifest, start, keep_anyway=True).record.kept_anyway
    made = tune(project, manifest, seed=1)
    assert made.active
    assert not made.record.kept_anyway


def test_a_run_that_is_refused_leaves_nobody_placed_and_no_picture_remembered(
    tmp_path, project, start
):
    cases = write_cases(tmp_path / "cases", "abcde", columns=(("split", "validation"),))
    with pytest.raises(InputError, match="All subjects of the manifest are held out"):
        tune(project, cases, start)
    store = VersionStore(project)
    assert store.holdout.counts() == (0, 0)
    assert not store.versions()
    assert not VersionStore.tasks(project)
    with pytest.raises(InputError, match="has no versions yet for"):
        VersionStore.existing(project)
    right = cases.with_name("right.csv")
    renamed = cases.read_text().replace(",validation", ",").splitlines()
    right.write_text("\n".join([renamed[0], *(f"new-{line}" for line in renamed[1:])]) + "\n")
    with pytest.raises(ModelError):
        tune(project, right, tmp_path / "no-such-model")
    assert store.holdout.counts() == (0, 0)
    assert tune(project, right, start).record.version == "v0002"
    assert store.holdout.counts() == (4, 1)


def test_labels_of_what_the_model_does_not_draw_leave_a_project_as_it_was(tmp_path, project, start):
    scars = (("structures", "INFARCT"),)
    cases = write_cases(
        tmp_path / "cases", "abcde", columns=scars, change=lambda _, labels: labels * 0
    )
    for tier in ("head", "lora"):
        with pytest.raises(InputError, match="name INFARCT and the model draws LV, MYO"):
            tune(project, cases, start, tier=tier, config=None)
        assert not VersionStore.tasks(project)
    assert VersionStore(project).holdout.counts() == (0, 0)


def test_a_comparison_that_is_refused_places_nobody(tmp_path, project, start):
    tune(project, write_cases(tmp_path / "cases", "ab"), start)
    store = VersionStore(project)
    with pytest.raises(InputError, match="None of the manifest's subjects is held out"):
        judge_versions(store, "v0001", "v0002", [write_cases(tmp_path / "more", "x")])
    assert store.holdout.counts() == (2, 0)


def only(manifest, subjects):
    """A manifest beside another with some of its subjects alone."""
    first, *lines = manifest.read_text().splitlines()
    some = manifest.with_name(f"{subjects}.csv")
    some.write_text("\n".join([first, *(line for line in lines if line[0] in subjects)]) + "\n")
    return some


def test_without_the_rows_of_who_is_held_out_it_says_that_they_help(tmp_path, project, start):
    cases = write_cases(tmp_path / "cases", "abcdef")
    tune(project, cases, start)
    store = VersionStore(project)
    trains = "".join(s for s in "abcdef" if store.holdout.key(s) not in _held(store))
    said = []
    one = tune(project, only(cases, trains[:1]), say=said.append)
    assert one.record.judgement.not_worse is None
    assert "too few" not in one.advice
    assert "no whole label with anything drawn of the project's 1 held-out subj" in one.advice
    assert "give a manifest with their rows too" in one.advice
    assert not any("held-out" in line for line in said)
    three = tune(project, only(cases, trains[:3]), say=said.append)
    assert three.record.judgement.how == "leave-one-subject-out"
    assert sum("so those who train judge" in line for line in said) == 1


def test_a_subject_in_two_splits_of_one_manifest_is_refused(tmp_path, project, start):
    cases = write_cases(tmp_path / "cases", "abc", columns=(("split", "train"),))
    lines = cases.read_text().splitlines()
    lines[2] = (
        lines[2].replace(",ED,", ",ES,").replace("b,", "a,", 1).replace("train", "validation")
    )
    cases.write_text("\n".join(lines) + "\n")
    with pytest.raises(
        InputError, match=r"1 subject\(s\) are in both the train and the valid.*: a"
    ):
        tune(project, cases, start)
    assert not VersionStore(project).versions()


@pytest.mark.parametrize("config", [FullConfig(steps=3, batch=2), LoraConfig(steps=3, batch=2)])
def test_a_slow_tier_says_its_step_and_loss_now_and_then(
    tmp_path, project, start, monkeypatch, config
):
    monkeypatch.setattr("napari_cmr.learn.segmenter.SAY_EVERY_S", 0.0)
    said = []
    tune(project, write_cases(tmp_path / "cases", "ab"), start, config=config, say=said.append)
    steps = [line for line in said if line.startswith("segmenter: step")]
    assert [line.split("  loss")[0] for line in steps] == [
        "segmenter: step 1 of 3", "segmenter: step 2 of 3", "segmenter: step 3"
    ]  # fmt: skip
