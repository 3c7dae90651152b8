"""Heads that name pictures and people, end to end on phantoms in small."""

import csv
import json
import math
import shutil
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from napari_cmr.cli.app import app
from napari_cmr.core import Geometry, InputError, ModelError, Segmentation, Structure
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.heads import biomarkers, finetune_head, load_head
from napari_cmr.learn.heads.biomarkers import told
from napari_cmr.learn.heads.enhancement import numbers_of, read_cases, slice_numbers
from napari_cmr.learn.heads.logistic import (
    Samples,
    cross_validate,
    fit_head,
    probabilities,
    subject_folds,
)
from napari_cmr.learn.heads.phantom_pictures import picture_phantoms, write_picture_phantoms
from napari_cmr.learn.heads.scores import UNKNOWN_CLASS, Answers, accuracy, area_under_roc, auc
from napari_cmr.nets import Card, Heart, card_shelf, load_model, save_model
from napari_cmr.nets.card_shelf import find_card
from napari_cmr.nets.encoders import make_encoder
from napari_cmr.nets.features import feature_names, load_frozen, picture_features
from napari_cmr.nets.linear_head import LinearHead
from napari_cmr.nets.shelf import build
from napari_cmr.phantom import PhantomConfig, make, write_nifti_studies
from tests.nets.conftest import make_card

SAX = "cine-sax-unet"


