"""The shipped four-chamber model on a validation person whose pictures lie on their side."""

import pytest

from napari_cmr.core import Structure
from napari_cmr.io.manifest import load_image, load_label, read_manifest
from napari_cmr.learn.landmarks.kinds import KINDS, load_landmarks
from napari_cmr.measure import dice
from napari_cmr.nets import load_model, predict

TURNED = "S0024"


@pytest.fixture(scope="module")
def turned(shared_data):
    rows = read_manifest(shared_data / "dsb_4ch" / "manifest.csv", need_labels=True)
    return [row for row in rows if row.subject == TURNED]


def test_the_left_ventricle_is_not_mistaken_in_a_picture_that_lies_on_its_side(turned):
    model = load_model(task="cine_lax_seg")
    for row in turned:
        stack = load_image(row)
        _, truth = load_label(row, stack)
        found = predict(stack, model)
        # the largest piece of the localiser's plain answer lies in the right ventricle: 0
        assert dice(found.labels == Structure.LV, truth.labels == Structure.LV) > 0.75


def test_the_shipped_landmarks_sit_on_the_shipped_segmenter():
    found = load_landmarks(KINDS["4CH"])
    assert found.segmenter.title == load_model(task="cine_lax_seg").title
