"""napari panels: thin, they emit intentions and draw state."""

from napari_cmr.ui.launch import launch

__all__ = ["launch"]
