"""ACDC's layout: ``Info.cfg`` beside frames ``NAME_frameNN`` and, in the original, ``NAME_4d``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from napari_cmr.core import Finding, InputError, Sequence, View
from napari_cmr.io.catalogue import Entry
from napari_cmr.io.nifti import SPACING_UNKNOWN, nifti_stem, read_nifti_head
from napari_cmr.io.nifti_pixels import NiftiFiles

_FRAME = re.compile(r"(?P<name>.+)_frame(?P<number>\d+)$")


@dataclass(frozen=True)
class AcdcInfo:
    """What ``Info.cfg`` says; frames count from 1."""

    ed: int
    es: int
    n_frames: int | None
    height_cm: float | None
    weight_kg: float | None
    group: str


def read_info(path: Path) -> AcdcInfo | None:
    """Read ``Info.cfg``; None if it is not ACDC's."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    values = dict(re.findall(r"^\s*(\w+)\s*:\s*(\S+)\s*$", text, re.MULTILINE))
    try:
        return AcdcInfo(
            ed=int(values["ED"]),
            es=int(values["ES"]),
            n_frames=int(values["NbFrame"]) if "NbFrame" in values else None,
            height_cm=float(values["Height"]) if "Height" in values else None,
            weight_kg=float(values["Weight"]) if "Weight" in values else None,
            group=values.get("Group", ""),
        )
    except (KeyError, ValueError):
        return None


def acdc_entry(info: AcdcInfo, images: list[Path]) -> tuple[Entry | None, list[Path], int]:
    """The cine of a patient's folder.

    Parameters
    ----------
    images
        NIfTI files of the folder that are no labels.

    Returns
    -------
    entry, rest, n_frames_left
        None if the folder has neither; the files that are not ACDC's; how many single frames
        were left out because the whole cine is here.
    """
    frames = {int(m["number"]): p for p in images if (m := _FRAME.match(nifti_stem(p)))}
    whole = [p for p in images if nifti_stem(p).endswith("_4d")]
    rest = [p for p in images if p not in frames.values() and p not in whole]
    if whole:
        return _entry(info, whole[:1], (), whole[0]), rest + whole[1:], len(frames)
    chosen = [frames[n] for n in (info.ed, info.es) if n in frames]
    if not chosen:
        return None, images, 0
    # Phases are in the order of the cycle, whatever ED and ES are called.
    chosen = [p for _, p in sorted(frames.items()) if p in chosen]
    left = [p for p in frames.values() if p not in chosen]
    n_all = f" of {info.n_frames}" if info.n_frames else ""
    only = Finding(
        "phases-missing",
        f"Only {len(chosen)} phase(s){n_all} are here: {_names(info, frames)}.",
        "What is here is used.",
    )
    return _entry(info, chosen, (only,), chosen[0]), rest + left, 0


def _names(info: AcdcInfo, frames: dict[int, Path]) -> str:
    names = {info.ed: "ED", info.es: "ES"}
    return " and ".join(f"{names[n]} (frame {n})" for n in sorted(names) if n in frames)


def _entry(info: AcdcInfo, files: list[Path], findings: tuple[Finding, ...], first: Path) -> Entry:
    heads = [read_nifti_head(p) for p in files]
    head = heads[0]
    if any(h.picture_shape != head.picture_shape for h in heads):
        raise InputError(f"The frames of {first.parent.name} differ in size.")
    t, z, y, x = head.picture_shape
    known = head.geometry.spacing_known
    match = _FRAME.match(nifti_stem(first))
    return Entry(
        stack_id="",
        view=View.SAX,
        view_basis="ACDC's layout",
        sequence=Sequence.CINE,
        shape=(t * len(files), z, y, x),
        geometry=head.geometry,
        subject=match["name"] if match else nifti_stem(first).removesuffix("_4d"),
        n_files=len(files),
        source=NiftiFiles(tuple((f,) for f in files), (t * len(files), z, y, x), head.layout),
        findings=findings if known else (*findings, SPACING_UNKNOWN),
        height_cm=info.height_cm,
        weight_kg=info.weight_kg,
        layout=head.layout,
    )
