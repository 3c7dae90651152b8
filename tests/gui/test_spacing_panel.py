import numpy as np
import pytest
from qtpy.QtCore import Qt

from .conftest import settle
from .test_orientation import write_unoriented


class Squares:
    """LV of 100 pixels at ED and 25 at ES in each of five slices."""

    def __call__(self, stack, progress, cancel):
        from napari_cmr.core import Segmentation

        labels = np.zeros(stack.shape, np.uint8)
        labels[0, :, 5:15, 5:15] = 1
        labels[1, :, 5:10, 5:10] = 1
        labels[2, :, 5:14, 5:14] = 1
        return Segmentation.on(stack, labels, "squares")


@pytest.fixture
def bare(open_study, dock, tmp_path, qtbot):
    file = tmp_path / "bare.nii"
    write_unoriented(file)
    dock.coordinator.predictor = Squares()
    open_study(file, segment=True)
    qtbot.waitUntil(lambda: dock.session.measures is not None, timeout=60_000)
    settle(dock, qtbot)
    return dock


def test_a_file_without_spacing_is_asked_for_it_and_gives_ef_only(bare):
    assert bare.spacing.isVisible()
    assert not bare.spacing.apply.isEnabled()
    assert bare.measures.values["ef_percent"].text() == "75"
    assert bare.measures.values["edv_ml"].text() == "\N{EN DASH}"
    assert not bare.measures.curve.isVisible()


def test_the_spacing_given_turns_up_in_layers_and_volumes(bare, viewer, qtbot):
    for field, millimetres in zip(bare.spacing.fields, (10.0, 2.0, 1.5), strict=True):
        field.clear()
        qtbot.keyClicks(field, str(millimetres))
        qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.mouseClick(bare.spacing.apply, Qt.MouseButton.LeftButton)
    settle(bare, qtbot)
    assert not bare.spacing.isVisible()
    (image,) = viewer.layers
    np.testing.assert_allclose(image.scale, (1, 10, 2, 1.5))
    qtbot.mouseClick(bare.segment.segment, Qt.MouseButton.LeftButton)
    settle(bare, qtbot)
    # 100 pixels of 2 x 1.5 mm in five slices that each stand for 10 mm
    assert bare.session.measures.edv_ml == pytest.approx(15.0)
    assert bare.measures.values["edv_ml"].text() == "15"


def test_the_panel_is_hidden_where_the_spacing_is_known(open_study, study_folder):
    assert not open_study(study_folder).spacing.isVisible()
