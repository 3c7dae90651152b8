"""Corrected cases in small: a cavity in a ring of wall with a second cavity beside it."""

import nibabel
import numpy as np
import torch

from napari_cmr.nets import InputGrid, Network, save_model
from napari_cmr.nets.shelf import build
from tests.nets.conftest import STRUCTURES, make_card

CMR = (1, 2, 3)
ACDC = (3, 2, 1)


def heart(seed, values=CMR, noise=2.0):
    """``(64, 64)`` picture and labels; LV, MYO and RV are bright, dark and fairly bright."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    y, x = rng.uniform(28, 36, 2)
    distance = np.hypot(rows - y, columns - x)
    labels = np.zeros((64, 64), np.uint8)
    labels[np.hypot(rows - y, columns - x + 15) < 7] = values[2]
    labels[distance < 11] = values[1]
    labels[distance < 7] = values[0]
    shown = np.zeros((64, 64)) + 60
    for value, brightness in zip(values, (200, 20, 150), strict=True):
        shown[labels == value] = brightness
    return shown + rng.normal(0, noise, shown.shape), labels


def write_cases(folder, subjects, *, values=CMR, label_map="cmr", change=None, columns=()):
    """One row a subject: two slices of 2 mm pixels; ``change`` turns a subject's labels.

    ``columns`` are (name, value) pairs that every row has besides.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = ["subject", "image", "label", "frame", "label_map", *(name for name, _ in columns)]
    lines = [",".join(names)]
    for subject in subjects:
        shown, labels = heart(sum(map(ord, subject)), values)
        labels = labels if change is None else change(subject, labels)
        for kind, picture in (("image", shown.astype(np.float32)), ("label", labels)):
            volume = np.repeat(picture.T[:, :, None], 2, 2)
            image = nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 10.0, 1.0]))
            nibabel.save(image, folder / f"{subject}_{kind}.nii.gz")
        row = [subject, f"{subject}_image.nii.gz", f"{subject}_label.nii.gz", "ED", label_map]
        lines.append(",".join([*row, *(value for _, value in columns)]))
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def write_start(folder, **changes):
    """A small model that was never trained."""
    torch.manual_seed(0)
    networks = {
        role: Network(
            encoder="unet",
            channels=(4, 8),
            structures=STRUCTURES,
            grid=InputGrid(spacing_mm=128 / size, size=size),
        )
        for role, size in (("localiser", 32), ("segmenter", 64))
    }
    card = make_card(**{"networks": networks, **changes})
    save_model(folder, card, {role: build(spec) for role, spec in card.networks.items()})
    return folder


def with_strokes_only(manifest, share=0.1):
    """The same cases in map ``acdc`` with a tenth of the labels' pixels, 4 being nothing said."""
    rng = np.random.default_rng(0)
    lines = manifest.read_text().splitlines()
    names = lines[0].split(",")
    made = [",".join([*names, "scribble"])]
    for line in lines[1:]:
        row = dict(zip(names, line.split(","), strict=True))
        image = nibabel.load(manifest.parent / row["label"])
        labels = np.asarray(image.dataobj).astype(np.uint8)
        labels[rng.random(labels.shape) > share] = 4
        strokes = f"{row['subject']}_strokes.nii.gz"
        nibabel.save(nibabel.Nifti1Image(labels, image.affine), manifest.parent / strokes)
        made.append(",".join([*({**row, "label": ""}).values(), strokes]))
    scribbled = manifest.with_name("strokes.csv")
    scribbled.write_text("\n".join(made) + "\n")
    return scribbled
