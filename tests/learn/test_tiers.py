import os
import stat
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cmr.core import InputError
from napari_cmr.io.manifest import read_manifest
from napari_cmr.learn.examples import load_labelled
from napari_cmr.learn.tiers.cache import FeatureCache
from napari_cmr.learn.tiers.draft import draft
from napari_cmr.learn.tiers.head import HeadConfig, head_examples, train_head
from napari_cmr.learn.tiers.remembering import Remembering, remembering, whole_model, with_head
from napari_cmr.learn.versions.gate import compare, segmenting
from napari_cmr.measure import dice
from napari_cmr.nets import load_model, predict
from napari_cmr.nets.memory import within_memory
from tests.learn.corrected import ACDC, with_strokes_only, write_cases, write_start

FLIPS = {"flips": [["columns"], ["transpose"]], "one_heart": True}
QUICK = HeadConfig(steps=60, batch=6, learning_rate=0.05)
STRUCTURES = ("LV", "MYO", "RV")


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return write_start(tmp_path_factory.mktemp("start"), test_time=FLIPS)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    manifest = write_cases(tmp_path_factory.mktemp("cases") / "a", "abcd")
    return load_labelled(read_manifest(manifest, need_labels=True))


def tuned(start, rows, folder, config=QUICK, seed=0):
    model = remembering(load_model(start), FeatureCache(folder))
    head = train_head(model, head_examples(model, rows, config, seed=seed), config, seed=seed)
    return with_head(model, head)


def test_a_head_learns_what_the_labels_show(start, rows, tmp_path):
    before = remembering(load_model(start), FeatureCache(tmp_path))
    after = tuned(start, rows[:3], tmp_path)
    compared = compare(rows[3:], segmenting(before), segmenting(after), STRUCTURES)
    assert compared.after["d"]["LV"] > compared.before["d"]["LV"] + 0.3


def test_two_heads_of_one_seed_are_equal_to_the_bit_with_a_cold_cache_and_a_warm_one(
    start, rows, tmp_path
):
    heads = [
        tuned(start, rows[:2], tmp_path / folder).networks["segmenter"].head.state_dict()
        for folder in ("one", "one", "other")
    ]
    other = tuned(start, rows[:2], tmp_path / "one", seed=1).networks["segmenter"].head
    for key, value in heads[0].items():
        assert torch.equal(value, heads[1][key])
        assert torch.equal(value, heads[2][key])
        assert not torch.equal(value, other.state_dict()[key])


def test_training_again_with_one_more_case_asks_the_networks_of_that_case_only(
    start, rows, tmp_path
):
    model = remembering(load_model(start), FeatureCache(tmp_path))
    head_examples(model, rows[:2], QUICK, seed=0)
    cache = model.networks["segmenter"].trunk.cache
    assert (cache.hits, cache.misses) == (0, 2 * (1 + 3))  # localiser; plain and two flips
    cache.hits = cache.misses = 0
    head_examples(model, rows[:3], QUICK, seed=0)
    assert (cache.hits, cache.misses) == (8, 4)


def test_predicting_uses_what_training_asked_for_and_another_head_does_too(start, rows, tmp_path):
    after = tuned(start, rows[:1], tmp_path)
    cache = after.networks["segmenter"].trunk.cache
    cache.hits = cache.misses = 0
    predict(rows[0].stack, after)
    assert (cache.hits, cache.misses) == (4, 0)


def test_one_pixel_or_other_weights_miss_the_cache(start, rows, tmp_path):
    def misses(stack, folder):
        cache = FeatureCache(tmp_path / "cache")
        predict(stack, remembering(load_model(folder), cache))
        return cache.misses

    stack = rows[0].stack
    assert misses(stack, start) == 4
    assert misses(stack, start) == 0
    pixels = stack.pixels.copy()
    pixels[0, 0, 30, 30] += 50
    assert misses(replace(stack, pixels=pixels), start) == 4
    other = write_start(tmp_path / "other", test_time=FLIPS)
    model = load_model(other)
    with torch.no_grad():
        next(model.networks["segmenter"].parameters()).view(-1)[0] += 0.5
    cache = FeatureCache(tmp_path / "cache")
    predict(stack, remembering(model, cache))
    assert cache.misses == 3  # the localiser is the same


