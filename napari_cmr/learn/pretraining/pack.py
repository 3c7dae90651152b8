"""Packed images on disk, read one by one so that memory does not grow with their number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cmr.learn.pretraining.shards import ShardReader, damaged

META = "meta.json"
INDEX = "index.npy"
RECORD = np.dtype(
    [("subject", "i4"), ("site", "i4"), ("position", "f4"), ("label", "i2"), ("held", "?")]
)
UNKNOWN_LABEL = -1


class Pack:
    """A folder of 8-bit square images.

    ``records`` has one entry an image: ``subject`` and ``site`` (one slice of one subject, in
    all its phases) as numbers, ``position`` from base (0) to apex (1) or NaN, ``label`` of the
    probe or -1, and ``held`` for images that are never trained on. ``meta`` says how it was made;
    ``made_with`` is what the caller knows of that.

    Raises
    ------
    InputError
        If its description or its index is damaged.
    """

    def __init__(self, folder: Path, made_with: dict[str, Any] | None = None) -> None:
        self.folder = folder
        try:
            written = json.loads((folder / META).read_text(encoding="utf-8"))
            self.meta: dict[str, Any] = written | (made_with or {})
            self.records: npt.NDArray[Any] = np.load(folder / INDEX)
            self.size = int(self.meta["size"])
        except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
            raise damaged(folder) from error
        n = len(self.records)
        if self.records.dtype != RECORD or self.meta.get("images", n) != n:
            raise damaged(folder)
        self._images = ShardReader(folder, n, self.size)

    def read(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The images with these numbers, ``(n, size, size)``."""
        return self._images.read(numbers)

    def close(self) -> None:
        """Close the shards; they open again when read."""
        self._images.close()
