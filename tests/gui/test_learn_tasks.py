"""The tab Learn with cine and late enhancement in one project: each has versions of its own."""

import numpy as np
import pytest

from napari_cmr import io, phantom
from napari_cmr.core import Segmentation
from napari_cmr.learn.versions import VersionStore
from napari_cmr.phantom.sequences import in_sequence
from napari_cmr.review import Verdict
from napari_cmr.review.training import TrainingJob
from napari_cmr.ui.tabs import Tab
from tests.gui.conftest import settle
from tests.gui.test_learn import move, quiet
from tests.learn.corrected import write_start

CINE, LATE = "cine_sax_seg", "lge_sax_seg"
TINY = phantom.PhantomConfig(
    n_phases=2, n_slices=3, rows=40, columns=44, pixel_mm=(3.6, 3.6), coil_bias=0.0,
    signal_to_noise=1e4,
)  # fmt: skip


@pytest.fixture
def both(dock, qtbot, tmp_path, monkeypatch):
    """A window on late enhancement, in a project with corrections of a cine and of that."""
    monkeypatch.setattr("napari_cmr.ui.learning.COUNT_MS", 20)
    move(dock, tmp_path / "project")
    study = phantom.make(TINY)
    one = phantom.make(TINY.model_copy(update={"n_phases": 1}))
    late = in_sequence(one.sax, one.segmentation, "LGE", np.random.default_rng(0))
    for stack, truth, words in ((study.sax, study, "cine sax"), (late, one, "LGE PSIR sax")):
        io.write_dicom(stack, tmp_path / words, description=words)
        dock.open(tmp_path / words)
        settle(dock, qtbot)
        labels = truth.segmentation.labels.copy()
        dock.session.apply_prediction(Segmentation.on(dock.session.stack, labels, "truth 1"))
        dock.session.judge([(0, 1)], Verdict.ACCEPTED)
        dock.learning._after_pause()
        quiet(dock, qtbot)
    dock.tabs.bring(Tab.LEARN)
    quiet(dock, qtbot)
    return dock


def test_the_button_learns_for_the_open_study_and_the_list_says_what_each_version_is_for(
    both, qtbot, tmp_path, monkeypatch
):
    dock = both
    assert dock.learn.learn.text() == "Learn late enhancement from corrections"
    assert "Late enhancement: <b>1</b> subject" in dock.learn.material.text()
    assert "1 corrected stack of cine waits" in dock.learn.material.text()
    wanted = []
    monkeypatch.setattr(TrainingJob, "start", lambda *_, task, **__: wanted.append(task))
    dock.learning.learn("head")
    quiet(dock, qtbot)
    dock.open(tmp_path / "cine sax")
    settle(dock, qtbot)
    quiet(dock, qtbot)
    assert dock.learn.learn.text() == "Learn cine from corrections"
    assert "1 corrected stack of late enhancement waits" in dock.learn.material.text()
    dock.learning.learn("head")
    quiet(dock, qtbot)
    assert wanted == [LATE, CINE]

    for task in (CINE, LATE):
        store = VersionStore(tmp_path / "project", task=task)
        record = store.begin(write_start(tmp_path / task, task=task))
        store.add(store.load("v0001").card, store.load("v0001").networks, record)
    dock.learning.refresh()
    quiet(dock, qtbot)
    tree = dock.versions.versions
    items = [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
    assert [(i.text(0).strip(), i.text(1)) for i in items] == [
        ("v0002", "cine"), ("★ v0001", "cine"),
        ("v0002", "late enhancement"), ("★ v0001", "late enhancement"),
    ]  # fmt: skip
    tree.setCurrentItem(items[2])
    dock.versions.use.click()
    quiet(dock, qtbot)
    assert "v0002 is in use for late enhancement" in dock.message.text()
    assert VersionStore(tmp_path / "project", task=LATE).active().version == "v0002"
    assert VersionStore(tmp_path / "project", task=CINE).active().version == "v0001"
