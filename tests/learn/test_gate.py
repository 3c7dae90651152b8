import pytest

from napari_cmr.learn.versions.gate import Compared, judge


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
