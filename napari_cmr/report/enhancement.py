"""What a report of late enhancement says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from napari_cmr.core import Finding, Measures, Segmentation, Stack, Structure
from napari_cmr.core.palette import COLOURS
from napari_cmr.measure import (
    Measurement,
    Number,
    Remote,
    ScarMethod,
    automatic_remote,
    scar,
    transmurality,
)
from napari_cmr.measure.aha import SEGMENTS
from napari_cmr.measure.scar_numbers import KEYS, segment_name
from napari_cmr.report.parts import SCAR_COLOURS, BullsEye, Picture, Region
from napari_cmr.report.reviewing import ReviewRecord, review_lines

_REMOTE_COLOUR = "#ff5fd2"  # seen on grey pictures and on white paper


@dataclass(frozen=True, eq=False)
class EnhancementContent:
    """Everything on the page of a late-enhancement stack.

    Parameters
    ----------
    stack, segmentation, measurement
        Images, labels, and `napari_cmr.measure.scar_measurement` of them.
    shown
        The method whose scar is outlined and plotted.
    pictures
        The images alone, then with contours, scar and remote wall.
    review
        Who corrected and accepted, oldest first.
    made_at
        When the report was made.
    """

    stack: Stack
    segmentation: Segmentation
    measurement: Measurement
    shown: ScarMethod
    pictures: tuple[Picture, ...]
    review: tuple[ReviewRecord, ...] = ()
    made_at: datetime = field(default_factory=datetime.now)

    title = "Cardiac MR: late gadolinium enhancement"
    headings = ("", "scar (g)", "of the wall (%)", "obstruction (g)", "of the wall (%)")
    others_title = "Wall"
    sources = ("No reference ranges: healthy wall does not enhance.",)

    @property
    def curve_of(self) -> Measures | None:
        """There is one phase, so no curve."""
        return None

    @property
    def subtitle(self) -> str:
        """Whose images, and which."""
        view = f"{self.stack.view} late enhancement"
        name = self.stack.subject or self.stack.stack_id
        n_slices = self.stack.shape[1]
        return f"{name}: {view}, {n_slices} slices. Report of {self.made_at:%Y-%m-%d %H:%M}."

    @property
    def person(self) -> str:
        """Nothing of the person enters these numbers."""
        if self.stack.geometry.spacing_known:
            return "Obstruction is part of the scar."
        return "Obstruction is part of the scar. No grams: the spacing is unknown."

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """One line a method; that of the pictures is marked."""
        by_name = {n.name: n for n in self.measurement.numbers}
        lines = []
        for method, key in KEYS.items():
            names = [f"{p}_{key}_{u}" for p in ("scar", "mvo") for u in ("g", "percent")]
            if names[0] in by_name:
                mark = " (shown)" if method is self.shown else ""
                lines.append((f"{method}{mark}", *(by_name[n].text for n in names)))
        return tuple(lines)

    @property
    def others(self) -> tuple[Number, ...]:
        """The wall's own mass."""
        return (self.measurement["lge_wall_g"],)

    @property
    def bulls_eyes(self) -> tuple[BullsEye, ...]:
        """Transmurality and share of scar of the segments, where they are known."""
        across = transmurality(self.measurement, self.shown)
        if not across:
            return ()
        names = {segment_name(s, self.shown, "area"): s for s in SEGMENTS}
        shares = {
            names[n.name]: n.value
            for n in self.measurement.numbers
            if n.name in names and n.value is not None
        }
        return (
            BullsEye("Infarct transmurality", "%", across, 0, 0, 100, SCAR_COLOURS),
            BullsEye("Scar, share of the segment", "%", shares, 0, 0, 100, SCAR_COLOURS),
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """What a reader should know first, one sentence or two each."""
        found: tuple[Finding, ...] = (
            *self.measurement.findings,
            *self.segmentation.findings,
            *self.stack.findings,
        )
        return tuple(dict.fromkeys(map(str, found)))

    def provenance(self, most_records: int | None = None) -> tuple[tuple[str, str], ...]:
        """How the numbers came about: a heading and a sentence each."""
        wall = self.measurement["lge_wall_g"]
        methods = [
            self.measurement[f"scar_{key}_percent"].method.removeprefix(
                "share of the wall's volume; "
            )
            for key in KEYS.values()
            if any(n.name == f"scar_{key}_percent" for n in self.measurement.numbers)
        ]
        thresholds = [m.split("; remote wall")[0].replace("; ", ", ") for m in methods]
        remote = {m.split("remote wall: ")[1] for m in methods if "remote wall: " in m}
        return (
            ("Contours", self.segmentation.model or "given labels, origin not stated"),
            *review_lines(self.review, self.stack.shape[1], most_records),
            *(("Remote wall", text) for text in sorted(remote)),
            ("Convention", f"{wall.papillary}."),
            ("Methods", "; ".join((*thresholds, wall.method.split(";")[0])) + "."),
        )


def compose_enhancement(
    stack: Stack,
    segmentation: Segmentation,
    measurement: Measurement,
    *,
    remote: Remote | None = None,
    review: tuple[ReviewRecord, ...] = (),
) -> EnhancementContent:
    """Put a report of late enhancement together.

    Parameters
    ----------
    stack, segmentation, measurement
        Images, labels, and what was measured on them.
    remote
        The remote wall that the measurement used; None if it was chosen automatically.
    review
        Who corrected and accepted, oldest first.

    The labels' scar is shown where there is one, else that of 5 SD, else that of the first method.
    """
    names = {n.name for n in measurement.numbers}
    methods = [m for m, key in KEYS.items() if f"scar_{key}_percent" in names]
    liked = [m for m in (ScarMethod.LABELS, ScarMethod.SD5) if m in methods]
    shown = (liked or methods)[0]
    found = scar(stack, segmentation, shown, remote)
    regions = [Region(f"scar, {shown}", COLOURS[Structure.INFARCT], found.mask)]
    if any(method is not ScarMethod.LABELS for method in methods):
        healthy = remote or automatic_remote(stack, segmentation)
        wall = healthy.mask & (segmentation.labels[0] > 0)
        regions.append(Region("remote wall", _REMOTE_COLOUR, wall))
    pictures = (
        Picture("Late enhancement", 0, contours=False),
        Picture("The same with contours", 0, contours=True, regions=tuple(regions)),
    )
    return EnhancementContent(stack, segmentation, measurement, shown, pictures, review)
