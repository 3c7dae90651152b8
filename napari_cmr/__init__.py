"""Cardiac MR in napari: segment, measure, correct, retrain."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-cmr")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
