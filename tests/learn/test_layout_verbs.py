"""Each data set's layout, from its folder through the verbs that take a manifest."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_cmr.core import InputError
from napari_cmr.io import load_image, load_label, read_manifest
from napari_cmr.io.layouts import LAYOUTS, make_manifest
from napari_cmr.learn.finetune import finetune_segmenter
from napari_cmr.learn.over_manifest import evaluate_manifest, predict_manifest
from napari_cmr.nets import load_model, predict
from napari_cmr.phantom import PhantomConfig, make
from tests.io.layouts.data_sets import BUILDERS
from tests.learn.corrected import write_start
from tests.learn.test_finetune import config

UNLABELLED = {"kaggle_dsb", "cmrxrecon"}
TASK = "cine_sax_seg"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_start(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module", params=BUILDERS)
def made(request, tmp_path_factory):
    """A layout's name and its manifest."""
    folder = tmp_path_factory.mktemp(request.param)
    BUILDERS[request.param](folder / "set")
    make_manifest(folder / "set", folder / "m.csv")
    return request.param, folder / "m.csv"


def test_every_layout_of_the_heart_is_here():
    assert set(BUILDERS) | {"echonet", "camus"} == set(LAYOUTS)


def test_each_image_is_predicted_on_its_own_grid(made, model, tmp_path):
    _, manifest = made
    table = predict_manifest(manifest, tmp_path, task=TASK, model=model)
    rows = read_manifest(manifest)
    with table.open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    assert [row["subject"] for row in told] == [row.subject for row in rows]
    for row, said in zip(rows, told, strict=True):
        t, z, y, x = load_image(row).shape
        shape = nib.load(tmp_path / said["output"]).shape
        assert shape in ((x, y, z), (x, y, z, t))


def test_labels_are_judged_and_trained_on_and_where_there_are_none_this_is_said(
    made, model, tmp_path
):
    name, manifest = made

    def tune():
        finetune_segmenter(
            [manifest],
            tmp_path / "version",
            config(1, 1),
            name="n",
            version="1.0.0",
            threads=1,
            say=lambda _: None,
        )

    if name in UNLABELLED:
        for verb in (lambda: evaluate_manifest(manifest, task=TASK, model=model), tune):
            with pytest.raises(InputError, match="label"):
                verb()
        return
    scores = evaluate_manifest(manifest, task=TASK, model=model)
    judged = {row.subject for row in read_manifest(manifest) if row.label}
    assert {subject["subject"] for subject in scores["subjects"]} == judged
    assert 0 <= scores["mean"]["dice_mean"]["value"] <= 1
    assert json.dumps(scores, allow_nan=False)
    tune()
    assert (tmp_path / "version" / "model.safetensors").exists()


def test_a_picture_of_slices_one_under_the_other_gets_labels_of_all_of_them(model, tmp_path):
    heart = make(PhantomConfig(n_phases=1, n_slices=4))
    pixels = heart.sax.pixels[0]
    tall = (255 * pixels / pixels.max()).astype(np.uint8).reshape(-1, pixels.shape[-1])
    Image.fromarray(tall).save(tmp_path / "tall.png")
    row = f'a,tall.png,{{}},{pixels.shape[1]},"10,2,2"\n'
    header = "subject,image,label,slice_rows,spacing_mm\n"
    (tmp_path / "m.csv").write_text(header + row.format(""), encoding="utf-8")
    table = predict_manifest(tmp_path / "m.csv", tmp_path / "out", task=TASK, model=model)
    with table.open(newline="", encoding="utf-8") as file:
        (told,) = csv.DictReader(file)
    found = np.asarray(Image.open(tmp_path / "out" / told["output"]))
    assert found.shape == tall.shape
    assert found[pixels.shape[1] :].any()
    alone = predict(load_image(read_manifest(tmp_path / "m.csv")[0]), load_model(model))
    np.testing.assert_array_equal(found.reshape(pixels.shape), alone.labels[0])
    # and what was written is read as a label of that picture
    text = header + row.format(f"out/{told['output']}")
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    (labelled,) = read_manifest(tmp_path / "m.csv", need_labels=True)
    _, read = load_label(labelled, load_image(labelled))
    np.testing.assert_array_equal(read.labels, alone.labels)
