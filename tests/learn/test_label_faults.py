"""Labels that cannot be right are refused wherever something is learnt from them."""

from pathlib import Path

import numpy as np
import pytest

from napari_cmr.core import InputError, Structure, label_map
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.learn.finetune import finetune_segmenter
from napari_cmr.learn.label_faults import refuse_two_of_a_name, under_wrong_map
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
