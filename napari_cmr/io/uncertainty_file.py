"""What a model says of its own labels as a file."""

from __future__ import annotations

import json
from pathlib import Path

from napari_cmr.core import Uncertainty, replacing


def write_uncertainty(path: str | Path, uncertainty: Uncertainty) -> None:
    """Write ``{"study": ..., "slices": [[...], ...]}``, a row a phase; null: not looked at.

    Raises
    ------
    InputError
        If the place cannot be written to.
    """
    with replacing(path) as partial:
        text = json.dumps(uncertainty.as_dict(), allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
