"""Whether text may be burned into pictures: what the headers say, and what never changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from napari_cmr.core import Finding

_LOOK = "Look at the copies before you give them away."
_BRIGHT = 0.5  # of the brightest pixel of the series
_STILL = 0.005  # of it; noise and coils move real tissue by more
_FEWEST_IMAGES = 5
_FEWEST_PIXELS = 25  # of a letter or two


@dataclass
class _Series:
    """The darkest and the brightest that each pixel ever was."""

    darkest: npt.NDArray[Any]
    brightest: npt.NDArray[Any]
    n_images: int = 1

    @property
    def unchanging(self) -> int:
        """Pixels that are bright and the same in every image."""
        peak = float(self.brightest.max())
        if self.n_images < _FEWEST_IMAGES or peak <= 0:
            return 0
        moved = self.brightest.astype(np.float64) - self.darkest
        return int(np.count_nonzero((self.darkest >= _BRIGHT * peak) & (moved <= _STILL * peak)))


@dataclass
class BurnedIn:
    """Looks at images one after the other.

    Text that is dark, or that changes with every image, or in a series of fewer than five
    images, is seen only where the header admits it.
    """

    n_admitted: int = 0
    n_secondary: int = 0
    _series: dict[tuple[str, tuple[int, ...]], _Series] = field(default_factory=dict)

    def look_at(self, header: Dataset, pixels: npt.NDArray[Any]) -> None:
        """Take in one ``(y, x)`` image."""
        said = str(header.get("BurnedInAnnotation", "") or "").upper()
        words = [str(v).upper() for v in header.get("ImageType", None) or ()]
        self.n_admitted += said == "YES"
        self.n_secondary += said != "NO" and ("SECONDARY" in words or "ConversionType" in header)
        key = (str(header.get("SeriesInstanceUID", "")), pixels.shape)
        known = self._series.get(key)
        if known is None:
            self._series[key] = _Series(pixels.copy(), pixels.copy())
            return
        np.minimum(known.darkest, pixels, out=known.darkest)
        np.maximum(known.brightest, pixels, out=known.brightest)
        known.n_images += 1

    def findings(self) -> list[Finding]:
        """What to warn of."""
        found = []
        if self.n_admitted:
            message = f"{self.n_admitted} image(s) say that text is burned into them."
            found.append(Finding("burned-in-text", message, _LOOK))
        elif self.n_secondary:
            message = f"{self.n_secondary} image(s) are captures, which often have text in them."
            found.append(Finding("burned-in-text", message, _LOOK))
        lit = sum(s.unchanging >= _FEWEST_PIXELS for s in self._series.values())
        if lit:
            message = f"In {lit} series some bright pixels never change, as written text is."
            found.append(Finding("burned-in-text", message, _LOOK))
        return found