def call(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def rewritten(manifest, change):
    """The manifest's rows after a change, in a new file beside it."""
    with manifest.open(newline="") as file:
        rows = change(list(csv.DictReader(file)))
    other = manifest.with_name(f"m{len(list(manifest.parent.glob('m*.csv')))}.csv")
    with other.open("w", newline="") as file:
        writer = csv.DictWriter(file, sorted({k for row in rows for k in row}))
        writer.writeheader()
        writer.writerows(rows)
    return other


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny encoder with random weights: random features tell phantoms apart."""
    torch.manual_seed(0)
    module = make_encoder("unet", channels=(4, 8))
    network = make_card().networks["segmenter"].model_copy(update={"structures": ()})
    card = make_card(
        name="tiny",
        task="pretrain",
        networks={"encoder": network},
        recipe={"encoder_options": {"channels": [4, 8]}},
    )
    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    save_model(folder, card, {"encoder": module})
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_picture_phantoms(
        tmp_path_factory.mktemp("pictures") / "set", 3, validation=1, side=48
    )


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    """Failing and thick hearts by turns, each a little different; the last two validate."""
    folder = tmp_path_factory.mktemp("hearts") / "set"
    small = {"n_phases": 2, "systole_fraction": 0.5, "n_slices": 8, "rows": 96, "columns": 96}
    small |= {"pixel_mm": (2.0, 2.0), "slice_step_mm": 11.0}
    studies = []
    for i in range(8):
        kind = (
            {"lv_edv_ml": 230.0 + 5 * i, "lv_ef_percent": 22.0}
            if i % 2
            else {"lv_mass_g": 210.0 + 5 * i, "lv_ef_percent": 66.0}
        )
        studies.append(make(PhantomConfig(seed=i, **small, **kind)))
    manifest = write_nifti_studies(studies, folder)

    def told(rows):
        for i, row in enumerate(rows):
            row |= {"group": "DCM" if i % 2 else "HCM", "height_cm": "170", "weight_kg": "70"}
            row["split"] = "validation" if i >= 6 else "train"
        return rows

    return rewritten(manifest, told)


@pytest.mark.parametrize("task", ["sequence_cls", "view_cls"])
def test_a_picture_head_is_trained_predicts_without_the_truth_and_is_measured(
    task, pictures, encoder, tmp_path
):
    call(
        "finetune", "--task", task, "--manifest", pictures, "--out", tmp_path / "head",
        "--start", encoder, "--threads", 1,
    )  # fmt: skip
    blind = rewritten(pictures, lambda rows: [r | {"view": "", "sequence": ""} for r in rows])
    shelf = pytest.MonkeyPatch()
    with shelf.context() as patch:
        patch.setattr("napari_cmr.nets.encoders.find_folder", lambda _: encoder)
        options = ("--task", task, "--model", tmp_path / "head")
        call("predict", *options, "--manifest", blind, "--out", tmp_path / "out")
        call("evaluate", *options, "--manifest", pictures, "--json", tmp_path / "e.json")
    with (tmp_path / "out" / "predictions.csv").open() as file:
        found = list(csv.DictReader(file))
    with pictures.open() as file:
        truth = list(csv.DictReader(file))
    assert [r["image"] for r in found] == [r["image"] for r in truth]
    for row in found:
        chances = {k[2:]: float(v) for k, v in row.items() if k.startswith("p_")}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-3)
        assert max(chances, key=chances.get) == row["predicted"]
    told = json.loads((tmp_path / "e.json").read_text())
    assert told["set"] == "set (phantom)"
    assert told["mean"]["accuracy"]["value"] > 0.8
    assert told["mean"]["accuracy"]["n"] == 3


def test_disease_is_trained_on_experts_labels_and_says_what_drove_it(hearts, tmp_path):
    card = finetune_head("disease", [hearts], tmp_path / "head", threads=1, say=lambda _: None)
    assert card.networks["head"].structures == ("DCM", "HCM")
    assert card.metrics["set validation"]["accuracy"].value == 1
    assert any("NOR, MINF, RV" in line for line in card.bad_at)
    head = load_head("disease", tmp_path / "head")
    assert head.encoder is None
    assert list(head.card.test_time["inputs"])[2] == "lv_ef"


def test_disease_can_be_learnt_from_a_segmenter_s_labels_beside_the_experts(
    hearts, encoder, tmp_path, monkeypatch
):
    middle = Heart((96.0, 96.0), (2.0, 2.0), True)
    monkeypatch.setattr("napari_cmr.learn.heads.embedding.find_heart", lambda *_: middle)
    monkeypatch.setattr("napari_cmr.learn.heads.finetune.ENCODER", encoder)
    call(
        "finetune", "--task", "disease", "--manifest", hearts, "--out", tmp_path / "head",
        "--start", SAX, "--threads", 1,
    )  # fmt: skip
    card = Card.model_validate_json((tmp_path / "head" / "card.json").read_text())
    title = f"{SAX} {find_card(SAX).version}"
    of_model = {k for k in card.metrics if k.endswith(f", labels of {title}")}
    assert {k.split(", labels")[0] for k in of_model} == set(card.metrics) - of_model
    assert card.recipe["numbers_from"].endswith(title)
    assert card.recipe["subjects_a_class"] == {"DCM": 3, "HCM": 3}
    expert = finetune_head("disease", [hearts], tmp_path / "e", threads=1, say=lambda _: None)
    assert card.sha256 != expert.sha256


def test_contributions_and_bias_sum_to_the_difference_of_logits():
    rng = np.random.default_rng(0)
    samples = Samples(rng.normal(size=(30, 4)), rng.integers(3, size=30), list("abcde") * 6, 3)
    head = fit_head(samples, 1e-2)
    values = torch.from_numpy(rng.normal(size=(5, 4))).float()
    logits = head(values)
    parts = head.contributions(values).sum(2) + head.bias - head.bias.mean()
    assert torch.allclose(parts, logits - logits.mean(1, keepdim=True), atol=1e-5)


def test_a_missing_number_says_nothing():
    head = LinearHead(2, 2)
    head.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    head.centre.copy_(torch.tensor([5.0, 6.0]))
    values = torch.tensor([[math.nan, 7.0]])
    assert head.contributions(values)[0, :, 0].tolist() == [0, 0]
    assert head(values).tolist() == [[2.0, 4.0]]


def test_the_fit_solves_what_a_closed_form_solves():
    # Two values of one number, three quarters against one quarter of a class at each: without a
    # penalty the fitted chances are those shares.
    values = np.repeat([-1.0, 1.0], 4)[:, None]
    classes = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    samples = Samples(values, classes, [f"s{i}" for i in range(8)], 2)
    found = probabilities(fit_head(samples, 0.0), np.array([[-1.0], [1.0]]))
    assert found[:, 0] == pytest.approx([0.75, 0.25], abs=2e-3)


def test_more_numbers_than_rows_give_the_same_as_the_direct_problem():
    rng = np.random.default_rng(1)
    values, classes = rng.normal(size=(12, 5)), np.arange(12) % 3
    names = [f"s{i}" for i in range(12)]
    narrow = probabilities(fit_head(Samples(values, classes, names, 3), 0.1), values)
    # Ten copies of each number share a weight: the penalty on their squares is a tenth of its.
    wide = np.repeat(values, 10, axis=1)
    again = probabilities(fit_head(Samples(wide, classes, names, 3), 1.0), wide)
    assert again == pytest.approx(narrow, abs=5e-3)


def test_a_subject_is_never_on_both_sides_of_a_fold():
    classes = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    subjects = ["a", "a", "b", "b", "c", "d", "e", "e"]
    folds = subject_folds(Samples(np.zeros((8, 1)), classes, subjects, 2), 0)
    for name in set(subjects):
        assert len({f for f, s in zip(folds, subjects, strict=True) if s == name}) == 1


def test_one_subject_a_class_is_fitted_without_choosing_and_the_card_says_so():
    samples = Samples(np.array([[0.0], [1.0]]), np.array([0, 1]), ["a", "b"], 2)
    chosen = cross_validate(samples)
    assert chosen.probabilities is None
    assert math.isnan(chosen.loss)


def test_one_subject_alone_is_refused(hearts, tmp_path):
    alone = rewritten(hearts, lambda rows: rows[:1])
    with pytest.raises(InputError, match="two classes are needed"):
        finetune_head("disease", [alone], tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("lv_ef", 59.84, "LV EF 59.8 %"),
        ("rv_lv_edv", 1.2, "RV EDV / LV EDV 1.2"),
        ("wall_ed_spread", 0.25, "spread of wall thickness over segments at ED 0.25"),
    ],
)
def test_a_biomarker_is_told_with_its_unit_behind_the_number(name, value, words):
    assert told(name, value) == words


def test_a_label_that_no_one_knows_is_refused_with_those_that_are_known(hearts, tmp_path):
    odd = rewritten(hearts, lambda rows: [*rows[:-1], rows[-1] | {"group": "dcm?"}])
    with pytest.raises(InputError, match=r"says 'dcm\?'.*NOR, DCM, HCM, MINF, RV"):
        finetune_head("disease", [odd], tmp_path / "x")


def test_a_person_with_two_diseases_or_in_both_splits_is_refused(hearts, tmp_path):
    same = rewritten(hearts, lambda rows: [r | {"subject": "x", "split": "train"} for r in rows])
    with pytest.raises(InputError, match="Two images have the same subject id"):
        finetune_head("disease", [same], tmp_path / "x")
    both = rewritten(hearts, lambda rows: [*rows, rows[0] | {"split": "validation"}])
    with pytest.raises(InputError, match="both the train and the validation"):
        finetune_head("disease", [both], tmp_path / "x")


def test_a_person_is_not_told_a_disease_by_labels_under_the_wrong_map(hearts, tmp_path):
    def swapped(rows):
        return [r | {"label_map": "acdc"} for r in rows]  # LV and RV change places

    with pytest.raises(InputError, match="label_map"):
        finetune_head("disease", [rewritten(hearts, swapped)], tmp_path / "x")


def test_a_person_is_not_told_a_disease_by_labels_of_some_slices(hearts, tmp_path):
    some = rewritten(hearts, lambda rows: [r | {"labelled_slices": "1 2"} for r in rows])
    with pytest.raises(InputError, match="describes some slices only"):
        finetune_head("disease", [some], tmp_path / "x")


def test_a_class_that_the_head_never_saw_counts_as_wrong():
    answers = Answers(["a", "b"], [UNKNOWN_CLASS, 1], np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert answers.by_subject() == {"a": 0.0, "b": 1.0}
    assert accuracy(answers).value == 0.5


def test_the_area_under_the_curve_counts_pairs_and_ties_half():
    score = np.array([0.1, 0.4, 0.4, 0.8])
    assert area_under_roc(np.array([False, True, False, True]), score) == 3.5 / 4
    one_class = Answers(["a"], [0], np.array([[0.9, 0.1]]))
    assert auc(one_class).value is None


def test_another_encoder_than_the_head_was_trained_on_is_refused(
    pictures, encoder, tmp_path, monkeypatch
):
    finetune_head(
        "sequence_cls", [pictures], tmp_path / "head", encoder=encoder, threads=1,
        say=lambda _: None,
    )  # fmt: skip
    card = json.loads((encoder / "card.json").read_text())
    other = tmp_path / "other"
    torch.manual_seed(1)
    save_model(other, Card(**card), {"encoder": make_encoder("unet", channels=(4, 8))})
    monkeypatch.setattr("napari_cmr.nets.encoders.find_folder", lambda _: other)
    with pytest.raises(ModelError, match="trained on the encoder tiny"):
        load_head("sequence_cls", tmp_path / "head")


def test_features_do_not_change_when_the_picture_is_turned(encoder):
    stack = next(picture_phantoms(3, side=48))
    frozen = load_frozen(encoder)
    turned = replace(stack, pixels=np.rot90(stack.pixels, axes=(2, 3)).copy())
    mine, theirs = (picture_features(s, frozen, [(0, 1)]) for s in (stack, turned))
    assert mine.shape == (1, len(feature_names(frozen)))
    assert torch.allclose(mine, theirs, atol=1e-3)


def test_options_that_a_head_has_no_use_for_are_refused(pictures, tmp_path):
    with pytest.raises(InputError, match="fitted to frozen features"):
        call(
            "finetune", "--task", "view_cls", "--manifest", pictures, "--out", tmp_path,
            "--steps", 5,
        )  # fmt: skip


@pytest.fixture(scope="module")
def scars(tmp_path_factory):
    """Eight people with two slices each, rings of dark wall; one slice of every other one has a
    bright part. The manifest names the second slice first."""
    folder = tmp_path_factory.mktemp("scars") / "set"
    folder.mkdir()
    rows, columns = np.mgrid[:96, :96]
    radius, angle = np.hypot(rows - 48, columns - 48), np.arctan2(rows - 48, columns - 48)
    rng = np.random.default_rng(0)
    lines = ["subject,image,label,slice,split,group,label_map,view,sequence"]
    for person in range(8):
        for z in (1, 0):
            label = np.where(radius < 8, 1, np.where(radius < 14, 2, 0))
            if person % 2:
                label[(label == 2) & (np.abs(angle) < 1.2) & (z == 1)] = 3
            grey = np.array([90, 150, 20, 240])[label] + rng.normal(0, 5, label.shape)
            for kind, values in (("i", grey.clip(0, 255)), ("l", label)):
                picture = Image.fromarray(values.astype(np.uint8))
                picture.save(folder / f"{kind}{person}_{z}.png")
            split, group = ("validation" if person > 5 else "train"), ("normal", "pathological")
            lines.append(
                f"p{person},i{person}_{z}.png,l{person}_{z}.png,{z},{split},{group[person % 2]},"
                "emidec,SAX,LGE"
            )
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def by_grey(stack, model, **_):
    """What the rings were drawn with, told by their grey values."""
    bounds = (-np.inf, 55, 120, 200)
    value = (Structure.MYO, Structure.BACKGROUND, Structure.LV, Structure.INFARCT)
    place = np.searchsorted(bounds, np.asarray(stack.pixels, float)) - 1
    return Segmentation.on(stack, np.array(value, np.uint8)[place])


def save_segmenter(folder, seed=0):
    """A tiny segmenter of late enhancement with random weights."""
    torch.manual_seed(seed)
    whole = make_card().networks
    structures = ("BACKGROUND", "LV", "MYO", "INFARCT", "MVO")
    segmenter = whole["segmenter"].model_copy(update={"structures": structures})
    networks = {"localiser": whole["localiser"], "segmenter": segmenter}
    card = make_card(name="tiny-lge", task="lge_sax_seg", networks=networks)
    save_model(folder, card, {role: build(spec) for role, spec in networks.items()})
    return folder


@pytest.fixture
def on_shelf(monkeypatch):
    """Puts a model on the shelf under a name."""

    def put(name, folder):
        def found(asked):
            return folder if asked == name else card_shelf.find_folder(asked)

        monkeypatch.setattr("napari_cmr.nets.shelf.find_folder", found)

    return put


def test_scar_is_told_by_case_and_by_slice(scars, tmp_path, monkeypatch):
    segmenter = save_segmenter(tmp_path / "segmenter")
    monkeypatch.setattr("napari_cmr.learn.heads.enhancement.predict", by_grey)
    head = tmp_path / "head"
    options = ("--task", "lge_pathology", "--manifest", scars)
    call("finetune", *options, "--out", head, "--start", segmenter, "--threads", 1)
    call("evaluate", *options, "--model", head, "--json", tmp_path / "e.json")
    mean = json.loads((tmp_path / "e.json").read_text())["mean"]
    assert mean["accuracy"]["value"] == 1
    assert mean["accuracy"]["n"] == 8
    assert mean["auc_slice"]["value"] == 1
    call("predict", *options, "--model", head, "--out", tmp_path / "out")
    with (tmp_path / "out" / "predictions.csv").open() as file:
        found = list(csv.DictReader(file))
    assert len(found) == 16
    for number, row in enumerate(found):
        person, z = number // 2, 1 - number % 2
        assert row["slice"] == str(z)
        assert row["predicted"] == ("normal", "pathological")[person % 2]
        assert (float(row["p_scar_slices"]) > 0.5) == bool(person % 2 and z == 1)


def test_slices_that_a_label_does_not_describe_say_nothing_of_scar(scars, tmp_path, monkeypatch):
    segmenter = load_model(save_segmenter(tmp_path / "segmenter"), task="lge_sax_seg")
    monkeypatch.setattr("napari_cmr.learn.heads.enhancement.predict", by_grey)
    for kind in "il":
        slices = [np.asarray(Image.open(scars.with_name(f"{kind}1_{z}.png"))) for z in (0, 1)]
        volume = np.stack(slices).transpose(2, 1, 0).astype(np.float32 if kind == "i" else np.uint8)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / f"{kind}.nii.gz")
    row = ManifestRow("p", tmp_path / "i.nii.gz", tmp_path / "l.nii.gz", label_map="emidec")
    (case,) = read_cases([row], segmenter, labels=True)
    assert case.scarred.tolist() == [False, True]
    some = replace(row, columns={"labelled_slices": "0"})
    (case,) = read_cases([some], segmenter, labels=True)
    assert case.scarred is None
    with pytest.raises(InputError, match="label_map"):
        read_cases([replace(row, label_map="acdc")], segmenter, labels=True)


def test_a_case_without_a_wall_is_refused_and_not_called_by_what_most_are(
    scars, tmp_path, monkeypatch
):
    def nothing(stack, model, **_):
        return Segmentation.on(stack, np.zeros(stack.shape, np.uint8))

    head = tmp_path / "head"
    options = ("--task", "lge_pathology", "--manifest", scars)
    with monkeypatch.context() as patch:
        patch.setattr("napari_cmr.learn.heads.enhancement.predict", by_grey)
        segmenter = save_segmenter(tmp_path / "segmenter")
        call("finetune", *options, "--out", head, "--start", segmenter, "--threads", 1)
    monkeypatch.setattr("napari_cmr.learn.heads.enhancement.predict", nothing)
    with pytest.raises(InputError, match="no wall is found in any picture of p0"):
        call("predict", *options, "--model", head, "--out", tmp_path / "out")
    with pytest.raises(InputError, match="no wall is found in any picture of p0"):
        call("evaluate", *options, "--model", head)
    assert not (tmp_path / "out").exists()


def test_another_segmenter_than_the_scar_head_was_trained_on_is_refused(
    scars, tmp_path, monkeypatch, on_shelf
):
    monkeypatch.setattr("napari_cmr.learn.heads.enhancement.predict", by_grey)
    finetune_head(
        "lge_pathology", [scars], tmp_path / "head", encoder=save_segmenter(tmp_path / "s"),
        threads=1, say=lambda _: None,
    )  # fmt: skip
    shutil.rmtree(tmp_path / "head" / "below")
    on_shelf("tiny-lge", save_segmenter(tmp_path / "other", seed=1))
    with pytest.raises(ModelError, match="trained on the segmenter tiny-lge"):
        load_head("lge_pathology", tmp_path / "head")


def test_scar_is_a_share_of_the_wall_over_the_stack_and_in_the_two_worst_slices():
    areas = np.array([[3.0, 10.0], [0.0, 40.0], [0.0, 0.0], [10.0, 50.0]])
    shares = np.exp(numbers_of(areas)) - 0.005
    assert shares == pytest.approx([13 / 100, (3 / 10 + 10 / 50) / 2])
    each = np.exp(slice_numbers(torch.from_numpy(areas)).numpy()[:, 0]) - 0.005
    assert each == pytest.approx([0.3, 0, 0, 0.2])
    assert np.isnan(numbers_of(np.zeros((3, 2)))).all()


def rings(outer_ed, inner_ed, inner_es):
    """Ten slices of 10 mm: a ring and a cavity, a crescent beside them; area kept in systole."""
    rows, columns = np.mgrid[:96, :96]
    labels = np.zeros((2, 10, 96, 96), np.uint8)
    outer_es = math.sqrt(outer_ed**2 - inner_ed**2 + inner_es**2)
    for t, (outer, inner) in enumerate(((outer_ed, inner_ed), (outer_es, inner_es))):
        radius = np.hypot(rows - 48, columns - 48)
        beside = (np.hypot(rows - 48, columns - 48 + outer) < outer * 0.8) & (radius >= outer)
        labels[t, :, beside] = Structure.RV
        labels[t, :, radius < outer] = Structure.MYO
        labels[t, :, radius < inner] = Structure.LV
    geometry = Geometry.regular(10, (10.0, 1.0, 1.0))
    return Segmentation(labels, geometry, height_cm=180.0, weight_kg=80.0)


def test_biomarkers_of_cylinders_are_those_of_the_closed_form():
    found = biomarkers(rings(30, 20, 10))
    bsa = math.sqrt(180 * 80 / 3600)
    edv, esv = math.pi * 20**2 * 100 / 1000, math.pi * 10**2 * 100 / 1000
    wall = math.pi * (30**2 - 20**2) * 100 / 1000
    assert found["lv_edv_per_m2"] == pytest.approx(edv / bsa, rel=0.02)
    assert found["lv_ef"] == pytest.approx(100 * (1 - esv / edv), rel=0.02)
    assert found["mass_per_edv"] == pytest.approx(1.05 * wall / edv, rel=0.02)
    assert found["wall_ed_mean"] == pytest.approx(10, abs=0.4)
    outer_es = math.sqrt(30**2 - 20**2 + 10**2)
    assert found["wall_es_mean"] == pytest.approx(outer_es - 10, abs=0.4)
    assert found["wall_ed_spread"] < 0.05


def test_biomarkers_without_body_size_or_millimetres_are_missing_not_wrong():
    unknown = replace(rings(30, 20, 10), height_cm=None)
    found = biomarkers(unknown)
    assert math.isnan(found["mass_per_m2"])
    assert found["mass_per_edv"] > 0
    lost = Geometry.regular(10, (10.0, 1.0, 1.0), spacing_known=False)
    found = biomarkers(replace(unknown, geometry=lost))
    assert math.isnan(found["wall_ed_mean"])
    assert found["lv_ef"] == pytest.approx(75, abs=2)


def test_one_phase_is_no_basis_for_a_disease():
    whole = rings(30, 20, 10)
    with pytest.raises(InputError, match="end diastole and end systole"):
        biomarkers(replace(whole, labels=whole.labels[:1]))
