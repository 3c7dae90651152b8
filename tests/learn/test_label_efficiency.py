import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.learn.discs import write_discs

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import label_efficiency

    return label_efficiency


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import label_efficiency_report

    return label_efficiency_report


FEW = {f"p{i}": [] for i in range(20)} | {"p3": ["7"], "p5": ["1", "3", "7"], "p9": ["3", "7"]}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_larger_subset_holds_the_smaller_ones(benchmark, seed):
    subsets = [set(benchmark.subset_of(FEW, n, seed)) for n in (1, 3, 5, 10, None)]
    assert [len(s) for s in subsets] == [1, 3, 5, 10, 20]
    assert all(a < b for a, b in pairwise(subsets))


def test_seed_nought_takes_the_published_subjects_first_and_others_do_not_look(benchmark):
    assert benchmark.subset_of(FEW, 1, 0) == ("p5",)
    assert set(benchmark.subset_of(FEW, 3, 0)) == {"p3", "p5", "p9"}
    nothing_published = {subject: [] for subject in FEW}
    assert benchmark.subset_of(FEW, 10, 1) == benchmark.subset_of(nothing_published, 10, 1)


@pytest.fixture
def data(tmp_path):
    """Two people to train on and one to measure on."""
    write_discs(tmp_path / "data" / "dsb")
    return tmp_path / "data"


def test_a_run_appends_one_row_with_every_setting_and_is_not_run_again(benchmark, data, tmp_path):
    results, work = tmp_path / "results" / "rows.jsonl", tmp_path / "work"
    call = [
        "--data", str(data), "--results", str(results), "--work", str(work), "--subjects", "1",
        "--seeds", "0", "--steps", "1", "--batch", "2", "--size", "64",
    ]  # fmt: skip
    benchmark.main(call)
    benchmark.main(call)
    (row,) = [json.loads(line) for line in results.read_text().splitlines()]
    assert row["subjects"] == len(row["subset"]) == 1
    assert set(row["subset"]) <= {"a", "b"}
    assert set(row["per_subject"]) == {"c"}
    assert row["metrics"]["dice_mean"]["value"] == row["per_subject"]["c"]["dice_mean"]
    assert row["stage"]["structures"] == ["BACKGROUND", "LV"]
    assert (row["stage"]["steps"], row["stage"]["batch"], row["seed"]) == (1, 2, 0)
    assert not list(work.iterdir())
    assert "dsb, scratch: 1 (seed 1), 3 (seed 0)" in "\n".join(benchmark.not_run([row]))


def row_of(start, seed, dices, **stage):
    settings = {
        "encoder": "unet", "grid": {"spacing_mm": 1.4, "size": 96}, "neighbours": 0, "steps": 8,
        "batch": 4, "learning_rate": 0.002, "augment": {"any_rotation": 0.2}, "frozen": 0,
        "encoder_rate": 1.0, "layer_decay": 1.0,
    }  # fmt: skip
    began = None
    if start != "scratch":
        began = {"sha256": "ab" * 32, "method": start, "parts": ["encoder", "ups"], "hours": 1.0}
        began |= {"name": start, "version": "1.0.0", "task": "pretrain", "steps": 5}
    return {
        "set": "dsb", "start": start, "subjects": 10, "seed": seed, "began": began,
        "per_subject": {s: {"dice_mean": d, "ef_error": 2.0} for s, d in dices.items()},
        "stage": settings | stage, "flips": [], "localiser": "l", "training_s": 120.0,
        "machine": "m", "versions": {"torch": "2"},
    }  # fmt: skip


def test_the_table_says_means_over_subjects_and_points_above_scratch(report):
    rows = [
        row_of("scratch", 0, {"x": 0.80, "y": 0.90}),
        row_of("scratch", 1, {"x": 0.84, "y": 0.90}),
        row_of("mim", 0, {"x": 0.85, "y": 0.95}),
        row_of("mim", 0, {"x": 0.70, "y": 0.70}, frozen=4),
    ]
    lines = report.table(rows)[2:]
    assert lines[0].startswith("| 10 | scratch | 0: 0.850, 1: 0.870 | 0.860 (0.820 to 0.900)")
    assert lines[1].startswith(
        "| 10 | mim | 0: 0.900 | 0.900 (0.850 to 0.950) | +5.0 (+5.0 to +5.0) |"
    )
    assert lines[0].endswith("| - | 2.0 | 2 |")
    assert "| mim, frozen 4 |" in lines[2]
    assert "| -15.0 (-20.0 to -10.0) |" in lines[2]


def test_other_settings_make_another_table(report):
    a, b = row_of("scratch", 0, {"x": 0.8}), row_of("scratch", 0, {"x": 0.8}, steps=9)
    treated = row_of("mim", 0, {"x": 0.8}, encoder_rate=0.1)
    assert report.recipe_of(a) != report.recipe_of(b)
    assert report.recipe_of(a) == report.recipe_of(treated)


def test_the_report_writes_between_its_marks_only(report, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    rows = [row_of("scratch", 0, {"x": 0.8, "y": 0.9}), row_of("mim", 0, {"x": 0.8, "y": 0.9})]
    report.write_report(rows, ["dsb, dino: none of it"], page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "- dsb, dino: none of it" in text
    assert page.with_suffix(".png").stat().st_size > 1000
