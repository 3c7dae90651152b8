"""The analytic beating heart, with closed-form truth."""

from napari_cmr.phantom.config import PhantomConfig
from napari_cmr.phantom.heart import Truth
from napari_cmr.phantom.study import PhantomStudy, make
from napari_cmr.phantom.write import write_dicom_study, write_nifti_studies

__all__ = [
    "PhantomConfig",
    "PhantomStudy",
    "Truth",
    "make",
    "write_dicom_study",
    "write_nifti_studies",
]
