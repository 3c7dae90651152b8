"""Follow mode: a moment after a slice is accepted the others are redrawn."""

from __future__ import annotations

import time
from typing import Any, Protocol

from qtpy.QtCore import QObject, QTimer

from napari_cmr.core import InputError
from napari_cmr.review import (
    Corrected,
    Event,
    Frame,
    ProjectChosen,
    ReviewSession,
    StackChosen,
    StudyOpened,
    Undone,
    Verdict,
)
from napari_cmr.review.live import LiveDrafts
from napari_cmr.ui.arriving import Arriving
from napari_cmr.ui.layers import Source
from napari_cmr.ui.learn_panel import LearnPanel
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.task_runner import TaskRunner

PAUSE_MS = 80
"""Several slices accepted at once are followed once."""


class Panels(Protocol):
    """Where it is said."""

    learn: LearnPanel

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence; an empty one takes the last away."""


class LiveMode:
    """Redraws the open study whenever the reader accepted a slice, while it is on.

    The phase on show is drawn as soon as it is found, then its neighbours; the session takes all
    of them at the end, as one step.

    Parameters
    ----------
    viewer
        The napari viewer.
    session, stage, panels
        What is reviewed, where it is drawn and where it is said.
    parent
        What the thread ends with.
    """

    def __init__(
        self, viewer: Any, session: ReviewSession, stage: Stage, panels: Panels, parent: QObject
    ) -> None:
        self.on = False
        self.seconds = 0.0
        """What the last redrawing took, from accepting to the picture."""
        self._session, self._stage, self._panels = session, stage, panels
        self.arriving = Arriving(viewer)
        self._drafts = LiveDrafts()
        self.runner = TaskRunner(parent)
        self.runner.failed.connect(lambda sentence: panels.say(sentence, error=True))
        self.runner.progressed.connect(lambda *_: self.arriving.draw())
        self.runner.ended.connect(self._ended)
        self._accepted: frozenset[Frame] = frozenset()
        self._wanted = False
        self._since = 0.0
        self._pause = QTimer(parent)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._draft)

    @property
    def busy(self) -> bool:
        """Whether something is being redrawn or got ready."""
        return self.runner.busy or self._pause.isActive() or self._wanted

    def close(self) -> None:
        """Give up what is being done; timer and thread end with their parent."""
        self.on = self._wanted = False
        self._drafts.close()

    def turn(self, on: bool) -> None:
        """Turn it on or off."""
        self.on = on
        self._panels.learn.set_live(on)
        self._panels.learn.show_live("")
        self._accepted = self._accepted_now()
        if on:
            self._warm()
        else:
            self._wanted = False
            self._pause.stop()
            self.runner.cancel()
            self.arriving.end()

    def on_changed(self, event: Event) -> None:
        """Follow what was accepted."""
        if not self.on:
            return  # a brush must not wait for what nobody follows
        if isinstance(event, Corrected | Undone | StackChosen | StudyOpened):
            self.arriving.end()  # the reader's own hand must be seen at once
        accepted = self._accepted_now()
        news, self._accepted = accepted - self._accepted, accepted
        if isinstance(event, StackChosen | ProjectChosen):
            self._warm()
        elif news:
            self._since = time.perf_counter()
            self._pause.start()

    def _accepted_now(self) -> frozenset[Frame]:
        reading = self._session.reading
        if reading is None:
            return frozenset()
        return frozenset(reading.history.frames_with(Verdict.ACCEPTED))

    def _warm(self) -> None:
        if self.runner.busy or self._session.reading is None:
            return
        try:
            self.runner.start(
                self._drafts.warming(self._session),
                lambda: self._panels.learn.show_live("Ready to follow."),
            )
            self._panels.learn.show_live("Looking at the study once; then it follows quickly.")
        except InputError as error:
            self._panels.learn.show_live(str(error))

    def _draft(self) -> None:
        if self.runner.busy:
            self._wanted = True
            return
        self._wanted = False
        try:
            task = self._drafts.drafting(
                self._session, visible=self._stage.phase, arrived=self.arriving.take
            )
        except InputError as error:
            self._panels.learn.show_live(str(error))
            return
        reading, catalogue = self._session.reading, self._session.catalogue
        if task is not None and reading is not None and catalogue is not None:
            source = Source(catalogue, reading.stack)
            self.arriving.begin(source, instead_of=self._stage.contours)
            self.runner.start(task, self._drawn)

    def _drawn(self) -> None:
        self.seconds = time.perf_counter() - self._since
        self._panels.learn.show_live(
            f"The other slices followed in {self.seconds:.1f} s. Ctrl+Z takes it back."
        )

    def _ended(self) -> None:
        self.arriving.end()
        if self._wanted and self.on:
            self._draft()
