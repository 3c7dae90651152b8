"""The keys of the window: one table, bound in napari, shown in the help panel, rebindable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from app_model.types import KeyBinding

from napari_cmr.core import InputError, replacing
from napari_cmr.review import default_folder

# Tools of napari's own on the contours, listed so that nobody takes their keys by mistake.
NAPARIS_OWN = {
    "[": "smaller brush",
    "]": "larger brush",
    "=": "next structure",
    "-": "structure before",
    "V": "show or hide the selected layer",
    "Z": "move the picture",
    "Space": "move the picture while held",
    "Ctrl+R": "fit the picture",
}


@dataclass(frozen=True)
class Shortcut:
    """One action that a key does.

    Parameters
    ----------
    name
        Its name in the file of keys, for example ``play-phases``.
    title
        What the help panel says.
    key
        As napari writes it, for example ``Shift+A``; empty for none.
    default
        The key unless a reader gave another.
    act
        What is done.
    """

    name: str
    title: str
    key: str
    default: str
    act: Callable[[], object]


class Keys:
    """Binds actions to keys in a viewer.

    Parameters
    ----------
    viewer
        The napari viewer.
    file
        Where the keys that a reader changed are kept, as JSON.
    """

    def __init__(self, viewer: Any, file: Path | None = None) -> None:
        self._viewer = viewer
        self._file = file or default_file()
        self._given = _read(self._file)
        self._shortcuts: dict[str, Shortcut] = {}
        self._layers: list[Any] = []

    @property
    def table(self) -> tuple[Shortcut, ...]:
        """All actions, in the order in which they came."""
        return tuple(self._shortcuts.values())

    def add(self, name: str, title: str, default: str, act: Callable[[], object]) -> None:
        """Bind an action to its key, or to the one that the reader gave it.

        Raises
        ------
        ValueError
            If the name or the key has an action already, or there is no such key.
        """
        if name in self._shortcuts:
            raise ValueError(f"there is an action {name} already")
        key = self._given.get(name, default)
        if self._taken(key, name):
            if not self._given:
                raise ValueError(f"the key {key} has an action already")
            key = ""  # the reader gave it to something else
        shortcut = Shortcut(name, title, key, default, act)
        self._shortcuts[name] = shortcut
        self._bind(shortcut)

    def also_on(self, layer: Any) -> None:
        """Bind all on a layer too: napari asks it first, and its own undo must not act.

        What is added or changed later is bound there too.
        """
        if layer not in self._layers:
            self._layers.append(layer)
        for shortcut in self.table:
            _bind(layer, shortcut)

    def forget(self, layer: Any) -> None:
        """The layer is gone."""
        self._layers = [known for known in self._layers if known is not layer]

    def rebind(self, name: str, key: str) -> None:
        """Give an action another key, or none, and remember it.

        Raises
        ------
        InputError
            If there is no such key or it does something else.
        """
        old = self._shortcuts[name]
        if key and not _known(key):
            raise InputError(f"'{key}' is no key; press one, with Ctrl, Shift or Alt if you like.")
        taken = self._taken(key, name)
        if taken:
            raise InputError(f"{key} is taken: {taken}. Choose another key.")
        for provider in self._providers():
            _unbind(provider, old.key)
        self._shortcuts[name] = replace(old, key=key)
        self._bind(self._shortcuts[name])
        self._given = {s.name: s.key for s in self.table if s.key != s.default}
        self._keep()

    def close(self) -> None:
        """Let go of the viewer."""
        for shortcut in self.table:
            for provider in self._providers():
                _unbind(provider, shortcut.key)
        self._shortcuts.clear()

    def _taken(self, key: str, name: str) -> str:
        """What a key does already; empty if nothing."""
        if not key:
            return ""
        wanted = _binding(key)
        ours = (s for s in self.table if s.name != name and s.key)
        known = {s.key: s.title for s in ours} | NAPARIS_OWN
        return next((t for k, t in known.items() if _binding(k) == wanted), "")

    def _providers(self) -> list[Any]:
        return [self._viewer, *self._layers]

    def _bind(self, shortcut: Shortcut) -> None:
        for provider in self._providers():
            _bind(provider, shortcut)

    def _keep(self) -> None:
        with replacing(self._file) as part:
            part.write_text(json.dumps(self._given, indent=1), encoding="utf-8")


def default_file() -> Path:
    """Where a reader's keys are kept: beside the project of who chose no folder."""
    return default_folder() / "keys.json"


def _read(file: Path) -> dict[str, str]:
    """What a reader changed; a file that is none is as good as none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(n): str(k) for n, k in found.items() if not k or _known(str(k))}


def _known(key: str) -> bool:
    """Whether there is such a key."""
    return bool(_binding(key).to_int() & 0xFF)


@cache
def _binding(key: str) -> KeyBinding:
    """A key as napari compares it; reading one takes longer than all the comparing."""
    return KeyBinding.from_str(key)


def _bind(provider: Any, shortcut: Shortcut) -> None:
    if shortcut.key:
        provider.bind_key(shortcut.key, lambda _provider: shortcut.act(), overwrite=True)


def _unbind(provider: Any, key: str) -> None:
    if key:
        provider.bind_key(key, None)