def test_the_grid_is_in_the_key_of_one_and_the_same_picture(start, tmp_path):
    model, cache = load_model(start), FeatureCache(tmp_path)
    network, spec = model.networks["segmenter"], model.card.networks["segmenter"]
    grid = spec.grid.model_copy(update={"spacing_mm": spec.grid.spacing_mm / 2})
    for described in (spec, spec, spec.model_copy(update={"grid": grid})):
        Remembering(network, described, cache, print)(torch.zeros(1, 1, 64, 64))
    assert (cache.hits, cache.misses) == (1, 2)


def test_a_remembering_model_answers_as_the_plain_one(start, rows, tmp_path):
    plain = predict(rows[0].stack, load_model(start)).labels
    model = remembering(load_model(start), FeatureCache(tmp_path))
    for _ in range(2):
        assert (predict(rows[0].stack, model).labels == plain).mean() > 0.999
    whole = predict(rows[0].stack, whole_model(model)).labels
    assert np.array_equal(whole, plain)


def test_only_the_wanted_phases_are_segmented(start, rows, tmp_path):
    stack = rows[0].stack
    twice = replace(stack, pixels=np.concatenate([stack.pixels, stack.pixels]), times_ms=None)
    model = tuned(start, rows[:1], tmp_path)
    found = predict(twice, model, phases=[1]).labels
    assert found[1].any()
    assert not found[0].any()
    assert np.array_equal(found[1], predict(twice, model).labels[1])


def test_the_cache_is_the_owners_and_can_be_cleared(start, rows, tmp_path):
    cache = FeatureCache(tmp_path / "deep" / "cache")
    predict(rows[0].stack, remembering(load_model(start), cache))
    if os.name == "posix":
        for path in (cache.folder, *cache.folder.iterdir()):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
    size = cache.size_bytes()
    assert size > 50_000
    assert cache.clear() == size
    assert cache.size_bytes() == 0


def test_a_damaged_answer_is_asked_for_again(start, rows, tmp_path):
    cache = FeatureCache(tmp_path)
    model = remembering(load_model(start), cache)
    whole = predict(rows[0].stack, model).labels
    for place in tmp_path.iterdir():
        (place / "zarr.json").write_text("{")
    cache.hits = cache.misses = 0
    assert np.array_equal(predict(rows[0].stack, model).labels, whole)
    assert (cache.hits, cache.misses) == (0, 4)


def test_what_labels_do_not_name_is_kept_as_it_was(start, rows, tmp_path):
    """Corrections of the cavity alone on a model that knows wall and RV."""
    knows = tuned(start, rows, tmp_path)
    only_lv = [
        replace(r, labels=np.where(r.labels == 1, r.labels, np.uint8(0)), structures=(1,))
        for r in rows[:3]
    ]
    head = train_head(knows, head_examples(knows, only_lv, QUICK, seed=0), QUICK, seed=0)
    compared = compare(rows[3:], segmenting(knows), segmenting(with_head(knows, head)), STRUCTURES)
    for name in STRUCTURES:
        assert compared.after["d"][name] > compared.before["d"][name] - 0.1


def test_a_draft_learns_from_corrected_slices_and_leaves_them_as_the_expert_did(
    start, rows, tmp_path
):
    stack, truth = rows[0].stack, rows[0].labels[0]
    model = remembering(load_model(start), FeatureCache(tmp_path))
    before = predict(stack, model).labels
    cache = model.networks["segmenter"].trunk.cache
    cache.hits = cache.misses = 0
    drawn = truth[0].copy()
    drawn[:3, :3] = 2  # what no network would draw
    came = {}
    order = range(len(before))[::-1]
    found = draft(
        stack,
        model,
        {(0, 0): drawn},
        config=QUICK,
        phases=order,
        arrived=lambda phase, labels: came.update({phase: labels.copy()}),
    )
    assert cache.misses == 0
    assert list(came) == list(order)
    assert all(np.array_equal(found.labels[phase], labels) for phase, labels in came.items())
    assert np.array_equal(found.labels[0, 0], drawn)
    other = [dice(labels[0, 1] == 1, truth[1] == 1) for labels in (before, found.labels)]
    assert other[1] > other[0] + 0.3
    assert np.array_equal(predict(stack, model).labels, before)
    with pytest.raises(InputError, match="no labelled case"):
        draft(stack, model, {})


