"""Hearts of simple shapes, as labels, whose thickness and borders are known in closed form."""

import numpy as np

from napari_cmr.core import Geometry, Segmentation, Structure

STEP_MM, PIXEL_MM = 8.0, 1.2
SIZE = 96
CENTRE = np.array([50.0, 44.0])  # row, column


def grid(pixel=(PIXEL_MM, PIXEL_MM)):
    """Row and column millimetres from the LV's middle, (y, x) each."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(float)
    return (rows - CENTRE[0]) * pixel[0], (columns - CENTRE[1]) * pixel[1]


def oriented(n_slices, *, mirrored=False, apex_first=False):
    """Slices of a patient: base to apex runs left, forwards and down; feet below in the picture.

    Mirrored pictures have their columns turned round, as seen from the base.
    """
    to_apex = np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
    down = np.array([0.0, 1.0, -1.0]) / np.sqrt(2)
    right = np.cross(down, -to_apex)  # columns x rows points to the base: seen from the apex
    step = -to_apex if apex_first else to_apex
    origins = np.arange(n_slices)[:, None] * STEP_MM * step
    axes = np.tile([down, -right if mirrored else right], (n_slices, 1, 1))
    return Geometry(origins, axes, (PIXEL_MM, PIXEL_MM), STEP_MM)


def ellipsoid_shell(endo, wall_mm, along, *, septum=(110.0, 120.0), pixel=(PIXEL_MM, PIXEL_MM)):
    """Labels of slices through half an ellipsoid, (z, y, x).

    ``endo`` is (radius, length) mm of the cavity and ``wall_mm`` is added to both for the
    epicardium; ``along`` are the slices' distances from the equator towards the apex. The RV is
    a crescent over ``septum`` (anterior insertion, extent), degrees counter-clockwise.
    """
    dy, dx = grid(pixel)
    rho, angle = np.hypot(dy, dx), np.rad2deg(np.arctan2(-dy, dx)) % 360
    labels = np.zeros((len(along), SIZE, SIZE), np.uint8)
    for z, w in enumerate(along):
        inner, outer = radii(endo, wall_mm, w)
        start, extent = septum
        rv = ((angle - start) % 360 < extent) & (rho < outer + 14) & (outer > 12)
        labels[z][rv] = Structure.RV
        labels[z][rho < outer] = Structure.MYO
        labels[z][rho < inner] = Structure.LV
    return labels


def radii(endo, wall_mm, w):
    """Radius of cavity and epicardium at a distance from the equator; 0 beyond the apex."""
    a, c = endo
    outer_a, outer_c = a + wall_mm, c + wall_mm
    inner = a * np.sqrt(max(0.0, 1 - (w / c) ** 2))
    return inner, outer_a * np.sqrt(max(0.0, 1 - (w / outer_c) ** 2))


def heart(*phases, geometry=None, **more):
    """A segmentation of (z, y, x) phases."""
    labels = np.stack(phases)
    return Segmentation(labels, geometry or oriented(labels.shape[1]), **more)
