"""Asks the shipped heads what a stack is, and shows what they say as text."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cmr.core import Cancel, InputError, Progress
from napari_cmr.review import ReviewSession, Task
from napari_cmr.ui.task_runner import TaskRunner

_CAUTION = (
    "From a model's contours the group was right in 8 of 10 patients; late enhancement is known "
    "from one data set (docs/heads.md)."
)


class NamingPanel(QWidget):
    """Emits that the heads are to be asked; draws what they say."""

    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ask = QPushButton("Name sequence and disease")
        self.ask.setToolTip("What the shipped heads say, with probabilities; see docs/heads.md")
        self.ask.clicked.connect(self.wanted)
        self.answers = QLabel()
        self.answers.setWordWrap(True)
        self.answers.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.ask)
        layout.addWidget(self.answers)
        self.show_answers("")

    def show_answers(self, text: str) -> None:
        """What the heads say; an empty text takes it away."""
        self.answers.setText(text)
        self.answers.setVisible(bool(text))


class Naming:
    """Connects the panel with the heads, in a thread of its own.

    Parameters
    ----------
    session
        What is under review.
    panel
        Where it is drawn.
    parent
        What the work ends with.
    say
        Says one sentence.
    """

    def __init__(
        self,
        session: ReviewSession,
        panel: NamingPanel,
        parent: QObject,
        say: Callable[..., None],
    ) -> None:
        self._session, self._panel, self._say = session, panel, say
        self._stack: object = None
        self.runner = TaskRunner(parent)
        self.runner.failed.connect(lambda sentence: say(sentence, error=True))
        self.runner.ended.connect(self.show_stack)
        panel.wanted.connect(self.ask)
        self.show_stack()

    def close(self) -> None:
        """Stop the background work."""
        self.runner.cancel()

    def show_stack(self) -> None:
        """What is under review may be another stack, of which nothing was said yet."""
        stack = self._session.stack
        if stack is not self._stack:
            self._stack = stack
            self._panel.show_answers("")
        self._panel.ask.setEnabled(stack is not None and not self.runner.busy)

    def ask(self) -> None:
        """Ask the heads that this stack is something for."""
        reading = self._session.reading
        if reading is None:
            return
        stack, ed, es = reading.stack, reading.ed, reading.es
        labels = reading.segmentation  # as drawn now: what follows must not change what is asked
        segmentation = None if labels is None else labels.with_labels(labels.labels.copy())

        def run(_progress: Progress | None, cancel: Cancel | None) -> str:
            from napari_cmr.learn.heads.naming import answers  # imports torch

            told = [str(a) for a in answers(stack, segmentation, ed=ed, es=es, cancel=cancel)]
            return "\n".join([f"View: {stack.view}, {stack.view_basis}.", *told, _CAUTION])

        def commit(text: str) -> None:
            if self._session.stack is stack:
                self._panel.show_answers(text)

        try:
            self.runner.start(Task("Asking the heads", run, commit))
        except InputError as error:
            self._say(str(error), error=True)
        self._panel.ask.setEnabled(False)
