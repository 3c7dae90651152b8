"""What is known of one stack under review."""

from __future__ import annotations

from dataclasses import replace

from napari_cmr import measure
from napari_cmr.core import InputError, Measures, Segmentation, Stack, Uncertainty, View
from napari_cmr.measure.cardiac_function import NOTHING
from napari_cmr.measure.one_plane import without_volumes
from napari_cmr.review.extent import in_volume, sentence, without_phases
from napari_cmr.review.history import History
from napari_cmr.review.project import Project
from napari_cmr.review.record import Record


class Reading:
    """One stack, what one reader did to it, and the numbers that follow.

    Parameters
    ----------
    stack
        The images.
    key
        Of `stack_key`.
    history
        What was done; the segmentation and the measures follow it.
    """

    def __init__(self, stack: Stack, key: str, history: History) -> None:
        self.stack = stack
        self.key = key
        self.history = history
        self.uncertainty: Uncertainty | None = None
        """What the model said of its labels when it was last run here, before any correction."""
        self._segmentation: Segmentation | None = None
        self._measures: Measures | None = None
        self._measured_at = -1

    @property
    def ed(self) -> int | None:
        """The phase that a reader set as end diastole; None where the volumes decide."""
        return self.history.ed

    @property
    def es(self) -> int | None:
        """The phase that a reader set as end systole; None where the volumes decide."""
        return self.history.es

    @property
    def segmentation(self) -> Segmentation | None:
        """The labels as they are now, not to be written to; None before there are any."""
        history = self.history
        if not history.has_labels:
            return None
        known = self._segmentation
        if known is None or (known.model, known.findings) != (history.model, history.findings):
            labels = history.labels.view()
            labels.flags.writeable = False
            found = Segmentation.on(self.stack, labels, history.model)
            self._segmentation = found.with_findings(*history.findings)
        return self._segmentation

    @property
    def measures(self) -> Measures | None:
        """Numbers of the labels and phases as they are now, computed when asked for."""
        if self.segmentation is None:
            return None
        if self._measured_at != self.history.version:
            self._measures = numbers(self.segmentation, self.history, self.stack.view)
            self._measured_at = self.history.version
        return self._measures


def numbers(segmentation: Segmentation, history: History, view: View) -> Measures:
    """Function of the ventricles from labels and from what the reader set: ED, ES, slices.

    Of a long axis only the phases; see `napari_cmr.review.long_axis.plane_of`.
    """
    left_out = history.extent.left_out(history.shape[1])
    half = () if view not in (View.SAX, View.UNKNOWN) else history.half_looked_at()
    counted = without_phases(in_volume(segmentation, history.extent), half)
    measures = measure.function(counted, ed=history.ed, es=history.es)
    if view not in (View.SAX, View.UNKNOWN):
        measures = without_volumes(measures)
    said = [sentence(left_out)] if left_out else []
    if half:
        said.append(
            f"Only some slices of phase {', '.join(map(str, half))} are segmented: volumes need "
            "all slices of a phase, and are left out there."
        )
    rest = (note for note in measures.notes if not (half and note == NOTHING))
    return replace(measures, notes=(*said, *rest))


def replay(records: list[Record], shape: tuple[int, int, int, int]) -> History:
    """Fold a stack's records, oldest first.

    Raises
    ------
    InputError
        If they do not fit each other or the shape.
    """
    history = History(shape)
    for record in records:
        try:
            history.take(record)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"The project's log is damaged at change {record.number}; restore the project "
                "from a copy."
            ) from error
    return history


def restored(project: Project, stack: Stack, key: str, reader: str) -> History:
    """A reader's history of a stack as a project has it."""
    return replay(project.records(key, reader), stack.shape)
