"""A phantom study: pictures, labels and the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cmr.core import FloatArray, Geometry, Segmentation, Sequence, Stack, Study, View
from napari_cmr.phantom.config import PhantomConfig
from napari_cmr.phantom.heart import Truth, truth
from napari_cmr.phantom.imaging import image
from napari_cmr.phantom.planes import long_axis_geometry, sax_geometry


@dataclass(frozen=True)
class PhantomStudy:
    """One phantom.

    ``stacks`` and ``segmentations`` have one entry a view; the short axis is always there.
    """

    config: PhantomConfig
    stacks: dict[View, Stack]
    segmentations: dict[View, Segmentation]
    truth: Truth

    @property
    def sax(self) -> Stack:
        """The short-axis cine."""
        return self.stacks[View.SAX]

    @property
    def segmentation(self) -> Segmentation:
        """Labels of the short-axis cine."""
        return self.segmentations[View.SAX]

    @property
    def study(self) -> Study:
        """All stacks as one study."""
        return Study(self.sax.subject, tuple(self.stacks.values()))


def make(config: PhantomConfig | None = None) -> PhantomStudy:
    """Make a phantom; the same configuration gives the same pixels."""
    config = config or PhantomConfig()
    geometries = {View.SAX: sax_geometry(config)}
    if config.long_axes:
        for view in (View.CH2, View.CH3, View.CH4):
            geometries[view] = long_axis_geometry(config, view)
    stacks, segmentations = {}, {}
    for i, (view, geometry) in enumerate(geometries.items()):
        images = image(config, geometry, config.seed * 16 + i)
        stack = Stack(
            images.pixels,
            geometry,
            stack_id=view.lower(),
            subject=f"phantom-{config.seed}",
            view=view,
            sequence=Sequence.CINE,
            view_basis="the phantom's plan",
            times_ms=_times(config, geometry),
            rr_ms=config.rr_ms,
        )
        stacks[view] = stack
        segmentations[view] = Segmentation.on(stack, images.labels)
    return PhantomStudy(config, stacks, segmentations, truth(config))


def _times(config: PhantomConfig, geometry: Geometry) -> FloatArray:
    """``(t, z)`` ms: each slice is its own breath-hold and may have its own cycle length."""
    cycle = np.arange(config.n_phases) / config.n_phases
    spread = np.linspace(-0.5, 0.5, geometry.n_slices) if geometry.n_slices > 1 else np.zeros(1)
    rr = config.rr_ms + config.rr_spread_ms * spread
    return np.asarray(config.trigger_delay_ms + cycle[:, None] * rr)
