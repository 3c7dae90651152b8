"""Bad input gets one sentence on the error stream and exit code 2, and writes nothing."""

import errno
import os

import nibabel as nib
import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.cli import main
from napari_cmr.cli.work import read_and_segment
from napari_cmr.core import InputError
from napari_cmr.io import write_dicom


def one_sentence(done):
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("napari-cmr: ")
    assert "Traceback" not in done.stderr
    return lines[0]


def nifti(path, array, affine):
    nib.save(nib.Nifti1Image(array, affine), path)


def test_a_place_that_does_not_exist(run, tmp_path):
    assert "nowhere" in one_sentence(run("segment", "nowhere", "--out", "out", code=2))
    assert not (tmp_path / "out").exists()


def test_an_empty_folder(run, tmp_path):
    (tmp_path / "empty").mkdir()
    one_sentence(run("segment", "empty", "--out", "out", code=2))
    assert not (tmp_path / "out").exists()


def test_a_folder_of_files_that_are_no_images(run, tmp_path):
    folder = tmp_path / "junk"
    folder.mkdir()
    (folder / "zero.dcm").touch()
    (folder / "text.txt").write_text("not an image")
    one_sentence(run("segment", "junk", "--out", "out", code=2))


def test_a_still_stack_is_no_cine(run, tmp_path):
    study = phantom.make(phantom.PhantomConfig(n_phases=1))
    write_dicom(study.sax, tmp_path / "still")
    assert "cine" in one_sentence(run("segment", "still", "--out", "out", code=2))


def test_a_nifti_with_pixels_that_are_not_numbers(run, tmp_path):
    array = np.ones((16, 16, 3, 4), np.float32)
    array[3, 3, 1, 2] = np.nan
    nifti(tmp_path / "nan.nii.gz", array, np.diag([1.5, 1.5, 8, 1]))
    assert "NaN" in one_sentence(run("segment", "nan.nii.gz", "--out", "out", code=2))


def test_a_damaged_nifti(run, tmp_path):
    (tmp_path / "bad.nii.gz").write_bytes(b"\x1f\x8b\x08 no more")
    one_sentence(run("segment", "bad.nii.gz", "--out", "out", code=2))


def test_a_stack_that_is_not_there(run, tmp_path):
    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=3))
    write_dicom(study.sax, tmp_path / "study")
    said = one_sentence(run("segment", "study", "--stack", "nonsense", "--out", "out", code=2))
    assert "nonsense" in said


def test_a_long_axis_is_not_read_as_a_short_axis(run, tmp_path):
    config = phantom.PhantomConfig(n_phases=2, n_slices=3, long_axes=True)
    phantom.write_dicom_study(phantom.make(config), tmp_path / "study")
    said = one_sentence(run("segment", "study", "--stack", "2ch-1", "--out", "out", code=2))
    assert "No model covers 2ch-1" in said


def test_a_model_that_is_not_there(run, tmp_path):
    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=3))
    write_dicom(study.sax, tmp_path / "study")
    said = one_sentence(run("segment", "study", "--model", "nonsense", "--out", "out", code=2))
    assert "nonsense" in said


@pytest.mark.parametrize("text", ["8,1.4", "8,0,1", "a,b,c", "8,nan,1"])
def test_a_spacing_that_is_not_three_positive_numbers(run, tmp_path, text):
    nifti(tmp_path / "l.nii.gz", np.zeros((4, 4, 2, 2), np.uint8), np.eye(4))
    assert text in one_sentence(run("measure", "l.nii.gz", "--spacing", text, code=2))


def test_labels_under_the_wrong_map(run, tmp_path):
    nifti(tmp_path / "l.nii.gz", np.full((4, 4, 2, 2), 6, np.uint8), np.diag([1.5, 1.5, 8, 1]))
    said = one_sentence(run("measure", "l.nii.gz", "--label-map", "acdc", code=2))
    assert "acdc" in said


def test_a_manifest_lists_all_its_missing_files_at_once(run, tmp_path):
    (tmp_path / "m.csv").write_text("subject,image\na,one.nii\nb,two.nii\n")
    said = one_sentence(run("predict", "--manifest", "m.csv", "--out", "out", code=2))
    assert "one.nii" in said
    assert "two.nii" in said


@pytest.mark.parametrize(
    "content", ["", "subject,image\n", "who,what\na,b\n", "subject,image\n,x\n"]
)
def test_a_manifest_that_says_nothing(run, tmp_path, content):
    (tmp_path / "m.csv").write_text(content)
    one_sentence(run("predict", "--manifest", "m.csv", "--out", "out", code=2))


@pytest.mark.parametrize(
    "verb",
    [
        ("retrain", "--project", "p", "--manifest", "m.csv"),
        ("training", "start", "--project", "p"),
        ("finetune", "--manifest", "m.csv", "--out", "out"),
        ("pretrain", "--method", "simclr", "--encoder", "unet", "--manifest", "m.csv",
         "--out", "out"),
        ("phantom", "--out", "out"),
    ],
)  # fmt: skip
def test_a_seed_below_nought_is_refused_as_an_option(run_here, tmp_path, verb):
    (tmp_path / "m.csv").write_text("subject,image,label\na,a.nii,a.nii\n")
    done = run_here(*verb, "--seed", "-1", code=2)
    assert "Invalid value for '--seed'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m.csv"]


