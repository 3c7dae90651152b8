"""Each task that draws, and landmarks, from finetune to evaluate on small phantoms."""

import csv

import numpy as np
import pytest

from napari_cmr.core import InputError, Structure
from napari_cmr.io import read_labels
from napari_cmr.learn import SEGMENTATION_TASKS, finetune_segmenter
from napari_cmr.learn.landmarks import evaluate_landmarks, finetune_landmarks, predict_landmarks
from napari_cmr.learn.over_manifest import evaluate_manifest, predict_manifest
from napari_cmr.nets import InputGrid
from napari_cmr.phantom import PhantomConfig, make
from napari_cmr.phantom.sequences import write_sequence
from napari_cmr.phantom.write import write_nifti_studies
from tests.learn.corrected import write_start

SMALL = {
    "n_phases": 1, "n_slices": 4, "rows": 64, "columns": 64, "pixel_mm": (3.0, 3.0),
    "slice_step_mm": 22.0,
}  # fmt: skip
VIEWS = {"cine_sax_seg": "SAX", "cine_lax_seg": "4CH"}
ROUGH = {"channels": (4, 8), "batch": 2, "warm_up": 1, "grid": InputGrid(spacing_mm=5.0, size=32)}


def hearts(folder, view):
    """A manifest of one view of three hearts, the last to measure on."""
    long = view != "SAX"
    studies = [make(PhantomConfig(seed=i, long_axes=long, **SMALL)) for i in range(3)]
    return chosen(write_nifti_studies(studies, folder), view)


def chosen(manifest, view):
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["view"] == view]
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for i, row in enumerate(rows):
            writer.writerow(row | {"subject": f"s{i}", "split": "train" if i < 2 else "validation"})
    return manifest


@pytest.mark.parametrize("name", ["cine_sax_seg", "cine_lax_seg", "mapping_sax_seg"])
def test_a_segmentation_task_is_trained_predicted_and_measured(name, tmp_path):
    folder = tmp_path / "hearts"
    if name in VIEWS:
        manifest = hearts(folder, VIEWS[name])
    else:
        seeds = {0: "train", 1: "train", 2: "validation"}
        manifest = chosen(write_sequence(folder, ["T1"], seeds), "SAX")
    task = SEGMENTATION_TASKS[name]
    config = task.config.with_steps(segmenter=3, localiser=2, seed=0)
    stages = {r: getattr(config, r).model_copy(update=ROUGH) for r in ("localiser", "segmenter")}
    config = config.model_copy(update={**stages, "flips": (), "candidates": None})
    card = finetune_segmenter(
        [manifest], tmp_path / "out", config, task=name, name="tiny", version="0", threads=1,
        say=lambda _: None,
    )  # fmt: skip
    assert card.task == name
    table = predict_manifest(manifest, tmp_path / "p", task=name, model=tmp_path / "out")
    with table.open(newline="") as file:
        outputs = [row["output"] for row in csv.DictReader(file)]
    with manifest.open(newline="") as file:
        truths = [row["label"] for row in csv.DictReader(file)]
    assert len(outputs) == 3
    drawn = read_labels(table.parent / outputs[0]).labels
    truth = read_labels(folder / truths[0]).labels
    assert drawn.shape == truth.shape
    assert {Structure(v).name for v in np.unique(drawn)} <= set(config.segmenter.structures)
    result = evaluate_manifest(manifest, task=name, model=tmp_path / "out", split="validation")
    assert [one["subject"] for one in result["subjects"]] == ["s2"]
    assert 0 <= result["mean"]["dice_LV"]["value"] <= 1


@pytest.mark.parametrize("view", ["SAX", "4CH"])
def test_landmarks_are_trained_on_a_segmenter_of_ones_own_found_and_measured(view, tmp_path):
    task = "cine_sax_seg" if view == "SAX" else "cine_lax_seg"
    manifest = hearts(tmp_path / "hearts", view)
    below = write_start(tmp_path / "below", task=task, name="mine")
    card = finetune_landmarks(
        [manifest], tmp_path / "out", segmenter=below, steps=2, threads=1, say=lambda _: None
    )
    assert card.parent == "mine 1.0.0"
    table = predict_landmarks(manifest, tmp_path / "p", model=tmp_path / "out")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["subject"] for row in rows] == ["s0", "s1", "s2"]
    assert sum(name.endswith("_row") for name in rows[0]) == 3
    result = evaluate_landmarks(manifest, model=tmp_path / "out", split="validation")
    assert result["mean"]["landmark_mm"]["n"] == 1
    with pytest.raises(InputError, match="'9' in the column labelled_slices is none of"):
        evaluate_landmarks(said(manifest, "labelled_slices", "9"), model=tmp_path / "out")
    if view == "SAX":
        with pytest.raises(InputError, match="wall does not lie round what is called LV"):
            evaluate_landmarks(said(manifest, "label_map", "acdc"), model=tmp_path / "out")


def said(manifest, column, word):
    """The same manifest with a word in a column of every row."""
    with manifest.open(newline="") as file:
        rows = [row | {column: word} for row in csv.DictReader(file)]
    other = manifest.with_name(f"{column}.csv")
    with other.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return other
