"""Studies in and out. The only room that imports pydicom or nibabel.

What reads a format is imported when its name is first used, so that a command that reads nothing
does not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cmr.io.camus import CamusFrame, read_camus
    from napari_cmr.io.catalogue import Catalogue, Entry
    from napari_cmr.io.deidentify import deidentified_copy, dicom_files
    from napari_cmr.io.demo import demo_study
    from napari_cmr.io.dicom_seg import write_seg
    from napari_cmr.io.dicom_sr import write_report
    from napari_cmr.io.dicom_writing import write_dicom
    from napari_cmr.io.echonet import EchoNetVideo, read_echonet
    from napari_cmr.io.loading import load, open_stack, sax_cine, sax_late_enhancement
    from napari_cmr.io.manifest import (
        ManifestRow,
        load_image,
        load_label,
        parse_spacing,
        read_manifest,
    )
    from napari_cmr.io.nifti import read_labels, read_nifti, write_labels, write_nifti
    from napari_cmr.io.parametric_map import write_parametric_map
    from napari_cmr.io.placed_labels import labels_on_stack
    from napari_cmr.io.referenced_images import SourceImages, source_images
    from napari_cmr.io.scanning import scan
    from napari_cmr.io.seg_reading import read_seg
    from napari_cmr.io.uncertainty_file import write_uncertainty

_HOMES = {
    "CamusFrame": "camus",
    "Catalogue": "catalogue",
    "EchoNetVideo": "echonet",
    "Entry": "catalogue",
    "ManifestRow": "manifest",
    "SourceImages": "referenced_images",
    "deidentified_copy": "deidentify",
    "demo_study": "demo",
    "dicom_files": "deidentify",
    "labels_on_stack": "placed_labels",
    "load": "loading",
    "load_image": "manifest",
    "load_label": "manifest",
    "open_stack": "loading",
    "parse_spacing": "manifest",
    "read_camus": "camus",
    "read_echonet": "echonet",
    "read_labels": "nifti",
    "read_manifest": "manifest",
    "read_nifti": "nifti",
    "read_seg": "seg_reading",
    "sax_cine": "loading",
    "sax_late_enhancement": "loading",
    "scan": "scanning",
    "source_images": "referenced_images",
    "write_dicom": "dicom_writing",
    "write_labels": "nifti",
    "write_nifti": "nifti",
    "write_parametric_map": "parametric_map",
    "write_report": "dicom_sr",
    "write_seg": "dicom_seg",
    "write_uncertainty": "uncertainty_file",
}
__all__ = [
    "CamusFrame",
    "Catalogue",
    "EchoNetVideo",
    "Entry",
    "ManifestRow",
    "SourceImages",
    "deidentified_copy",
    "demo_study",
    "dicom_files",
    "labels_on_stack",
    "load",
    "load_image",
    "load_label",
    "open_stack",
    "parse_spacing",
    "read_camus",
    "read_echonet",
    "read_labels",
    "read_manifest",
    "read_nifti",
    "read_seg",
    "sax_cine",
    "sax_late_enhancement",
    "scan",
    "source_images",
    "write_dicom",
    "write_labels",
    "write_nifti",
    "write_parametric_map",
    "write_report",
    "write_seg",
    "write_uncertainty",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
