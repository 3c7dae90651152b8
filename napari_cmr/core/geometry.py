"""Where slices lie in the patient: millimetres in DICOM's LPS, one origin a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_cmr.core.errors import GeometryError, SpacingUnknownError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Geometry:
    """Origins and orientations of the slices of a stack.

    Parameters
    ----------
    origins
        ``(z, 3)`` LPS millimetres of the centre of pixel (row 0, column 0) of each slice.
    axes
        ``(z, 2, 3)`` unit vectors in LPS: ``axes[:, 0]`` is the direction in which the row
        index grows (down the picture), ``axes[:, 1]`` that in which the column index grows.
    pixel_spacing
        Step of the row index and of the column index, millimetres.
    thickness_mm
        Slice thickness where known. Only a stack of one slice needs it for volumes.
    spacing_known
        False where the source gave no millimetres: numbers with units must not be computed.
    oriented
        False where only spacing is known and the axes are made up (PNG, ACDC).
    grid
        Rows and columns of the pictures, where known. Only slices that are turned against each
        other need it: how far apart they lie is then told by their middles, not their corners.
    """

    origins: FloatArray
    axes: FloatArray
    pixel_spacing: tuple[float, float]
    thickness_mm: float | None = None
    spacing_known: bool = True
    oriented: bool = True
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        z = len(self.origins)
        if self.origins.shape != (z, 3) or self.axes.shape != (z, 2, 3) or z == 0:
            raise GeometryError("A stack needs an origin and two axes for each slice.")
        if not (np.isfinite(self.origins).all() and np.isfinite(self.axes).all()):
            raise GeometryError("A slice position or orientation is not a finite number.")
        if not (np.isfinite(self.pixel_spacing).all() and min(self.pixel_spacing) > 0):
            raise GeometryError("The pixel spacing is not a positive number.")

    @classmethod
    def regular(
        cls,
        n_slices: int,
        spacing: tuple[float, float, float],
        *,
        thickness_mm: float | None = None,
        spacing_known: bool = True,
        oriented: bool = False,
    ) -> Geometry:
        """Evenly spaced parallel slices; ``spacing`` is (slice, row, column) in mm."""
        step, row, column = spacing
        origins = np.zeros((n_slices, 3))
        origins[:, 2] = np.arange(n_slices) * step
        axes = np.tile(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), (n_slices, 1, 1))
        if thickness_mm is None and n_slices == 1 and spacing_known:
            thickness_mm = step
        return cls(origins, axes, (row, column), thickness_mm, spacing_known, oriented)

    @classmethod
    def from_affine(cls, affine: FloatArray, n_slices: int, *, oriented: bool = True) -> Geometry:
        """Regular slices from a 4x4 LPS affine on (slice, row, column) indices."""
        steps = np.linalg.norm(affine[:3, :3], axis=0)
        if not np.isfinite(affine).all() or np.any(steps == 0):
            raise GeometryError("The image's affine is singular, so its spacing is unknown.")
        units = affine[:3, :3] / steps
        origins = affine[:3, 3] + np.arange(n_slices)[:, None] * affine[:3, 0]
        axes = np.tile(np.stack([units[:, 1], units[:, 2]]), (n_slices, 1, 1))
        return cls(
            origins, axes, (float(steps[1]), float(steps[2])), float(steps[0]), oriented=oriented
        )

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return len(self.origins)

    @property
    def typical_slice(self) -> int:
        """The slice that lies most like the others, in case one is turned; usually the first."""
        normals = np.cross(self.axes[:, 1], self.axes[:, 0])
        return int(np.argmax(np.round(normals @ normals.mean(axis=0), 6)))

    @property
    def normal(self) -> FloatArray:
        """``(3,)`` unit normal of the typical slice: column direction x row direction, LPS."""
        row, column = self.axes[self.typical_slice]
        normal = np.cross(column, row)
        return np.asarray(normal / np.linalg.norm(normal), np.float64)

    @property
    def positions(self) -> FloatArray:
        """``(z,)`` millimetres along the normal, zero at the first slice."""
        points = self.origins
        if self.grid is not None:
            half = (np.array(self.grid) - 1) / 2 * np.array(self.pixel_spacing)
            points = points + np.einsum("k,zkc->zc", half, self.axes)
        return np.asarray((points - points[0]) @ self.normal, np.float64)

    @property
    def slice_step(self) -> float:
        """Median distance between neighbouring slices in mm (thickness for a single slice).

        Raises
        ------
        SpacingUnknownError
            For a single slice of unknown thickness.
        """
        if self.n_slices > 1:
            return float(np.median(np.abs(np.diff(self.positions))))
        if self.thickness_mm is None:
            raise SpacingUnknownError("The slice thickness is unknown.")
        return self.thickness_mm

    @property
    def spacing(self) -> tuple[float, float, float]:
        """(slice, row, column) step in mm; a single slice of unknown thickness counts 1."""
        step = 1.0 if self.n_slices == 1 and self.thickness_mm is None else self.slice_step
        return (step, *self.pixel_spacing)

    @property
    def slabs_mm(self) -> FloatArray:
        """``(z,)`` millimetres each slice stands for.

        Half the gap to each neighbour; an end slice stands for a full slab, that is, its one
        gap counts on both sides. A single slice stands for its thickness.

        Raises
        ------
        SpacingUnknownError
            If the source gave no millimetres.
        """
        if not self.spacing_known:
            raise SpacingUnknownError("The spacing is unknown, so volumes cannot be computed.")
        if self.n_slices == 1:
            return np.array([self.slice_step])
        order = np.argsort(self.positions)
        gaps = np.diff(self.positions[order])
        before = np.concatenate([gaps[:1], gaps])
        after = np.concatenate([gaps, gaps[-1:]])
        slabs = np.empty(self.n_slices)
        slabs[order] = (before + after) / 2
        return slabs

    @property
    def affine(self) -> FloatArray:
        """4x4 LPS affine from (slice, row, column); even steps are assumed over the slices."""
        row, column = self.axes[self.typical_slice]
        step = (
            (self.origins[-1] - self.origins[0]) / (self.n_slices - 1)
            if self.n_slices > 1
            else self.normal * self.spacing[0]
        )
        affine = np.eye(4)
        affine[:3, 0] = step
        affine[:3, 1] = row * self.pixel_spacing[0]
        affine[:3, 2] = column * self.pixel_spacing[1]
        affine[:3, 3] = self.origins[0]
        return affine

    def take(self, slices: Sequence[int]) -> Geometry:
        """The geometry of some of the slices."""
        index = list(slices)
        return replace(self, origins=self.origins[index], axes=self.axes[index])

    def with_spacing(self, spacing: tuple[float, float, float]) -> Geometry:
        """The same number of slices with a (slice, row, column) spacing that a user gave."""
        return Geometry.regular(self.n_slices, spacing, thickness_mm=spacing[0])
