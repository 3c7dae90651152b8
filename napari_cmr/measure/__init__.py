"""Numbers with units from labels. No torch."""

from napari_cmr.measure.aha import SegmentModel, segment_map, segment_model
from napari_cmr.measure.cardiac_function import MYOCARDIAL_DENSITY_G_PER_ML, function
from napari_cmr.measure.cine_numbers import cine_measurement
from napari_cmr.measure.clinical import Clinical, clinical_numbers
from napari_cmr.measure.discs import disc_volume, disc_volume_of_mask
from napari_cmr.measure.insertion import Insertions, given_insertions, rv_insertions
from napari_cmr.measure.long_axis import LongAxis, long_axis
from napari_cmr.measure.long_axis_numbers import long_axis_measurement
from napari_cmr.measure.map_numbers import ecv_measurement, map_measurement
from napari_cmr.measure.mapping import MapValues, ecv_by_segment, ecv_percent, map_values
from napari_cmr.measure.measurement import Measurement, write_numbers_csv, write_numbers_json
from napari_cmr.measure.number import Number, ReferenceRange
from napari_cmr.measure.overlap import dice, hausdorff95_mm
from napari_cmr.measure.person import BsaFormula, Person, Sex, body_surface_area_m2
from napari_cmr.measure.rates import Rates, peak_rates
from napari_cmr.measure.reference import ReferenceRow, read_reference_table, reference_range
from napari_cmr.measure.remote import (
    Outline,
    Remote,
    automatic_remote,
    drawn_remote,
    remote_sector,
)
from napari_cmr.measure.scar import Extent, Scar, ScarMethod, scar, scar_by_segment
from napari_cmr.measure.scar_numbers import scar_measurement, transmurality
from napari_cmr.measure.sides import base_to_apex
from napari_cmr.measure.volumes import WALL, volumes_ml
from napari_cmr.measure.wall import WallMotion, segment_thickness_mm, wall_motion
from napari_cmr.measure.write import unit_of, write_csv, write_json

__all__ = [
    "MYOCARDIAL_DENSITY_G_PER_ML",
    "WALL",
    "BsaFormula",
    "Clinical",
    "Extent",
    "Insertions",
    "LongAxis",
    "MapValues",
    "Measurement",
    "Number",
    "Outline",
    "Person",
    "Rates",
    "ReferenceRange",
    "ReferenceRow",
    "Remote",
    "Scar",
    "ScarMethod",
    "SegmentModel",
    "Sex",
    "WallMotion",
    "automatic_remote",
    "base_to_apex",
    "body_surface_area_m2",
    "cine_measurement",
    "clinical_numbers",
    "dice",
    "disc_volume",
    "disc_volume_of_mask",
    "drawn_remote",
    "ecv_by_segment",
    "ecv_measurement",
    "ecv_percent",
    "function",
    "given_insertions",
    "hausdorff95_mm",
    "long_axis",
    "long_axis_measurement",
    "map_measurement",
    "map_values",
    "peak_rates",
    "read_reference_table",
    "reference_range",
    "remote_sector",
    "rv_insertions",
    "scar",
    "scar_by_segment",
    "scar_measurement",
    "segment_map",
    "segment_model",
    "segment_thickness_mm",
    "transmurality",
    "unit_of",
    "volumes_ml",
    "wall_motion",
    "write_csv",
    "write_json",
    "write_numbers_csv",
    "write_numbers_json",
]
