"""The tab Learn in a real window: correct, train, compare, keep or go back, and stop anywhere."""

import pytest

from napari_cmr import phantom
from napari_cmr.core import Segmentation
from napari_cmr.learn.tiers.draft import draft
from napari_cmr.learn.tiers.head import HeadConfig
from napari_cmr.learn.versions.store import VersionStore
from napari_cmr.review import Project, Verdict
from napari_cmr.review.cases import cases_folder
from napari_cmr.review.scope import nearest_first
from napari_cmr.review.training import TrainingJob
from napari_cmr.review.training_status import JobState
from napari_cmr.ui.outcome_panel import AFTER, BEFORE, YOURS
from napari_cmr.ui.tabs import Tab
from tests.gui.conftest import settle

WAIT_MS = 120_000
TINY = phantom.PhantomConfig(n_phases=3, n_slices=3, rows=40, columns=44, pixel_mm=(3.6, 3.6))
SUBJECTS = 3


@pytest.fixture(autouse=True)
def at_our_own_pace(monkeypatch):
    """Neither the tests' training nor the count need wait for a reader at work."""
    monkeypatch.setattr("napari_cmr.review.training.POLITE", 0)
    monkeypatch.setattr("napari_cmr.ui.learning.COUNT_MS", 20)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    from tests.learn.corrected import write_start

    return write_start(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Three people's hearts, each a folder of DICOM, and what they truly are."""
    made = []
    for seed in range(SUBJECTS):
        study = phantom.make(TINY.model_copy(update={"seed": seed, "lv_edv_ml": 120.0 + 20 * seed}))
        folder = tmp_path_factory.mktemp(f"person{seed}")
        phantom.write_dicom_study(study, folder)
        made.append((folder, study))
    return made


def truth_of(study):
    def find(stack, progress=None, cancel=None):
        return Segmentation.on(stack, study.segmentation.labels.copy(), "truth 1")

    return find


def move(dock, folder):
    """Keep the work in a folder, or in memory."""
    old = dock.session.project
    dock.session.use_project(Project.in_memory() if folder is None else Project.open(folder))
    old.close()


@pytest.fixture
def corrected(dock, people, qtbot, tmp_path, request):
    """A window on a project in which three people's phases, or fewer, were accepted."""
    move(dock, tmp_path / "project")
    for folder, study in people[: getattr(request, "param", SUBJECTS)]:
        dock.open(folder)
        settle(dock, qtbot)
        dock.session.apply_prediction(truth_of(study)(dock.session.stack))
        dock.session.judge([(0, z) for z in range(3)], Verdict.ACCEPTED)
        dock.learning._after_pause()
        quiet(dock, qtbot)
    dock.tabs.bring(Tab.LEARN)
    quiet(dock, qtbot)
    yield dock
    job = TrainingJob(tmp_path / "project")
    job.stop()  # a test that failed leaves nothing running
    qtbot.waitUntil(lambda: not job.status().state.active, timeout=WAIT_MS)


def quiet(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.learning.busy and not dock.runner.busy, timeout=WAIT_MS)


def state(dock):
    return dock.learning.job.status().state


def learn(dock, qtbot, start, **more):
    """Press the button; the tiny start stands for the shelf's model."""
    options = {"start": start, "steps": 20} | more
    dock.learning.learn("head", **options)
    quiet(dock, qtbot)


def until(dock, qtbot, *states):
    qtbot.waitUntil(lambda: state(dock) in states, timeout=WAIT_MS)
    dock.learning.look()


def test_correct_train_compare_and_go_back(corrected, start, viewer, qtbot, tmp_path):
    dock, learning = corrected, corrected.learning
    assert "<b>3</b> subjects" in dock.learn.material.text()
    assert "<b>9</b> corrected or accepted slices in 3 phases" in dock.learn.material.text()
    assert "LV, myocardium, RV" in dock.learn.material.text()
    assert dock.learn.learn.isEnabled()
    dock.learn.tier.setCurrentIndex(1)
    assert "Expected to take" in dock.learn.expected.text()

    learn(dock, qtbot, start)  # and think better of it before it has begun
    qtbot.mouseClick(dock.learn.stop, left())
    until(dock, qtbot, JobState.STOPPED)
    assert not (tmp_path / "project" / ".napari-cmr" / "versions").exists()
    qtbot.mouseClick(dock.outcome.dismiss, left())
    quiet(dock, qtbot)

    learn(dock, qtbot, start)
    assert not dock.learn.learn.isEnabled()
    until(dock, qtbot, JobState.DONE)
    quiet(dock, qtbot)
    status = learning.job.status()
    assert (status.version, status.parent) == ("v0002", "v0001")
    assert "CPU" in status.device or "NVIDIA" in status.device
    steps, losses = dock.learn.losses.values
    assert steps == tuple(range(1, 21))
    assert all(loss > 0 for loss in losses)

    store = VersionStore(tmp_path / "project")
    judged = store.read("v0002").judgement
    assert len(judged.pairs) == SUBJECTS  # each by a version that never saw it
    assert f"{judged.before:.3f}" in dock.outcome.holdout.rows[-4][1]
    assert status.sentence in dock.outcome.advice.text()
    names = [row[0] for row in dock.outcome.open_case.rows]
    assert "LV EF %" in names
    assert any(name.startswith("Dice LV, your 3 slices") for name in names)

    for name, visible in ((BEFORE, False), (AFTER, False), (YOURS, True)):
        qtbot.mouseClick(button_of(dock, name), left())
        assert dock.coordinator.stage.contours.visible is visible
        shown = [la for la in viewer.layers if la.visible and la.name.startswith(f"{name}:")]
        assert bool(shown) is not visible

    used = store.active().version
    assert used == ("v0002" if status.activated else "v0001")
    other = dock.outcome.back if status.activated else dock.outcome.keep
    qtbot.mouseClick(other, left())
    quiet(dock, qtbot)
    assert store.active().version == ("v0001" if status.activated else "v0002")
    assert dock.outcome.isHidden()
    assert not [la for la in viewer.layers if la.name.startswith((BEFORE, AFTER))]
    assert learning.job.decided
    lines = {line.split()[-1]: line for line in listed(dock)}
    assert set(lines) == {"v0001", "v0002"}
    assert lines[store.active().version].startswith("★")

    (learning.job.folder / "seen").unlink()  # as if it had ended just now
    learning.look()
    assert learning.runner.busy  # both versions are run on the open case
    qtbot.mouseClick(dock.outcome.back, left())
    quiet(dock, qtbot)
    assert not [la for la in viewer.layers if la.name.startswith((BEFORE, AFTER))]
    assert dock.outcome.isHidden()
    assert store.active().version == "v0001"

    parcel = tmp_path / "parcel.zip"
    dock.versions.hand_over_wanted.emit("cine_sax_seg", "v0002", parcel)
    quiet(dock, qtbot)
    dock.versions.take_in_wanted.emit(parcel)
    quiet(dock, qtbot)
    assert any("v0003" in line for line in listed(dock))
    parcel.write_bytes(parcel.read_bytes()[:-40])
    dock.versions.take_in_wanted.emit(parcel)
    quiet(dock, qtbot)
    assert "ask for the file again" in dock.message.text()
    dock.versions.remove_wanted.emit("cine_sax_seg", "v0003")
    dock.versions.clear_cache_wanted.emit()
    dock.versions.forget_images_wanted.emit()
    quiet(dock, qtbot)
    assert not any("v0003" in line for line in listed(dock))
    assert "cache 0 MB, images of corrected cases 0 MB" in dock.versions.disk.text()
    assert "3 more stacks" in dock.learn.material.text()


def listed(dock):
    tree = dock.versions.versions
    return [tree.topLevelItem(i).text(0).strip() for i in range(tree.topLevelItemCount())]


def button_of(dock, name):
    buttons = dock.outcome.show_buttons.buttons()
    return next(b for b in buttons if b.property("shows") == name)


def left():
    from qtpy.QtCore import Qt

    return Qt.MouseButton.LeftButton


@pytest.mark.parametrize("corrected", [1], indirect=True)
def test_pause_close_the_window_find_it_again_and_stop(
    corrected, start, qtbot, tmp_path, make_napari_viewer
):
    dock = corrected
    learn(dock, qtbot, start, steps=100_000)
    job = dock.learning.job
    qtbot.waitUntil(lambda: len(job.curve().losses) > 3, timeout=WAIT_MS)
    dock.learning.look()
    assert dock.learn.bar.isVisible()
    assert "Training" in dock.learn.times.text()
    qtbot.mouseClick(dock.learn.pause, left())
    until(dock, qtbot, JobState.PAUSED)
    done = job.status().done
    assert dock.learn.pause.text() == "Go on"

    # another window on the same project finds it
    other = make_napari_viewer(show=True)
    _, again = other.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    move(dock, None)
    move(again, tmp_path / "project")
    assert again.learn.pause.text() == "Go on"
    assert job.status().done == done  # it waits
    again.learn.resume_wanted.emit()
    qtbot.waitUntil(lambda: job.status().done > done, timeout=WAIT_MS)
    again.learn.stop_wanted.emit()
    until(again, qtbot, JobState.STOPPED)
    assert again.outcome.isVisibleTo(again.outcome.parentWidget())
    assert "version in use is as it was" in again.outcome.advice.text()
    store = VersionStore(tmp_path / "project")
    assert [v.version for v in store.versions()] == ["v0001"]
    assert store.active().version == "v0001"
    qtbot.mouseClick(again.outcome.dismiss, left())
    assert again.outcome.isHidden()
    quiet(again, qtbot)
    quiet(dock, qtbot)


def test_following_redraws_the_other_slices_as_one_step_and_leaves_mine(
    dock, people, qtbot, tmp_path, start, monkeypatch
):
    monkeypatch.setattr("napari_cmr.review.live.model_in_use", lambda project, task: start)
    config = HeadConfig(steps=40, batch=6, learning_rate=0.05)
    monkeypatch.setitem(draft.__kwdefaults__, "config", config)
    move(dock, tmp_path / "project")
    folder, study = people[0]
    dock.open(folder)
    settle(dock, qtbot)
    dock.learn.live.setChecked(True)
    quiet(dock, qtbot)
    assert dock.learn.live_note.text() == "Ready to follow."
    truth = study.segmentation.labels
    box = ((0, 1), (1, 2), (0, truth.shape[2]), (0, truth.shape[3]))
    dock.coordinator.corrections.draw()
    dock.session.correct(box, truth[0:1, 1:2].copy())
    steps = dock.session.reading.history.n_steps
    stage, arriving = dock.coordinator.stage, dock.learning.live.arriving
    stage.go_to(phase=2)
    came, drawn, take, draw = [], [], arriving.take, arriving.draw

    def taking(phase, labels):
        came.append((phase, labels.copy()))
        take(phase, labels)

    def drawing():
        draw()
        if arriving.layer is not None:
            drawn.append((stage.contours.opacity, arriving.layer.data.copy()))

    monkeypatch.setattr(arriving, "take", taking)
    monkeypatch.setattr(arriving, "draw", drawing)
    dock.session.judge([(0, 1)], Verdict.ACCEPTED)
    quiet(dock, qtbot)
    assert [phase for phase, _ in came] == list(nearest_first(range(len(truth)), 2, len(truth)))
    assert drawn[0][0] == 0
    assert any((labels[2] == came[0][1]).all() for _, labels in drawn)
    assert arriving.layer is None
    assert stage.contours.opacity == 1
    for phase, labels in came:
        assert (dock.session.reading.history.labels[phase] == labels).all()
    history = dock.session.reading.history
    assert history.n_steps == steps + 2  # the verdict, and the draft as one step
    assert history.model.startswith("draft on ")
    assert (history.labels[0, 1] == truth[0, 1]).all()
    assert (history.labels > 0).sum() > (truth[0, 1] > 0).sum()  # others were drawn
    assert history.verdict((0, 1)) is Verdict.ACCEPTED
    dock.session.undo()
    assert (history.labels > 0).sum() == (truth[0, 1] > 0).sum()
    store = tmp_path / "project" / ".napari-cmr" / "versions"
    assert not store.exists()  # drafts are never versions
    dock.learn.live.setChecked(False)
    dock.session.judge([(1, 1)], Verdict.ACCEPTED)
    quiet(dock, qtbot)
    assert history.n_steps == steps + 2  # two verdicts


def test_without_a_folder_nothing_is_learnt_and_it_is_said(dock, qtbot):
    move(dock, None)
    dock.tabs.bring(Tab.LEARN)
    quiet(dock, qtbot)
    assert "in memory only" in dock.learn.device.text()
    assert not dock.learn.learn.isEnabled()
    dock.learning.learn("head")
    assert "in memory only" in dock.message.text()


def test_who_accepts_and_goes_on_or_closes_at_once_leaves_no_case_behind(
    dock, people, qtbot, tmp_path
):
    project = tmp_path / "project"
    move(dock, project)
    dock.learning._count.setInterval(WAIT_MS)  # nobody pauses
    for folder, study in people[:2]:
        dock.open(folder)
        settle(dock, qtbot)
        dock.session.apply_prediction(truth_of(study)(dock.session.stack))
        dock.session.judge([(0, z) for z in range(3)], Verdict.ACCEPTED)
    qtbot.waitUntil(lambda: not dock.learning.runner.busy, timeout=WAIT_MS)
    kept = cases_folder(dock.session.project)
    assert len(list(kept.glob("*.nii"))) == 1
    dock.learning.close()
    dock.destroyed.disconnect(dock.learning.close)
    assert len(list(kept.glob("*.nii"))) == 2
