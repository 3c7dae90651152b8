"""Pictures and pages. matplotlib and reportlab are imported when something is drawn."""

from napari_cmr.report.content import ReportContent, compose
from napari_cmr.report.curve import volume_curve
from napari_cmr.report.enhancement import EnhancementContent, compose_enhancement
from napari_cmr.report.html import write_html
from napari_cmr.report.parts import BullsEye
from napari_cmr.report.pdf import write_pdf
from napari_cmr.report.reviewing import ReviewRecord
from napari_cmr.report.sheet import contour_sheet
from napari_cmr.report.style import RESEARCH_USE

__all__ = [
    "RESEARCH_USE",
    "BullsEye",
    "EnhancementContent",
    "ReportContent",
    "ReviewRecord",
    "compose",
    "compose_enhancement",
    "contour_sheet",
    "volume_curve",
    "write_html",
    "write_pdf",
]
