"""The region tool gives the remote wall of late enhancement, and its scar follows."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_cmr import io
from napari_cmr.core import Segmentation, Stack, Structure
from napari_cmr.review import enhancement_of
from napari_cmr.ui.scar import REMOTE_WALL
from tests.measure.shells import CENTRE, ellipsoid_shell, oriented

from .conftest import WAIT_MS
from .hand import drag, press
from .test_dock import click

LEFT_WALL = ((42, 15), (50, 20), (58, 25))


@pytest.fixture
def lge(open_study, tmp_path):
    """A wall of 50 on the right and 120 on the left of the picture, a sixth of it scar of 400."""
    labels = ellipsoid_shell((24.0, 400.0), 10.0, np.arange(4) * 8.0)[None]
    rows, columns = np.mgrid[:96, :96]
    angle = np.rad2deg(np.arctan2(CENTRE[0] - rows, columns - CENTRE[1])) % 360
    wall = labels == Structure.MYO
    scar = wall & (angle >= 240) & (angle < 300)
    noise = np.random.default_rng(0).normal(0, 2, labels.shape)
    grey = np.select([scar, wall & (columns < CENTRE[1]), wall], [400.0, 120.0, 50.0], 200.0)
    stack = Stack((grey + noise).round().astype(np.uint16), oriented(4))
    io.write_dicom(stack, tmp_path, description="LGE PSIR sax")
    dock = open_study(tmp_path)
    dock.share = 100 * scar.sum() / wall.sum()
    dock.session.apply_prediction(Segmentation.on(dock.session.stack, labels, "shells 1"))
    return dock


def test_a_drawn_region_becomes_the_remote_wall_and_scar_follows(lge, viewer, qtbot):
    panel = lge.scar
    text = panel.values["5-SD", 1].text
    assert "chosen automatically" in panel.remote.text()
    assert float(text()) > 2 * lge.share
    click(qtbot, panel.use_region)
    assert "Draw a region" in panel.notes.text()
    press(viewer, Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
    drag(viewer, viewer.layers[0], *LEFT_WALL)
    rulers = lge.coordinator.viewing.rulers
    qtbot.waitUntil(lambda: any(rulers.texts()), timeout=WAIT_MS)
    click(qtbot, panel.use_region)
    assert float(text()) == pytest.approx(lge.share, abs=0.2)
    assert "drawn by hand in slice 2" in panel.remote.text()
    assert "automatically" not in panel.remote.text() + panel.notes.text()
    assert "drawn by hand" in panel.values["5-SD", 1].toolTip()
    click(qtbot, panel.shown)
    shown = next(la for la in viewer.layers if la.metadata.get(REMOTE_WALL))
    drawn = lge.session.reading.history.remote[0]
    assert (drawn.index, drawn.is_round) == (2, True)
    rows, columns = np.nonzero(shown.data[0, 2])
    assert 41 <= rows.min() < rows.max() <= 59
    assert 14 <= columns.min() < columns.max() <= 26
    assert shown.data.sum() == len(rows)
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert float(text()) > 2 * lge.share
    assert "Took back a remote wall at phase 0, slice 2" in lge.message.text()
    assert not panel.automatic.isEnabled()
    click(qtbot, lge.review.redo)
    assert float(text()) == pytest.approx(lge.share, abs=0.2)
    click(qtbot, panel.automatic)
    assert float(text()) > 2 * lge.share
    assert not panel.automatic.isEnabled()


def test_late_enhancement_shows_mass_and_scar_and_nothing_of_a_beating_heart(lge):
    words = [w.text() for pair in lge.measures._words for w in pair if not w.isHidden()]
    assert words == ["Mass", "g"]
    assert not lge.measures.values["mass_g"].isHidden()
    assert lge.measures.values["edv_ml"].isHidden()
    assert "EDV" not in lge.measures.notes.text() + lge.numbers.text()
    assert "Mass" in lge.numbers.text()
    targets = [lge.why.target.itemText(i) for i in range(lge.why.target.count())]
    assert "Infarct volume" in targets
    assert not {"Ejection fraction", "RV cavity volume", "Disease group"} & set(targets)
    lge.why.show_targets(enhancement=False)
    again = [lge.why.target.itemText(i) for i in range(lge.why.target.count())]
    assert "Ejection fraction" in again
    assert "Infarct volume" not in again


def test_regions_on_several_slices_count_together_and_a_selected_one_alone(lge, viewer, qtbot):
    rulers = lge.coordinator.viewing.rulers
    for index in (1, 2):
        viewer.dims.set_current_step(1, index)
        press(viewer, Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
        drag(viewer, viewer.layers[0], *LEFT_WALL)
    qtbot.waitUntil(lambda: len(rulers.texts()) == 2, timeout=WAIT_MS)
    click(qtbot, lge.scar.use_region)
    assert "slices 1, 2" in lge.scar.remote.text()
    rulers.layer.mode = "select"
    rulers.layer.selected_data = {0}
    click(qtbot, lge.scar.use_region)
    assert "slice 1," in lge.scar.remote.text()


def test_scar_is_drawn_anew_after_a_stroke_and_gone_with_the_stack(
    lge, viewer, qtbot, open_study, study_folder
):
    before = lge.scar.values["2-SD", 1].text()
    box = ((0, 1), (2, 3), (0, 40), (0, 96))
    lge.session.correct(box, np.zeros((1, 1, 40, 96), np.uint8))
    value = enhancement_of(lge.session.reading)["scar_2sd_percent"].text
    qtbot.waitUntil(lambda: lge.scar.values["2-SD", 1].text() == value, timeout=WAIT_MS)
    assert value != before
    click(qtbot, lge.scar.shown)
    assert any(la.metadata.get(REMOTE_WALL) for la in viewer.layers)
    open_study(study_folder)
    assert lge.scar.isHidden()
    assert not any(la.metadata.get(REMOTE_WALL) for la in viewer.layers)
