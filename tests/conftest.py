"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Small tensors gain nothing from threads that wait for each other; read before torch starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent
LONG = ("test_wheel.py", "test_readme.py", "real", "learn", "gui", "cli")
"""What takes minutes comes first, so that no worker is left alone with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        part = item.path.relative_to(REPOSITORY / "tests").parts[0]
        return LONG.index(part) if part in LONG else len(LONG)

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real studies beside the repository; where there are none the test says so and is skipped."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real studies of ../shared/data are not here")
    return folder


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory, monkeypatch):
    """Where a window keeps work by default: a new folder for each test, never the user's own."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    return folder
