"""A four-chamber cine in the window: the cavity of one plane, and what it can be measured for."""

import numpy as np
import pytest

from napari_cmr.core import Segmentation, View
from tests.gui.conftest import settle


@pytest.fixture
def asked(monkeypatch, study):
    """(view, task) that models were asked for; the truth stands for what they say."""
    from napari_cmr import nets

    found = []
    monkeypatch.setattr(nets, "load_model", lambda _name=None, *, task: task)

    def predict(stack, model, *, phases=None, arrived=None, **_):
        found.append((stack.view, model))
        labels = study.segmentations[View.CH4].labels
        kept = np.where(labels == 1, labels, 0).astype(np.uint8)
        for phase in phases or ():
            if arrived is not None:
                arrived(phase, kept[phase])
        return Segmentation.on(stack, kept, "truth 1")

    monkeypatch.setattr(nets, "predict", predict)
    return found


def test_segment_draws_the_cavity_and_shows_areas_lengths_and_no_volume(
    open_study, study_folder, study, asked, qtbot
):
    dock = open_study(study_folder)
    ids = {e.view: e.stack_id for e in dock.session.catalogue.entries}
    dock.coordinator.choose(ids[View.CH4])
    settle(dock, qtbot)
    dock.segment.segment.click()
    settle(dock, qtbot)
    assert asked == [(View.CH4, "cine_lax_seg")]
    assert dock.coordinator.stage.contours.data.any()
    panel = dock.plane
    assert not panel.isHidden()
    length = float(panel.values["lv_length_ed_mm"].text())
    assert length == pytest.approx(study.config.lv_length_mm, abs=6)  # pixels are 3.6 mm
    assert "single-plane area-length" in panel.values["single_plane_ef_percent"].toolTip()
    assert "round about its long axis" in panel.notes.text()
    assert all(label.isHidden() for label in dock.measures.values.values())
    assert not dock.measures.phases.isHidden()  # ED and ES can be set
    assert dock.numbers.text() == ""
    assert dock.measures.doubts.isHidden()  # that a plane has no volume speaks against nothing
    assert "not measured on one long-axis plane" in dock.measures.notes.text()
    measures = dock.session.measures
    assert measures.edv_ml is measures.ef_percent is measures.mass_g is None
    assert measures.phases_set_by == "area curve"

    dock.coordinator.choose(ids[View.SAX])
    settle(dock, qtbot)
    assert panel.isHidden()
    assert not dock.measures.values["edv_ml"].isHidden()


def test_another_long_axis_says_in_one_sentence_that_no_model_covers_it(
    open_study, study_folder, asked, qtbot
):
    dock = open_study(study_folder)
    other = next(e for e in dock.session.catalogue.entries if e.view is View.CH2)
    dock.coordinator.choose(other.stack_id)
    settle(dock, qtbot)
    dock.segment.segment.click()
    settle(dock, qtbot)
    assert f"No model covers {other.stack_id}, which is 2CH cine" in dock.message.text()
    assert dock.session.segmentation is None
    assert not asked
