"""Studies in and out. The only room that imports pydicom or nibabel.

What reads a format is imported when its name is first used, so that a command that reads nothing
does not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cmr.io.camus import CamusFrame, read_camus
    from napari_cmr.io.catalogue import Catalogue, Entry
    from napari_cmr.io.deidentify import deidentified_copy
    from napari_cmr.io.demo import demo_study
    from napari_cmr.io.dicom_writing import write_dicom
    from napari_cmr.io.echo_manifest import camus_manifest, echonet_manifest
    from napari_cmr.io.echonet import EchoNetVideo, read_echonet
    from napari_cmr.io.loading import load, open_stack, sax_cine
    from napari_cmr.io.manifest import (
        ManifestRow,
        load_image,
        load_label,
        parse_spacing,
        read_manifest,
    )
    from napari_cmr.io.nifti import read_labels, read_nifti, write_labels, write_nifti
    from napari_cmr.io.scanning import scan

_HOMES = {
    "CamusFrame": "camus",
    "Catalogue": "catalogue",
    "EchoNetVideo": "echonet",
    "Entry": "catalogue",
    "ManifestRow": "manifest",
    "camus_manifest": "echo_manifest",
    "deidentified_copy": "deidentify",
    "demo_study": "demo",
    "echonet_manifest": "echo_manifest",
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
    "sax_cine": "loading",
    "scan": "scanning",
    "write_dicom": "dicom_writing",
    "write_labels": "nifti",
    "write_nifti": "nifti",
}
__all__ = [
    "CamusFrame",
    "Catalogue",
    "EchoNetVideo",
    "Entry",
    "ManifestRow",
    "camus_manifest",
    "deidentified_copy",
    "demo_study",
    "echonet_manifest",
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
    "sax_cine",
    "scan",
    "write_dicom",
    "write_labels",
    "write_nifti",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
