"""Colours of the structures, the same in the window, in the curve and in the report."""

from __future__ import annotations

from types import MappingProxyType

from napari_cmr.core.labels import Structure

# Okabe and Ito's set (Color Universal Design, 2008), which readers with any common colour
# vision tell apart, lightened where it would be too dark on a grey picture.
COLOURS = MappingProxyType(
    {
        Structure.LV: "#ff5a36",
        Structure.MYO: "#2ee6a8",
        Structure.RV: "#56b4ff",
        Structure.LA: "#e58cc0",
        Structure.RA: "#f0e442",
        Structure.INFARCT: "#e69f00",
        Structure.MVO: "#b08cff",
    }
)
