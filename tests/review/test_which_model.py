"""Which of the models segments a stack: by its sequence, the project's versions, or by name."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_cmr import nets, phantom
from napari_cmr.core import InputError, Segmentation, Sequence, View
from napari_cmr.review import Project, sax_predictor
from napari_cmr.review.explaining import explained, explaining
from napari_cmr.review.learned import project_predictor

SMALL = phantom.PhantomConfig(n_phases=2, n_slices=3, rows=24, columns=24, pixel_mm=(8.0, 8.0))
TASKS = {"lge-sax-unet": "lge_sax_seg", "cine-sax-unet": "cine_sax_seg"}


@pytest.fixture
def asked(monkeypatch):
    """(model, task) that were asked for; nothing is loaded."""
    found = []
    monkeypatch.setattr(nets, "load_model", lambda name, *, task: found.append((name, task)))
    monkeypatch.setattr(nets, "find_card", lambda name: SimpleNamespace(task=TASKS[str(name)]))
    monkeypatch.setattr(
        nets,
        "predict",
        lambda stack, _model, **_: Segmentation.on(stack, np.zeros(stack.shape, np.uint8)),
    )
    return found


@pytest.fixture(scope="module")
def cine():
    return phantom.make(SMALL).sax


@pytest.fixture(scope="module")
def enhanced(cine):
    return replace(cine, pixels=cine.pixels[:1], sequence=Sequence.LGE, times_ms=None)


def test_the_shelf_s_model_is_chosen_by_the_sequence(asked, cine, enhanced):
    for stack in (cine, enhanced):
        sax_predictor()(stack, None, None)
    assert asked == [(None, "cine_sax_seg"), (None, "lge_sax_seg")]


def test_a_model_that_is_named_is_taken(asked, cine, enhanced):
    sax_predictor("cine-sax-unet")(enhanced, None, None)
    sax_predictor("lge-sax-unet")(enhanced, None, None)
    sax_predictor("lge-sax-unet")(cine, None, None)  # which load_model refuses by its task
    assert [task for _, task in asked] == ["cine_sax_seg", "lge_sax_seg", "cine_sax_seg"]


@pytest.mark.parametrize("sequence", [Sequence.T1, Sequence.T2])
def test_a_map_has_a_model_of_its_own_and_is_said_to_be_untried(asked, cine, enhanced, sequence):
    drawn = replace(enhanced, sequence=sequence)
    found = sax_predictor()(drawn, None, None)
    sax_predictor("cine-sax-unet")(drawn, None, None)
    assert asked == [(None, "mapping_sax_seg"), ("cine-sax-unet", "cine_sax_seg")]
    assert "maps-unseen" in {f.code for f in found.findings}
    assert "maps-unseen" not in {f.code for f in sax_predictor()(cine, None, None).findings}


def test_a_project_s_version_is_asked_for_by_the_stack_s_task(asked, cine, enhanced, monkeypatch):
    used = {"cine_sax_seg": "cine-sax-unet", "lge_sax_seg": None}
    monkeypatch.setattr("napari_cmr.review.learned.model_in_use", lambda _, task: used[task])
    find = project_predictor(lambda: Project.in_memory("for a test"))
    find(cine, None, None)
    find(enhanced, None, None)
    find.in_order(enhanced, [0], lambda *_: None, None, None)
    late = (None, "lge_sax_seg")
    assert asked == [("cine-sax-unet", "cine_sax_seg"), late, late]


def test_why_asks_the_segmenter_of_the_stack_s_task(cine, enhanced, monkeypatch):
    from napari_cmr.learn.saliency import asking

    wanted = []

    def load(name=None, *, task):
        wanted.append((name, task))
        raise InputError("asked")

    monkeypatch.setattr(asking, "load_model", load)
    none = {"segmentation": None, "ed": 0, "es": 0, "phases": [0]}
    for target in ("volume:INFARCT", "mass", "feature"):
        with pytest.raises(InputError, match="asked"):
            explained(enhanced, target, "gradient", **none)
    assert {task for _, task in wanted} == {"lge_sax_seg"}
    with pytest.raises(InputError, match="asked"):
        explained(cine, "volume:LV", "gradient", **none)
    assert wanted[-1] == (None, "cine_sax_seg")
    for target in ("ef", "disease:DCM"):
        with pytest.raises(InputError, match="Late enhancement has one phase"):
            explained(enhanced, target, "gradient", **none)
    with pytest.raises(InputError, match="explained on short-axis stacks"):
        explained(replace(cine, view=View.CH4), "volume:LV", "gradient", **none)


def test_why_asks_the_version_in_use(enhanced, monkeypatch):
    monkeypatch.setattr("napari_cmr.review.explaining.model_in_use", lambda _, task: f"own {task}")
    used = []
    monkeypatch.setattr(
        "napari_cmr.review.explaining.explained", lambda *_, model, **__: used.append(model)
    )
    session = SimpleNamespace(
        stack=enhanced, segmentation=None, measures=None, project=Project.in_memory("for a test")
    )
    for target in ("volume:LV", "mass", "sequence"):
        explaining(session, target, "gradient", lambda _: None)()
    assert used == ["own lge_sax_seg", "own lge_sax_seg", None]


def test_another_view_is_refused(asked, enhanced):
    find = sax_predictor()
    for sequence, view in (("LGE", View.CH4), ("cine", View.CH2), ("echo", View.CH4)):
        other = replace(enhanced, view=view, sequence=Sequence(sequence))
        with pytest.raises(InputError, match=f"No model covers .* is {view} {sequence}"):
            find(other, None, None)
    assert not asked


def test_a_four_chamber_cine_is_segmented_by_the_model_for_it(asked, cine):
    sax_predictor()(replace(cine, view=View.CH4), None, None)
    project_predictor(lambda: Project.in_memory("for a test"))(
        replace(cine, view=View.CH4), None, None
    )
    assert asked == [(None, "cine_lax_seg")] * 2
