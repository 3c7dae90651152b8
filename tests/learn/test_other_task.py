"""A training never replaces a model of another task."""

from pathlib import Path

import pytest

from napari_cmr.core import InputError
from napari_cmr.learn.echo import EchoConfig, finetune_echo
from napari_cmr.learn.finetune import finetune_segmenter
from napari_cmr.learn.finetune_tiers import finetune_by_tier
from napari_cmr.learn.heads import finetune_head
from napari_cmr.learn.landmarks import finetune_landmarks
from napari_cmr.learn.segmenter import SegmenterConfig
from napari_cmr.nets import read_card
from tests.learn.corrected import write_cases, write_start

NAMED = {"name": "n", "version": "1"}
TRAININGS = {
    "view_cls": lambda m, out: finetune_head("view_cls", m, out),
    "landmarks": lambda m, out: finetune_landmarks(m, out),
    "echo_lv_seg": lambda m, out: finetune_echo(m, out, EchoConfig(), **NAMED),
    "lge_sax_seg": lambda m, out: finetune_segmenter(
        m, out, SegmenterConfig(), task="lge_sax_seg", **NAMED
    ),
    "mapping_sax_seg": lambda m, out: finetune_by_tier(
        m, out, SegmenterConfig(), tier="auto", start=None, task="mapping_sax_seg", **NAMED
    ),
}


@pytest.mark.parametrize("task", TRAININGS)
def test_a_model_of_another_task_is_not_replaced(tmp_path, task):
    manifest = write_cases(tmp_path / "set", "ab")
    there = write_start(tmp_path / "start")
    before = {file.name: file.read_bytes() for file in Path(there).iterdir()}
    with pytest.raises(InputError, match=f"a model for {read_card(there).task}; .* for {task}"):
        TRAININGS[task]([manifest], there)
    assert {file.name: file.read_bytes() for file in Path(there).iterdir()} == before


@pytest.mark.parametrize("task", TRAININGS)
def test_a_file_is_no_folder_for_a_model_which_is_said_before_the_training(tmp_path, task):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="out is a file; choose a folder"):
        TRAININGS[task]([tmp_path / "not-read.csv"], tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
