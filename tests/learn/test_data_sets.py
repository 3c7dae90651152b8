"""Data sets of a call have names of their own, wherever their manifests lie."""

from pathlib import Path

import pytest

from napari_cmr.learn.data_sets import data_set_names
from napari_cmr.learn.finetune_tiers import finetune_by_tier
from napari_cmr.learn.segmenter import SegmenterConfig
from tests.learn.corrected import write_cases, write_start


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["sets/acdc/m.csv", "sets/dsb/m.csv"], ["acdc", "dsb"]),
        (["m/acdc.csv", "m/dsb.csv", "other/x.csv"], ["m acdc", "m dsb", "other"]),
        (["a/m/x.csv", "b/m/x.csv", "b/m/y.csv"], ["m x", "m x 2", "m y"]),
        (["/alone.csv"], ["alone"]),
    ],
)
def test_a_folder_names_its_data_set_and_two_in_one_are_told_apart(paths, names):
    assert list(data_set_names(map(Path, paths)).values()) == names


def test_two_manifests_of_the_current_folder_are_two_sets_on_the_card(tmp_path, monkeypatch):
    start = write_start(tmp_path / "start")
    folder = tmp_path / "m"
    for name, subjects in (("one", "abc"), ("two", "de")):
        rows = write_cases(folder, subjects).read_text().splitlines()
        splits = ["split", "validation", *["train"] * len(rows)]
        lines = [f"{row},{split}" for row, split in zip(rows, splits, strict=False)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(folder)
    card = finetune_by_tier(
        [Path("one.csv"), Path("two.csv")], tmp_path / "out", SegmenterConfig(), tier="head",
        start=start, name="n", version="1", steps=2, threads=1, say=lambda _: None,
    )  # fmt: skip
    assert card.training_data.sets == {"m one": 2, "m two": 1}
    assert set(card.metrics) == {"m one validation", "m two validation"}
