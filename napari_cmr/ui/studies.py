"""Fills the list of studies in the background and opens what is chosen in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from qtpy.QtCore import QObject

from napari_cmr.core import Cancel, InputError, Progress, check_cancel
from napari_cmr.io import Catalogue, Entry
from napari_cmr.review import ReviewSession, StackInfo, Task, known_uncertainty
from napari_cmr.review.worklist import (
    ListedStudy,
    Order,
    Progressed,
    Uncertainty,
    Unreadable,
    Worklist,
    following,
    progressed,
    studies_in,
    study_key,
    uncertainty_of,
)
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.studies_panel import Line, Row, StudiesPanel
from napari_cmr.ui.task_runner import TaskRunner


class Opener(Protocol):
    """What opens a study of the list."""

    def __call__(self, catalogue: Catalogue, stack: str) -> None:
        """Open it at a stack, or at the one to look at first where the name is empty."""


class Studies:
    """Connects the list of studies with the session.

    Parameters
    ----------
    session
        Whose log says how far each study is.
    panel
        Where the list is drawn.
    keys
        Where its keys are bound.
    parent
        What the background work ends with.
    open_study
        Opens a study of the list.
    say
        Says one sentence.
    """

    def __init__(
        self,
        session: ReviewSession,
        panel: StudiesPanel,
        keys: Keys,
        parent: QObject,
        open_study: Opener,
        say: Callable[..., None],
    ) -> None:
        self.worklist = Worklist()
        self.uncertainty: Uncertainty | None = None
        """How unsure the model is of a stack, by the project's key; the log's unless set."""
        self.seed = 0
        self.names: dict[str, str] = {}
        """Who each study is of, by its key; in memory only."""
        self._session, self._panel, self._open, self._say = session, panel, open_study, say
        self._known = Progressed()
        self._order = Order.LISTED
        self._current: str | None = None
        self._said: tuple[str, str] | None = None
        self._arrived: deque[tuple[Any, ...]] = deque()
        self._unreadable: list[Unreadable] = []
        self._next: Callable[[], Task[None]] | None = None
        self.runner = TaskRunner(parent)
        self.runner.progressed.connect(lambda *_: self._drain())
        self.runner.failed.connect(lambda sentence: say(sentence, error=True))
        self.runner.ended.connect(self._ended)
        panel.study_wanted.connect(self.open_key)
        panel.next_wanted.connect(self.open_next)
        panel.stop_wanted.connect(self.runner.cancel)
        panel.order_wanted.connect(self.put_in_order)
        panel.names_wanted.connect(lambda _: self.redraw())
        keys.add("next-study", "open the next study of the list", "N", self.open_next)
        keys.add("study-before", "open the study before", "Shift+N", lambda: self.open_next(-1))
        keys.add("names", "show or hide who the person is", "I", panel.names.toggle)

    def close(self) -> None:
        """Stop the background work."""
        self._next = None
        self.runner.cancel()

    def list_folder(self, folder: Path, alone: Callable[[Catalogue], None]) -> None:
        """List a folder of studies in the background.

        Parameters
        ----------
        alone
            Called with the one study where there is no other.
        """
        self._begin(lambda: self._task(lambda cancel: studies_in(folder, cancel), alone))

    def list_found(self, found: Sequence[Catalogue]) -> None:
        """List studies that are read already, and look for their pictures and states."""
        studies = [(done, len(found), study) for done, study in enumerate(found, start=1)]
        self._begin(lambda: self._task(lambda _: iter(studies), _nothing))
        for study in found:
            self.worklist.add(study)
        self.redraw()

    def show_open(self, catalogue: Catalogue) -> None:
        """A study was opened: mark it, and list it alone where the list does not have it."""
        key = study_key(catalogue)
        listed = self.worklist.find(key)
        if listed is None or listed.catalogue is not catalogue:
            self.list_found((catalogue,))
        self._current = key
        self.redraw()

    def open_key(self, key: str, stack: str = "") -> None:
        """Open a study of the list."""
        study = self.worklist.find(key)
        if study is not None:
            self._open(study.catalogue, stack)

    def open_next(self, step: int = 1) -> None:
        """Open the study after the one that is open, in the order of the list, or before it."""
        study = following(self._ordered(), self._current, step)
        if study is None:
            self._say("This was the last study of the list." if step > 0 else "This is the first.")
        else:
            self._open(study.catalogue, "")

    def title_of(self, study: ListedStudy) -> str:
        """What the list calls a study: by whose it is, unless names are hidden."""
        if not self._panel.names.isChecked():
            return f"Study {study.number}"
        return f"{study.number}  {self.names.get(study.key) or study.place}"

    def same_person(self, key: str) -> str:
        """What the files say of whether a study is of the same person as the open one."""
        one = self.names.get(key, "")
        other = self.names.get(self._current or "", "")
        if not one or not other:
            return "(the files do not say whether this is the same person)"
        return "(the same name)" if one == other else "(ANOTHER NAME than the study under review)"

    def put_in_order(self, order: Order) -> None:
        """List as found, at random (another one each time), or the most uncertain first."""
        self._order = order
        self.seed += order is Order.RANDOM
        self.redraw()

    def show_state(self) -> None:
        """How far the open stack is, which may have changed just now."""
        reading, project = self._session.reading, self._session.project
        if reading is None or self._said == (reading.key, self._session.state):
            return
        self._said = (reading.key, self._session.state)
        info = StackInfo.of(reading.stack, reading.key, project.salt)
        known = replace(self._known, salt=project.salt)
        self._known = known.with_state(info, self._session.state)
        study = None if self._current is None else self.worklist.find(self._current)
        if study is not None:
            self._panel.add_row(self._row(study))

    def redraw(self) -> None:
        """Draw the list anew, in its order."""
        self._panel.show_rows([self._row(study) for study in self._ordered()], self._current)
        self._panel.show_notes(self._notes())

    def _ordered(self) -> tuple[ListedStudy, ...]:
        return self.worklist.ordered(
            self._order, seed=self.seed, uncertainty=self._doubt, known=self._known
        )

    def _begin(self, task: Callable[[], Task[None]]) -> None:
        """Empty the list and fill it by a task, as soon as the one before has ended."""
        self.worklist = Worklist()
        self.names.clear()
        self._arrived = deque()  # what an earlier task still finds goes into its own
        self._unreadable.clear()
        self._panel.clear_pictures()
        self._current = None
        self.redraw()
        self._next = task
        if self.runner.busy:
            self.runner.cancel()
        else:
            self._start()

    def _start(self) -> None:
        if self._next is not None:
            task, self._next = self._next, None
            self.runner.start(task())

    def _ended(self) -> None:
        self._panel.show_progress("")
        self._drain()
        self.redraw()
        self._start()

    def _task(
        self, studies: Callable[[Cancel | None], Any], alone: Callable[[Catalogue], None]
    ) -> Task[None]:
        """What is found goes into a queue that the window empties: it never waits for the disk."""
        arrived, project, reader = self._arrived, self._session.project, self._session.reader

        def run(progress: Progress | None, cancel: Cancel | None) -> None:
            tell = progress or _unheard
            arrived.append(("states", progressed(project, reader), known_uncertainty(project)))
            found: dict[str, Catalogue] = {}
            for done, total, study in studies(cancel):
                arrived.append(("study", study, f"Reading headers: {done} of {total}"))
                if isinstance(study, Catalogue):
                    found[study_key(study)] = study
                    arrived.append(("name", study_key(study), _name(study)))
                tell(done, total)
            arrived.append(("listed", tuple(found.values()), alone))
            tell(1, 1)
            _look_at_all(found, arrived, tell, cancel)

        return Task("Listing studies", run, lambda _: None)

    def _drain(self) -> None:
        """Take from the queue what the background found."""
        while self._arrived:
            kind, *what = self._arrived.popleft()
            getattr(self, f"_take_{kind}")(*what)

    def _doubt(self, key: str) -> float | None:
        """How unsure the model is: of the open stack what it said last, else what is known."""
        reading = self._session.reading
        fresh = reading.history.uncertainty if reading and reading.key == key else None
        if fresh is not None or self.uncertainty is None:
            return fresh
        return self.uncertainty(key)

    def _take_states(self, known: Progressed, uncertainty: Uncertainty) -> None:
        self._known, self.uncertainty = known, uncertainty

    def _take_study(self, study: Catalogue | Unreadable, sentence: str) -> None:
        self._panel.show_progress(sentence)
        if isinstance(study, Unreadable):
            self._unreadable.append(study)
            return
        listed = self.worklist.find(study_key(study))
        if listed is None or listed.catalogue is not study:
            self._panel.add_row(self._row(self.worklist.add(study)))

    def _take_name(self, key: str, name: str) -> None:
        self.names[key] = name
        study = self.worklist.find(key)
        if study is not None and name:
            self._panel.add_row(self._row(study))

    def _take_listed(
        self, found: tuple[Catalogue, ...], alone: Callable[[Catalogue], None]
    ) -> None:
        self.redraw()
        if len(found) == 1:
            alone(found[0])
        elif not found and self._unreadable:
            self._say(self._unreadable[0].reason, error=True)

    def _take_picture(self, key: str, stack: str, picture: Any, sentence: str) -> None:
        self._panel.show_picture(key, stack, picture)
        self._panel.show_progress(sentence)

    def _row(self, study: ListedStudy) -> Row:
        first = study.first
        others = [e for e in study.catalogue.entries if e is not first]
        title = self.title_of(study)
        value = uncertainty_of(study, self._doubt, self._known)
        line = replace(self._line(first), uncertainty="" if value is None else f"{value:.2f}")
        return Row(study.key, title, line, tuple(self._line(e) for e in others))

    def _line(self, entry: Entry) -> Line:
        phases, slices = entry.shape[:2]
        return Line(
            entry.stack_id,
            str(entry.view),
            entry.left_alone or str(entry.sequence),
            f"{phases} x {slices}",
            self._known.state_of(entry).value,
        )

    def _notes(self) -> str:
        notes = []
        if self._order is Order.UNCERTAIN:
            values = [uncertainty_of(s, self._doubt, self._known) for s in self.worklist.studies]
            lacking = sum(value is None for value in values)
            if lacking == len(values):
                notes.append("No study's uncertainty is known yet, so they stand as listed.")
            elif lacking:
                notes.append(f"The last {lacking} have no uncertainty yet.")
        if self._unreadable:
            notes.append(f"{len(self._unreadable)} could not be read as a study.")
            notes.append(self._unreadable[0].reason)
        return " ".join(notes)


def _look_at_all(
    found: dict[str, Catalogue],
    arrived: deque[tuple[Any, ...]],
    tell: Progress,
    cancel: Cancel | None,
) -> None:
    """One picture a stack, those to look at first before the others."""
    from napari_cmr.io.first_look import middle_picture

    studies = [ListedStudy(key, 0, catalogue) for key, catalogue in found.items()]
    firsts = [(s.key, s.first) for s in studies]
    others = [(s.key, e) for s in studies for e in s.catalogue.entries if e is not s.first]
    every = firsts + others
    for done, (key, entry) in enumerate(every, start=1):
        check_cancel(cancel)
        try:
            picture = middle_picture(entry)
        except InputError:
            continue  # opening the study tells what is wrong with it
        sentence = f"Pictures: {done} of {len(every)}"
        arrived.append(("picture", key, entry.stack_id, picture, sentence))
        tell(done, len(every))


def _name(catalogue: Catalogue) -> str:
    from napari_cmr.io.first_look import person_name

    return person_name(catalogue.entries[0])


def _unheard(_done: int, _total: int) -> None:
    """Progress that nobody listens to."""


def _nothing(_catalogue: Catalogue) -> None:
    """What follows where nothing is to follow."""
