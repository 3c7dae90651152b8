"""A row that says it shows what a task is not for is refused before anything is read."""

import pytest

from napari_cmr.cli.options import TASKS
from napari_cmr.cli.suited import check_suited
from napari_cmr.core import InputError
from napari_cmr.io.manifest import ManifestRow
from tests.cli.test_bad_input import one_sentence


def rows(tmp_path, view, sequence):
    return [
        ManifestRow("quiet", tmp_path / "a.png"),
        ManifestRow("loud", tmp_path / "b.png", view=view, sequence=sequence),
    ]


@pytest.mark.parametrize(
    ("task", "view", "sequence"),
    [
        ("cine_sax_seg", "SAX", "LGE"),
        ("cine_sax_seg", "4CH", ""),
        ("cine_sax_seg", "LAX", "cine"),
        ("cine_lax_seg", "SAX", "cine"),
        ("cine_lax_seg", "2CH", "cine"),
        ("lge_sax_seg", "SAX", "cine"),
        ("lge_sax_seg", "", "cine"),
        ("mapping_sax_seg", "4CH", "T1"),
        ("mapping_sax_seg", "SAX", "echo"),
        ("echo_lv_seg", "4CH", "cine"),
        ("echo_lv_seg", "SAX", ""),
        ("landmarks", "2CH", "cine"),
        ("landmarks", "SAX", "LGE"),
        ("disease", "4CH", "cine"),
        ("disease", "SAX", "T1"),
        ("lge_pathology", "4CH", "cine"),
        ("lge_pathology", "sax", "Cine"),
    ],
)
def test_a_picture_of_something_else_is_refused_by_name(tmp_path, task, view, sequence):
    with pytest.raises(InputError, match=f"loud is .* and {task} is for"):
        check_suited(rows(tmp_path, view, sequence), task)


@pytest.mark.parametrize(
    ("task", "view", "sequence"),
    [
        ("cine_sax_seg", "SAX", "cine"),
        ("cine_lax_seg", "4CH", "cine"),
        ("cine_lax_seg", "LAX", ""),
        ("lge_sax_seg", "SAX", "LGE"),
        ("mapping_sax_seg", "SAX", "LGE"),
        ("mapping_sax_seg", "SAX", "T1 after contrast"),
        ("echo_lv_seg", "2CH", "echo"),
        ("landmarks", "4CH", "cine"),
        ("disease", "SAX", "cine"),
        ("lge_pathology", "SAX", "LGE"),
        ("view_cls", "RVOT", "T2"),
        ("sequence_cls", "4CH", "LGE"),
    ],
)
def test_what_a_task_is_for_passes(tmp_path, task, view, sequence):
    check_suited(rows(tmp_path, view, sequence), task)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("said", [("", ""), ("unknown", "other"), ("?", "?")])
def test_a_row_that_says_nothing_passes_every_task(tmp_path, task, said):
    check_suited(rows(tmp_path, *said), task)


@pytest.mark.parametrize("verb", ["predict", "evaluate", "finetune"])
def test_every_verb_over_a_manifest_refuses_it_and_writes_nothing(run_here, tmp_path, verb):
    (tmp_path / "a.png").touch()
    (tmp_path / "m.csv").write_text(
        "subject,image,label,split,view,sequence\np7,a.png,a.png,train,4CH,cine\n"
    )
    out = ("--json", "e.json") if verb == "evaluate" else ("--out", "out")
    done = run_here(verb, "--task", "lge_pathology", "--manifest", "m.csv", *out, code=2)
    said = one_sentence(done)
    assert "p7 is 4CH cine" in said
    assert "short-axis late enhancement" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "m.csv"]


def test_images_that_should_join_a_training_are_checked_too(run_here, tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "m.csv").write_text("subject,image,label\na,a.png,a.png\n")
    (tmp_path / "n.csv").write_text("subject,image,sequence\nb,a.png,LGE\n")
    asked = ("--manifest", "m.csv", "--unlabelled", "n.csv", "--out", "out")
    assert "b is LGE" in one_sentence(run_here("finetune", *asked, code=2))


def test_rows_of_another_split_than_the_one_that_is_measured_are_left_alone(run_here, tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "m.csv").write_text(
        "subject,image,label,split,sequence\na,a.png,a.png,train,LGE\nb,a.png,a.png,test,cine\n"
    )
    done = run_here("evaluate", "--manifest", "m.csv", "--split", "test", code=2)
    assert "a.png" in one_sentence(done)  # what is refused is the empty picture
