"""Numbers with units, the volume curve, and the choice of ED and ES."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_cmr.core import Measures, Segmentation, Stack, Structure, View
from napari_cmr.core.palette import COLOURS
from napari_cmr.measure.cardiac_function import ONE_PHASE
from napari_cmr.measure.one_plane import NO_VOLUMES
from napari_cmr.review.enhancement import is_enhancement
from napari_cmr.ui.curve import VolumeCurve
from napari_cmr.ui.tabs import Tab

_DASH = "\N{EN DASH}"
_AMBER = "#f0b45a"


@dataclass(frozen=True)
class _Row:
    """One line of the table: which numbers of `Measures` stand in it."""

    title: str
    long_title: str
    unit: str
    lv: str
    rv: str | None = None
    decimals: int = 0


_ROWS = (
    _Row("EDV", "end-diastolic volume", "mL", "edv_ml", "rv_edv_ml"),
    _Row("ESV", "end-systolic volume", "mL", "esv_ml", "rv_esv_ml"),
    _Row("SV", "stroke volume", "mL", "sv_ml", "rv_sv_ml"),
    _Row("EF", "ejection fraction", "%", "ef_percent", "rv_ef_percent"),
    _Row("Mass", "LV myocardial mass at end diastole", "g", "mass_g"),
    _Row("CO", "cardiac output", "L/min", "cardiac_output_l_min", decimals=1),
    _Row("Heart rate", "heart rate", "/min", "heart_rate_bpm"),
)


_OF_ENHANCEMENT = frozenset({"mass_g"})


def names_shown(stack: Stack | None) -> frozenset[str]:
    """The numbers of `Measures` that make sense of a stack.

    Late enhancement has one phase, a long axis no volume.
    """
    if stack is not None and stack.view not in (View.SAX, View.UNKNOWN):
        return frozenset()
    if stack is not None and is_enhancement(stack):
        return _OF_ENHANCEMENT
    return frozenset(name for row in _ROWS for name in (row.lv, row.rv) if name is not None)


class MeasuresPanel(QWidget):
    """Emits where to go and which phases are ED and ES; draws measures."""

    phase_wanted = Signal(int)
    """Go to this phase."""
    ed_set_here = Signal()
    es_set_here = Signal()
    phases_reset = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._measures: Measures | None = None
        self.curve = VolumeCurve()
        self.curve.phase_wanted.connect(self.phase_wanted)
        self.values: dict[str, QLabel] = {}
        self._heads: list[QLabel] = []
        self._words: list[tuple[QLabel, QLabel]] = []
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.doubts = QLabel()
        self.doubts.linkActivated.connect(self._show_notes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._table())
        layout.addWidget(self.doubts)
        layout.addWidget(self.curve)
        self.phases = self._phase_buttons()
        layout.addWidget(self.phases)
        layout.addWidget(self.notes)
        self.show_measures(None)

    def show_measures(
        self,
        measures: Measures | None,
        segmentation: Segmentation | None = None,
        stack: Stack | None = None,
    ) -> None:
        """Draw measures, or none, and what is to be known of the segmentation behind them.

        Parameters
        ----------
        stack
            What they are of; numbers that make no sense of it are not there.
        """
        self._measures = measures
        self._show_rows(names_shown(stack))
        for name, label in self.values.items():
            label.setText(_text(measures, name))
        self.curve.setVisible(measures is not None and _n_volumes(measures) > 1)
        self.phases.setVisible(measures is None or _n_volumes(measures) != 1)
        for button in (self.go_ed, self.go_es):
            button.setEnabled(measures is not None)
        self.automatic.setEnabled(measures is not None and measures.phases_set_by == "reader")
        if measures is None:
            self.ed.setText(_DASH)
            self.es.setText(_DASH)
            self.notes.clear()
            self.doubts.hide()
            return
        self.curve.show_measures(measures)
        self.ed.setText(_phase_text(measures, measures.ed_phase))
        self.es.setText(_phase_text(measures, measures.es_phase))
        doubts = _doubts(measures, segmentation, stack)
        self.notes.setText("\n".join(_notes(measures, segmentation, doubts)))
        self.doubts.setText(f"<a href='#' style='color:{_AMBER}'>{_counted(doubts)} below</a>")
        self.doubts.setToolTip("\n".join(doubts))
        self.doubts.setVisible(bool(doubts))

    def _show_rows(self, names: frozenset[str]) -> None:
        for row, words in zip(_ROWS, self._words, strict=True):
            kept = {name for name in (row.lv, row.rv) if name in names}
            for word in words:
                word.setVisible(bool(kept))
            for name in (row.lv, row.rv):
                if name is not None:
                    self.values[name].setVisible(name in kept)
        for head, of in zip(self._heads, ("lv", "rv"), strict=True):
            head.setVisible(any(getattr(row, of) in names for row in _ROWS))

    def _show_notes(self) -> None:
        """Bring the sentences into sight, which may lie below what a small screen shows."""
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            area.ensureWidgetVisible(self.notes)

    def show_phase(self, phase: int) -> None:
        """Move the curve's line."""
        self.curve.show_phase(phase)

    def set_has_stack(self, has_stack: bool) -> None:
        """There is, or is not, a stack whose phases can be set."""
        self.set_ed.setEnabled(has_stack)
        self.set_es.setEnabled(has_stack)

    def _table(self) -> QGridLayout:
        table = QGridLayout()
        table.setHorizontalSpacing(14)
        table.setVerticalSpacing(2)
        for column, (title, structure) in enumerate(
            (("LV", Structure.LV), ("RV", Structure.RV)), start=1
        ):
            head = QLabel(f"<b style='color:{COLOURS[structure]}'>{title}</b>")
            self._heads.append(head)
            table.addWidget(head, 0, column, Qt.AlignmentFlag.AlignRight)
        for line, row in enumerate(_ROWS, start=1):
            title = QLabel(row.title)
            title.setToolTip(row.long_title)
            table.addWidget(title, line, 0)
            for column, name in ((1, row.lv), (2, row.rv)):
                if name is not None:
                    self.values[name] = _number_label()
                    table.addWidget(self.values[name], line, column)
            unit = QLabel(row.unit)
            table.addWidget(unit, line, 3)
            self._words.append((title, unit))
        table.setColumnStretch(4, 1)
        return table

    def _phase_buttons(self) -> QWidget:
        self.ed, self.es = QLabel(_DASH), QLabel(_DASH)
        self.go_ed, self.go_es = QPushButton("Go to ED"), QPushButton("Go to ES")
        self.set_ed, self.set_es = QPushButton("Set ED here"), QPushButton("Set ES here")
        self.automatic = QPushButton("ED and ES from the volumes")
        self.go_ed.clicked.connect(lambda: self._go("ed_phase"))
        self.go_es.clicked.connect(lambda: self._go("es_phase"))
        self.set_ed.clicked.connect(self.ed_set_here)
        self.set_es.clicked.connect(self.es_set_here)
        self.automatic.clicked.connect(self.phases_reset)
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        for line, widgets in enumerate(
            ((self.ed, self.go_ed, self.set_ed), (self.es, self.go_es, self.set_es))
        ):
            grid.addWidget(QLabel(("ED", "ES")[line]), line, 0)
            for column, widget in enumerate(widgets, start=1):
                grid.addWidget(widget, line, column)
        grid.addWidget(self.automatic, 2, 2, 1, 2)
        grid.setColumnStretch(1, 1)
        self.set_has_stack(False)
        return box

    def _go(self, phase: str) -> None:
        if self._measures is not None:
            self.phase_wanted.emit(getattr(self._measures, phase))


