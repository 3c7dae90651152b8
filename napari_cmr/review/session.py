"""One study under review: what is open, what was found on it, and what a reader decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from psygnal import Signal

from napari_cmr import io, measure
from napari_cmr.core import (
    Cancel,
    InputError,
    Measures,
    Progress,
    Segmentation,
    Stack,
    View,
    placing,
)
from napari_cmr.review.events import Event, PhasesSet, Segmented, StackChosen, StudyOpened
from napari_cmr.review.task import Task

Predictor: TypeAlias = Callable[[Stack, Progress | None, Cancel | None], Segmentation]
"""Finds structures on a stack; it may be called in another thread."""

Spacing: TypeAlias = tuple[float, float, float]
"""(slice, row, column) step in mm."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What is known of one stack; a change makes a new one.

    ``ed`` and ``es`` are phases that a reader set, None where the volumes decide.
    """

    stack: Stack
    segmentation: Segmentation | None = None
    measures: Measures | None = None
    ed: int | None = None
    es: int | None = None

    def measured(self) -> Reading:
        """The same with measures that follow from its segmentation and phases."""
        if self.segmentation is None:
            return replace(self, measures=None)
        measures = measure.function(self.segmentation, ed=self.ed, es=self.es)
        return replace(self, measures=measures)


@dataclass(frozen=True, eq=False)
class _State:
    """All that a session knows, replaced as a whole so that nothing is ever half-changed."""

    catalogue: io.Catalogue | None = None
    readings: Mapping[str, Reading] = field(default_factory=lambda: MappingProxyType({}))
    current: str | None = None

    def with_reading(self, reading: Reading, current: str | None) -> _State:
        readings = {**self.readings, reading.stack.stack_id: reading}
        return replace(self, readings=MappingProxyType(readings), current=current)


class ReviewSession:
    """The one door to a study under review; the window, the terminal and scripts use it alike.

    Intentions are methods; each change is an `Event`, told by the signal `changed` after the
    session's state is whole again. Long intentions exist twice: ``predict(...)`` does it here
    and now, ``predicting(...)`` gives the `Task`, whose ``run`` any thread may do and whose
    ``commit`` belongs to the thread that owns the session.

    Every intention raises `InputError` where the input is at fault and `CancelledError` where
    it was cancelled; then the session is as it was before.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        self._state = _State()

    @property
    def catalogue(self) -> io.Catalogue | None:
        """What the open study holds."""
        return self._state.catalogue

    @property
    def reading(self) -> Reading | None:
        """What is known of the chosen stack."""
        current = self._state.current
        return None if current is None else self._state.readings[current]

    @property
    def stack(self) -> Stack | None:
        """The chosen stack."""
        return None if self.reading is None else self.reading.stack

    @property
    def segmentation(self) -> Segmentation | None:
        """Structures on the chosen stack."""
        return None if self.reading is None else self.reading.segmentation

    @property
    def measures(self) -> Measures | None:
        """Numbers of the chosen stack."""
        return None if self.reading is None else self.reading.measures

    def open(
        self, path: Path, *, progress: Progress | None = None, cancel: Cancel | None = None
    ) -> io.Catalogue:
        """Open a folder or file; headers only, and no stack is chosen yet."""
        return self.opening(path)(progress, cancel)

    def opening(self, path: Path) -> Task[io.Catalogue]:
        """The task of `open`."""

        def run(progress: Progress | None, cancel: Cancel | None) -> io.Catalogue:
            return io.scan(path, progress=progress, cancel=cancel)

        return Task("Reading headers", run, self.adopt)

    def adopt(self, catalogue: io.Catalogue, stacks: tuple[Stack, ...] = ()) -> None:
        """Take a study that was read already, with such of its stacks as are loaded."""
        readings = {stack.stack_id: Reading(stack) for stack in stacks}
        self._change(_State(catalogue, MappingProxyType(readings)), StudyOpened(catalogue))

    def suggest(self) -> str:
        """Name of the stack to look at first: the short-axis cine, else the first one."""
        return suggested(self._open_catalogue())

    def choose(
        self,
        stack_id: str,
        *,
        spacing: Spacing | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Stack:
        """Load a stack and make it the one under review.

        Parameters
        ----------
        spacing
            (slice, row, column) step in mm where the source does not give it. It begins the
            reading of this stack anew, because structures are found at a known scale.
        """
        return self.choosing(stack_id, spacing)(progress, cancel)

    def choosing(self, stack_id: str, spacing: Spacing | None = None) -> Task[Stack]:
        """The task of `choose`."""
        catalogue = self._open_catalogue()
        entry = next((e for e in catalogue.entries if e.stack_id == stack_id), None)
        if entry is None:
            names = ", ".join(e.stack_id for e in catalogue.entries)
            raise InputError(f"The study has no stack '{stack_id}'; it has {names}.")
        known = self._state.readings.get(stack_id) if spacing is None else None

        def run(progress: Progress | None, cancel: Cancel | None) -> Stack:
            if known is not None:
                return known.stack
            return io.load(entry, spacing=spacing, progress=progress, cancel=cancel)

        def commit(stack: Stack) -> None:
            self._check_still_open(catalogue)
            reading = known if known is not None else Reading(stack)
            self._change(self._state.with_reading(reading, stack_id), StackChosen(stack_id))

        return Task("Loading images", run, commit)

    def predict(
        self,
        predictor: Predictor | None = None,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Segmentation:
        """Find the structures of the chosen stack and measure them.

        Parameters
        ----------
        predictor
            What finds them; by default the best model that the shelf has for short-axis cines.
        """
        return self.predicting(predictor)(progress, cancel)

    def predicting(self, predictor: Predictor | None = None) -> Task[Segmentation]:
        """The task of `predict`."""
        catalogue, reading = self._open_catalogue(), self._chosen_reading()
        find = predictor or sax_predictor()

        def run(progress: Progress | None, cancel: Cancel | None) -> Segmentation:
            return find(reading.stack, progress, cancel)

        def commit(segmentation: Segmentation) -> None:
            self._check_still_open(catalogue)
            stack_id = reading.stack.stack_id
            latest = replace(self._state.readings[stack_id], segmentation=segmentation)
            state = self._state.with_reading(latest.measured(), self._state.current)
            self._change(state, Segmented(stack_id))

        return Task("Segmenting", run, commit)

    def set_phases(self, ed: int | None, es: int | None) -> None:
        """Set end diastole and end systole by hand.

        Parameters
        ----------
        ed, es
            Zero-based phases; None leaves it to the volume curve.
        """
        reading = self._chosen_reading()
        n_phases = reading.stack.shape[0]
        for name, phase in (("ED", ed), ("ES", es)):
            if phase is not None and not 0 <= phase < n_phases:
                raise InputError(
                    f"{name} cannot be phase {phase}; the stack has phases 0 to {n_phases - 1}."
                )
        changed = replace(reading, ed=ed, es=es).measured()
        self._change(
            self._state.with_reading(changed, self._state.current),
            PhasesSet(reading.stack.stack_id, ed, es),
        )

    def export(self, folder: Path) -> tuple[Path, ...]:
        """Write ``labels.nii.gz``, ``measures.json`` and ``measures.csv`` of the chosen stack.

        Returns
        -------
        The three files.
        """
        reading = self._chosen_reading()
        if reading.segmentation is None or reading.measures is None:
            raise InputError("There is nothing to save yet; segment the stack first.")
        labels, json, csv = (
            folder / name for name in ("labels.nii.gz", "measures.json", "measures.csv")
        )
        # All appear together, so that numbers never stand beside another run's labels.
        with placing(folder, overwrite=True) as part:
            io.write_labels(reading.segmentation, part / labels.name)
            measure.write_json(part / json.name, reading.measures)
            measure.write_csv(part / csv.name, reading.measures)
        return labels, json, csv

    def _open_catalogue(self) -> io.Catalogue:
        if self._state.catalogue is None:
            raise InputError("No study is open; open a folder or file first.")
        return self._state.catalogue

    def _chosen_reading(self) -> Reading:
        if self.reading is None:
            raise InputError("No stack is chosen; open a study and choose one first.")
        return self.reading

    def _check_still_open(self, catalogue: io.Catalogue) -> None:
        if self._state.catalogue is not catalogue:
            raise InputError("Another study was opened in the meantime; start again on this one.")

    def _change(self, state: _State, event: Event) -> None:
        self._state = state
        self.changed.emit(event)


def suggested(catalogue: io.Catalogue) -> str:
    """Name of the stack to look at first: the short-axis cine, else the first one."""
    try:
        return io.sax_cine(catalogue).stack_id
    except InputError:
        return catalogue.entries[0].stack_id


def sax_predictor(model: str | Path | None = None) -> Predictor:
    """What segments short-axis cines.

    Parameters
    ----------
    model
        Name on the shelf or a version's folder; None is the shelf's best.

    Returns
    -------
    A predictor that raises `InputError` if the stack shows another view.
    """

    def find(stack: Stack, progress: Progress | None, cancel: Cancel | None) -> Segmentation:
        if stack.view not in (View.SAX, View.UNKNOWN):
            raise InputError(
                f"The model reads short-axis stacks and {stack.stack_id} is {stack.view}; "
                "choose a short-axis one."
            )
        from napari_cmr import nets  # imports torch, which takes seconds

        loaded = nets.load_model(model, task="cine_sax_seg")
        return nets.predict(stack, loaded, progress=progress, cancel=cancel)

    return find
