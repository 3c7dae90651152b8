from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cmr.core import InputError, Structure
from napari_cmr.learn.landmarks.finetune import heat_targets
from napari_cmr.learn.landmarks.kinds import KINDS, kind_of
from napari_cmr.measure.landmarks import lax_landmarks, sax_landmarks
from napari_cmr.nets.heat_maps import peak_places

NAMES = ("BACKGROUND", "LV", "MYO", "RV")


def short_axis(size: int = 96, turn: float = 0.0) -> np.ndarray:
    """A ring of radii 10 and 16 with a crescent of 100 degrees round the direction ``turn``."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    radius, angle = np.hypot(rows, columns), np.arctan2(-rows, columns)
    labels = np.zeros((size, size), np.uint8)
    labels[radius <= 16] = Structure.MYO
    labels[radius <= 10] = Structure.LV
    beside = np.abs(np.angle(np.exp(1j * (angle - turn)))) <= np.deg2rad(50)
    labels[(radius > 16) & (radius < 30) & beside] = Structure.RV
    return labels


@pytest.mark.parametrize("turn", [np.pi, 0.4, -1.9])
def test_insertion_points_are_where_the_crescent_ends_on_the_epicardium(turn: float) -> None:
    found = sax_landmarks(short_axis(turn=turn), (1.0, 1.0))
    assert found is not None
    ends = turn + np.deg2rad([-50, 50])
    true = 47.5 + 16 * np.stack([-np.sin(ends), np.cos(ends)], axis=1)
    assert np.allclose(found[0], 47.5, atol=0.1)
    assert np.abs(found[1:] - true).max() < 1.5  # the septum runs counter-clockwise from the first


def test_millimetres_do_not_move_landmarks() -> None:
    labels = np.repeat(short_axis(turn=np.pi), 2, axis=0)  # rows twice as fine
    found = sax_landmarks(labels, (0.5, 1.0))
    plain = sax_landmarks(short_axis(turn=np.pi), (1.0, 1.0))
    assert found is not None
    assert plain is not None
    assert np.allclose((found[:, 0] + 0.5) / 2 - 0.5, plain[:, 0], atol=0.6)
    assert np.allclose(found[:, 1], plain[:, 1], atol=0.6)


def test_a_slice_without_right_ventricle_has_no_landmarks() -> None:
    labels = short_axis()
    labels[labels == Structure.RV] = 0
    assert sax_landmarks(labels, (1.0, 1.0)) is None
    assert lax_landmarks(np.zeros((32, 32), np.uint8), (1.0, 1.0)) is None


def test_apex_and_annulus_of_a_triangle_are_its_corners() -> None:
    rows, columns = np.mgrid[:80, :80]
    labels = ((rows >= 10) & (rows <= 60) & (abs(columns - 40) <= (rows - 10) * 0.4)).astype(
        np.uint8
    )
    found = lax_landmarks(labels, (1.0, 1.0))  # apex up: the first end is on the left
    assert found is not None
    assert np.allclose(found, [[10, 40], [60, 20], [60, 60]], atol=1)
    turned = lax_landmarks(np.rot90(labels).copy(), (1.0, 1.0))  # counter-clockwise: apex left
    assert turned is not None
    assert np.allclose(turned, [[39, 10], [59, 60], [19, 60]], atol=1)


def test_heat_is_at_the_rules_landmarks_and_peaks_are_read_back() -> None:
    labels = short_axis(turn=np.pi)
    kind = KINDS["SAX"]  # type: ignore[index]
    empty = np.zeros_like(labels)
    targets = torch.from_numpy(np.stack([labels, empty])).long()  # channels are in cmr's order
    heat, there = heat_targets(targets, NAMES, kind)
    assert there.tolist() == [[True] * 3, [False] * 3]
    assert torch.allclose(heat[0].sum((1, 2)), torch.ones(3))
    assert heat[1].sum() == 0
    places, surety = peak_places(torch.log(heat[:1] + 1e-9))
    true = sax_landmarks(labels, (1.0, 1.0))
    assert true is not None
    assert np.allclose(places[0].numpy(), true, atol=0.2)
    assert (surety > 0.9).all()


def test_views_without_landmarks_are_refused(tmp_path: Path) -> None:
    from napari_cmr.io.manifest import ManifestRow

    row = ManifestRow("a", tmp_path / "a.png", view="3CH")
    with pytest.raises(InputError, match="SAX and 4CH, not of 3CH"):
        kind_of([row])
    with pytest.raises(InputError, match="mixes the views"):
        kind_of([row, ManifestRow("b", tmp_path / "b.png", view="SAX")])
