"""A data set of bright discs, the simplest cavity there is."""

import nibabel
import numpy as np

PEOPLE = (("a", "train"), ("b", "train"), ("c", "validation"))


def write_discs(folder):
    """Two people to train on and one to measure on.

    64 pixels of 2 mm a side, two slices, discs of 18 mm radius.
    """
    rows, columns = np.mgrid[:64, :64]
    disc = np.hypot(rows - 32, columns - 32) < 9
    folder.mkdir(parents=True)
    lines = ["subject,image,label,frame,split,spacing_mm"]
    for subject, split in PEOPLE:
        for name, values in (("image", disc * 100.0 + rows), ("label", disc)):
            volume = np.repeat(values[:, :, None], 2, 2)
            image = nibabel.Nifti1Image(volume.astype(np.float32), np.diag([2.0, 2.0, 10.0, 1.0]))
            nibabel.save(image, folder / f"{subject}_{name}.nii.gz")
        lines.append(f'{subject},{subject}_image.nii.gz,{subject}_label.nii.gz,ED,{split},"10,2,2"')
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest
