import csv
import math

import pytest
import torch

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining.probe import Probe, nearest_labels
from napari_cmr.learn.pretraining.schedule import cosine
from napari_cmr.learn.pretraining.watch import (
    Watcher,
    feature_rank,
    feature_spread,
    name_collapse,
)


def test_spread_is_nought_for_equal_features_and_one_on_a_whole_sphere():
    assert feature_spread(torch.ones(8, 4)) == pytest.approx(0, abs=1e-3)
    axes = torch.cat([torch.eye(4), -torch.eye(4)])
    assert feature_spread(axes) == pytest.approx(1)


@pytest.mark.parametrize("directions", [1, 2, 4])
def test_the_rank_counts_directions_of_equal_strength(directions):
    axes = torch.eye(4)[:directions]
    assert feature_rank(torch.cat([axes, -axes])) == pytest.approx(directions, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"spread": 0.001}, "the same feature"),
        ({"rank": 1.1}, "on one line"),
        ({"teacher_diversity": 0.01}, "one prototype"),
        ({"teacher_entropy": 0.9995}, "tells no prototypes apart"),
    ],
)
def test_each_collapse_has_a_name(changes, words):
    healthy = {"spread": 0.7, "rank": 12.0, "teacher_diversity": 0.9, "teacher_entropy": 0.4}
    named = name_collapse(healthy | changes)
    assert words in named
    assert bool(named) == bool(changes)


def test_records_go_to_the_terminal_the_table_and_tensorboard(tmp_path):
    said = []
    watcher = Watcher(tmp_path, step=0, say=said.append)
    watcher.write({"step": 50, "loss": 1.5, "spread": 0.0, "collapse": "all alike"})
    watcher.close()
    assert said == ["step 50  loss 1.5  spread 0", "collapse at step 50: all alike"]
    with (tmp_path / "progress.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["step"], row["loss"], row["collapse"]) == ("50", "1.5", "all alike")
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"spread" in events.read_bytes()


def test_a_resumed_run_drops_the_rows_after_its_checkpoint(tmp_path):
    watcher = Watcher(tmp_path, step=0, say=lambda _: None)
    for step in (10, 20, 30):
        watcher.write({"step": step, "loss": 1.0})
    watcher.close()
    with (tmp_path / "progress.csv").open("a", encoding="utf-8") as file:
        file.write("4")  # a line that a kill cut off
    Watcher(tmp_path, step=20, say=lambda _: None).close()
    with (tmp_path / "progress.csv").open(encoding="utf-8") as file:
        steps = [row["step"] for row in csv.DictReader(file)]
    assert steps == ["10", "20"]


def test_a_table_that_cannot_be_written_anew_stays_as_it_was(tmp_path, monkeypatch):
    watcher = Watcher(tmp_path, step=0, say=lambda _: None)
    watcher.write({"step": 10, "loss": 1.0})
    watcher.close()
    before = (tmp_path / "progress.csv").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv.DictWriter, "writeheader", full)
    with pytest.raises(InputError, match="No space left"):
        Watcher(tmp_path, step=10, say=lambda _: None)
    assert (tmp_path / "progress.csv").read_bytes() == before


def slow_neighbours(features, labels, subjects, k, temperature):
    found = []
    for i, own in enumerate(features):
        similar = {
            j: float(own @ other / (own.norm() * other.norm()))
            for j, other in enumerate(features)
            if subjects[j] != subjects[i]
        }
        votes = {}
        for j in sorted(similar, key=similar.get, reverse=True)[:k]:
            label = int(labels[j])
            votes[label] = votes.get(label, 0) + math.exp(similar[j] / temperature)
        found.append(max(votes, key=votes.get))
    return found


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_the_probe_equals_a_slow_reference_and_never_asks_the_same_subject(k, temperature):
    torch.manual_seed(k)
    features, labels = torch.randn(12, 5), torch.randint(0, 3, (12,))
    subjects = torch.arange(12) // 3
    found = nearest_labels(features, labels, subjects, k=k, temperature=temperature)
    assert found.tolist() == slow_neighbours(features, labels, subjects, k, temperature)


def test_the_probe_of_the_phantoms_knows_its_chance(pack):
    probe = Probe(pack, 32)
    assert probe.reason == ""
    held = pack.records[pack.records["held"]]["label"]
    encoder = torch.nn.Module()
    encoder.pooled = lambda x: x.flatten(1)
    result = probe.measure(encoder, torch.device("cpu"))
    assert result.chance == pytest.approx(max((held == c).mean() for c in range(3)))
    assert len(result.accuracy) == 4


def test_a_rate_warms_up_and_falls_along_a_cosine():
    rates = [cosine(s, 110, 1.0, 0.2, warm_up=10) for s in (0, 9, 10, 60, 110)]
    assert rates == pytest.approx([0.1, 1.0, 1.0, 0.6, 0.2])
