"""Where the model is unsure, and why it says what it says; emits what is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_cmr.ui.doubt_strip import DoubtStrip

TARGETS = {
    "LV cavity volume": "volume:LV",
    "Myocardium volume": "volume:MYO",
    "RV cavity volume": "volume:RV",
    "Infarct volume": "volume:INFARCT",
    "Obstruction volume": "volume:MVO",
    "Ejection fraction": "ef",
    "LV mass": "mass",
    "Disease group": "disease",
    "Sequence": "sequence",
    "Late enhancement": "scar",
    "Feature of the transformer": "feature",
}
OF_CINE = ("volume:RV", "ef", "disease")
OF_ENHANCEMENT = ("volume:INFARCT", "volume:MVO", "scar")
METHODS = {
    "Integrated gradients": "integrated",
    "GradCAM++": "gradcam",
    "Occlusion (slow)": "occlusion",
    "Gradient": "gradient",
}
OF_TRANSFORMER = {"Attention rollout": "rollout", "One attention head": "head"}
WHEN = {"this phase": "here", "ED and ES": "ends", "all phases": "all"}
_FAILED = "padding: 6px; border-radius: 3px; color: white; background: #a33a1a;"


@dataclass(frozen=True)
class Wish:
    """What is to be explained, and how.

    Parameters
    ----------
    when
        ``here``, ``ends`` or ``all``; of a volume only.
    block, head
        Of the method ``head``.
    """

    target: str
    method: str
    when: str
    block: int
    head: int


class WhyPanel(QWidget):
    """Emits what to explain, what to show how strongly, and where to go."""

    explain_wanted = Signal(object)
    cancel_wanted = Signal()
    place_wanted = Signal(int, int)
    doubt_shown = Signal(bool)
    doubt_opacity = Signal(float)
    map_shown = Signal(bool)
    map_opacity = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.doubt_text, self.scores, self.failed = _line(), _line(), _line()
        self.failed.setStyleSheet(_FAILED)
        self.strip = DoubtStrip()
        self.strip.place_wanted.connect(self.place_wanted)
        self.show_doubt_box = QCheckBox("Show on the images")
        self.doubt_slider = _slider(60)
        self.target, self.method, self.when = QComboBox(), QComboBox(), QComboBox()
        self.when.addItems(list(WHEN))
        self.block, self.head = QSpinBox(), QSpinBox()
        self.block.setRange(0, 11)
        self.block.setValue(11)
        self.head.setRange(0, 5)
        self.explain = QPushButton("Explain")
        self.explain.setToolTip("Find the pixels that this number hangs on, and check the map")
        self.cancel = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.show_map_box = QCheckBox("Show on the images")
        self.map_slider = _slider(70)
        self._has_stack = self._one_phase = False
        self._connect()
        self._lay_out()
        self.show_targets(enhancement=False)
        self._fill_methods()
        self.show_doubt("", None)
        self.show_scores((), failed="")
        self.set_idle()

    @property
    def wish(self) -> Wish:
        """What is chosen."""
        methods = METHODS | OF_TRANSFORMER
        return Wish(
            TARGETS[self.target.currentText()],
            methods[self.method.currentText()],
            WHEN[self.when.currentText()],
            self.block.value(),
            self.head.value(),
        )

    def show_targets(self, *, enhancement: bool) -> None:
        """Offer what can be asked of late enhancement, or of any other stack."""
        left_out = OF_CINE if enhancement else OF_ENHANCEMENT
        titles = [title for title, target in TARGETS.items() if target not in left_out]
        if titles == [self.target.itemText(i) for i in range(self.target.count())]:
            return
        chosen = self.target.currentText()
        self.target.blockSignals(True)  # half a list has no target to fill methods for
        self.target.clear()
        self.target.addItems(titles)
        self.target.setCurrentText(chosen)  # the first where it is gone
        self.target.blockSignals(False)
        self._one_phase = enhancement
        self._fill_methods()

    def show_doubt(self, text: str, slices: object) -> None:
        """Draw ``(t, z)`` uncertainties and what they come to; None where there are none."""
        self.doubt_text.setText(
            text or "Not known. Segment the stack, and the model says how sure it was."
        )
        self.strip.show_values(slices)  # type: ignore[arg-type]
        for widget in (self.show_doubt_box, self.doubt_slider):
            widget.setEnabled(slices is not None)

    def show_place(self, phase: int, slice_index: int) -> None:
        """Frame the place on display in the strip."""
        self.strip.show_place(phase, slice_index)

    def show_scores(self, lines: tuple[str, ...], *, failed: str) -> None:
        """Say how far the map can be believed; ``failed`` says that it cannot."""
        self.scores.setText("\n".join(lines))
        self.scores.setVisible(bool(lines))
        self.failed.setText(failed)
        self.failed.setVisible(bool(failed))
        for widget in (self.show_map_box, self.map_slider):
            widget.setEnabled(bool(lines))

    def set_has_stack(self, has_stack: bool) -> None:
        """There is, or is not, something to explain."""
        self._has_stack = has_stack
        self.explain.setEnabled(has_stack and self.bar.isHidden())

    def set_busy(self, title: str) -> None:
        """Something is being done."""
        self.explain.setEnabled(False)
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
        self.explain.setEnabled(self._has_stack)

    def _connect(self) -> None:
        self.explain.clicked.connect(lambda: self.explain_wanted.emit(self.wish))
        self.cancel.clicked.connect(self.cancel_wanted)
        self.target.currentTextChanged.connect(self._fill_methods)
        self.method.currentTextChanged.connect(self._show_choices)
        self.show_doubt_box.toggled.connect(self.doubt_shown)
        self.show_map_box.toggled.connect(self.map_shown)
        self.doubt_slider.valueChanged.connect(lambda v: self.doubt_opacity.emit(v / 100))
        self.map_slider.valueChanged.connect(lambda v: self.map_opacity.emit(v / 100))

    def _fill_methods(self) -> None:
        of_transformer = TARGETS[self.target.currentText()] == "feature"
        names = list(METHODS) + (list(OF_TRANSFORMER) if of_transformer else [])
        if names != [self.method.itemText(i) for i in range(self.method.count())]:
            self.method.clear()
            self.method.addItems(names)
        self._show_choices()

    def _show_choices(self) -> None:
        method = self.method.currentText()
        one_head = OF_TRANSFORMER.get(method) == "head"
        self._choices.setRowVisible(self._head_row, one_head)
        by_phase = TARGETS[self.target.currentText()].startswith("volume")
        self._choices.setRowVisible(self.when, by_phase and not self._one_phase)

    def _lay_out(self) -> None:
        doubt = QGroupBox("How sure is the model?")
        column = QVBoxLayout(doubt)
        column.addWidget(self.doubt_text)
        column.addWidget(self.strip)
        column.addLayout(_row(self.show_doubt_box, self.doubt_slider))
        why = QGroupBox("Why does it say so?")
        column = QVBoxLayout(why)
        self._choices = QFormLayout()
        self._choices.addRow("Explain", self.target)
        self._choices.addRow("by", self.method)
        self._choices.addRow("in", self.when)
        self._head_row = QWidget()
        inner = QHBoxLayout(self._head_row)
        inner.setContentsMargins(0, 0, 0, 0)
        for text, box in (("block", self.block), ("head", self.head)):
            inner.addWidget(QLabel(text))
            inner.addWidget(box)
        inner.addStretch(1)
        self._choices.addRow("of", self._head_row)
        column.addLayout(self._choices)
        column.addLayout(_row(self.explain, self.cancel))
        for widget in (self.bar, self.failed, self.scores):
            column.addWidget(widget)
        column.addLayout(_row(self.show_map_box, self.map_slider))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(doubt)
        layout.addWidget(why)


def method_title(name: str) -> str:
    """What a reader calls a method."""
    titles = {value: title for title, value in (METHODS | OF_TRANSFORMER).items()}
    return titles[name].removesuffix(" (slow)")


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, stretch=1)
    return row


def _line() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _slider(value: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(5, 100)
    slider.setValue(value)
    slider.setToolTip("How strongly it is drawn")
    return slider
