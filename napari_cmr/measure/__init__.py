"""Numbers with units from labels. No torch."""

from napari_cmr.measure.cardiac_function import MYOCARDIAL_DENSITY_G_PER_ML, function
from napari_cmr.measure.discs import disc_volume, disc_volume_of_mask
from napari_cmr.measure.overlap import dice, hausdorff95_mm
from napari_cmr.measure.volumes import WALL, volumes_ml
from napari_cmr.measure.write import unit_of, write_csv, write_json

__all__ = [
    "MYOCARDIAL_DENSITY_G_PER_ML",
    "WALL",
    "dice",
    "disc_volume",
    "disc_volume_of_mask",
    "function",
    "hausdorff95_mm",
    "unit_of",
    "volumes_ml",
    "write_csv",
    "write_json",
]
