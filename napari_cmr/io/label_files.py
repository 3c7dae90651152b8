"""Telling label files from images, so that a mask is never segmented as a picture."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np

from napari_cmr.io.nifti import nifti_stem

_LABEL_WORDS = re.compile(
    r"(^|[_\-. ])(gt|seg|segm|segmentation|labels?|masks?|scribbles?|contours?|pred|prediction)"
    r"([_\-. ]|$)",
    re.IGNORECASE,
)
_MOST_LABELS = 16


def is_label_file(path: Path) -> bool:
    """Whether a NIfTI file holds labels: by its name, else by its values."""
    return bool(_LABEL_WORDS.search(nifti_stem(path))) or has_label_values(path)


def has_label_values(path: Path) -> bool:
    """Whether a NIfTI file has few small whole values, as labels have.

    The values looked at are those of the first phase; a picture of 16 or fewer grey values
    from 0 to 31 would be taken for labels.
    """
    try:
        image = nib.load(path)
        first = np.asanyarray(image.dataobj[..., 0] if image.ndim == 4 else image.dataobj)
    except Exception:  # noqa: BLE001 - a damaged file is told apart by whoever reads it
        return False
    values = np.unique(first)
    few = 1 < len(values) <= _MOST_LABELS
    return bool(few and np.all(values == np.round(values)) and values[0] >= 0 and values[-1] < 32)
