"""Carries what the tab Why wants to the model, and what comes of it onto the images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_cmr.core import InputError, Stack, Uncertainty
from napari_cmr.review import Corrected, Event, ReviewSession
from napari_cmr.review.enhancement import is_enhancement
from napari_cmr.review.explaining import explaining
from napari_cmr.ui.overlays import Overlays
from napari_cmr.ui.stage import Stage
from napari_cmr.ui.task_runner import TaskRunner
from napari_cmr.ui.why_panel import WhyPanel, Wish, method_title

if TYPE_CHECKING:
    from napari_cmr.learn.saliency import Explanation


class Says(Protocol):
    """What shows one sentence."""

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Show it; an empty one takes the last away."""


class Why:
    """Connects the panel, the session and the viewer.

    Parameters
    ----------
    viewer
        The napari viewer.
    session
        Whose stack is explained.
    stage
        Where the reader is.
    panel
        What is drawn in the tab.
    dock
        Where sentences are shown.
    runner
        What runs long work.
    """

    def __init__(
        self,
        viewer: Any,
        session: ReviewSession,
        stage: Stage,
        panel: WhyPanel,
        dock: Says,
        runner: TaskRunner,
    ) -> None:
        self.overlays = Overlays(viewer)
        self.explanation: Explanation | None = None
        """What is shown, if anything is."""
        self._viewer, self._session, self._stage = viewer, session, stage
        self._panel, self._dock, self._runner = panel, dock, runner
        self._stack: Stack | None = None
        self._doubt: Uncertainty | None = None
        session.changed.connect(self._on_changed)
        viewer.dims.events.point.connect(self._moved)
        self._connect()
        self._refresh()

    def close(self) -> None:
        """Let go of the viewer, which may live on."""
        self._session.changed.disconnect(self._on_changed)
        self._viewer.dims.events.point.disconnect(self._moved)

    def explain(self, wish: Wish) -> None:
        """Explain a number of the stack on show, in the background."""
        stack = self._session.stack
        try:
            task = explaining(
                self._session,
                wish.target,
                wish.method,
                lambda found: self._take(stack, found),
                phases=self._phases(wish),
                options={"block": wish.block, "head": wish.head} if wish.method == "head" else None,
            )
            self._dock.say("")
            self._runner.start(task)
        except InputError as error:
            self._dock.say(str(error), error=True)

    def _connect(self) -> None:
        panel, runner = self._panel, self._runner
        panel.explain_wanted.connect(self.explain)
        panel.cancel_wanted.connect(runner.cancel)
        panel.place_wanted.connect(self._go)
        panel.doubt_shown.connect(self._show_doubt)
        panel.map_shown.connect(lambda on: self.overlays.set_visible("why", on))
        panel.doubt_opacity.connect(lambda v: self.overlays.set_opacity("doubt", v))
        panel.map_opacity.connect(lambda v: self.overlays.set_opacity("why", v))
        runner.started.connect(panel.set_busy)
        runner.progressed.connect(panel.show_progress)
        runner.ended.connect(panel.set_idle)

    def _phases(self, wish: Wish) -> list[int] | None:
        stack = self._session.stack
        if stack is not None and is_enhancement(stack):
            return [0]
        if wish.target.startswith("volume") and wish.when == "ends":
            return None
        if wish.target.startswith("volume") and wish.when == "all":
            return list(range(stack.shape[0])) if stack else None
        return [self._stage.phase]

    def _take(self, stack: Stack | None, found: Explanation) -> None:
        """Draw an explanation, unless another stack was chosen meanwhile."""
        if stack is None or stack is not self._session.stack:
            return
        self.explanation = found
        self.overlays.show_map(stack, found.title, found.maps, self._panel.map_slider.value() / 100)
        self._panel.show_map_box.setChecked(True)
        failed = found.sanity is not None and not found.sanity.passed
        sentence = found.sanity.sentence if failed and found.sanity is not None else ""
        lines = tuple(line for line in found.lines if line != sentence)
        head = f"{method_title(found.method)}, {found.model}."
        self._panel.show_scores((head, *lines), failed=sentence)
        self._go_to_what_is_explained(found)

    def _go_to_what_is_explained(self, found: Explanation) -> None:
        """Show a picture that has a map, if the one on display has none."""
        phases = {phase for phase, _ in found.places}
        slices = {index for _, index in found.places}
        phase = None if self._stage.phase in phases else min(phases)
        index = None if self._stage.slice in slices else sorted(slices)[len(slices) // 2]
        self._stage.go_to(phase=phase, slice_index=index)

    def _on_changed(self, event: Event) -> None:
        # What the model said of its own contours no stroke changes, and a dab must not wait.
        if not isinstance(event, Corrected):
            self._refresh()

    def _refresh(self) -> None:
        """Draw what is known of the stack on show; maps of another one go."""
        session, panel = self._session, self._panel
        stack = session.stack
        if stack is not self._stack:
            self._stack = stack
            self.explanation = None
            self.overlays.remove("why")
            panel.show_scores((), failed="")
        doubt = None if session.reading is None else session.reading.uncertainty
        if doubt is not self._doubt:
            self._doubt = doubt
            self.overlays.remove("doubt")
        panel.set_has_stack(stack is not None)
        panel.show_targets(enhancement=stack is not None and is_enhancement(stack))
        panel.show_doubt(
            "" if doubt is None else _told(doubt), None if doubt is None else doubt.slices
        )
        if panel.show_doubt_box.isChecked():
            self._show_doubt(True)
        self._moved()

    def _show_doubt(self, on: bool) -> None:
        if not on:
            self.overlays.set_visible("doubt", False)
        elif self.overlays.layer("doubt") is not None:
            self.overlays.set_visible("doubt", True)
        elif self._doubt is not None and self._stack is not None and self._stage.image is not None:
            opacity = self._panel.doubt_slider.value() / 100
            self.overlays.show_doubt(
                self._stack, self._doubt.entropy, visible=True, opacity=opacity
            )

    def _go(self, phase: int, slice_index: int) -> None:
        self._stage.go_to(phase=phase, slice_index=slice_index)

    def _moved(self, _event: object = None) -> None:
        self._panel.show_place(self._stage.phase, self._stage.slice)


def _told(doubt: Uncertainty) -> str:
    known = np.where(np.isnan(doubt.slices), -1, doubt.slices)
    phase, index = np.unravel_index(int(known.argmax()), known.shape)
    return (
        f"Study {doubt.study:.3f} (0 is sure). Least sure: slice {index} in phase {phase}, "
        f"expected to lose {doubt.slices[phase, index]:.2f} of Dice. This is the model's word for "
        "its own contours, before any correction."
    )
