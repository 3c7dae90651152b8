"""What the terminal says of a study that was segmented."""

import sys

import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.cli import main
from napari_cmr.cli.summary import print_measures
from napari_cmr.core import Segmentation
from napari_cmr.io import write_dicom
from napari_cmr.review import ReviewSession


def test_files_that_were_left_out_are_counted_beside_the_numbers(tmp_path, capsys):
    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=3, rows=32, columns=32))
    write_dicom(study.sax, tmp_path)
    (tmp_path / "zero.dcm").touch()
    (tmp_path / "notes.txt").write_text("not an image")
    session = ReviewSession()
    session.open(tmp_path)
    session.choose("sax-1")
    session.predict(lambda stack, *_: Segmentation.on(stack, np.ones(stack.shape, np.uint8)))
    print_measures(session)
    said = capsys.readouterr().out
    assert "1 empty file" in said
    assert "1 not an image" in said


@pytest.mark.parametrize(("rv_rows_es", "told"), [(6, True), (4, False)])
def test_ventricles_that_pump_unequal_volumes_are_told_beside_the_numbers(
    tmp_path, capsys, rv_rows_es, told
):
    study = phantom.make(phantom.PhantomConfig(n_phases=2, n_slices=3, rows=32, columns=32))
    write_dicom(study.sax, tmp_path)
    labels = np.zeros(study.sax.shape, np.uint8)
    labels[0, :, :8, :8] = labels[1, :, :4, :8] = 1
    labels[0, :, 16:24, :8] = labels[1, :, 16 : 16 + rv_rows_es, :8] = 3
    session = ReviewSession()
    session.open(tmp_path)
    session.choose("sax-1")
    session.predict(lambda stack, *_: Segmentation.on(stack, labels))
    print_measures(session)
    assert ("LV stroke volume is" in capsys.readouterr().out) is told


def test_control_c_is_said_and_told_by_the_exit_code(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_cmr.io.scan", interrupted)
    monkeypatch.setattr(sys, "argv", ["napari-cmr", "scan", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert "cancelled" in capsys.readouterr().err
