"""Why the model says what it says of the stack under review, as a task."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Many
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cmr.core import Cancel, InputError, Progress, Segmentation, Sequence, Stack, View
from napari_cmr.nets import find_card, list_models
from napari_cmr.nets.segmenter_tasks import task_of
from napari_cmr.review.enhancement import is_enhancement
from napari_cmr.review.learned import model_in_use
from napari_cmr.review.session import ReviewSession
from napari_cmr.review.task import Task

if TYPE_CHECKING:
    from napari_cmr.learn.saliency import Explanation

OF_SEGMENTER = ("volume", "ef", "mass")
"""What is asked of a segmenter."""
OF_HEAD = {
    "disease": "disease",
    "sequence": "sequence_cls",
    "view": "view_cls",
    "scar": "lge_pathology",
}
"""What is asked of a head, and the head's task."""


def explaining(
    session: ReviewSession,
    target: str,
    method: str,
    then: Callable[[Explanation], None],
    *,
    phases: Many[int] | None = None,
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
    model
        Name or folder; if None the version that the project uses for such stacks where a segmenter
        is asked, else the shelf's best.
    check
        Whether the map is made again with shuffled weights.

    Raises
    ------
    InputError
        If no stack is chosen, the stack does not allow the question, or the target needs labels
        and there are none.
    """
    stack, found = session.stack, session.segmentation
    if stack is None:
        raise InputError("No stack is chosen; open a study and choose one first.")
    check_target(target, model)
    check_question(stack, target)
    kind = target.partition(":")[0]
    if model is None and kind in OF_SEGMENTER:
        model = model_in_use(session.project, task_of(stack))
    measures = session.measures
    needs_phases = kind in ("ef", "mass", "disease") and not is_enhancement(stack)
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


def check_target(target: str, model: str | Path | None = None) -> None:
    """Refuse words that mean nothing, or a class that the model does not know, by its card alone.

    Raises
    ------
    InputError
        If they do not.
    """
    kind, _, what = target.partition(":")
    known = (*OF_SEGMENTER, *OF_HEAD, "feature")
    if kind not in known:
        raise InputError(f"There is no target '{target}'; there are {', '.join(known)}.")
    if kind not in OF_HEAD:
        return
    shelf = [card for card in list_models() if card.task == OF_HEAD[kind]]
    cards = [find_card(model)] if model is not None else shelf[:1]
    if not cards or "head" not in cards[0].networks:
        who = f"{cards[0].name} {cards[0].version}" if cards else "No model on the shelf"
        raise InputError(f"{who} does not tell the {kind}; name a model that does.")
    classes = cards[0].networks["head"].structures
    if what and what not in classes:
        title = f"{cards[0].name} {cards[0].version}"
        raise InputError(f"{title} knows no '{what}'; it knows {', '.join(classes)}.")


def check_question(stack: Stack, target: str) -> None:
    """Refuse what makes no sense of a stack, before a network is loaded.

    Raises
    ------
    InputError
        If it does not.
    """
    kind = target.partition(":")[0]
    if kind in ("ef", "disease") and stack.sequence is Sequence.LGE:
        what = {"ef": "ejection fraction", "disease": "disease group"}[kind]
        raise InputError(
            f"Late enhancement has one phase, which gives no {what}; ask for a volume, the mass or "
            "late enhancement, or open the cine."
        )
    if kind in (*OF_SEGMENTER, "disease") and stack.view not in (View.SAX, View.UNKNOWN):
        raise InputError(
            "Volumes, mass and what follows from them are explained on short-axis stacks; "
            f"{stack.stack_id} is {stack.view}."
        )


def explained(
    stack: Stack,
    target: str,
    method: str,
    *,
    segmentation: Segmentation | None,
    ed: int,
    es: int,
    phases: Many[int],
    model: str | Path | None = None,
    check: bool = True,
    stages: Many[float] = (),
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Explanation:
    """Explain one number of a stack; the labels, where there are any, say where the heart is.

    Raises
    ------
    InputError
        If the stack or the model does not allow the question.
    """
    check_question(stack, target)
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