@pytest.mark.parametrize("task", ["lge_sax_seg", "landmarks", "disease", "echo_lv_seg"])
def test_a_training_whose_manifest_lacks_a_column(run_here, tmp_path, task):
    (tmp_path / "m.csv").write_text("image,label\na,b\n")
    done = run_here("finetune", "--task", task, "--manifest", "m.csv", "--out", "out", code=2)
    assert "lacks the column(s) subject" in one_sentence(done)


def test_images_that_should_join_a_training_are_missed_before_it_begins(run_here, tmp_path):
    (tmp_path / "a.nii").touch()
    (tmp_path / "m.csv").write_text("subject,image,label\na,a.nii,a.nii\n")
    common = ("finetune", "--manifest", "m.csv", "--out", "out", "--unlabelled")
    assert "no manifest n.csv" in one_sentence(run_here(*common, "n.csv", code=2))
    (tmp_path / "n.csv").write_text("subject,image\nb,b.nii\n")
    assert "b.nii" in one_sentence(run_here(*common, "n.csv", code=2))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("task", "option"),
    [
        ("view_cls", ("--localiser-steps", 0)),
        ("landmarks", ("--localiser", "cine-sax-unet")),
        ("echo_lv_seg", ("--localiser-steps", 0)),
        ("echo_lv_seg", ("--heart-crop",)),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(run_here, tmp_path, task, option):
    (tmp_path / "a.nii").touch()
    (tmp_path / "m.csv").write_text("subject,image,label\na,a.nii,a.nii\n")
    common = ("finetune", "--task", task, "--manifest", "m.csv", "--out", "out")
    assert task in one_sentence(run_here(*common, *option, code=2))


def test_a_localiser_taken_as_it_is_is_not_trained(run_here, tmp_path):
    (tmp_path / "a.nii").touch()
    (tmp_path / "m.csv").write_text("subject,image,label\na,a.nii,a.nii\n")
    asked = ("--localiser", "cine-sax-unet", "--localiser-steps", 7)
    told = run_here("finetune", "--manifest", "m.csv", "--out", "out", *asked, code=2)
    assert "leave --localiser-steps out" in one_sentence(told)


def test_a_task_without_a_head(run, tmp_path):
    (tmp_path / "m.csv").write_text("subject,image\n")
    said = one_sentence(run("evaluate", "--task", "sorcery", "--manifest", "m.csv", code=2))
    assert "sorcery" in said


def test_an_output_folder_that_cannot_be_written(run, tmp_path):
    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=3))
    write_dicom(study.sax, tmp_path / "study")
    (tmp_path / "file").write_text("in the way")
    one_sentence(run("scan", "study", "--json", "file/scan.json", code=2))


def test_a_window_without_a_display(run, tmp_path):
    (tmp_path / "study").mkdir()
    assert "display" in one_sentence(run("review", "study", code=2))


def test_an_unwritable_folder_is_said_before_minutes_of_segmenting(run, tmp_path):
    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=3))
    write_dicom(study.sax, tmp_path / "study")
    (tmp_path / "file").write_text("in the way")
    # the model is only looked for when the folder can take the result
    said = one_sentence(run("segment", "study", "--out", "file/out", "--model", "nonsense", code=2))
    assert "file" in said
    assert "nonsense" not in said


@pytest.mark.parametrize("verb", ["demo", "review"])
def test_a_wrong_path_is_said_before_a_window_opens(run, verb):
    assert "nowhere" in one_sentence(run(verb, "nowhere", display=os.environ["DISPLAY"], code=2))


@pytest.mark.parametrize("model", ["nonsense", "cmr-unet-pcl"])
def test_a_wrong_model_is_said_before_a_window_opens(run, model):
    display = os.environ["DISPLAY"]
    assert model in one_sentence(run("demo", "--model", model, display=display, code=2))


def test_a_display_that_no_longer_answers_is_no_display(run, tmp_path):
    (tmp_path / "study").mkdir()
    assert "display" in one_sentence(run("review", "study", display=":65000", code=2))
    # the demo goes on without one: what it says is of the study
    assert "empty" in one_sentence(run("demo", "study", display=":65000", code=2))


def test_a_file_where_a_folder_should_be_is_no_bug(run_here, tmp_path):
    (tmp_path / "file").write_text("in the way")
    said = one_sentence(run_here("phantom", "--out", "file/out", code=2))
    assert "choose another place" in said


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC, errno.EROFS])
def test_what_the_system_refuses_somewhere_is_no_bug(tmp_path, monkeypatch, capsys, code):
    def refused(*_, **__):
        raise OSError(code, os.strerror(code), "/closed/study")

    monkeypatch.setattr("napari_cmr.io.scan", refused)
    monkeypatch.setattr("sys.argv", ["napari-cmr", "scan", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert told == (
        f"napari-cmr: /closed/study cannot be used ({os.strerror(code)}); choose another place.\n"
    )


def test_labels_given_for_images_are_not_segmented(tmp_path):
    labels = np.zeros((16, 16, 3, 4), np.uint8)
    labels[4:8, 4:8] = 2
    nifti(tmp_path / "found.nii.gz", labels, np.diag([1.5, 1.5, 8, 1]))
    with pytest.raises(InputError, match="holds labels, not images; measure reads them"):
        read_and_segment(tmp_path / "found.nii.gz", model=None, stack=None, spacing="")


def test_phases_of_a_phantom_that_has_one_are_refused(run_here):
    asked = ("phantom", "--sequence", "T1", "--format", "nifti", "--phases", "3", "--out", "out")
    assert "one phase; leave --phases out" in one_sentence(run_here(*asked, code=2))
