"""Pictures and pages. matplotlib is imported when something is drawn, not before."""

from napari_cmr.report.curve import volume_curve
from napari_cmr.report.sheet import contour_sheet
from napari_cmr.report.style import RESEARCH_USE

__all__ = ["RESEARCH_USE", "contour_sheet", "volume_curve"]
