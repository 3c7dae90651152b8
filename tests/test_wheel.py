"""The built wheel, installed in an environment that knows nothing of the source tree."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of a fresh environment with the wheel; dependencies come from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "napari.yaml"):
        shutil.copy(REPOSITORY / name, source)
    for name in ("napari_cmr", "models"):
        shutil.copytree(REPOSITORY / name, source / name, symlinks=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    # a path in a .pth file is searched, but the .pth files there (our editable install) are not
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python: Path, code: str, cwd: Path) -> str:
    done = subprocess.run(
        [python, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_what_runs(installed, tmp_path):
    where = run(installed, "import napari_cmr; print(napari_cmr.__file__)", tmp_path)
    assert str(REPOSITORY) not in where


def test_napari_finds_the_manifest(installed, tmp_path):
    code = (
        "from npe2 import PluginManager; pm = PluginManager(); pm.discover()\n"
        "print(pm.get_manifest('napari-cmr').display_name)"
    )
    assert run(installed, code, tmp_path).strip() == "Cardiac MR"


def test_the_shipped_model_and_the_bundled_study_are_inside(installed, tmp_path):
    code = (
        "from napari_cmr.nets import load_model; from napari_cmr.io import demo_study, scan\n"
        "model = load_model(task='cine_sax_seg'); entries = scan(demo_study()).entries\n"
        "print(len(model.networks), [e.shape for e in entries if e.view == 'SAX'])"
    )
    assert run(installed, code, tmp_path).strip() == "2 [(25, 6, 208, 256)]"


def test_the_terminal_program_answers(installed, tmp_path):
    program = installed.parent / "napari-cmr"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.1.0"
