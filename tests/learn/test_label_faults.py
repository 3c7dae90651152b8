"""Labels that cannot be right are refused wherever something is learnt from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cmr.core import InputError, Structure, label_map
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.examples import load_labelled
from napari_cmr.learn.finetune import finetune_segmenter, split_rows
from napari_cmr.learn.label_faults import (
    described,
    refuse_two_of_a_name,
    refuse_wrong_map,
    under_wrong_map,
)
from napari_cmr.learn.landmarks.finetune import finetune_landmarks
from napari_cmr.learn.versions.corrections import load_corrections
from tests.learn.corrected import ACDC, heart, write_cases
from tests.learn.test_finetune import config


def drawn(values, name):
    _, labels = heart(3, values)
    return label_map(name).to_cmr(np.repeat(labels[None, None], 3, 1))


def test_the_wall_lies_round_the_left_cavity_under_the_right_map_alone():
    assert under_wrong_map(drawn(ACDC, "acdc")) is False
    assert under_wrong_map(drawn(ACDC, "cmr")) is True
    assert under_wrong_map(drawn(ACDC, "emidec")) is True  # its LV is the RV, its scar the LV


def test_a_cavity_or_a_wall_alone_tells_nothing():
    labels = drawn(ACDC, "acdc")
    assert under_wrong_map(np.where(labels == Structure.LV, labels, 0)) is None
    assert under_wrong_map(np.where(labels == Structure.MYO, labels, 0)) is None
    assert under_wrong_map(np.zeros_like(labels)) is None


def test_a_wall_drawn_in_one_slice_of_three_is_no_fault():
    labels = drawn(ACDC, "acdc")
    labels[0, 1:][labels[0, 1:] == Structure.MYO] = 0
    assert under_wrong_map(labels) is False


def test_finetuning_refuses_labels_under_the_wrong_map(tmp_path):
    wrong = write_cases(tmp_path / "wrong", "ab", values=ACDC, label_map="cmr")
    with pytest.raises(InputError, match=r"2 subject\(s\).*label_map"):
        finetune_segmenter([wrong], tmp_path / "out", config(1, 1), name="n", version="1")


def test_one_subject_under_the_wrong_map_is_refused_by_name_among_many_that_are_right(tmp_path):
    right = write_cases(tmp_path / "cases", "abcde", values=ACDC, label_map="acdc")
    text = right.read_text()
    for wrong, told in (("c", r"of 1 subject\(s\) \(c\)"), ("bd", r"of 2 subject\(s\) \(b, d\)")):
        lines = [
            line.replace(",acdc", ",cmr") if line[0] in wrong else line
            for line in text.splitlines()
        ]
        right.write_text("\n".join(lines) + "\n")
        with pytest.raises(InputError, match=told):
            load_corrections([right])
        with pytest.raises(InputError, match=told):
            finetune_segmenter([right], tmp_path / "out", config(1, 1), name="n", version="1")


def test_one_image_of_a_subject_is_enough_to_tell(tmp_path):
    manifest = write_cases(tmp_path / "cases", "ab")
    rows = load_labelled(read_manifest(manifest, need_labels=True))
    swapped = np.array([0, 3, 2, 1], np.uint8)[rows[0].labels]
    three = [rows[0], rows[0], replace(rows[0], labels=swapped), rows[1]]
    with pytest.raises(InputError, match=r"of 1 subject\(s\) \(a\)"):
        refuse_wrong_map(three)
    refuse_wrong_map(rows)


def test_finetuning_refuses_two_people_of_one_id(tmp_path):
    cases = write_cases(tmp_path / "cases", "ab")
    lines = cases.read_text().splitlines()
    cases.write_text("\n".join([*lines, lines[2].replace("b,", "a,", 1)]) + "\n")
    with pytest.raises(InputError, match="Two images have the same subject id"):
        finetune_segmenter([cases], tmp_path / "out", config(1, 1), name="n", version="1")


def test_pictures_that_say_neither_frame_nor_slice_may_be_one_persons():
    rows = [ManifestRow("a", Path(f"{n}.png")) for n in range(2)]
    refuse_two_of_a_name(rows)
    with pytest.raises(InputError, match="same subject id"):
        refuse_two_of_a_name([ManifestRow("a", Path(f"{n}.nii.gz")) for n in range(2)])


def test_a_file_is_not_learnt_from_under_one_id_and_judged_under_another(tmp_path):
    manifest = write_cases(tmp_path, "a", columns=(("split", "train"),))
    line = manifest.read_text().splitlines()[1]
    again = line.replace("a,", "b,", 1).replace("train", "validation")
    manifest.write_text(f"{manifest.read_text()}{again}\n")
    with pytest.raises(InputError, match="same pictures come under two subject ids"):
        split_rows([manifest])


def test_who_judges_is_looked_at_before_the_training(tmp_path):
    judges = (("split", "validation"),)
    manifest = write_cases(tmp_path, "ab", values=ACDC, label_map="cmr", columns=judges)
    with pytest.raises(InputError, match=r"2 subject\(s\) \(a, b\) the wall does not lie round"):
        split_rows([manifest])


def test_who_judges_landmarks_is_looked_at_before_the_training(tmp_path):
    judges = (("split", "validation"),)
    manifest = write_cases(tmp_path, "a", values=ACDC, label_map="cmr", columns=judges)
    with pytest.raises(InputError, match=r"1 subject\(s\) \(a\) the wall does not lie round"):
        finetune_landmarks([manifest], tmp_path / "out", say=lambda _: None)


def test_slices_that_a_label_does_not_describe_say_nothing_of_its_map():
    labels = drawn(ACDC, "cmr")
    labels[:, 1] = drawn(ACDC, "acdc")[:, 1]
    row = ManifestRow("a", Path("a.nii"), columns={"labelled_slices": "1"})
    assert under_wrong_map(labels) is True
    assert under_wrong_map(described(row, labels)) is False
