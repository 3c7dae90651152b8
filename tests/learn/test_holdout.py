from dataclasses import replace
from types import SimpleNamespace

import pytest

from napari_cmr.learn.versions import Holdout, TrainingRows
from napari_cmr.learn.versions.record import Correction


def rows(*subjects, split=""):
    return [SimpleNamespace(subject=s, row=SimpleNamespace(split=split)) for s in subjects]


def names(found):
    return {row.subject for row in found}


def holdout(tmp_path, seed=7):
    return Holdout(tmp_path / "subjects.sqlite", seed=seed)


def test_of_five_subjects_one_judges_and_of_ten_two(tmp_path):
    for n, held in ((4, 0), (5, 1), (9, 1), (10, 2), (23, 4), (200, 10)):
        project = holdout(tmp_path / str(n))
        training, judging = project.split(rows(*map(str, range(n))))
        assert len(judging) == held
        assert len(training.rows) == n - held
        assert project.counts() == (n - held, held)


@pytest.mark.parametrize("seed", range(5))
def test_subjects_that_come_one_by_one_leave_one_to_judge_on_too(tmp_path, seed):
    project = holdout(tmp_path, seed)
    known = []
    for subject in "abcde":
        known.append(subject)
        training, judging = project.split(rows(*known))
    assert len(judging) == 1
    assert not names(training.rows) & names(judging)


def test_nobody_moves_once_placed_whoever_comes_later_and_in_whatever_order(tmp_path):
    subjects = [f"s{i}" for i in range(12)]
    _, first = holdout(tmp_path).split(rows(*subjects[:6]))
    _, later = holdout(tmp_path, seed=99).split(rows(*reversed(subjects)))
    assert names(first) <= names(later)
    trained = set(subjects[:6]) - names(first)
    assert not trained & names(later)
    _, again = holdout(tmp_path).split(rows(*subjects))
    assert names(again) == names(later)


def test_who_judges_follows_from_ids_and_the_projects_seed_alone(tmp_path):
    subjects = [f"s{i}" for i in range(15)]
    _, one = holdout(tmp_path / "one").split(rows(*subjects))
    _, same = holdout(tmp_path / "same").split(rows(*reversed(subjects)))
    _, other = holdout(tmp_path / "other", seed=8).split(rows(*subjects))
    assert names(one) == names(same)
    assert names(one) != names(other)


def test_a_manifests_validation_subjects_judge_but_never_one_that_trained(tmp_path):
    project = holdout(tmp_path)
    project.split(rows("a"))
    given = rows("b", "c", split="validation") + rows("a", split="validation") + rows("d", "e")
    training, judging = project.split(given)
    assert names(judging) == {"b", "c"}
    assert names(training.rows) == {"d", "e"}
    assert names(project.split(rows("b", split="train"))[1]) == {"b"}


def test_rows_of_another_split_neither_train_nor_judge(tmp_path):
    training, judging = holdout(tmp_path).split(rows("a", "b", split="test"))
    assert not training.rows
    assert not judging


@pytest.mark.parametrize("seed", range(5))
def test_of_five_subjects_one_judges_whoever_else_is_set_apart_for_testing(tmp_path, seed):
    both = [*rows(*"abcde"), *rows(*"vwxyz", split="test")]
    training, judging = holdout(tmp_path, seed).split(both)
    assert len(names(judging)) == 1
    assert names(training.rows) | names(judging) == set("abcde")


def test_rows_that_may_train_can_be_made_in_no_other_way(tmp_path):
    with pytest.raises(RuntimeError, match="come from Holdout"):
        TrainingRows((), {}, object())
    training, _ = holdout(tmp_path).split(rows("a", "b"))
    with pytest.raises(RuntimeError, match="come from Holdout"):
        replace(training, seal=None)
    assert names(training.without("a").rows) == {"b"}
    assert set(training.without("a").keys) == {"b"}


def test_the_list_of_subjects_holds_no_id(tmp_path):
    project = holdout(tmp_path)
    project.split(rows("patient-of-mine"))
    assert b"patient-of-mine" not in project.path.read_bytes()


def test_unlabelled_images_of_who_judges_stay_out_and_who_joined_never_judges(tmp_path):
    project = holdout(tmp_path)
    _, judging = project.split(rows("a", "b", "c", "d", "e"))
    (judge,) = names(judging)
    offered = [SimpleNamespace(subject=s, split="") for s in (judge, "x", "y", "z")]
    offered.append(SimpleNamespace(subject="v", split="validation"))
    training, _ = project.split(rows("a", "b", "c", "d", "e"), offered)
    assert names(training.unlabelled) == {"x", "y", "z"}
    assert names(training.without("x").unlabelled) == {"y", "z"}
    project.remember(training.unlabelled)
    many = rows("x", "y", "f", "g", "h", "i", "j", "k", "l") + rows("z", split="validation")
    _, later = project.split(rows("a", "b", "c", "d", "e") + many)
    assert len(names(later)) == 3
    assert not names(later) & {"x", "y", "z"}


def test_who_turns_out_to_have_taught_a_version_taken_in_judges_no_longer(tmp_path):
    project = holdout(tmp_path)
    (judge,) = names(project.split(rows(*"abcde"))[1])
    elsewhere = Correction(subject="x", image_sha256="es", label_sha256="l", structures=())
    project.take_in([elsewhere])
    assert names(project.split(rows(*"abcde"))[1]) == {judge}  # no picture of theirs is known yet
    project.refuse_renamed([elsewhere.model_copy(update={"subject": project.key(judge)})])
    training, judging = project.split(rows(*"abcde"))
    assert not judging
    assert names(training.rows) == set("abcde") - {judge}


def test_what_is_placed_together_is_kept_whole_or_not_at_all(tmp_path):
    project = holdout(tmp_path)

    def place(*subjects):
        with project.all_or_nothing():
            project.split(rows(*subjects))
            project.remember([SimpleNamespace(subject="x")])
            assert project.counts()[0] > 0
            if "wrong" in subjects:
                raise ValueError

    with pytest.raises(ValueError):
        place("a", "wrong")
    assert project.counts() == (0, 0)
    place("a", "b")
    assert holdout(tmp_path).counts() == (2, 0)
