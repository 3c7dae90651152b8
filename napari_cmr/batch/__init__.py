"""Cohorts: thousands of studies, one row each, in this process or on Dask."""

from napari_cmr.batch.cluster import (
    default_workers,
    limit_threads_here,
    local_client,
    remote_client,
)
from napari_cmr.batch.dasked import rows_from
from napari_cmr.batch.measuring import Job, measure_study
from napari_cmr.batch.row import COLUMNS, Row, State
from napari_cmr.batch.segmenter import Segmenter, ShelfSegmenter
from napari_cmr.batch.studies import Cohort, StudyPlace, cohort_in, cohort_of
from napari_cmr.batch.table import Standing, here, run

__all__ = [
    "COLUMNS",
    "Cohort",
    "Job",
    "Row",
    "Segmenter",
    "ShelfSegmenter",
    "Standing",
    "State",
    "StudyPlace",
    "cohort_in",
    "cohort_of",
    "default_workers",
    "here",
    "limit_threads_here",
    "local_client",
    "measure_study",
    "remote_client",
    "rows_from",
    "run",
]
