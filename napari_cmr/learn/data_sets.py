"""What the data sets of a call are named, by the manifests that list them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def data_set_names(manifests: Iterable[Path]) -> dict[Path, str]:
    """Give each manifest of a call a name of its own, as a card has it.

    A manifest is named after its folder; where several share that name, the manifest's own name
    follows, and a number where that is the same too. No name says where the folder lies.
    """
    places = {path: Path(os.path.normpath(path.absolute())) for path in manifests}
    folders = {path: place.parent.name or place.stem for path, place in places.items()}
    shared = Counter(folders.values())
    names: dict[Path, str] = {}
    for path, folder in folders.items():
        name = folder if shared[folder] == 1 else f"{folder} {places[path].stem}"
        same = sum(other == name for other in names.values())
        names[path] = f"{name} {same + 1}" if same else name
    return names
