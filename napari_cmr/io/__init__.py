"""Studies in and out. The only room that imports pydicom or nibabel."""
