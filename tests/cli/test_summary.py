"""What the terminal says of a study that was segmented."""

import numpy as np

from napari_cmr import phantom
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
