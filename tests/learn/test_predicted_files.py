"""The files of one call of predict appear together or not at all."""

import shutil

import pytest

from napari_cmr.core import InputError
from napari_cmr.learn.over_manifest import predict_manifest
from tests.learn.corrected import write_cases, write_start

LABELS = ["00000_a.nii.gz", "00001_b.nii.gz"]


@pytest.fixture
def predicted(tmp_path):
    """Predict two people's images, of whom the second's is as good as is said."""
    model = write_start(tmp_path / "start")
    manifest = write_cases(tmp_path / "set", "ab")

    def run(out, *, good):
        if not good:
            (tmp_path / "set" / "b_image.nii.gz").write_bytes(b"no image")
        return predict_manifest(manifest, out, task="cine_sax_seg", model=model)

    return run


def test_a_damaged_image_leaves_no_label_behind(predicted, tmp_path):
    with pytest.raises(InputError, match="b_image"):
        predicted(tmp_path / "out", good=False)
    assert not (tmp_path / "out").exists()


def test_an_older_calls_files_stay_whole_until_all_new_ones_are_there(predicted, tmp_path):
    out = tmp_path / "out"
    predicted(out, good=True)
    assert sorted(p.name for p in out.iterdir()) == [
        *LABELS, "predictions.csv", "uncertainty.json"
    ]  # fmt: skip
    (out / "mine.txt").write_text("mine")
    shutil.copy(out / LABELS[1], out / LABELS[0])
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(InputError):
        predicted(out, good=False)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
