"""Corrections of late enhancement make versions for late enhancement, those of cine for cine."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from napari_cmr import io, phantom
from napari_cmr.core import InputError, Segmentation, Sequence, Structure, View
from napari_cmr.learn.versions import VersionStore, export_version, retrain
from napari_cmr.nets import InputGrid, Network
from napari_cmr.nets.segmenter_tasks import CINE, LATE_ENHANCEMENT, taught_task
from napari_cmr.phantom.sequences import in_sequence
from napari_cmr.review import Project, Verdict
from napari_cmr.review.cases import keep_case, taught_tasks, what_can_be_learned
from napari_cmr.review.cases import write_training_cases as write_cases
from napari_cmr.review.learned import (
    activating,
    clearing_cache,
    disk_use,
    model_in_use,
    project_predictor,
    taking_in,
    version_lines,
)
from napari_cmr.review.training_status import JobStatus, read_status
from tests.learn.corrected import write_start
from tests.review.conftest import opened

TINY = phantom.PhantomConfig(
    n_phases=1, n_slices=3, rows=40, columns=44, pixel_mm=(3.6, 3.6), coil_bias=0.0,
    signal_to_noise=1e4,
)  # fmt: skip
SCARRED = ("BACKGROUND", "LV", "MYO", "INFARCT")


@pytest.fixture(scope="module")
def starts(tmp_path_factory):
    """A small model for each task; that for late enhancement knows infarct."""
    folder = tmp_path_factory.mktemp("starts")
    networks = {
        role: Network(
            encoder="unet",
            channels=(4, 8),
            structures=SCARRED,
            grid=InputGrid(spacing_mm=128 / size, size=size),
        )
        for role, size in (("localiser", 32), ("segmenter", 64))
    }
    late = {"name": "tiny-lge", "task": LATE_ENHANCEMENT, "networks": networks}
    return {
        CINE: write_start(folder / "cine", name="tiny-cine"),
        LATE_ENHANCEMENT: write_start(folder / "lge", **late),
    }


@pytest.fixture(scope="module")
def heart(tmp_path_factory):
    """One heart as a cine, as late enhancement with an infarct, and as a T1 map, in DICOM."""
    study = phantom.make(TINY)
    labels = study.segmentation.labels.copy()
    wall = labels == Structure.MYO
    scarred = np.where(wall & (np.indices(labels.shape)[3] < 20), np.uint8(6), labels)
    rng = np.random.default_rng(0)
    stacks = {
        CINE: (study.sax, labels, "cine sax"),
        LATE_ENHANCEMENT: (
            in_sequence(study.sax, study.segmentation, "LGE", rng),
            np.where(scarred == Structure.RV, np.uint8(0), scarred),
            "LGE PSIR sax",
        ),
    }
    made = {}
    for task, (stack, truth, description) in stacks.items():
        folder = tmp_path_factory.mktemp(task)
        io.write_dicom(stack, folder, description=description)
        made[task] = (folder, truth)
    return made


@pytest.fixture
def corrected(project, heart):
    """A project in which one slice of the cine and one of the late enhancement were accepted."""
    for task in (CINE, LATE_ENHANCEMENT):
        folder, truth = heart[task]
        session = opened(folder, project)
        session.apply_prediction(Segmentation.on(session.stack, truth, "truth 1"))
        session.judge([(0, 1)], Verdict.ACCEPTED)
        keep_case(project, session.reading)
    return project


def learn(project, task, starts, out, **more):
    manifest = write_cases(project, "ada", out, task)
    options = {"tier": "head", "steps": 5, "threads": 1, "say": lambda _: None}
    return retrain(project.folder, [manifest], task=task, start=starts[task], **options, **more)


def stack_of(heart, task):
    return io.load(io.scan(heart[task][0]).entries[0])


def test_each_task_counts_its_own_corrections_and_says_what_waits(corrected):
    late = what_can_be_learned(corrected, "ada", LATE_ENHANCEMENT)
    assert (late.subjects, late.slices, late.waiting) == (1, 1, ((CINE, 1),))
    assert late.structures == ("LV", "MYO", "INFARCT")
    cine = what_can_be_learned(corrected, "ada")
    assert (cine.subjects, cine.slices, cine.waiting) == (1, 1, ((LATE_ENHANCEMENT, 1),))
    assert "RV" in cine.structures
    assert taught_tasks(corrected, "ada") == {CINE: 1, LATE_ENHANCEMENT: 1}


def test_a_correction_of_late_enhancement_makes_a_version_for_it_and_none_for_cine(
    corrected, heart, starts, tmp_path
):
    manifest = write_cases(corrected, "ada", tmp_path / "rows", LATE_ENHANCEMENT)
    with manifest.open(newline="", encoding="utf-8") as file:
        assert [row["sequence"] for row in csv.DictReader(file)] == ["LGE"]
    made = learn(corrected, LATE_ENHANCEMENT, starts, tmp_path / "late")
    assert (made.record.version, made.record.task) == ("v0002", LATE_ENHANCEMENT)
    assert made.record.corrections[0].structures == ("LV", "MYO", "INFARCT")
    assert VersionStore.tasks(corrected.folder) == (LATE_ENHANCEMENT,)

    activating(corrected, "v0002", "for the test", LATE_ENHANCEMENT)()
    assert model_in_use(corrected, LATE_ENHANCEMENT).name == "v0002"
    assert model_in_use(corrected, CINE) is None
    find = project_predictor(lambda: corrected)
    late = find(stack_of(heart, LATE_ENHANCEMENT), None, None)
    assert late.model.startswith("tiny-lge 1.0.0+head")
    assert find(stack_of(heart, CINE), None, None).model.startswith("cine-sax-unet")


def test_each_task_goes_back_by_itself_and_a_handed_over_version_finds_its_own(
    corrected, starts, tmp_path
):
    for task in (CINE, LATE_ENHANCEMENT):
        learn(corrected, task, starts, tmp_path / task, keep_anyway=True)
    lines = {(line.task, line.version): line.active for line in version_lines(corrected)}
    assert lines == {
        (CINE, "v0002"): True, (CINE, "v0001"): False,
        (LATE_ENHANCEMENT, "v0002"): True, (LATE_ENHANCEMENT, "v0001"): False,
    }  # fmt: skip
    late = VersionStore.existing(corrected.folder, task=LATE_ENHANCEMENT)
    late.roll_back()
    assert model_in_use(corrected, LATE_ENHANCEMENT).name == "v0001"
    assert model_in_use(corrected, CINE).name == "v0002"

    parcel = export_version(late, "v0002", tmp_path / "late.zip")
    taking_in(corrected, parcel)()
    names = [(line.task, line.version) for line in version_lines(corrected)]
    assert (LATE_ENHANCEMENT, "v0003") in names
    assert (CINE, "v0003") not in names
    assert disk_use(corrected).cache > 0
    clearing_cache(corrected)()
    assert disk_use(corrected).cache == 0


def test_a_corrected_map_teaches_no_version_and_is_counted_apart(corrected, heart, monkeypatch):
    monkeypatch.setattr(
        "napari_cmr.review.cases.taught_task",
        lambda info: taught_task(replace(info, sequence=Sequence.T1)),
    )
    found = what_can_be_learned(corrected, "ada")
    assert (found.stacks, found.waiting, found.untaught) == (0, (), 2)


@pytest.mark.parametrize(
    ("sequence", "view"), [("T1", "SAX"), ("T2", "SAX"), ("echo", "SAX"), ("cine", "2CH")]
)
def test_what_no_segmenter_is_for_is_of_no_task(heart, sequence, view):
    stack = stack_of(heart, CINE)
    assert taught_task(replace(stack, sequence=Sequence(sequence), view=View(view))) is None


def test_versions_of_an_early_project_which_name_no_task_are_for_cine(corrected, starts, tmp_path):
    learn(corrected, CINE, starts, tmp_path / "rows")
    store = VersionStore.existing(corrected.folder)
    for version in ("v0001", "v0002"):
        path = store.folder / version / "version.json"
        told = json.loads(path.read_text())
        del told["task"]
        path.write_text(json.dumps(told))
    folder = corrected.folder
    corrected.close()
    again = Project.open(folder)
    assert [line.task for line in version_lines(again)] == [CINE, CINE]
    assert model_in_use(again).name == "v0001"
    again.close()
    (tmp_path / "status.json").write_text('{"state": "done", "version": "v0002"}')
    assert read_status(tmp_path) == JobStatus(
        state=read_status(tmp_path).state, version="v0002", task=CINE
    )


def test_a_manifest_of_both_is_learnt_from_by_the_task_that_is_said(corrected, starts, tmp_path):
    from napari_cmr.io.manifest import read_manifest
    from napari_cmr.learn.versions.corrections import load_corrections
    from napari_cmr.learn.versions.kinds import chosen_task, rows_of_task

    both = [write_cases(corrected, "ada", tmp_path / t, t) for t in (CINE, LATE_ENHANCEMENT)]
    rows = [row for manifest in both for row in read_manifest(manifest)]
    with pytest.raises(InputError, match=r"1 row\(s\) of cine and 1 row\(s\) of late enhancement"):
        chosen_task(rows, None)
    assert chosen_task(rows[1:], None) == LATE_ENHANCEMENT
    with pytest.raises(InputError, match="No row of the manifest is of late enhancement"):
        rows_of_task(rows[:1], LATE_ENHANCEMENT)
    said = []
    loaded = load_corrections(both, LATE_ENHANCEMENT, said.append)
    assert [row.row.sequence for row in loaded] == ["LGE"]
    assert said == ["1 row(s) of cine images left out: this version is for late enhancement"]