def summary(
    measures: Measures, segmentation: Segmentation | None = None, stack: Stack | None = None
) -> str:
    """The main numbers, those that there are and make sense of the stack: a line a ventricle.

    A last line counts what speaks against them.
    """
    lines, shown = [], names_shown(stack)
    for title, names in (
        ("LV", ("edv_ml", "esv_ml", "ef_percent", "mass_g")),
        ("RV", ("rv_edv_ml", "rv_esv_ml", "rv_ef_percent")),
    ):
        known = [(n, row) for row in _ROWS for n in (row.lv, row.rv) if n in names and n in shown]
        parts = [
            f"{row.title} {_text(measures, name)} {row.unit}"
            for name, row in known
            if name is not None and getattr(measures, name) is not None
        ]
        lines += [f"<b>{title}</b> {', '.join(parts)}"] if parts else []
    if lines and (doubts := _doubts(measures, segmentation, stack)):
        where = f"{_counted(doubts)} in the tab {Tab.SEGMENT.value}"
        lines.append(f"<span style='color:{_AMBER}'>{where}</span>")
    return "<br>".join(lines) or ("No volumes yet." if shown else "")


def _n_volumes(measures: Measures) -> int:
    """Phases whose volume is known; late enhancement has one, and neither curve nor ED nor ES."""
    return len(measures.lv_volumes_ml or measures.rv_volumes_ml or ())


def _number_label() -> QLabel:
    label = QLabel(_DASH)
    label.setAlignment(Qt.AlignmentFlag.AlignRight)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setStyleSheet("font-size: 15px; font-weight: bold;")
    return label


def _text(measures: Measures | None, name: str) -> str:
    value = None if measures is None else getattr(measures, name)
    decimals = next(row.decimals for row in _ROWS if name in (row.lv, row.rv))
    return _DASH if value is None else f"{value:.{decimals}f}"


def _phase_text(measures: Measures, phase: int) -> str:
    time = "" if measures.phase_ms is None else f", {measures.phase_ms[phase]:.0f} ms"
    return f"phase {phase}{time}"


def _doubts(
    measures: Measures, segmentation: Segmentation | None, stack: Stack | None
) -> list[str]:
    """What speaks against taking the numbers as they stand, a sentence each."""
    found = segmentation.findings if segmentation is not None else ()
    known = {NO_VOLUMES} | ({ONE_PHASE} if stack is not None and is_enhancement(stack) else set())
    return [*map(str, found), *(note for note in measures.notes if note not in known)]


def _counted(doubts: Sequence[str]) -> str:
    """How many there are, to stand beside the numbers."""
    return f"\N{WARNING SIGN} {len(doubts)} {'remark' if len(doubts) == 1 else 'remarks'}"


def _notes(
    measures: Measures, segmentation: Segmentation | None, doubts: Sequence[str]
) -> list[str]:
    lines = []
    if segmentation is not None and segmentation.model:
        lines.append(f"Contours by {segmentation.model}.")
    if measures.phases_set_by == "reader":
        lines.append("ED and ES were set by the reader.")
    lines += [note for note in measures.notes if note == NO_VOLUMES]
    return [*lines, *doubts, f"{measures.papillary_convention.capitalize()}."]
