"""napari panels: thin, they emit intentions and draw state."""
