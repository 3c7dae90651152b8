"""What was asked of measure and report: the options they share, and what each says something of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from napari_cmr.core import InputError

_MAPS = ("t1", "t2", "ecv")
# An option that would be ignored is refused by name, so that no number rests on less than was said.
_ONLY_FOR = {
    "--model": ("cine",),
    "--resample-time": ("cine",),
    "--ed": ("cine", "4ch"),
    "--es": ("cine", "4ch"),
    "--heart-rate": ("cine",),
    "--height-cm": ("cine",),
    "--weight-kg": ("cine",),
    "--sex": ("cine",),
    "--age": ("cine",),
    "--bsa": ("cine",),
    "--reference": ("cine",),
    "--method": ("lge",),
    "--remote": ("lge",),
    "--remote-sector": ("lge",),
    "--remote-slices": ("lge",),
    "--septum": ("lge", *_MAPS),
    "--margin-pixels": _MAPS,
    "--after": ("ecv",),
    "--after-labels": ("ecv",),
    "--haematocrit": ("ecv",),
}


@dataclass(frozen=True)
class Request:
    """The options of the two verbs, by their names."""

    labels: Path | None = None
    images: Path | None = None
    model: str | None = None
    project: Path | None = None
    reader: str | None = None
    stack: str | None = None
    label_map: str = "cmr"
    made_by: str = ""
    spacing: str = ""
    resample_time: bool = False
    ed: int | None = None
    es: int | None = None
    heart_rate: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    sex: str = ""
    age: float | None = None
    bsa: str = ""
    reference: Path | None = None
    method: tuple[str, ...] = ()
    remote: Path | None = None
    remote_sector: str = ""
    remote_slices: str = ""
    septum: str = ""
    margin_pixels: int | None = None
    after: Path | None = None
    after_labels: Path | None = None
    haematocrit: float | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any], **more: Any) -> Request:
        """From the arguments of a verb, by their names; those that are no option stay out.

        Parameters
        ----------
        more
            Options that the verb calls otherwise.
        """
        names = {field.name for field in fields(cls)}
        said = {name: value for name, value in options.items() if name in names} | more
        return cls(**said | {"method": tuple(said["method"] or ())})

    @property
    def given(self) -> Path:
        """The labels; InputError where there are none."""
        if self.labels is None:
            raise InputError(
                "A report of late enhancement needs --labels or --project: contours that "
                "somebody looked at."
            )
        return self.labels

    @property
    def margin(self) -> int:
        """Pixels of a map to keep clear of borders."""
        return 1 if self.margin_pixels is None else self.margin_pixels

    def check(self, what: str, kind: str, kinds: Collection[str]) -> None:
        """Refuse an option that would be ignored, and labels from two sources.

        Parameters
        ----------
        what
            A measurement or a report.
        kind, kinds
            Which one, and all that there are.
        """
        for option, wanted in _ONLY_FOR.items():
            value = getattr(self, option.removeprefix("--").replace("-", "_"))
            if value in (None, False, "", ()) or kind in wanted:
                continue
            others = " or ".join(k for k in wanted if k in kinds)
            raise InputError(
                f"{option} says nothing of a {what} of kind {kind}; leave it out, or choose "
                f"--kind {others}."
            )
        if sum(source is not None for source in (self.labels, self.model, self.project)) > 1:
            raise InputError("Give one of --labels, --model and --project, not two.")
        if self.reader is not None and self.project is None:
            raise InputError("--reader says whose labels of a --project; give it too.")
