"""Why the model says what it says of the stack under review, as a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cmr.core import Cancel, InputError, Progress, Segmentation, Stack
from napari_cmr.review.session import ReviewSession
from napari_cmr.review.task import Task

if TYPE_CHECKING:
    from napari_cmr.learn.saliency import Explanation


def explaining(
    session: ReviewSession,
    target: str,
    method: str,
    then: Callable[[Explanation], None],
    *,
    phases: Sequence[int] | None = None,
    model: str | Path | None = None,
    check: bool = True,
    options: dict[str, Any] | None = None,
) -> Task[Explanation]:
    """The task of explaining one number of the chosen stack.

    Parameters
    ----------
    target, method
        As `napari_cmr.learn.saliency.ask` and `explain` take them.
    then
        Takes the explanation, in the thread that owns the session.
    phases
        For the targets that are asked phase by phase; ED and ES if None.
    check
        Whether the map is made again with shuffled weights.

    Raises
    ------
    InputError
        If no stack is chosen, or the target needs labels and there are none.
    """
    stack, found = session.stack, session.segmentation
    if stack is None:
        raise InputError("No stack is chosen; open a study and choose one first.")
    measures = session.measures
    needs_phases = target.partition(":")[0] in ("ef", "mass", "disease")
    if needs_phases and (found is None or measures is None):
        raise InputError("This needs end diastole and end systole; segment the stack first.")
    ed, es = (0, 0) if measures is None else (measures.ed_phase, measures.es_phase)
    wanted = sorted({ed, es}) if phases is None else list(phases)

    def run(progress: Progress | None, cancel: Cancel | None) -> Explanation:
        return explained(
            stack,
            target,
            method,
            segmentation=found,
            ed=ed,
            es=es,
            phases=wanted,
            model=model,
            check=check,
            options=options,
            progress=progress,
            cancel=cancel,
        )

    return Task("Explaining", run, then)


def explained(
    stack: Stack,
    target: str,
    method: str,
    *,
    segmentation: Segmentation | None,
    ed: int,
    es: int,
    phases: Sequence[int],
    model: str | Path | None = None,
    check: bool = True,
    stages: Sequence[float] = (),
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Explanation:
    """Explain one number of a stack; the labels, where there are any, say where the heart is."""
    from napari_cmr.learn import saliency  # imports torch, which takes seconds

    question, title = saliency.ask(
        stack, target, segmentation=segmentation, ed=ed, es=es, phases=phases, model=model
    )
    heart = None
    if segmentation is not None and (segmentation.labels > 0).any():
        heart = segmentation.labels > 0
    return saliency.explain(
        question,
        method,
        model=title,
        heart=heart,
        check=check,
        stages=stages,
        options=options,
        progress=progress,
        cancel=cancel,
    )
