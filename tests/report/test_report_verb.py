import json

import pytest

from napari_cmr import phantom
from napari_cmr.io import write_labels, write_nifti
from tests.cli.conftest import run  # noqa: F401  the fixture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    study = phantom.make(
        phantom.PhantomConfig(n_phases=3, n_slices=6, slice_step_mm=14, rows=64, columns=64)
    )
    path = tmp_path_factory.mktemp("study")
    write_nifti(study.sax, path / "image.nii.gz")
    write_labels(study.segmentation, path / "labels.nii.gz")
    return path


def test_the_verb_writes_page_screen_and_numbers(run, tmp_path, folder):  # noqa: F811
    labels = ["--labels", str(folder / "labels.nii.gz"), "--made-by", "Reader A"]
    body = ["--height-cm", "180", "--weight-kg", "80", "--heart-rate", "60"]
    person = ["--sex", "F", "--age", "50", "--bsa", "du bois"]
    run("report", folder / "image.nii.gz", "--out", "out", *labels, *body, *person)
    told = json.loads((tmp_path / "out" / "numbers.json").read_text())
    numbers = {n["name"]: n for n in told["numbers"]}
    assert numbers["lv_edv_ml"]["value"] == pytest.approx(140, rel=0.03)
    assert numbers["bsa_m2"]["value"] == pytest.approx(1.9964, abs=1e-3)
    sv = numbers["lv_sv_ml"]["value"]
    assert numbers["lv_co_l_min"]["value"] == pytest.approx(sv * 60 / 1000, abs=1e-3)
    assert numbers["lv_ef_percent"]["range"]["low"] == 51
    assert len(told["aha_segments"]["thickness_ed_mm"]) == 16
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "Reader A" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--height-cm", "1.8"], "height in centimetres"),
        (["--sex", "x"], "F or M"),
        (["--bsa", "Haycock"], "Mosteller, Du Bois"),
        (["--labels", "nowhere"], "nowhere"),
        (["--reference", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_wrong_option_is_one_sentence(run, folder, options, words):  # noqa: F811
    done = run("report", folder / "image.nii.gz", "--out", "out", *options, code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
