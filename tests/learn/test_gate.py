from pathlib import Path

import numpy as np
import pytest

from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.learn.versions.gate import Compared, compare, judge
from napari_cmr.learn.versions.work import whole


def compared(before, after, unnamed=None):
    """Subjects a, b, ... with a Dice of LV and MYO each."""
    scores = [
        {s: dict(zip(("LV", "MYO"), v, strict=True)) for s, v in zip("abc", side, strict=False)}
        for side in (before, after)
    ]
    return Compared(*scores, {s: unnamed or {} for s in scores[0]})


def verdict(before, after, unnamed=None):
    return judge(compared(before, after, unnamed), "holdout", {s: s.upper() for s in "abc"})


def test_better_and_equal_pass():
    found = verdict([(0.8, 0.7), (0.9, 0.8)], [(0.9, 0.8), (0.9, 0.8)])
    assert found.not_worse is True
    assert found.before == pytest.approx(0.8)
    assert found.after == pytest.approx(0.85)
    assert [p.subject for p in found.pairs] == ["A", "B"]
    assert found.structures["LV"] == pytest.approx((0.85, 0.9))
    same = [(0.8, 0.7)]
    assert verdict(same, same).not_worse is True


@pytest.mark.parametrize(("loss", "passes"), [(0.004, True), (0.006, False)])
def test_half_a_point_of_mean_dice_may_be_lost_and_no_more(loss, passes):
    found = verdict([(0.8, 0.8)], [(0.8 - loss, 0.8 - loss)])
    assert found.not_worse is passes
    assert ("worse" in found.reason) is not passes


def test_one_structure_may_not_pay_for_another():
    found = verdict([(0.8, 0.8)], [(0.9, 0.77)])
    assert found.not_worse is False
    assert "MYO lost 3.0 points" in found.reason


def test_what_nobody_corrected_must_stay_as_it_was():
    same = [(0.8, 0.8)]
    assert verdict(same, same, {"RV": 0.95}).not_worse is True
    found = verdict(same, same, {"RV": 0.5})
    assert found.not_worse is False
    assert "RV, which nobody corrected" in found.reason
    assert found.unnamed == {"RV": 0.5}


def test_subjects_without_any_named_structure_judge_nothing():
    found = judge(Compared({"a": {}}, {"a": {}}, {"a": {"LV": 0.9}}), "holdout", {"a": "A"})
    assert found.not_worse is None
    assert found.how == "none"


def test_a_loss_that_is_allowed_is_called_one():
    found = verdict([(0.8, 0.8)], [(0.797, 0.797)])
    assert found.not_worse is True
    assert "0.3 points less, within the 0.5 that are allowed" in found.reason
    assert "allowed" not in verdict([(0.8, 0.8)], [(0.81, 0.81)]).reason


@pytest.mark.parametrize(("after", "passes"), [(104, True), (115, False), (90, False)])
def test_what_nobody_corrected_may_neither_grow_nor_shrink_in_all(after, passes):
    same = {"a": {"LV": 0.8}}
    sizes = {"a": {"RV": (60, after - 40)}, "b": {"RV": (40, 40)}}
    found = judge(Compared(same, same, {"a": {"RV": 0.95}}, sizes), "holdout", {"a": "A"})
    assert found.not_worse is passes
    assert (f"RV, which nobody corrected, is drawn {after - 100:+d} % in size" in found.reason) is (
        not passes
    )


def row_of(labels, said, structures=(1, 2)):
    return LabelledRow(ManifestRow("a", image=Path()), None, (0,), labels, said, structures)


def test_only_slices_that_the_labels_describe_judge():
    labels = np.zeros((1, 3, 4, 4), np.uint8)
    labels[:, :, :2] = 1
    said = np.zeros(labels.shape, bool)
    said[:, 1] = True
    wrong = labels.copy()
    wrong[:, 1, 1] = 0
    found = compare([row_of(labels, said)], lambda row: row.labels, lambda _: wrong, ("LV", "RV"))
    assert found.before["a"] == {"LV": 1.0}
    assert found.after["a"]["LV"] == pytest.approx(2 / 3)
    assert found.sizes["a"]["RV"] == (0, 0)
    assert whole([row_of(labels, said)])
    said[:, 0, 0] = True  # a stroke
    assert not whole([row_of(labels, said)])


def test_empty_labels_judge_nothing():
    empty = np.zeros((1, 3, 4, 4), np.uint8)
    found = compare(
        [row_of(empty, np.ones(empty.shape, bool))], lambda _: empty + 1, lambda _: empty, ("LV",)
    )
    judged = judge(found, "holdout", {"a": "A"})
    assert judged.not_worse is None
    assert "are drawn" in judged.reason
