"""The PACS dock: search a server, fetch a study and open it, store results back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.core import Cancel, InputError, Progress
from napari_cmr.io.pacs_search import Found, Query
from napari_cmr.io.pacs_server import Server
from napari_cmr.review import Task
from napari_cmr.ui.task_runner import TaskRunner

if TYPE_CHECKING:
    import napari.viewer

    from napari_cmr.io.dicomweb import Fetched, Pacs, Stored

_COLUMNS = ("Date", "Patient", "Number", "Modality", "Description", "Images")
_NO_MATCH = "No study matches; check the spelling, or search more widely."


class PacsPanel(QWidget):
    """Emits what the reader wants of a PACS; draws what it has. It speaks to nobody."""

    search_wanted = Signal()
    fetch_wanted = Signal(str, object)
    """UID of a study, and the folder to put it into."""
    store_wanted = Signal(object)
    """The folder whose results are to be stored."""
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.url = QLineEdit(os.environ.get("NAPARI_CMR_PACS_URL", ""))
        self.url.setPlaceholderText("https://pacs.hospital/dicom-web")
        self.ca_file = QLineEdit(os.environ.get("NAPARI_CMR_PACS_CA_FILE", ""))
        self.ca_file.setPlaceholderText("certificates to trust (PEM); empty: the system's")
        self.patient_id, self.name, self.date = QLineEdit(), QLineEdit(), QLineEdit()
        self.name.setPlaceholderText("Family^Given; * and ? stand")
        self.date.setPlaceholderText("2024-05-01, or 2024-05-01..2024-05-31")
        self.modality = QLineEdit("MR")
        self.search = QPushButton("Search")
        self.search.clicked.connect(self.search_wanted)
        self.fetch = QPushButton("Fetch and open…")
        self.fetch.clicked.connect(self._ask_where_to_fetch)
        self.store = QPushButton("Store results…")
        self.store.setToolTip("Send the DICOM SEG, SR and maps of a folder to the PACS")
        self.store.clicked.connect(self._ask_what_to_store)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.cancel_wanted)
        self.studies = QTreeWidget()
        self.studies.setHeaderLabels(_COLUMNS)
        self.studies.setRootIsDecorated(False)
        self.studies.itemSelectionChanged.connect(self._enable)
        self.bar = QProgressBar()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._uids: list[str] = []
        self._lay_out()
        self.set_idle()

    def query(self) -> Query:
        """What is asked for; an InputError says what cannot be read."""
        texts = (self.patient_id, self.name, self.date, self.modality)
        patient_id, name, date, modality = (text.text().strip() for text in texts)
        return Query(patient_id=patient_id, name=name, date=date, modality=modality)

    def server(self) -> Server:
        """Whom to ask; an InputError says what is wrong with the address or the certificates."""
        ca_file = self.ca_file.text().strip()
        return Server(self.url.text().strip(), ca_file=Path(ca_file) if ca_file else None)

    def show_found(self, found: Found) -> None:
        """List the studies found."""
        self.studies.clear()
        self._uids = [study.uid for study in found.studies]
        for s in found.studies:
            images = "" if s.n_images is None else str(s.n_images)
            texts = [s.date, s.name, s.patient_id, "/".join(s.modalities), s.description, images]
            self.studies.addTopLevelItem(QTreeWidgetItem(texts))
        more = "There are more; search more narrowly." if found.more else ""
        self.say(more if found.studies else _NO_MATCH)

    def say(self, sentence: str) -> None:
        """Show one sentence; an empty one takes the last away."""
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    def set_busy(self, title: str) -> None:
        """Something is being done; how far it is is not known yet."""
        for button in (self.search, self.fetch, self.store):
            button.setEnabled(False)
        self.cancel.setEnabled(True)
        self.bar.setFormat(f"{title} %p %")
        self.bar.setRange(0, 0)
        self.bar.show()

    def show_progress(self, done: int, total: int) -> None:
        """So much of it is done."""
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def set_idle(self) -> None:
        """Nothing is being done."""
        self.bar.hide()
        self.cancel.setEnabled(False)
        self.search.setEnabled(True)
        self.store.setEnabled(True)
        self._enable()

    def _enable(self) -> None:
        self.fetch.setEnabled(self.bar.isHidden() and bool(self.studies.selectedItems()))

    def _ask_where_to_fetch(self) -> None:
        chosen = self._uids[self.studies.indexOfTopLevelItem(self.studies.selectedItems()[0])]
        if folder := QFileDialog.getExistingDirectory(self, "Fetch into a folder"):
            self.fetch_wanted.emit(chosen, Path(folder))

    def _ask_what_to_store(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Store the results of a folder"):
            self.store_wanted.emit(Path(folder))

    def _lay_out(self) -> None:
        form = QFormLayout()
        for title, field in (
            ("Server", self.url),
            ("CA file", self.ca_file),
            ("Patient's number", self.patient_id),
            ("Patient's name", self.name),
            ("Date", self.date),
            ("Modality", self.modality),
        ):
            form.addRow(title, field)
            field.returnPressed.connect(self.search.click)
        buttons = QHBoxLayout()
        for button in (self.search, self.fetch, self.store, self.cancel):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        layout.addWidget(self.studies, stretch=1)


class PacsDock(PacsPanel):
    """The panel with what carries its intentions out, in a thread.

    Parameters
    ----------
    viewer
        The napari viewer whose cardiac dock opens what was fetched.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.runner = TaskRunner(self)
        self.runner.started.connect(self.set_busy)
        self.runner.progressed.connect(self.show_progress)
        self.runner.failed.connect(self.say)
        self.runner.cancelled.connect(lambda: self.say("Cancelled; what arrived is kept."))
        self.runner.ended.connect(self.set_idle)
        self.search_wanted.connect(self._search)
        self.fetch_wanted.connect(self._fetch)
        self.store_wanted.connect(self._store)
        self.cancel_wanted.connect(self._cancel)

    def _search(self) -> None:
        def begin() -> Task[Found]:
            query, pacs = self.query(), self._pacs()

            def run(_progress: Progress | None, cancel: Cancel | None) -> Found:
                return pacs().search(query, cancel=cancel)

            return Task("Searching", run, self.show_found)

        self.studies.clear()
        self._start(begin)

    def _fetch(self, uid: str, folder: Path) -> None:
        def begin() -> Task[Fetched]:
            pacs, target = self._pacs(), folder / uid

            def run(progress: Progress | None, cancel: Cancel | None) -> Fetched:
                return pacs().fetch(uid, target, progress=progress, cancel=cancel)

            return Task("Fetching", run, self._show_fetched)

        self._start(begin)

    def _store(self, folder: Path) -> None:
        from napari_cmr.io.dicomweb import results_in

        def begin() -> Task[Stored]:
            pacs = self._pacs()

            def run(progress: Progress | None, cancel: Cancel | None) -> Stored:
                return pacs().store(results_in([folder]), progress=progress, cancel=cancel)

            return Task("Storing", run, self._show_stored)

        self._start(begin)

    def _pacs(self) -> Callable[[], Pacs]:
        """The server of the form; the keyring may ask and wait, so a thread calls this."""
        from napari_cmr.io.dicomweb import Pacs
        from napari_cmr.io.pacs_login import find_login

        server = self.server()
        return lambda: Pacs(server, find_login(server.url))

    def _start(self, begin: Callable[[], Task[Any]]) -> None:
        self.say("")
        try:
            self.runner.start(begin())
        except InputError as error:
            self.say(str(error))

    def _cancel(self) -> None:
        self.say("Stopping at the next answer of the server…")
        self.runner.cancel()

    def _show_fetched(self, fetched: Fetched) -> None:
        self.say(f"{fetched.had + fetched.came} files are in {fetched.folder}.")
        _, dock = self._viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
        dock.open(fetched.folder)

    def _show_stored(self, stored: Stored) -> None:
        refused = [f"{file.name} was not stored: {why}." for file, why in stored.refused]
        self.say("\n".join([f"{len(stored.taken)} files were stored.", *refused]))
