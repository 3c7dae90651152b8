import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import few_shot

    return few_shot


def row_of(contender, dice, **told):
    key = {"contender": contender, "seed": 0, "subjects": ["a"], "clock": "wall", "threads": 2}
    subjects = {f"p{i}": {"LV": lv, "MYO": wall} for i, (lv, wall) in enumerate(dice)}
    return key | {"load": [0.1, 2.0], "dice": subjects} | told


def test_nnunet_is_raced_only_where_its_python_is_given(benchmark):
    assert benchmark.arguments([]).nnunet is None
    assert benchmark.arguments(["--nnunet", "python"]).nnunet == Path("python")


def test_the_table_says_how_much_better_the_head_tier_is_subject_by_subject(benchmark, tmp_path):
    rows = [
        row_of("head tier", [(0.9, 0.7), (0.8, 0.6)], times=1, wall_s=30.2, processor_s=41.0),
        row_of("peer", [(0.8, 0.6), (0.7, 0.5)], times=10, wall_s=302, processor_s=600, steps=7),
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    head, peer = benchmark.report(benchmark.read_results(file)).splitlines()[2:]
    assert "| head tier | 1 T | 30 s | 41 s |" in head
    assert "0.850 | 0.650 | 0.750 (0.700 to 0.800)" in head
    assert peer.endswith("0.750 | 0.550 | 0.650 (0.600 to 0.700) | +0.100 (+0.100 to +0.100) |")


def test_a_race_without_results_has_an_empty_table(benchmark, tmp_path):
    rows = benchmark.read_results(tmp_path / "none.jsonl")
    assert len(benchmark.report(rows).splitlines()) == 2


def test_a_peers_rate_falls_to_nothing_as_its_time_is_spent(benchmark, monkeypatch):
    import few_shot_peer

    now = iter([0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 9.0, 9.0, 11.0, 11.0])
    monkeypatch.setattr(
        few_shot_peer, "CLOCKS", dict.fromkeys(("wall", "processor"), lambda: next(now))
    )
    budget = few_shot_peer.Budget(10.0, "wall")
    assert list(budget.poly(power=1.0)) == pytest.approx([1.0, 0.5, 0.1])
    assert budget.steps == 3
