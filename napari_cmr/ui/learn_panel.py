"""What there is to learn, the button that learns it, and how far that is."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.nets.segmenter_tasks import title_of
from napari_cmr.review.cases import Material
from napari_cmr.review.training_status import Curve, JobState, JobStatus
from napari_cmr.ui.learn_curve import StepCurve

TIERS = (
    ("auto", "Best in cross-validation"),
    ("head", "Last layer only"),
    ("lora", "Decoder and adapters"),
    ("full", "All of the network"),
)
_STAGES = {
    "": "Starting",
    "reading": "Reading cases",
    "choosing": "Trying each way",
    "asking": "Looking at the images",
    "training": "Training",
    "judging": "Judging on held-out cases",
}
FEWEST_JUDGED = 3


class LearnPanel(QWidget):
    """Emits that a training is wanted, should wait, go on or stop; draws how far it is."""

    learn_wanted = Signal(str)
    """Name of the tier."""
    tier_chosen = Signal(str)
    pause_wanted = Signal()
    resume_wanted = Signal()
    stop_wanted = Signal()
    live_wanted = Signal(bool)
    shown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.material, self.expected, self.device, self.times = (_line() for _ in range(4))
        self.live_note = _line()
        self.tier = QComboBox()
        self.tier.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # letters stay the window's keys
        for name, title in TIERS:
            self.tier.addItem(title, name)
        self.tier.currentIndexChanged.connect(lambda _: self.tier_chosen.emit(self.chosen_tier))
        self.learn = QPushButton("Learn from corrections")
        self.learn.setToolTip("Train a new version in the background; the one in use stays")
        self.learn.clicked.connect(lambda: self.learn_wanted.emit(self.chosen_tier))
        self.pause, self.stop = QPushButton("Pause"), QPushButton("Stop")
        self.pause.clicked.connect(self._pause_clicked)
        self.stop.clicked.connect(self.stop_wanted)
        self.stop.setToolTip("End after this step; the version in use stays as it is")
        self.bar = QProgressBar()
        self.losses = StepCurve("Loss", "#d9a441")
        self.scores = StepCurve("Mean Dice on held-out cases", "#4fb06d", dots=True)
        self.live = QCheckBox("Follow: redraw the other slices when I accept one")
        self.live.setToolTip(
            "A new last layer is learnt from your slices in about a second. Your own pixels stay, "
            "Ctrl+Z takes the redrawing back, and no version comes of it"
        )
        self.live.toggled.connect(self.live_wanted)
        self._waiting = False
        self._can_learn = False
        self._lay_out()
        self.show_status(JobStatus())

    @property
    def chosen_tier(self) -> str:
        """Name of the tier."""
        return str(self.tier.currentData())

    def show_material(self, material: Material, seconds: float) -> None:
        """Say what there is to learn from and how long it is expected to take."""
        self._can_learn = material.phases > 0
        self.learn.setText(f"Learn {title_of(material.task)} from corrections")
        self.material.setText(_told(material))
        least = "at least" if self.chosen_tier == "auto" else "about"
        self.expected.setText(
            f"Expected to take {least} {duration(seconds)}." if self._can_learn else _HOW
        )
        self._enable()

    def show_device(self, words: str) -> None:
        """Say what it runs on."""
        self.device.setText(words)

    def show_status(
        self, status: JobStatus, *, stopping: bool = False, pausing: bool = False
    ) -> None:
        """Draw how far a training is; what came of it is for others to draw.

        Parameters
        ----------
        pausing
            Whether it was asked to wait, which it does once the step it is at is done.
        """
        active = status.state.active
        self._waiting = pausing or status.state is JobState.PAUSED
        for widget in (self.bar, self.pause, self.stop, self.times):
            widget.setVisible(active)
        self._enable(running=active)
        self.stop.setEnabled(not stopping)
        self.pause.setEnabled(not stopping)
        self.pause.setText("Go on" if self._waiting else "Pause")
        if not active:
            return
        waits = status.state is JobState.PAUSED
        title = "Waiting" if waits else _STAGES.get(status.stage, status.stage)
        self.bar.setRange(0, status.of)
        self.bar.setValue(min(status.done, status.of))
        self.bar.setFormat(f"{title}: %v of %m" if status.of else title)
        left = "" if status.remaining_s is None else f", about {duration(status.remaining_s)} left"
        asked = " Waits after this step." if pausing and not waits else ""
        asked = " Stopping after this step." if stopping else asked
        self.times.setText(f"{title}. {duration(status.elapsed_s)} so far{left}.{asked}")
        if status.device:
            self.show_device(f"Runs on {status.device}.")

    def show_curve(self, curve: Curve) -> None:
        """Draw loss and held-out Dice."""
        self.losses.setVisible(bool(curve.losses))
        self.scores.setVisible(bool(curve.scores))
        self.losses.show_points(curve.losses)
        self.scores.show_points(curve.scores)

    def set_live(self, on: bool) -> None:
        """Show whether drafts follow corrections."""
        self.live.blockSignals(True)
        self.live.setChecked(on)
        self.live.blockSignals(False)

    def show_live(self, sentence: str) -> None:
        """Say how following goes; an empty sentence takes it away."""
        self.live_note.setText(sentence)
        self.live_note.setVisible(bool(sentence))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Tell that somebody looks."""
        super().showEvent(event)
        self.shown.emit()

    def _enable(self, *, running: bool | None = None) -> None:
        running = self.bar.isVisibleTo(self) if running is None else running
        self.learn.setEnabled(self._can_learn and not running)
        self.tier.setEnabled(not running)

    def _pause_clicked(self) -> None:
        (self.resume_wanted if self._waiting else self.pause_wanted).emit()

    def _lay_out(self) -> None:
        buttons = QGridLayout()
        buttons.addWidget(QLabel("What changes"), 0, 0)
        buttons.addWidget(self.tier, 0, 1)
        buttons.addWidget(self.learn, 1, 0, 1, 2)
        buttons.addWidget(self.pause, 2, 0)
        buttons.addWidget(self.stop, 2, 1)
        buttons.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.material)
        layout.addLayout(buttons)
        for widget in (
            self.expected,
            self.device,
            self.bar,
            self.times,
            self.losses,
            self.scores,
            self.live,
            self.live_note,
        ):
            layout.addWidget(widget)
        self.show_curve(Curve())
        self.show_live("")


