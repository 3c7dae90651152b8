import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_cmr.core import InputError
from napari_cmr.io.manifest import join_slices, load_image, load_label, read_manifest


def written(folder: Path, rows: list[dict[str, str]], side: int = 8) -> Path:
    for value, row in enumerate(rows, start=1):
        shape = (int(row.pop("side", side)), side)
        Image.fromarray(np.full(shape, value, np.uint8)).save(folder / row["image"])
        if row.get("label"):
            Image.fromarray(np.full(shape, value % 3, np.uint8)).save(folder / row["label"])
    path = folder / "manifest.csv"
    names = ["subject", "image", "label", "slice", "frame", "label_map"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def picture(subject: str, number: str, *, label: bool = True, **more: str) -> dict[str, str]:
    name = f"{subject}_{number}_{more.get('frame', '')}"
    drawn = {"label": f"{name}_l.png"} if label else {}
    return {"subject": subject, "image": f"{name}.png", "slice": number, **drawn, **more}


def test_numbered_pictures_of_one_person_are_one_stack_in_the_slices_order(tmp_path: Path) -> None:
    rows = [picture("a", "2"), picture("b", "0"), picture("a", "0"), picture("a", "10")]
    joined = join_slices(read_manifest(written(tmp_path, rows)))
    assert [(row.subject, len(row.slices)) for row in joined] == [("a", 3), ("b", 0)]
    stack = load_image(joined[0])
    assert stack.shape == (1, 3, 8, 8)
    assert stack.pixels[0, :, 0, 0].tolist() == [3, 1, 4]
    phases, truth = load_label(joined[0], stack)
    assert phases == [0]
    assert truth.labels[0, :, 0, 0].tolist() == [0, 1, 1]
    assert not stack.geometry.spacing_known


def test_frames_and_repeated_slices_are_not_joined(tmp_path: Path) -> None:
    rows = [picture("a", "0", frame="ED"), picture("a", "0", frame="ES"), picture("b", "1")]
    rows += [{**picture("b", "1"), "image": "again.png"}]
    joined = join_slices(read_manifest(written(tmp_path, rows)))
    assert len(joined) == 4
    assert not any(row.slices for row in joined)


def test_slices_of_different_size_are_refused(tmp_path: Path) -> None:
    rows = [picture("a", "0"), picture("a", "1", side="9")]
    (joined,) = join_slices(read_manifest(written(tmp_path, rows)))
    with pytest.raises(InputError, match="slices of a differ in size"):
        load_image(joined)
