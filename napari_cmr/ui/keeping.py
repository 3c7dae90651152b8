"""Where the work is kept: says it, hears that the disk refuses, and goes to another folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_cmr.core import InputError
from napari_cmr.review import Project, ReviewSession
from napari_cmr.ui.review_panel import ReviewPanel


class _Post(QObject):
    """Brings what the log's thread says into the window's."""

    trouble = Signal(str)


class Keeping:
    """Connects the project of a session with the panel that says how it is.

    Parameters
    ----------
    session, panel
        Whose project, and where it is said.
    parent
        What the connection with the log's thread ends with.
    say
        Shows a sentence; an empty one takes the last away.
    """

    def __init__(
        self, session: ReviewSession, panel: ReviewPanel, parent: QObject, say: Callable[..., None]
    ) -> None:
        self._session, self._panel, self._say = session, panel, say
        self._post = _Post(parent)
        self._post.trouble.connect(panel.show_trouble)
        panel.project_wanted.connect(self.use_project)
        panel.save_wanted.connect(self.save_elsewhere)
        self.listen()

    def listen(self) -> None:
        """Hear from the project that the disk refuses, as soon as it does."""
        project = self._session.project
        project.told = self._post.trouble.emit
        self._panel.show_trouble(project.trouble)
        self._panel.show_project(project.folder, self._session.reader)

    def use_project(self, folder: Path) -> None:
        """Keep the work in another folder; where nothing is and nothing can be, stay."""
        old = self._session.project
        self._say("")
        try:
            new = _opened(folder)
            try:
                self._session.use_project(new)
            except InputError:
                new.close()
                raise
        except InputError as error:
            self._say(str(error), error=True)
        else:
            old.close()

    def save_elsewhere(self, folder: Path) -> None:
        """Write all work into a folder and go on there."""
        self._say("")
        try:
            self._session.save_elsewhere(folder)
        except InputError as error:
            self._say(str(error), error=True)
        else:
            self._say(f"All work is saved in {folder}, and what follows will be too.")


def _opened(folder: Path) -> Project:
    """The project in a folder, or a new one; what cannot be written can still be read."""
    project = Project.open(folder)
    if project.trouble and not project.file.is_file():
        project.close()
        raise InputError(f"Cannot keep the work in {folder}; choose a folder to write to.")
    return project