def test_slices_of_which_nothing_is_said_teach_nothing(start, rows, tmp_path):
    said = rows[0].said.copy()
    said[:, 1] = False
    model = remembering(load_model(start), FeatureCache(tmp_path))
    some = head_examples(model, [replace(rows[0], said=said)], QUICK, seed=0)
    assert len(some.targets) == 3  # one slice: plain and two flips
    spoilt = rows[0].labels.copy()
    spoilt[:, 1] = 3
    same = head_examples(model, [replace(rows[0], said=said, labels=spoilt)], QUICK, seed=0)
    assert torch.equal(some.targets, same.targets)


def test_strokes_teach_what_they_say_and_nothing_where_they_are_not(start, rows, tmp_path):
    cases = write_cases(tmp_path / "cases", "abc", values=ACDC, label_map="acdc")
    manifest = read_manifest(with_strokes_only(cases), need_labels=True)
    strokes = load_labelled(manifest, scribbles=True)
    whole = load_labelled(read_manifest(cases, need_labels=True))
    for some, every in zip(strokes, whole, strict=True):
        assert 0.05 < some.said.mean() < 0.15
        assert np.array_equal(some.labels[some.said], every.labels[some.said])
    before = remembering(load_model(start), FeatureCache(tmp_path))
    after = tuned(start, strokes, tmp_path)
    compared = compare(rows[3:], segmenting(before), segmenting(after), STRUCTURES)
    assert compared.after["d"]["LV"] > compared.before["d"]["LV"] + 0.3
    with pytest.raises(InputError, match="no labelled row"):
        load_labelled(manifest)


def test_an_empty_mask_teaches_that_there_is_nothing(start, rows, tmp_path):
    knows = tuned(start, rows, tmp_path)
    before = segmenting(knows)(rows[3])
    empty = [replace(rows[3], labels=np.zeros_like(rows[3].labels))]
    config = QUICK.model_copy(update={"stay": 0.0, "steps": 100})
    head = train_head(knows, head_examples(knows, empty, config, seed=0), config, seed=0)
    after = segmenting(with_head(knows, head))(rows[3])
    assert (before > 0).sum() > 200
    assert (after > 0).sum() < (before > 0).sum() / 4


def test_out_of_memory_takes_less_at_once_then_the_cpu_and_says_so():
    tried, said = [], []

    def work(batch, device):
        tried.append((batch, device.type))
        if device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    cuda = torch.device("cuda")
    assert within_memory(work, batch=4, device=cuda, say=said.append) == "done"
    assert tried == [(4, "cuda"), (2, "cuda"), (1, "cuda"), (4, "cpu")]
    assert len(said) == 3
    assert "2 pictures" in said[0]
    assert "CPU" in said[2]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        torch.AcceleratorError("CUDA error: out of memory"),
    ],
)
def test_what_the_driver_and_its_libraries_call_out_of_memory_is_that(error):
    def work(batch, device):
        if device.type != "cpu":
            raise error
        return batch

    cuda = torch.device("cuda")
    assert within_memory(work, batch=2, device=cuda, say=lambda _: None) == 2


def test_another_fault_of_a_gpu_is_not_hidden():
    def work(batch, device):
        if device.type != "cpu":
            raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side"):
        within_memory(work, batch=2, device=torch.device("cuda"), say=print)


def test_out_of_memory_on_the_cpu_is_not_hidden():
    def work(batch, device):
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(torch.OutOfMemoryError):
        within_memory(work, batch=4, device=torch.device("cpu"), say=print)
