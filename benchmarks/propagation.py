"""How well contours of one phase follow the pictures along the cycle.

`python benchmarks/propagation.py phantom|acdc|cine [--data ../shared/data]`

phantom: ED's true labels are carried to every phase of three random hearts, every third slice, and
compared with the truth, beside the same labels left where they are; and ED's and ES's, beside the
interpolation that sees no picture. acdc: from ED to ES in one step, for want of the phases between,
on the validation subjects. cine: on real cines nobody drew every phase, so the labels of the
shipped model at ED go once round the cycle and should come back to themselves; and they are
compared with the model's own.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from napari_cmr import io, phantom
from napari_cmr.core import Structure
from napari_cmr.measure import dice
from napari_cmr.review import History, Reading, between_phases
from napari_cmr.review.editing import stroke
from napari_cmr.review.propagation import _around, _joined, _scaled, carry, flow, propagated

STRUCTURES = (Structure.LV, Structure.MYO, Structure.RV)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("phantom", "acdc", "cine"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    {"phantom": _phantom, "acdc": _acdc, "cine": _cine}[given.what](given.data)


def _phantom(_data: Path) -> None:
    scores: dict[str, list[list[float]]] = {}
    started = time.process_time()
    n_slices = 0
    for seed in range(3):
        config = phantom.PhantomConfig.random(seed, n_phases=12, rows=128, columns=128)
        study = phantom.make(config)
        truth = study.segmentation.labels
        volumes = (truth == 1).sum(axis=(1, 2, 3))
        ed, es = int(volumes.argmax()), int(volumes.argmin())
        slices = [z for z in range(truth.shape[1]) if (truth[:, z] == 1).any(axis=(1, 2)).all()][
            ::3
        ]
        n_slices += len(slices)
        one, two = (_reading(study.sax, truth, keys) for keys in ([ed], [ed, es]))
        found = {
            "left as at ED": dict.fromkeys(np.ndindex(truth.shape[:2])),
            "carried from ED": propagated(one, slices).frames,
            "carried from ED and ES": propagated(two, slices).frames,
            "interpolated ED and ES": {},
        }
        for z in slices:
            found["interpolated ED and ES"] |= between_phases(two, z).frames
        for name, frames in found.items():
            at = [(t, z) for t, z in frames if z in slices and t not in (ed, es)]
            drawn = {f: truth[ed, f[1]] if frames[f] is None else frames[f] for f in at}
            scores.setdefault(f"{name}, all phases", []).append(_dice(drawn, truth))
            if "and ES" not in name:
                of_es = {
                    (es, z): truth[ed, z] if frames[es, z] is None else frames[es, z]
                    for z in slices
                }
                scores.setdefault(f"{name}, at ES", []).append(_dice(of_es, truth))
    for name, values in scores.items():
        _say(name, values)
    print(f"{(time.process_time() - started) / n_slices / 2:.1f} s a slice of 12 phases")


def _acdc(data: Path) -> None:
    folder = data / "acdc"
    scores: dict[str, list[list[float]]] = {"left as at ED": [], "carried from ED": []}
    with (folder / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "validation"]
    subjects = {row["subject"]: {} for row in rows}
    for row in rows:
        subjects[row["subject"]][row["frame"]] = row
    for frames in subjects.values():
        pictures, truth, spacing = [], [], (1.0, 1.0)
        for name in ("ED", "ES"):
            row = frames[name]
            stack = io.read_nifti(folder / row["image"])
            spacing = stack.geometry.pixel_spacing
            pictures.append(stack.pixels[0])
            truth.append(io.read_labels(folder / row["label"], map_name="acdc").labels[0])
        moved = np.zeros_like(truth[0])
        for z in range(len(moved)):
            if truth[0][z].any():
                moved[z] = _in_one_step(pictures[0][z], pictures[1][z], truth[0][z], spacing)
        for name, labels in (("left as at ED", truth[0]), ("carried from ED", moved)):
            scores[name].append([dice(labels == s, truth[1] == s) for s in STRUCTURES])
    for name, values in scores.items():
        _say(f"{name}, ES of {len(values)} subjects", values)


def _in_one_step(ed, es, labels, spacing):
    box = _around(labels > 0, spacing)
    first, last = _scaled(np.stack([ed[box], es[box]]))
    here = np.mgrid[tuple(slice(n) for n in first.shape)].astype(float)
    came_from = here + flow(last, first)
    found = np.zeros_like(labels)
    found[box] = carry(labels[box], labels[box], came_from, came_from, 0.0, spacing)
    return found


def _cine(data: Path) -> None:
    from napari_cmr import nets

    for name in ("siemens", "swine/sax"):
        stack = io.load(io.sax_cine(io.scan(data / name), None))
        found = nets.predict(stack, nets.load_model(None, task="cine_sax_seg")).labels
        volumes = (found == 1).sum(axis=(1, 2, 3))
        ed = int(volumes.argmax())
        whole = [z for z in range(found.shape[1]) if (found[:, z] == 1).any(axis=(1, 2)).all()]
        reading = _reading(stack, found, [ed])
        started = time.process_time()
        frames = propagated(reading, whole).frames
        taken = (time.process_time() - started) / len(whole)
        spacing = stack.geometry.pixel_spacing
        round_trip = {(ed, z): _round(stack.pixels[:, z], found[ed, z], ed, spacing) for z in whole}
        print(f"{name}: {len(whole)} slices, {len(found)} phases, {taken:.1f} s a slice")
        _say("once round the cycle", [_dice(round_trip, found)])
        _say("carried from ED beside the model's own", [_dice(frames, found)])
        still = {frame: found[ed, frame[1]] for frame in frames}
        _say("left as at ED beside the model's own", [_dice(still, found)])


def _round(pictures, labels, key, spacing):
    box = _around(labels > 0, spacing)
    pictures = _scaled(pictures[:, *box])
    came_from = np.mgrid[tuple(slice(n) for n in pictures.shape[1:])].astype(float)
    for t in range(key + 1, key + len(pictures) + 1):
        now, before = pictures[t % len(pictures)], pictures[(t - 1) % len(pictures)]
        came_from = _joined(came_from, flow(now, before))
    found = np.zeros_like(labels)
    found[box] = carry(labels[box], labels[box], came_from, came_from, 0.0, spacing)
    return found


def _reading(stack, labels, keys):
    """A reading in which the given phases were drawn by hand."""
    reading = Reading(stack, "", History(stack.shape))
    _, z, y, x = stack.shape
    for key in keys:
        box = ((key, key + 1), (0, z), (0, y), (0, x))
        reading.history.take(stroke(reading, "", box, labels[key : key + 1]))
    return reading


def _dice(frames, truth) -> list[float]:
    """Of each structure, over all frames taken together."""
    drawn = np.stack([frames[f] for f in sorted(frames)])
    right = np.stack([truth[f] for f in sorted(frames)])
    return [dice(drawn == s, right == s) for s in STRUCTURES]


def _say(name: str, values: list[list[float]]) -> None:
    means = np.mean(values, axis=0)
    told = ", ".join(f"{s.title} {v:.3f}" for s, v in zip(STRUCTURES, means, strict=True))
    print(f"  {name}: {told}, mean {means.mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
