"""What is open: a study, its stacks, and the project that keeps what is done to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from psygnal import Signal

from napari_cmr import io
from napari_cmr.core import (
    Cancel,
    InputError,
    Measures,
    Progress,
    Segmentation,
    Stack,
)
from napari_cmr.review import editing
from napari_cmr.review.events import (
    Event,
    ProjectChosen,
    StackChosen,
    StudyOpened,
)
from napari_cmr.review.history import State
from napari_cmr.review.predictors import suggested
from napari_cmr.review.project import Project, default_reader
from napari_cmr.review.reading import Reading, restored
from napari_cmr.review.record import Kind, Record
from napari_cmr.review.study_key import StackInfo, stack_key
from napari_cmr.review.task import Task

Spacing: TypeAlias = tuple[float, float, float]
"""(slice, row, column) step in mm."""


@dataclass(frozen=True, eq=False)
class _State:
    """What is open, replaced as a whole so that nothing is ever half-changed."""

    catalogue: io.Catalogue | None = None
    loaded: Mapping[str, Stack] = field(default_factory=lambda: MappingProxyType({}))
    readings: Mapping[str, Reading] = field(default_factory=lambda: MappingProxyType({}))
    current: str | None = None

    def with_reading(self, reading: Reading, current: str | None) -> _State:
        readings = {**self.readings, reading.stack.stack_id: reading}
        return replace(self, readings=MappingProxyType(readings), current=current)


class OpenStudy:
    """Opens studies, chooses stacks, keeps each change; what is done to them is `ReviewSession`.

    Parameters
    ----------
    project
        What keeps every change; by default one in memory.
    reader
        Who reviews; by default the user's name on this computer.
    """

    changed = Signal(object)

    def __init__(self, project: Project | None = None, reader: str = "") -> None:
        self._state = _State()
        self._project = project or Project.in_memory()
        self._reader = reader or default_reader()

    @property
    def project(self) -> Project:
        """What keeps every change."""
        return self._project

    @property
    def reader(self) -> str:
        """Who reviews."""
        return self._reader

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
    def state(self) -> State:
        """How far the reading of the chosen stack is."""
        return State.NEW if self.reading is None else self.reading.history.state

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
        loaded = MappingProxyType({stack.stack_id: stack for stack in stacks})
        self._change(_State(catalogue, loaded), StudyOpened(catalogue))

    def suggest(self) -> str:
        """Name of the stack to look at first: the short-axis cine, else the first one."""
        return suggested(self._open_catalogue())

    def choose(
        self,
        stack_id: str,
        *,
        spacing: Spacing | None = None,
        heart_rate_bpm: float | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Stack:
        """Load a stack and make it the one under review, as the project has it.

        Parameters
        ----------
        spacing
            (slice, row, column) step in mm where the source does not give it. What was predicted
            at another spacing is taken off, because structures are found at a known scale; what
            the reader drew stays.
        heart_rate_bpm
            Where it was noted elsewhere and the source does not say it.
        """
        task = self.choosing(stack_id, spacing, heart_rate_bpm)
        reading = task.run(progress, cancel)
        task.commit(reading)
        return reading.stack

    def choosing(
        self, stack_id: str, spacing: Spacing | None = None, heart_rate_bpm: float | None = None
    ) -> Task[Reading]:
        """The task of `choose`."""
        catalogue, project, reader = self._open_catalogue(), self._project, self._reader
        entry = next((e for e in catalogue.entries if e.stack_id == stack_id), None)
        if entry is None:
            names = ", ".join(e.stack_id for e in catalogue.entries)
            raise InputError(f"The study has no stack '{stack_id}'; it has {names}.")
        as_it_is = spacing is None and heart_rate_bpm is None
        known = self._state.readings.get(stack_id) if as_it_is else None
        loaded = self._state.loaded.get(stack_id) if as_it_is else None

        def run(progress: Progress | None, cancel: Cancel | None) -> Reading:
            if known is not None:
                return known
            stack = loaded or io.load(entry, spacing=spacing, progress=progress, cancel=cancel)
            if heart_rate_bpm is not None:
                stack = stack.at_heart_rate(heart_rate_bpm)
            key = stack_key(stack)
            return Reading(stack, key, restored(project, stack, key, reader))

        def commit(reading: Reading) -> None:
            self._check_still_open(catalogue)
            self._check_same_project(project, reader)
            if reading is not known:
                reading = self._sharing(reading)
                project.add_stack(StackInfo.of(reading.stack, reading.key, project.salt))
                self._take_off_at_other_spacing(reading, spacing)
            self._change(self._state.with_reading(reading, stack_id), StackChosen(stack_id))

        return Task("Loading images", run, commit)

    def use_project(self, project: Project, reader: str = "") -> None:
        """Keep the work in another project, or as another reader, and show what that one has.

        Raises
        ------
        InputError
            If work of the present project is in memory only; save that elsewhere first.
        """
        if self._project is not project and self._project.unsaved and not self._project.flush():
            raise InputError(
                f"{self._project.unsaved} changes are in memory only; save them in a folder first."
            )
        self._switch(project, reader or self._reader)

    def save_elsewhere(self, folder: Path) -> None:
        """Write all that the project has into a folder without one, and go on there."""
        old = self._project
        self._switch(old.save_elsewhere(folder), self._reader)
        old.close()

    def _open_catalogue(self) -> io.Catalogue:
        if self._state.catalogue is None:
            raise InputError("No study is open; open a folder or file first.")
        return self._state.catalogue

    def _chosen_reading(self) -> Reading:
        reading = self.reading
        if reading is None:
            raise InputError("No stack is chosen; open a study and choose one first.")
        return reading

    def _check_still_open(self, catalogue: io.Catalogue) -> None:
        if self._state.catalogue is not catalogue:
            raise InputError("Another study was opened in the meantime; start again on this one.")

    def _check_same_project(self, project: Project, reader: str) -> None:
        if self._project is not project or self._reader != reader:
            raise InputError("Another project was opened in the meantime; start again on this one.")

    def _sharing(self, reading: Reading) -> Reading:
        """The reading; two stacks with the same images have one history."""
        for other in self._state.readings.values():
            if other.key == reading.key:
                return Reading(reading.stack, reading.key, other.history)
        return reading

    def _take_off_at_other_spacing(self, reading: Reading, spacing: Spacing | None) -> None:
        history = reading.history
        if spacing is None or not history.has_labels or _same(history.spacing_mm, spacing):
            return
        nothing = Segmentation.on(reading.stack, history.labels * 0)
        record = editing.prediction(
            reading, self._reader, nothing, over_expert=False, taken_off=True
        )
        self._log(reading, record)

    def _note(self, reading: Reading, kind: Kind, **body: Any) -> None:
        self._log(reading, editing.record_of(reading, self._reader, kind, **body))

    def _log(self, reading: Reading, record: Record) -> None:
        reading.history.take(record)
        self._project.append(record)

    def _switch(self, project: Project, reader: str) -> None:
        """Show every open stack as the project has it."""
        readings = {}
        for name, old in self._state.readings.items():
            history = restored(project, old.stack, old.key, reader)
            readings[name] = Reading(old.stack, old.key, history)
        for reading in readings.values():
            project.add_stack(StackInfo.of(reading.stack, reading.key, project.salt))
        self._project, self._reader = project, reader
        self._change(replace(self._state, readings=MappingProxyType(readings)), ProjectChosen())

    def _change(self, state: _State, event: Event) -> None:
        self._state = state
        self.changed.emit(event)


def _same(one: tuple[float, ...] | None, other: Spacing) -> bool:
    return one is not None and all(math.isclose(a, b) for a, b in zip(one, other, strict=True))