_HOW = "Correct or accept slices in the tab Correct; each phase with one counts."


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    whole = max(round(seconds), 0)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _told(material: Material) -> str:
    names = {"MYO": "myocardium", "INFARCT": "infarct", "MVO": "obstruction"}
    structures = ", ".join(names.get(name, name) for name in material.structures) or "none"
    told = (
        f"{title_of(material.task).capitalize()}: "
        f"<b>{material.subjects}</b> {_plural('subject', material.subjects)}, "
        f"<b>{material.slices}</b> corrected or accepted {_plural('slice', material.slices)} in "
        f"{material.phases} {_plural('phase', material.phases)}. Structures: {structures}."
    )
    if material.without_images:
        told += (
            f" {material.without_images} more {_plural('stack', material.without_images)} can be "
            "learnt from once opened again, since the images are not kept."
        )
    for task, stacks in material.waiting:
        told += (
            f" {stacks} corrected {_plural('stack', stacks)} of {title_of(task)} "
            f"{'waits' if stacks == 1 else 'wait'}: open one to learn from them."
        )
    if material.untaught:
        told += (
            f" {material.untaught} more corrected {_plural('stack', material.untaught)} cannot be "
            "learnt from: no versions are made for such images."
        )
    if 0 < material.subjects < FEWEST_JUDGED:
        told += (
            f" With fewer than {FEWEST_JUDGED} subjects nobody can judge the new version: it will "
            "be for you to decide."
        )
    return told


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _line() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    return label
