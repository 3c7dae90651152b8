"""What the heads say stands as text with probabilities, and a head that cannot answer says why."""

import pytest

from napari_cmr.core import InputError

from .conftest import WAIT_MS
from .test_dock import choose_in_list, click


def test_what_the_heads_say_is_shown_and_goes_with_the_stack(
    open_study, study_folder, study, qtbot, monkeypatch
):
    from napari_cmr.learn.heads import naming

    dock = open_study(study_folder)
    dock.session.apply_prediction(study.segmentation)
    monkeypatch.setattr(naming, "_sequence", lambda *_: naming.Answer("Sequence", (("cine", 1.0),)))
    monkeypatch.setattr(naming, "_disease", refused)
    click(qtbot, dock.naming.ask)
    qtbot.waitUntil(dock.naming.answers.isVisible, timeout=WAIT_MS)
    told = dock.naming.answers.text()
    assert told.startswith("View: SAX")
    assert "Sequence: cine 100 %" in told
    assert "Disease group: The model is not there." in told
    qtbot.waitUntil(lambda: not dock.coordinator.naming.runner.busy, timeout=WAIT_MS)
    choose_in_list(dock, qtbot, 1)
    assert not dock.naming.answers.isVisible()


def refused(*_):
    raise InputError("The model is not there.")


@pytest.mark.parametrize("sequence", ["cine", "LGE"])
def test_each_stack_is_asked_what_it_is_something_for(sequence, study):
    from dataclasses import replace

    from napari_cmr.core import Sequence
    from napari_cmr.learn.heads.naming import answers

    stack = replace(study.sax, sequence=Sequence(sequence))
    found = answers(stack, study.segmentation)
    second = "Disease group" if sequence == "cine" else "Late enhancement"
    assert [a.question for a in found] == ["Sequence", second]
    for answer in found:
        chances = [chance for _, chance in answer.chances]
        assert sum(chances) == pytest.approx(1)
        assert chances == sorted(chances, reverse=True)
        assert answer.model
    assert found[0].chances[0][0] == "cine"
    if sequence == "cine":
        assert {name for name, _ in found[1].chances} == {"NOR", "DCM", "HCM", "MINF", "RV"}
        assert found[1].because
