"""What a reader chose in napari's preferences; declared in ``napari.yaml``, read by the dock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari.settings import get_plugin_settings

from napari_cmr.review import default_folder

PLUGIN = "napari-cmr"


@dataclass(frozen=True)
class Settings:
    """What holds when a dock is opened.

    Parameters
    ----------
    folder
        Of the project.
    reader
        Whose work it is; empty is the user's name on this computer.
    names
        Whether the list of studies says who the person is.
    filled
        Whether contours are filled.
    """

    folder: Path
    reader: str
    names: bool
    filled: bool


def settings() -> Settings:
    """What the preferences say now."""
    said = get_plugin_settings(PLUGIN)
    folder = said.project.folder.strip()
    return Settings(
        Path(folder).expanduser() if folder else default_folder(),
        said.project.reader.strip(),
        said.display.names,
        said.display.filled,
    )
