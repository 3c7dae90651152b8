"""Shows what is proposed for some frames, and takes or leaves it as the reader decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from napari_cmr.core import InputError, Structure
from napari_cmr.review import (
    Frame,
    Proposal,
    ReviewSession,
    Task,
    between_phases,
    between_slices,
    propagating,
)
from napari_cmr.ui.review_panel import ReviewPanel
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.task_runner import TaskRunner


class Proposals:
    """One proposal at a time.

    Parameters
    ----------
    session, stage, panel
        What is reviewed, where a preview is drawn, and where it is decided on.
    runner
        Follows motion in the background.
    only
        The structure that alone may change, or None.
    say
        Shows a sentence; an empty one takes the last away.
    """

    def __init__(
        self,
        session: ReviewSession,
        stage: Stage,
        panel: ReviewPanel,
        runner: TaskRunner,
        only: Callable[[], Structure | None],
        say: Callable[..., None],
    ) -> None:
        self.shown: Proposal | None = None
        self._session, self._stage, self._panel, self._runner = session, stage, panel, runner
        self._only, self._say = only, say
        panel.slices_wanted.connect(self.between_slices)
        panel.phases_wanted.connect(self.between_phases)
        panel.cycle_wanted.connect(self.along_cycle)
        panel.take_here_wanted.connect(lambda: self.take(here=True))
        panel.take_all_wanted.connect(lambda: self.take(here=False))
        panel.leave_here_wanted.connect(lambda: self.leave(here=True))
        panel.leave_all_wanted.connect(lambda: self.leave(here=False))

    def between_slices(self) -> None:
        """Preview contours between the corrected slices of the phase on show."""
        reading = self._session.reading
        if reading is not None:
            phase = self._stage.phase
            self._propose(lambda: between_slices(reading, phase, self._allowed()))

    def between_phases(self) -> None:
        """Preview contours between the corrected phases of the slice on show."""
        reading = self._session.reading
        if reading is not None:
            index = self._stage.slice
            self._propose(lambda: between_phases(reading, index, self._allowed()))

    def along_cycle(self) -> None:
        """Preview the corrected contours of the slice on show, carried along the cycle."""
        reading = self._session.reading
        if reading is None:
            return
        self._say("")
        try:
            task = propagating(reading, [self._stage.slice], self._allowed())

            def show(proposal: Proposal) -> None:
                if self._session.reading is reading:
                    self._show_new(proposal)

            self._runner.start(Task(task.title, task.run, show))
        except InputError as error:
            self._say(str(error), error=True)

    def take(self, *, here: bool) -> None:
        """Keep a preview, as a whole or on the slice and phase on show."""
        proposal = self.shown
        if proposal is None:
            return
        self._say("")
        try:
            self._session.accept_proposal(proposal, self._decided(proposal, here=here))
        except InputError as error:
            self._say(str(error), error=True)
        else:
            self.shown = proposal  # what changed the contours took it off
            self.leave(here=here)

    def leave(self, *, here: bool) -> None:
        """Drop a preview, as a whole or on the slice and phase on show."""
        if self.shown is not None:
            self.shown = self.shown.without(self._decided(self.shown, here=here))
            self._show()

    def drop(self) -> None:
        """The contours changed, so that a preview no longer holds."""
        if self.shown is not None:
            self.shown = None
            self._show()

    def moved(self) -> None:
        """Another frame came on show: whether it has a preview."""
        frames = {} if self.shown is None else self.shown.frames
        self._panel.show_proposal(len(frames), here=self._here() in frames)

    def _propose(self, what: Callable[[], Proposal]) -> None:
        try:
            proposal = what()
        except InputError as error:
            self._say(str(error), error=True)
        else:
            self._show_new(proposal)

    def _show_new(self, proposal: Proposal) -> None:
        self.shown = proposal
        self._say("A preview is shown; nothing is changed until you take it.")
        self._show()

    def _show(self) -> None:
        frames = {} if self.shown is None else self.shown.frames
        if not frames:
            self.shown = None
        self._stage.show_preview(frames)
        self.moved()

    def _decided(self, proposal: Proposal, *, here: bool) -> list[Frame]:
        return [f for f in proposal.frames if not here or f == self._here()]

    def _here(self) -> Frame:
        return self._stage.phase, self._stage.slice

    def _allowed(self) -> Iterable[Structure] | None:
        only = self._only()
        return None if only is None else (only,)
