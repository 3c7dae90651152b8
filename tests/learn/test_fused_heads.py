"""Disease from biomarkers and pictures: the two heads' answers are pooled, and it is said how."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cmr.core import ModelError
from napari_cmr.learn.heads import (
    BIOMARKERS,
    evaluate_heads,
    finetune,
    finetune_head,
    fitting,
    fusing,
    load_head,
    naming,
    over_manifest,
    predict_heads,
)
from napari_cmr.learn.heads.embedding import GRID, HeartEmbedding
from napari_cmr.learn.heads.fusing import FusedHead, fuse, log_pool
from napari_cmr.learn.heads.logistic import Samples, cross_validate, fit_head, probabilities
from napari_cmr.learn.heads.reading import Sample
from napari_cmr.nets import Heart, save_model
from napari_cmr.nets.encoders import make_encoder
from napari_cmr.nets.features import load_frozen
from napari_cmr.phantom import PhantomConfig, make, write_nifti_studies
from tests.nets.conftest import make_card

SAX = "cine-sax-unet"


def random_samples(seed, width=4, n=30):
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(n)]
    return Samples(rng.normal(size=(n, width)), np.arange(n) % 3, names, 3)


def as_people(samples, embeddings):
    return [
        Sample(name, (), values, None, embedding=seen)
        for name, values, seen in zip(samples.subjects, samples.values, embeddings, strict=True)
    ]


@pytest.fixture(scope="module")
def two_heads():
    """A head on four numbers, one on seven, and thirty people who have both."""
    first, second = random_samples(0), random_samples(1, width=7)
    people = as_people(first, second.values)
    return fit_head(first, 0.01), fit_head(second, 0.1), people, (first.values, second.values)


def test_pictures_that_count_nothing_leave_the_biomarkers_head_as_it_is(two_heads):
    head, pictures, people, (values, _) = two_heads
    alone = FusedHead(head)
    fused = FusedHead(head, pictures, 0.0)
    assert fused.probabilities(people) == pytest.approx(probabilities(head, values), abs=1e-6)
    assert np.array_equal(alone.probabilities(people), probabilities(head, values))
    assert fused.parts(people)[:, :, :-1] == pytest.approx(alone.parts(people), abs=1e-6)
    assert not fused.parts(people)[:, :, -1].any()


def test_the_fused_chance_is_in_proportion_to_the_powers_of_both(two_heads):
    head, pictures, people, (values, seen) = two_heads
    first, second = probabilities(head, values), probabilities(pictures, seen)
    product = first**0.7 * second**0.3
    product /= product.sum(1, keepdims=True)
    assert FusedHead(head, pictures, 0.3).probabilities(people) == pytest.approx(product, abs=1e-5)
    assert log_pool(first, second, 0.3) == pytest.approx(product, abs=1e-9)


def test_what_biomarkers_pictures_and_bias_added_sums_to_the_logit(two_heads):
    head, pictures, people, _ = two_heads
    fused = FusedHead(head, pictures, 0.35)
    bias = 0.65 * (head.bias - head.bias.mean()).numpy()
    logs = np.log(fused.probabilities(people))
    logits = logs - logs.mean(1, keepdims=True)
    assert fused.parts(people).sum(2) + bias == pytest.approx(logits, abs=1e-4)


@pytest.mark.parametrize("helps", [True, False])
def test_pictures_count_where_they_help_people_left_out_and_not_otherwise(helps):
    samples = random_samples(2)
    classes = np.eye(3)[samples.classes]
    noise = np.random.default_rng(3).normal(size=(30, 3))
    if helps:
        embeddings = classes + 0.1 * noise
    else:
        samples = replace(samples, values=classes + 0.1 * noise[:, ::-1])
        embeddings = noise
    chosen = cross_validate(samples)
    made = fuse(samples, chosen, embeddings, np.ones(30, bool), 0)
    assert made.head.weight == made.recipe["pictures_weight"]
    assert made.head.weight == (max(fusing.WEIGHTS) if helps else 0)
    assert (made.head.pictures is not None) == helps
    assert (made.chosen.loss < chosen.loss) == helps


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("encoder") / "tiny", 0)


def save_encoder(folder, seed):
    """A tiny encoder with random weights."""
    torch.manual_seed(seed)
    network = make_card().networks["segmenter"].model_copy(update={"structures": ()})
    options = {"encoder_options": {"channels": [4, 8]}}
    card = make_card(name="tiny", task="pretrain", networks={"encoder": network}, recipe=options)
    save_model(folder, card, {"encoder": make_encoder("unet", channels=(4, 8))})
    return folder


def heart(number):
    """Failing and thick hearts by turns, each a little different."""
    small = {"n_phases": 2, "systole_fraction": 0.5, "n_slices": 6, "rows": 64, "columns": 64}
    small |= {"pixel_mm": (3.0, 3.0), "slice_step_mm": 14.0}
    if number % 2:
        return PhantomConfig(seed=number, **small, lv_mass_g=210.0 + number, lv_ef_percent=66.0)
    return PhantomConfig(seed=number, **small, lv_edv_ml=230.0 + number, lv_ef_percent=22.0)


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hearts") / "set"
    manifest = write_nifti_studies([make(heart(i)) for i in range(5)], folder)
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        row |= {"group": "HCM" if i % 2 else "DCM", "height_cm": "170", "weight_kg": "70"}
        row["split"] = "validation" if i >= 4 else "train"
    told = folder / "told.csv"
    with told.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return told


@pytest.fixture(scope="module")
def in_use(encoder):
    """The segmenter's labels are one large heart's, so that no network runs; the encoder in use
    is the tiny one. Calling it puts another in its place."""
    labels = make(heart(0)).segmentation

    def found(stack, _model):
        return Heart((96.0, 96.0), stack.geometry.pixel_spacing, True)

    with pytest.MonkeyPatch.context() as patch:
        for module in (fitting, over_manifest):
            patch.setattr(module, "predict", lambda *_: labels)
        patch.setattr("napari_cmr.learn.heads.embedding.find_heart", found)

        def use(folder):
            patch.setattr("napari_cmr.nets.encoders.find_folder", lambda _: folder)

        use(encoder)
        yield use


@pytest.fixture(scope="module")
def trained(hearts, tmp_path_factory, in_use):
    """The folder of a fused head, its card, and the networks that were saved."""
    kept = {}

    def keep(out, card, networks):
        kept.update(networks)
        return save_model(out, card, networks)

    folder = tmp_path_factory.mktemp("fused") / "head"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusing, "WEIGHTS", (0.2,))
        patch.setattr(finetune, "save_model", keep)
        return folder, train(hearts, folder), kept


@pytest.fixture
def head(trained):
    return trained[0]


def train(hearts, folder):
    return finetune_head("disease", [hearts], folder, encoder=SAX, threads=1, say=lambda _: None)


def test_a_fused_head_that_was_saved_answers_the_same_when_it_is_loaded(trained):
    folder, card, kept = trained
    assert card.networks["pictures"].grid == GRID
    assert card.test_time["encoder"] == load_frozen("tiny").told.model_dump()
    assert card.test_time["pictures_weight"] == card.recipe["pictures_weight"] == 0.2
    rng = np.random.default_rng(0)
    widths = [len(kept[role].centre) for role in ("head", "pictures")]
    values, seen = (rng.normal(size=(5, width)) for width in widths)
    people = as_people(Samples(values, np.zeros(5, int), list("abcde"), 2), seen)
    before = FusedHead(kept["head"], kept["pictures"], 0.2).probabilities(people)
    assert np.array_equal(load_head("disease", folder).fused.probabilities(people), before)


def test_every_answer_of_a_fused_head_says_what_the_pictures_added(hearts, head, tmp_path):
    table = predict_heads(hearts, tmp_path / "out", task="disease", model=head)
    loaded = load_head("disease", head)
    bias = 0.8 * (loaded.head.bias - loaded.head.bias.mean()).numpy()
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    for row in rows:
        logs = np.log([float(row[f"p_{name}"]) for name in loaded.classes])
        said = loaded.classes.index(row["predicted"])
        parts = [float(row[f"for_{name}"]) for name in (*BIOMARKERS, "pictures")]
        assert sum(parts) + bias[said] == pytest.approx(logs[said] - logs.mean(), abs=0.05)
    found = evaluate_heads(hearts, task="disease", model=head)
    assert found["mean"]["accuracy_expert_labels"]["value"] == 1


def test_another_encoder_than_the_fused_head_was_trained_on_is_refused(
    head, tmp_path, in_use, encoder
):
    in_use(save_encoder(tmp_path / "other", 1))
    with pytest.raises(ModelError, match="trained on the encoder tiny"):
        load_head("disease", head)
    in_use(encoder)


def test_a_card_that_does_not_say_what_its_pictures_count_is_refused(head, tmp_path):
    other = shutil.copytree(head, tmp_path / "other")
    card = json.loads((other / "card.json").read_text())
    del card["test_time"]["pictures_weight"]
    (other / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="does not say what its pictures count"):
        load_head("disease", other)


def test_a_head_of_biomarkers_alone_needs_no_encoder_and_speaks_of_no_pictures(hearts, tmp_path):
    card = finetune_head("disease", [hearts], tmp_path / "head", threads=1, say=lambda _: None)
    assert set(card.networks) == {"head"}
    assert set(card.test_time) == {"inputs"}
    loaded = load_head("disease", tmp_path / "head")
    assert loaded.encoder is None
    assert loaded.fused.pictures is None
    assert not [name for name in over_manifest._columns(loaded) if "pictures" in name]


def test_the_window_tells_the_answer_with_and_without_the_pictures(head, monkeypatch):
    loaded = load_head("disease", head)
    study = make(heart(0))
    monkeypatch.setattr(naming, "load_head", lambda task: {"disease": loaded}[task])
    monkeypatch.setattr(naming, "_sequence", lambda *_: naming.Answer("Sequence", ()))
    stack = replace(study.sax, height_cm=170.0, weight_kg=70.0)
    told = naming.answers(stack, study.segmentation)[1]
    assert told.chances[0][0] == "DCM"
    assert "the pictures spoke" in told.because
    assert "without them DCM" in told.because


def test_an_embedding_sees_the_heart_at_both_phases_and_how_they_differ(encoder, in_use):
    study = make(heart(0))
    embed = HeartEmbedding(load_frozen(encoder), lambda: None)
    ed, es, change, size = embed(study.sax, 0, 1).reshape(4, -1)
    assert change == pytest.approx(ed - es, abs=1e-6)
    assert (size >= np.abs(change) - 1e-6).all()
    again = embed(study.sax, 1, 0).reshape(4, -1)
    assert np.array_equal(again[:2], [es, ed])
    assert not embed(study.sax, 0, 0).reshape(4, -1)[2:].any()
