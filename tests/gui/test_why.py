"""The tab Why: how sure the model is, and what its numbers hang on."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_cmr.core import Segmentation, Uncertainty, check_cancel
from napari_cmr.ui.overlays import OVERLAY
from tests.gui.conftest import WAIT_MS, settle

DOUBTED = (3, 4)


class Doubtful:
    """Squares whose slice 4 in phase 3 it is least sure of."""

    def __call__(self, stack, progress, cancel):
        labels = np.zeros(stack.shape, np.uint8)
        for phase in range(stack.shape[0]):
            labels[phase, :, 20 : 32 - phase, 22:32] = 1
        entropy = np.zeros(stack.shape, np.float16)
        entropy[:, :, 19:21, 22:32] = 0.7
        slices = np.full(stack.shape[:2], 0.02)
        slices[DOUBTED] = 0.25
        found = Segmentation.on(stack, labels, "squares 1")
        doubt = Uncertainty(entropy, {"LV": slices}, 0.031)
        return Segmentation(**{**vars(found), "uncertainty": doubt})


def overlay(viewer, kind):
    return next((la for la in viewer.layers if la.metadata.get(OVERLAY) == kind), None)


@pytest.fixture
def segmented(dock, open_study, study_folder, qtbot):
    dock.coordinator.predictor = Doubtful()
    open_study(study_folder, segment=True)
    qtbot.waitUntil(lambda: dock.session.segmentation is not None, timeout=WAIT_MS)
    settle(dock, qtbot)
    return dock


def test_a_click_on_the_least_sure_cell_goes_to_its_slice_and_phase(segmented, viewer, qtbot):
    panel = segmented.why
    assert "slice 4 in phase 3" in panel.doubt_text.text()
    assert "0.031" in panel.doubt_text.text()
    segmented.tabs.setCurrentIndex(4)
    panel.strip.resize(300, panel.strip.height())
    spot = panel.strip.cell(*DOUBTED).center().toPoint()
    qtbot.mouseClick(panel.strip, Qt.MouseButton.LeftButton, pos=spot)
    stage = segmented.coordinator.stage
    assert (stage.phase, stage.slice) == DOUBTED
    assert "expected to lose 0.25" in panel.strip.text_at(*DOUBTED)
    qtbot.mouseClick(panel.strip, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert (stage.phase, stage.slice) == DOUBTED  # the slices' numbers lead nowhere


def test_uncertainty_lies_over_the_images_and_under_the_contours(segmented, viewer):
    panel = segmented.why
    panel.show_doubt_box.setChecked(True)
    layer = overlay(viewer, "doubt")
    stage = segmented.coordinator.stage
    assert layer.data.shape == stage.image.data.shape
    np.testing.assert_array_equal(layer.scale, stage.image.scale)
    order = [viewer.layers.index(la) for la in (stage.image, layer, stage.contours)]
    assert order == sorted(order)
    panel.doubt_slider.setValue(30)
    assert layer.opacity == pytest.approx(0.3)
    panel.show_doubt_box.setChecked(False)
    assert not layer.visible


@pytest.fixture
def by_intensity(monkeypatch):
    """A model that calls bright pixels LV in place of the shipped one."""
    from napari_cmr.nets import Model
    from tests.nets.conftest import ByIntensity, make_card

    model = Model(make_card(), {"localiser": ByIntensity(), "segmenter": ByIntensity()})
    monkeypatch.setattr("napari_cmr.learn.saliency.asking.load_model", lambda *_, **__: model)


@pytest.mark.usefixtures("by_intensity")
def test_a_volume_is_explained_on_the_images_with_its_scores(segmented, viewer, qtbot):
    panel = segmented.why
    panel.target.setCurrentText("LV cavity volume")
    panel.method.setCurrentText("Gradient")
    qtbot.mouseClick(panel.explain, Qt.MouseButton.LeftButton)
    assert panel.cancel.isEnabled()
    settle(segmented, qtbot)
    layer = overlay(viewer, "why")
    assert layer is not None, segmented.message.text()
    assert layer.data.shape == segmented.session.stack.shape
    phase = segmented.coordinator.stage.phase
    assert np.abs(layer.data[phase]).max() > 0
    others = [p for p in range(len(layer.data)) if p != phase]
    assert np.abs(layer.data[others]).max() == 0
    assert "of the map lies in the heart" in panel.scores.text()
    # This model has no weights that could be shuffled, so its map cannot hang on them.
    assert "Do not read it" in panel.failed.text()
    assert panel.failed.isVisibleTo(panel)
    panel.show_map_box.setChecked(False)
    assert not layer.visible
    other = next(
        e.stack_id
        for e in segmented.session.catalogue.entries
        if e.stack_id != segmented.session.stack.stack_id
    )
    segmented.coordinator.choose(other)
    settle(segmented, qtbot)
    assert overlay(viewer, "why") is None
    assert panel.scores.text() == ""


def test_explaining_can_be_cancelled_and_leaves_nothing(segmented, viewer, qtbot, monkeypatch):
    began = threading.Event()

    def slow(*_args, cancel, **_kwargs):
        while True:
            began.set()
            check_cancel(cancel)
            threading.Event().wait(0.005)

    monkeypatch.setattr("napari_cmr.review.explaining.explained", slow)
    panel = segmented.why
    qtbot.mouseClick(panel.explain, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(began.is_set, timeout=WAIT_MS)
    qtbot.mouseClick(panel.cancel, Qt.MouseButton.LeftButton)
    settle(segmented, qtbot)
    assert overlay(viewer, "why") is None
    assert "nothing was changed" in segmented.message.text()


def test_what_needs_a_segmentation_says_so(dock, open_study, study_folder, qtbot):
    open_study(study_folder)
    assert "Segment the stack" in dock.why.doubt_text.text()
    dock.why.target.setCurrentText("Ejection fraction")
    qtbot.mouseClick(dock.why.explain, Qt.MouseButton.LeftButton)
    assert "segment the stack first" in dock.message.text()


def test_attention_is_offered_for_the_transformer_alone(dock):
    panel = dock.why
    panel.target.setCurrentText("LV mass")
    names = [panel.method.itemText(i) for i in range(panel.method.count())]
    assert "Attention rollout" not in names
    panel.target.setCurrentText("Feature of the transformer")
    panel.method.setCurrentText("One attention head")
    assert panel.wish.method == "head"
