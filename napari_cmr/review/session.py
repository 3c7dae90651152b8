"""One study under review: what is open, what was found on it, and what a reader decided."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_cmr import io, measure
from napari_cmr.core import (
    Cancel,
    InputError,
    LabelArray,
    Progress,
    Segmentation,
    Structure,
    placing,
)
from napari_cmr.measure import Outline
from napari_cmr.review import editing
from napari_cmr.review.enhancement import check_remote, enhancement_of
from napari_cmr.review.events import (
    Corrected,
    Judged,
    LandmarkPlaced,
    PhasesSet,
    RemoteChosen,
    Segmented,
    SlicesMarked,
    Undone,
)
from napari_cmr.review.extent import Extent
from napari_cmr.review.given_labels import GivenLabels, labels_given
from napari_cmr.review.landmarks import checked
from napari_cmr.review.long_axis import plane_of
from napari_cmr.review.open_study import OpenStudy
from napari_cmr.review.predictors import Arrived, Predictor, sax_predictor
from napari_cmr.review.proposal import Proposal
from napari_cmr.review.reading import Reading, restored
from napari_cmr.review.record import Box, Frame, Kind, Record, Verdict
from napari_cmr.review.scope import PhaseByPhase, nearest_first, only_in
from napari_cmr.review.task import Task


class ReviewSession(OpenStudy):
    """The one door to a study under review; the window, the terminal and scripts use it alike.

    Intentions are methods; each change is an `Event`, told by the signal `changed` after the
    session's state is whole again. Long intentions exist twice: ``predict(...)`` does it here
    and now, ``predicting(...)`` gives the `Task`, whose ``run`` any thread may do and whose
    ``commit`` belongs to the thread that owns the session.

    Every intention raises `InputError` where the input is at fault and `CancelledError` where
    it was cancelled; then the session is as it was before.

    Parameters
    ----------
    project
        What keeps every change; by default one in memory.
    reader
        Who reviews; by default the user's name on this computer.
    """

    def predict(
        self,
        predictor: Predictor | None = None,
        *,
        over_expert: bool = False,
        frames: Iterable[Frame] | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Segmentation:
        """Find the structures of the chosen stack and take them, as `apply_prediction` does.

        Parameters
        ----------
        predictor
            What finds them; by default the best model that the shelf has for short-axis cines.
        over_expert
            Whether pixels that the reader drew, agreed to or accepted may change too.
        frames
            Only these (phase, slice); all if None.
        """
        task = self.predicting(predictor, over_expert=over_expert, frames=frames)
        return task(progress, cancel)

    def predicting(
        self,
        predictor: Predictor | None = None,
        *,
        over_expert: bool = False,
        frames: Iterable[Frame] | None = None,
        visible: int = 0,
        arrived: Arrived | None = None,
    ) -> Task[Segmentation]:
        """The task of `predict`.

        Parameters
        ----------
        visible
            The phase to be found first, then those nearest to it.
        arrived
            Called with each phase's labels as they are found, in the thread of ``run``. It is
            only called where the predictor goes phase by phase (`PhaseByPhase`).
        """
        catalogue, reading = self._open_catalogue(), self._chosen_reading()
        project, reader = self._project, self._reader
        find = predictor or sax_predictor()

        wanted = None if frames is None else tuple(frames)
        n_phases = reading.stack.shape[0]
        phases = range(n_phases) if wanted is None else (phase for phase, _ in wanted)
        order = nearest_first(phases, visible, n_phases)

        def run(progress: Progress | None, cancel: Cancel | None) -> Segmentation:
            able: object = find
            if isinstance(able, PhaseByPhase):
                tell = arrived or (lambda _phase, _labels: None)
                return able.in_order(reading.stack, order, tell, progress, cancel)
            return find(reading.stack, progress, cancel)

        def commit(found: Segmentation) -> None:
            self._check_still_open(catalogue)
            self._check_same_project(project, reader)
            taken = found if wanted is None else only_in(found, reading, wanted)
            self._apply(reading, taken, over_expert=over_expert, frames=wanted)

        return Task("Segmenting", run, commit)

    def apply_prediction(self, segmentation: Segmentation, *, over_expert: bool = False) -> None:
        """Take labels that were found on the chosen stack, as one step.

        Parameters
        ----------
        over_expert
            Whether pixels that the reader drew, agreed to or accepted may change too.
        """
        self._apply(self._chosen_reading(), segmentation, over_expert=over_expert)

    def start_from(self, reader: str) -> None:
        """Take the labels of another reader of the same project as a start, as one step."""
        reading = self._chosen_reading()
        other = restored(self._project, reading.stack, reading.key, reader)
        if not other.has_labels:
            raise InputError(f"The project has no labels of this stack by {reader}.")
        found = Segmentation.on(reading.stack, other.labels, f"reader {reader}")
        self._apply(reading, found, over_expert=False)

    def start_from_file(
        self,
        path: Path,
        *,
        label_map: str = "cmr",
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> GivenLabels:
        """Take labels or contours that exist already as a start, as one step.

        Frames that the file gives become what it says, their background too, save pixels that the
        reader drew, agreed to or accepted. A later prediction leaves them alone.

        Parameters
        ----------
        path
            A label NIfTI, a DICOM SEG, a folder of either, or of contours as a data set has them
            (Sunnybrook's text, cvi42's files).
        label_map
            How a NIfTI numbers the structures.
        """
        return self.starting_from_file(path, label_map)(progress, cancel)

    def starting_from_file(self, path: Path, label_map: str = "cmr") -> Task[GivenLabels]:
        """The task of `start_from_file`."""
        catalogue, reading = self._open_catalogue(), self._chosen_reading()
        project, reader = self._project, self._reader
        entry = next(e for e in catalogue.entries if e.stack_id == reading.stack.stack_id)

        def run(progress: Progress | None, cancel: Cancel | None) -> GivenLabels:
            return labels_given(path, entry, reading.stack, label_map, progress, cancel)

        def commit(given: GivenLabels) -> None:
            self._check_still_open(catalogue)
            self._check_same_project(project, reader)
            self._log(reading, editing.start(reading, reader, given))
            self.changed.emit(Segmented(reading.stack.stack_id))

        return Task("Reading labels", run, commit)

    def correct(
        self, box: Box, labels: LabelArray, *, only: Structure | None = None, tool: str = ""
    ) -> bool:
        """Take a stroke of brush, eraser, polygon or fill, or what another tool did.

        Parameters
        ----------
        box
            First and one past the last phase, slice, row and column of what may have changed.
        labels
            uint8 of the box's shape, as they are after the stroke.
        only
            The one structure that may change; what the stroke does to others is left out.
        tool
            What it was done with, where that was no stroke: a word for the log.

        Returns
        -------
        Whether anything changed.
        """
        reading = self._chosen_reading()
        record = editing.stroke(reading, self._reader, box, labels, only=only, tool=tool)
        return self._corrected(reading, record)

    def reshape(self, frame: Frame, labels: LabelArray, tool: str) -> bool:
        """Take a whole frame as a tool of `shaping` left it, as one step.

        Parameters
        ----------
        labels
            ``(y, x)`` uint8.
        """
        (t, z), (rows, columns) = frame, labels.shape
        box = ((t, t + 1), (z, z + 1), (0, rows), (0, columns))
        return self.correct(box, labels[None, None], tool=tool)

    def mark_slices(self, extent: Extent, at: Frame = (0, 0)) -> None:
        """Say which slices count to the volumes, as one step.

        Parameters
        ----------
        at
            (phase, slice) where the reader was, for undo to go back to.
        """
        reading = self._chosen_reading()
        record = editing.slices(reading, self._reader, extent, at)
        if record is not None:
            self._log(reading, record)
            self.changed.emit(SlicesMarked(reading.stack.stack_id))

    def place_landmark(self, frame: Frame, name: str, at: tuple[float, float]) -> None:
        """Put a landmark of a frame, one of `SAX_LANDMARKS`, to (row, column), as one step.

        The segments of that frame follow it; see `insertions_of`.

        Raises
        ------
        InputError
            If the frame has no landmarks, or the septum would not be one.
        """
        reading = self._chosen_reading()
        checked(reading, frame, name, at)
        record = editing.landmark(reading, self._reader, frame, name, at)
        if record is not None:
            self._log(reading, record)
            self.changed.emit(LandmarkPlaced(reading.stack.stack_id))

    def accept_proposal(self, proposal: Proposal, frames: Iterable[Frame] | None = None) -> bool:
        """Take a proposal, or some frames of it, as one step; whether anything changed.

        A frame that the reader drew on or accepted, even since the proposal, stays as it is.
        """
        reading = self._chosen_reading()
        record = editing.proposed(reading, self._reader, proposal, frames)
        return self._corrected(reading, record)

    def undo(self) -> Record:
        """Take back the last step that stands: a stroke, a prediction, a remote wall, a verdict.

        Returns
        -------
        The step; its patch's box, or its frames, say where it acted.
        """
        return self._step_back(Kind.UNDO)

    def redo(self) -> Record:
        """Do again what was undone last."""
        return self._step_back(Kind.REDO)

    def judge(self, frames: Iterable[Frame] | None, said: Verdict) -> None:
        """Accept or reject frames, (phase, slice), or take that back; None is all of them.

        A frame that changes afterwards waits for its verdict again.
        """
        reading = self._chosen_reading()
        if said is Verdict.ACCEPTED and reading.segmentation is None:
            raise InputError("There is nothing to accept yet; segment the stack or draw on it.")
        phases, slices = reading.stack.shape[:2]
        every = [(t, z) for t in range(phases) for z in range(slices)]
        record = editing.verdict(reading, self._reader, every if frames is None else frames, said)
        if record is not None:
            self._log(reading, record)
            self.changed.emit(Judged(reading.stack.stack_id))

    def flag(self, flagged: bool = True) -> None:
        """Mark the stack for somebody to look at, or take the mark off."""
        reading = self._chosen_reading()
        if reading.history.flagged != flagged:
            self._note(reading, Kind.FLAG, flagged=flagged)
            self.changed.emit(Judged(reading.stack.stack_id))

    def note_position(self, phase: int, slice_index: int) -> None:
        """Remember where the reader is, for the next time; tells nobody."""
        reading = self._chosen_reading()
        if reading.history.position != (phase, slice_index):
            self._note(reading, Kind.POSITION, phase=phase, slice=slice_index)

    def set_phases(self, ed: int | None, es: int | None) -> None:
        """Set end diastole and end systole by hand.

        Parameters
        ----------
        ed, es
            Zero-based phases; None leaves it to the volume curve.
        """
        reading = self._chosen_reading()
        n_phases = reading.stack.shape[0]
        for name, phase in (("ED", ed), ("ES", es)):
            if phase is not None and not 0 <= phase < n_phases:
                raise InputError(
                    f"{name} cannot be phase {phase}; the stack has phases 0 to {n_phases - 1}."
                )
        self._note(reading, Kind.PHASES, ed=ed, es=es)
        self.changed.emit(PhasesSet(reading.stack.stack_id, ed, es))

    def set_remote(self, outlines: Iterable[Outline]) -> None:
        """Compare late enhancement with the wall inside what the reader drew, as one step.

        Parameters
        ----------
        outlines
            On any slices; none leaves the remote wall to be chosen automatically.

        Raises
        ------
        InputError
            If the stack is no late enhancement, or too little of its wall lies inside.
        """
        reading, drawn = self._chosen_reading(), tuple(outlines)
        check_remote(reading, drawn)
        record = editing.remote(reading, self._reader, drawn)
        if record is not None:
            self._log(reading, record)
            self.changed.emit(RemoteChosen(reading.stack.stack_id))

    def export(self, folder: Path) -> tuple[Path, ...]:
        """Write ``labels.nii.gz``, ``measures.json`` and ``measures.csv`` of the chosen stack.

        Of late enhancement ``enhancement.json`` and ``.csv`` hold scar by every method, of a
        four-chamber cine ``long_axis.json`` and ``.csv`` its areas and lengths. Where the
        model said how sure it is, ``uncertainty.json`` says it by slice.

        Returns
        -------
        The files.
        """
        reading = self._chosen_reading()
        if reading.segmentation is None or reading.measures is None:
            raise InputError("There is nothing to save yet; segment the stack first.")
        labels, json, csv = (
            folder / name for name in ("labels.nii.gz", "measures.json", "measures.csv")
        )
        # All appear together, so that numbers never stand beside another run's labels.
        with placing(folder, overwrite=True) as part:
            io.write_labels(reading.segmentation, part / labels.name)
            measure.write_json(part / json.name, reading.measures)
            measure.write_csv(part / csv.name, reading.measures)
            files = [labels, json, csv]
            scar = enhancement_of(reading)
            if scar is not None:
                files += [folder / f"enhancement{suffix}" for suffix in (".json", ".csv")]
                measure.write_numbers_json(part / "enhancement.json", scar)
                measure.write_numbers_csv(part / "enhancement.csv", scar)
            plane = plane_of(reading)
            if plane is not None:
                files += [folder / f"long_axis{suffix}" for suffix in (".json", ".csv")]
                measure.write_numbers_json(part / "long_axis.json", plane)
                measure.write_numbers_csv(part / "long_axis.csv", plane)
            if reading.uncertainty is not None:
                files.append(folder / "uncertainty.json")
                io.write_uncertainty(part / "uncertainty.json", reading.uncertainty)
        return tuple(files)

    def _apply(
        self,
        reading: Reading,
        found: Segmentation,
        *,
        over_expert: bool,
        frames: Iterable[Frame] | None = None,
    ) -> None:
        record = editing.prediction(
            reading, self._reader, found, over_expert=over_expert, frames=frames
        )
        self._log(reading, record)
        reading.uncertainty = found.uncertainty
        self.changed.emit(Segmented(reading.stack.stack_id))

    def _corrected(self, reading: Reading, record: Record | None) -> bool:
        if record is None or record.patch is None:
            return False
        self._log(reading, record)
        self.changed.emit(Corrected(reading.stack.stack_id, record.patch.box))
        return True

    def _step_back(self, kind: Kind) -> Record:
        reading = self._chosen_reading()
        history = reading.history
        step = history.undoable if kind is Kind.UNDO else history.redoable
        if step is None:
            raise InputError(f"There is nothing to {kind.value}.")
        self._note(reading, kind, of=step.number)
        self.changed.emit(Undone(reading.stack.stack_id, step, again=kind is Kind.REDO))
        return step
