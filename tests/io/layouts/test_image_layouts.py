"""Data sets of images alone: the Data Science Bowl's DICOM and CMRxRecon's k-space."""

import numpy as np
import pytest

from napari_cmr.core import InputError
from napari_cmr.io import load_image, read_manifest
from napari_cmr.io.layouts import detect, make_manifest
from tests.io.layouts.data_sets import bowl, cmrxrecon, write_kspace
from tests.io.layouts.folders import heart


@pytest.fixture(scope="module")
def study():
    return heart()


def test_the_data_science_bowl(tmp_path, study):
    folder = tmp_path / "bowl"
    bowl(folder, study, "12")
    bowl(folder, study, "501", "validate")
    bowl(folder, study, "701", "test")
    (folder / "train.csv").write_text("Id,Systole,Diastole\n12,60.5,140.25\n13,1,2\n")
    (folder / "solution.csv").write_text(
        "Id,Volume,Usage\n701_Diastole,150.5,Private\n701_Systole,70.0,Private\n"
    )
    assert detect(folder) == ["kaggle_dsb"]
    make_manifest(folder, tmp_path / "m.csv")
    rows = read_manifest(tmp_path / "m.csv")
    said = [(r.subject, r.split, r.number("expert_edv_ml")) for r in rows]
    assert said == [("12", "train", 140.25), ("501", "validation", None), ("701", "test", 150.5)]
    assert rows[2].number("expert_esv_ml") == 70
    stack = load_image(rows[0])
    assert np.array_equal(stack.pixels, study.sax.pixels)
    assert stack.geometry.spacing == pytest.approx(study.sax.geometry.spacing, rel=1e-4)


def test_one_subject_of_the_bowl_is_enough(tmp_path, study):
    bowl(tmp_path / "bowl", study, "12")
    make_manifest(tmp_path / "bowl" / "train" / "12", tmp_path / "m.csv")
    assert [r.subject for r in read_manifest(tmp_path / "m.csv")] == ["12"]


@pytest.mark.parametrize(
    ("coil", "n_coils", "name"),
    [("MultiCoil", 3, "kspace_full"), ("SingleCoil", 1, "kspace_single_full")],
)
def test_cmrxrecon_is_reconstructed(tmp_path, study, coil, n_coils, name):
    cmrxrecon(tmp_path / "set", study, coil, n_coils, name)
    assert detect(tmp_path / "set") == ["cmrxrecon"]
    make_manifest(tmp_path / "set", tmp_path / "m.csv")
    rows = read_manifest(tmp_path / "m.csv")
    assert [(r.subject, r.view, r.split) for r in rows] == [
        ("TrainingSet_P001", "SAX", "train"),
        *[("TrainingSet_P001", "LAX", "train")] * 3,
    ]
    stack = load_image(rows[0])
    assert not stack.geometry.spacing_known
    assert np.allclose(stack.pixels, study.sax.pixels, atol=1e-3 * study.sax.pixels.max())
    assert load_image(rows[2]).shape == (4, 1, 48, 44)


def test_a_file_that_is_no_kspace_is_refused_with_one_sentence(tmp_path, study):
    case = tmp_path / "set" / "SingleCoil" / "Cine" / "TrainingSet" / "FullSample" / "P001"
    write_kspace(case / "cine_sax.mat", study.sax.pixels, 1, "something")
    with pytest.raises(InputError, match="holds no k-space"):
        make_manifest(tmp_path / "set", tmp_path / "m.csv")
    (case / "cine_sax.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(InputError, match=r"no MATLAB 7\.3 file"):
        make_manifest(tmp_path / "set", tmp_path / "m.csv")


def test_without_h5py_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    case = tmp_path / "set" / "FullSample" / "P001"
    case.mkdir(parents=True)
    (case / "cine_sax.mat").write_bytes(b"x")
    with pytest.raises(InputError, match="needs h5py; pip install"):
        make_manifest(tmp_path / "set", tmp_path / "m.csv")
