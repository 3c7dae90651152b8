import numpy as np
import pytest

from napari_cmr import io
from napari_cmr.core import Geometry, Sequence, Stack, View
from napari_cmr.ui.edge_letters import Edges
from napari_cmr.ui.orientation import edges, letters


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ((1, 0, 0), "L"),
        ((-1, 0, 0), "R"),
        ((0, 1, 0), "P"),
        ((0, -1, 0), "A"),
        ((0, 0, 1), "H"),
        ((0, 0, -1), "F"),
        ((0.8, 0.6, 0.0), "LP"),
        ((0.3, -0.1, -0.95), "F"),
        ((-0.5, -0.6, 0.62), "HA"),
    ],
)
def test_letters_name_the_main_directions(direction, expected):
    assert letters(np.array(direction, float)) == expected


def test_an_axial_picture_has_the_patients_left_on_the_right_and_front_on_top():
    axial = Geometry(
        np.zeros((1, 3)), np.array([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]), (1.0, 1.0), 5.0
    )
    assert edges(axial, 0) == Edges(left="R", right="L", top="A", bottom="P")


def test_letters_are_left_out_where_the_orientation_is_made_up():
    assert edges(Geometry.regular(3, (8, 1, 1), oriented=False), 1) is None


ROWS, COLUMNS = 48, 64
MARKER_MM = np.array([37.0, -21.0, 12.0])  # patient's left, front, head


def marked_stack(axes):
    """An axial or coronal cine with one bright spot at a known place in the patient."""
    row, column = axes
    normal = np.cross(column, row)
    centre = np.array([5.0, -3.0, 0.0])
    steps = np.array([-1, 0, 1])[:, None] * 12.0 * normal
    origins = centre + steps - row * 2.0 * ROWS / 2 - column * 2.0 * COLUMNS / 2
    geometry = Geometry(origins, np.tile(axes, (3, 1, 1)), (2.0, 2.0), 8.0)
    offset = MARKER_MM - origins[0]
    at = [
        round(float(offset @ axis) / step) for axis, step in ((normal, 12), (row, 2), (column, 2))
    ]
    pixels = np.random.default_rng(0).integers(20, 30, (3, 3, ROWS, COLUMNS)).astype(np.uint16)
    pixels[:, at[0], at[1] - 1 : at[1] + 2, at[2] - 1 : at[2] + 2] = 900
    return Stack(pixels, geometry, view=View.SAX, sequence=Sequence.CINE), at


AXIAL = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
MIRRORED = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
CORONAL = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("axes", [AXIAL, MIRRORED, CORONAL], ids=["axial", "mirrored", "coronal"])
def test_a_marker_in_the_patient_appears_on_the_side_that_the_letters_say(
    axes, open_study, viewer, tmp_path
):
    stack, at = marked_stack(axes)
    io.write_dicom(stack, tmp_path, description="sax cine")
    dock = open_study(tmp_path)
    stage = dock.coordinator.stage
    marked = int(np.argmax(viewer.layers[0].data.max(axis=(0, 2, 3))))
    stage.go_to(slice_index=marked)
    screen = brightest_on_screen(viewer)
    shown = stage.letters.shown
    middle_mm = stack.geometry.origins[at[0]] + (
        axes[0] * 2.0 * ROWS / 2 + axes[1] * 2.0 * COLUMNS / 2
    )
    assert is_towards(shown.left if screen[1] < 0.5 else shown.right, middle_mm)
    assert is_towards(shown.top if screen[0] < 0.5 else shown.bottom, middle_mm)


def is_towards(letter, middle):
    """Whether the marker lies on the letter's side of the picture's middle."""
    axis, sign = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}[
        letter[0]
    ]
    return (MARKER_MM - middle)[axis] * sign > 0


def brightest_on_screen(viewer):
    """(row, column) of the marker's middle as fractions of the canvas."""
    shot = viewer.screenshot(canvas_only=True, flash=False)
    bright = np.argwhere(shot[..., :3].min(axis=2) > 240)
    return bright.mean(axis=0) / shot.shape[:2]


def test_letters_follow_when_the_canvas_is_mirrored_or_turned(open_study, study_folder, viewer):
    dock = open_study(study_folder)
    letters_shown = dock.coordinator.stage.letters
    before = letters_shown.shown
    viewer.scene.camera.orientation2d = ("down", "left")
    assert letters_shown.shown == Edges(before.right, before.left, before.top, before.bottom)
    viewer.scene.camera.orientation2d = ("up", "right")
    assert letters_shown.shown == Edges(before.left, before.right, before.bottom, before.top)
    viewer.scene.camera.orientation2d = ("down", "right")
    viewer.dims.order = (0, 1, 3, 2)
    assert letters_shown.shown == Edges(before.top, before.bottom, before.left, before.right)
    viewer.dims.order = (0, 2, 1, 3)
    assert letters_shown.shown is None


def test_the_layer_says_how_the_patient_lay(open_study, study_folder, viewer):
    dock = open_study(study_folder)
    told = viewer.layers[0].metadata["patient_orientation"]
    assert Edges(**told) == dock.coordinator.stage.letters.shown


def test_letters_are_taken_off_a_stack_whose_orientation_is_unknown(
    open_study, study_folder, viewer, tmp_path
):
    dock = open_study(study_folder)
    assert dock.coordinator.stage.letters.shown is not None
    write_unoriented(tmp_path / "bare.nii")
    open_study(tmp_path / "bare.nii")
    assert viewer.layers[0].metadata["patient_orientation"] is None
    assert dock.coordinator.stage.letters.shown is None


def write_unoriented(file):
    import nibabel as nib

    pixels = np.random.default_rng(1).integers(0, 900, (40, 44, 5, 3)).astype(np.int16)
    nib.save(nib.Nifti1Image(pixels, np.eye(4)), file)
