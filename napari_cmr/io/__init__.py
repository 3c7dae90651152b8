"""Studies in and out: DICOM, NIfTI, data-set layouts. The only room that imports pydicom or nibabel."""
