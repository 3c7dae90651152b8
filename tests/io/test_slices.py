import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_cmr.core import InputError
from napari_cmr.io.manifest import (
    join_slices,
    labelled_slices,
    load_image,
    load_label,
    read_manifest,
)


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


def test_each_picture_says_itself_whether_its_label_describes_it(tmp_path: Path) -> None:
    rows = [picture("a", number) for number in "012"]
    joined = join_slices(read_manifest(written(tmp_path, rows)))[0]
    assert labelled_slices(joined, 3) == [0, 1, 2]

    def said(*cells: str) -> list[int]:
        told = zip(joined.slices, cells, strict=True)
        parts = tuple(replace(p, columns=p.columns | {"labelled_slices": c}) for p, c in told)
        return labelled_slices(replace(parts[0], slices=parts), 3)

    assert said("0", "0", "0") == [0, 1, 2]
    assert said("", "0", "") == [0, 1, 2]
    with pytest.raises(InputError, match="'2' in the column labelled_slices is none of"):
        said("0", "0", "2")


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
