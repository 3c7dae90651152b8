"""The questions: their numbers, their slopes, and where their maps lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cmr.core import Geometry, InputError, Segmentation, Stack
from napari_cmr.learn.heads.biomarkers import BIOMARKERS, as_features, biomarkers
from napari_cmr.learn.heads.enhancement import case_numbers
from napari_cmr.learn.heads.over_manifest import HeadModel
from napari_cmr.learn.saliency import ask
from napari_cmr.learn.saliency.class_targets import disease, picture_class, scar
from napari_cmr.learn.saliency.integrated import gradient
from napari_cmr.learn.saliency.targets import SegmenterView, ejection_fraction, mass, volume
from napari_cmr.nets import InputGrid, Model, Network
from napari_cmr.nets.card import ModelName
from napari_cmr.nets.encoders import make_encoder
from napari_cmr.nets.features import FrozenEncoder, picture_features, pictures
from napari_cmr.nets.linear_head import LinearHead
from napari_cmr.nets.shelf import build
from tests.nets.conftest import STRUCTURES, ByIntensity, make_card

GRID = InputGrid(spacing_mm=2.0, size=32)


def make_stack(phases=2, slices=3):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :40]
    pixels = np.stack(
        [
            [np.hypot(rows - 20, columns - 20) < 9 - 2 * t - z for z in range(slices)]
            for t in range(phases)
        ]
    )
    pixels = pixels * 50.0 + rng.normal(size=pixels.shape)
    return Stack(pixels.astype(np.float32), Geometry.regular(slices, (10.0, 2.0, 2.0)))


@pytest.fixture
def view():
    torch.manual_seed(0)
    spec = Network(encoder="unet", channels=(4, 8), structures=STRUCTURES, grid=GRID, neighbours=1)
    networks = make_card().networks | {"segmenter": spec}
    card = make_card(networks=networks)
    segmenter = build(spec).eval()
    return SegmenterView.of(
        make_stack(), Model(card, {"localiser": ByIntensity(), "segmenter": segmenter})
    )


def test_a_soft_volume_is_probability_times_area_times_slab(view):
    found = view.volumes(0)
    with torch.inference_mode():
        likely = view.model.networks["segmenter"](view.inputs(0)).softmax(1)
    slab_ml = 2.0 * 2.0 * 10.0 / 1000
    assert found["LV"] == pytest.approx(float(likely[:, 1].sum()) * slab_ml, rel=1e-5)
    question = volume(view, "LV", [0])
    every = torch.arange(3)
    told = question.score(question.inputs, every).detach()
    assert float(told.sum()) == pytest.approx(found["LV"], rel=1e-5)
    assert question.places == ((0, 0), (0, 1), (0, 2))


def test_ef_moves_as_its_first_order_map_says(view):
    question = ejection_fraction(view, 0, 1)
    slopes = gradient(question)
    change = slopes / slopes.abs().max() * 1e-3
    with torch.inference_mode():
        areas = (
            view.network(question.inputs + change).double().numpy() * np.tile(view.ml, 2)[:, None]
        )
    edv, esv = areas[:3, 1].sum(), areas[3:, 1].sum()
    moved = 100 * (1 - esv / edv) - question.value
    assert float((slopes * change).sum()) == pytest.approx(moved, rel=0.05)


def test_mass_is_wall_at_end_diastole_by_density(view):
    assert mass(view, 0).value == pytest.approx(1.05 * view.volumes(0)["MYO"])


def test_a_neighbours_map_lies_on_the_neighbours_slice(view):
    maps = torch.zeros(3, 3, 32, 32)
    maps[1, 0], maps[1, 1], maps[1, 2] = 1.0, 2.0, 4.0  # the middle picture's three slices
    maps[0, 0] = 8.0  # before the first slice there is none
    found = view.onto([1], maps)
    middle = found[1, :, 20, 20]
    np.testing.assert_allclose(middle, [1.0, 2.0, 4.0])
    assert np.abs(found[0]).max() == 0
    alone = view.onto([0], torch.ones(3, 1, 32, 32))
    np.testing.assert_allclose(alone[0, :, 20, 20], 1.0)


def test_what_cannot_be_asked_is_refused(view):
    with pytest.raises(InputError, match="two phases"):
        ejection_fraction(view, 1, 1)
    with pytest.raises(InputError, match="finds no LA"):
        volume(view, "LA", [0])
    with pytest.raises(InputError, match="no target"):
        ask(make_stack(), "mood", segmentation=None, ed=0, es=1, phases=[0])


def frozen():
    torch.manual_seed(1)
    encoder = make_encoder("unet", channels=(4, 6, 8, 8)).eval()
    return FrozenEncoder(ModelName(name="e", version="1", sha256=""), encoder)


def head_model(task, classes, networks, encoder):
    spec = Network(encoder="linear", channels=(4,), structures=classes, grid=GRID)
    card = make_card(task=task, networks={"head": spec})
    return HeadModel(card, networks, encoder)


def random_head(n_inputs, n_classes):
    head = LinearHead(n_inputs, n_classes)
    order = torch.Generator().manual_seed(3)
    head.weight.copy_(torch.randn(n_classes, n_inputs, generator=order) / n_inputs)
    return head.eval()


def test_a_class_is_the_heads_logit_against_the_mean_of_all():
    stack, encoder = make_stack(), frozen()
    features = picture_features(stack, encoder, pictures(stack)).mean(0)
    head = random_head(len(features), 3)
    model = head_model("sequence_cls", ("cine", "LGE", "mapping"), {"head": head}, encoder)
    logits = head(features[None])[0].detach()
    question = picture_class(stack, model, "LGE")
    due = float(logits[1] - logits.mean())
    assert question.value == pytest.approx(due, abs=1e-5)
    every = torch.arange(len(question))
    told = question.score(question.inputs, every).detach()
    assert float(told.sum()) == pytest.approx(due, abs=1e-5)
    assert picture_class(stack, model).title.endswith(model.classes[int(logits.argmax())])
    with pytest.raises(InputError, match="knows no 'T3'"):
        picture_class(stack, model, "T3")


@pytest.fixture
def scar_head():
    torch.manual_seed(2)
    structures = ("BACKGROUND", "LV", "MYO", "INFARCT", "MVO")
    spec = Network(encoder="unet", channels=(4, 8), structures=structures, grid=GRID, neighbours=1)
    card = make_card(task="lge_sax_seg", networks=make_card().networks | {"segmenter": spec})
    segmenter = Model(card, {"localiser": ByIntensity(), "segmenter": build(spec).eval()})
    model = head_model("lge_pathology", ("normal", "pathological"), {"head": random_head(2, 2)},
                       None)  # fmt: skip
    return replace(model, segmenter=segmenter)


def test_scar_is_the_heads_logit_of_scars_share_of_the_wall(scar_head):
    question = scar(make_stack(1), scar_head, "pathological")
    with torch.inference_mode():
        likely = scar_head.segmenter.networks["segmenter"](question.inputs).softmax(1)
    scarred, wall = (likely[:, k:].sum((1, 2, 3)).double() for k in (3, 2))
    worst = sorted((scarred / wall).tolist())[-2:]
    shares = np.array([float(scarred.sum() / wall.sum()), np.mean(worst)])
    logits = scar_head.head(torch.from_numpy(np.log(shares + 0.005))[None].float())[0]
    assert question.value == pytest.approx(float(logits[1] - logits.mean()), abs=1e-5)
    assert question.places == ((0, 0), (0, 1), (0, 2))
    with pytest.raises(InputError, match="knows no 'scarred'"):
        scar(make_stack(1), scar_head, "scarred")
    with pytest.raises(InputError, match="told from late enhancement"):
        scar(make_stack(2), scar_head)


def test_the_wall_of_late_enhancement_is_that_with_what_is_scarred_of_it(scar_head):
    view = SegmenterView.of(make_stack(1), scar_head.segmenter)
    soft = view.volumes(0)
    wall = soft["MYO"] + soft["INFARCT"] + soft["MVO"]
    assert volume(view, "MYO", [0]).value == pytest.approx(wall)
    assert mass(view, 0).value == pytest.approx(1.05 * wall)
    assert volume(view, "INFARCT", [0]).value == pytest.approx(soft["INFARCT"])
    with pytest.raises(InputError, match="finds no RV"):
        volume(view, "RV", [0])


def test_scar_moves_as_its_first_order_map_says(scar_head):
    question = scar(make_stack(1), scar_head, "pathological")
    slopes = gradient(question)
    change = slopes / slopes.abs().max() * 1e-2
    with torch.inference_mode():
        areas = question.network(question.inputs + change).double()
        summed = torch.stack([areas[:, 3:].sum(1), areas[:, 2:].sum(1)], dim=1)
        moved = scar_head.head(case_numbers(summed)[None].float())[0]
    due = float(moved[1] - moved.mean()) - question.value
    assert float((slopes * change).sum()) == pytest.approx(due, rel=0.1)


def test_disease_hangs_on_volumes_as_its_biomarkers_do(view):
    stack = make_stack()
    rows, columns = np.mgrid[:40, :40]
    far = np.hypot(rows - 20, columns - 20)
    labels = np.zeros(stack.shape, np.uint8)
    for phase, radius in enumerate((7, 5)):
        labels[phase, :, far < radius + 3] = 2
        labels[phase, :, far < radius] = 1
        labels[phase, :, (np.abs(rows - 20) < radius) & (columns < 8)] = 3
    found = replace(Segmentation.on(stack, labels), height_cm=170.0, weight_kg=70.0)
    head = random_head(len(BIOMARKERS), 3)
    model = head_model("disease", ("NOR", "DCM", "RV"), {"head": head}, None)
    question = disease(view, found, model, "DCM")
    lv = view.structures.index("LV")
    per_ml = float(question.weights[0, lv]) / float(view.ml[0])
    numbers = biomarkers(found)

    def logit(edv_factor):
        edv, esv = numbers["lv_edv_per_m2"] * edv_factor, numbers["lv_esv_per_m2"]
        new = numbers | {
            "lv_edv_per_m2": edv,
            "lv_ef": 100 * (edv - esv) / edv,
            "mass_per_edv": numbers["mass_per_edv"] / edv_factor,
            "rv_lv_edv": numbers["rv_lv_edv"] / edv_factor,
        }
        said = head(torch.from_numpy(as_features([new])).float())[0]
        return float(said[1] - said.mean())

    area_m2 = np.sqrt(170.0 * 70.0 / 3600)
    edv_ml = numbers["lv_edv_per_m2"] * area_m2
    due = (logit(1.01) - logit(0.99)) / (0.02 * edv_ml)
    assert per_ml == pytest.approx(due, rel=0.02)
    assert any("Wall thickness" in note for note in question.notes)
