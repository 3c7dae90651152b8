"""What several verbs do with a review session."""

from __future__ import annotations

from pathlib import Path

from napari_cmr import io
from napari_cmr.cli.progress import progress
from napari_cmr.core import Cancel, Progress, Segmentation, Stack
from napari_cmr.review import ReviewSession


def read_and_segment(
    path: Path, *, model: str | None, stack: str | None, spacing: str
) -> ReviewSession:
    """Open a study, choose its short-axis cine (or the named stack) and segment it."""
    session = ReviewSession()
    with progress("Reading headers") as advance:
        catalogue = session.open(path, progress=advance)
    entry = io.sax_cine(catalogue, stack)
    with progress("Loading images") as advance:
        session.choose(entry.stack_id, spacing=io.parse_spacing(spacing), progress=advance)

    def find(images: Stack, advance: Progress | None, cancel: Cancel | None) -> Segmentation:
        from napari_cmr import nets

        loaded = nets.load_model(model, task="cine_sax_seg")
        return nets.predict(images, loaded, progress=advance, cancel=cancel)

    with progress("Segmenting") as advance:
        session.predict(find, progress=advance)
    return session
