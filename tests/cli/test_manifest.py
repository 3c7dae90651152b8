"""The verb manifest: a data set's own folder becomes what the other verbs take."""

import json

import pytest

from napari_cmr.cli.manifests import manifest
from napari_cmr.core import InputError
from napari_cmr.io import load_image, load_label, read_manifest
from tests.io.layouts.folders import heart, write_phase


@pytest.fixture
def acdc(tmp_path):
    study = heart()
    for subject in ("patient001", "patient002"):
        case = tmp_path / "acdc" / subject
        case.mkdir(parents=True)
        (case / "Info.cfg").write_text("ED: 1\nES: 2\n")
        if subject == "patient001":
            image, label = (case / f"{subject}_frame01{s}.nii.gz" for s in ("", "_gt"))
            write_phase(study, 0, image, label, "acdc")
    return tmp_path / "acdc"


def test_it_writes_a_manifest_and_says_what_it_left_out(run, tmp_path, acdc):
    done = run("manifest", acdc, "--out", "m.csv", "--json", "m.json")
    assert "left out: patient002: patient002 holds neither the ED nor the ES frame" in done.stdout
    told = json.loads((tmp_path / "m.json").read_text())
    assert (told["layout"], told["n_rows"], list(told["left_out"])) == ("acdc", 1, ["patient002"])
    (row,) = read_manifest(tmp_path / "m.csv", need_labels=True)
    assert load_label(row, load_image(row))[1].labels.any()
    with pytest.raises(InputError, match="say --overwrite"):
        manifest(acdc, tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("mine")
    manifest(acdc, tmp_path / "m.csv", overwrite=True)
    assert read_manifest(tmp_path / "m.csv")


def test_a_folder_it_does_not_know_ends_with_one_sentence(run, tmp_path, acdc):
    done = run("manifest", acdc, "--layout", "emidec", "--out", "m.csv", code=2)
    assert "does not have the shape of EMIDEC" in done.stderr
    assert not (tmp_path / "m.csv").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.csv").write_text("subject,image\n")
    with pytest.raises(InputError, match=r"a manifest\.csv, which predict"):
        manifest(tmp_path / "other", tmp_path / "m.csv")
