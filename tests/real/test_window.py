"""Real studies through napari's own door, in a real window."""

import numpy as np
import pytest

WAIT_MS = 120_000


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


def shapes(layers):
    return {layer.metadata["stack_id"]: tuple(layer.data.shape) for layer in layers}


def test_the_animals_folder_opens_as_a_short_and_a_long_axis_layer(viewer, shared_data):
    layers = viewer.open(shared_data / "swine", plugin="napari-cmr")
    assert shapes(layers) == {"sax-1": (20, 20, 256, 256), "lax-1": (20, 4, 256, 256)}
    sax = layers[-1]
    np.testing.assert_allclose(sax.scale, (1, 5, 0.8203, 0.8203), atol=1e-3)
    assert sax.metadata["patient_orientation"]["left"] == "R"
    assert sax.metadata["patient_orientation"]["right"] == "L"


def test_the_persons_folder_opens_as_six_layers_with_the_short_axis_on_top(viewer, shared_data):
    layers = viewer.open(shared_data / "siemens", plugin="napari-cmr")
    assert len(layers) == 6
    assert layers[-1].data.shape == (25, 6, 208, 256)
    assert layers[-1].visible
    assert all(layer.data.shape[:2] == (25, 1) for layer in layers[:-1])
    assert not any(layer.visible for layer in layers[:-1])


def test_an_acdc_patient_opens_with_both_frames(viewer, shared_data):
    (layer,) = viewer.open(shared_data / "acdc" / "patient002", plugin="napari-cmr")
    assert layer.data.shape[:2] == (2, 10)
    assert layer.metadata["patient_orientation"] is None
    assert any("frame 12" in finding for finding in layer.metadata["findings"])


def test_the_dock_walks_through_every_stack_of_the_person(viewer, shared_data, qtbot):
    _, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    dock.open(shared_data / "siemens")
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=WAIT_MS)
    stacks = dock.study.stacks
    for row in range(stacks.topLevelItemCount()):
        stacks.setCurrentItem(stacks.topLevelItem(row))
        qtbot.waitUntil(lambda: not dock.runner.busy, timeout=WAIT_MS)
        (layer,) = viewer.layers
        assert layer.metadata["stack_id"] == stacks.topLevelItem(row).text(0)
        assert tuple(viewer.dims.axis_labels) == ("phase", "slice", "row", "column")
        assert dock.coordinator.stage.letters.shown is not None
