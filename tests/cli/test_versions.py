import json

import pytest
from typer.testing import CliRunner

from napari_cmr.cli.app import app
from napari_cmr.core import InputError
from tests.learn.corrected import write_cases, write_start


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run a verb in this process, in a folder of its own; an error of the input is raised."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(app, [str(a) for a in arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return run


def test_the_round_of_retraining_comparing_going_back_and_handing_on(call, tmp_path):
    start = write_start(tmp_path / "start")
    manifest = write_cases(tmp_path / "cases", "abcde")
    made = call(
        "retrain", "--project", "p", "--manifest", manifest, "--start", start, "--tier", "head",
        "--steps", 20, "--threads", 1, "--json", "r.json",
    )  # fmt: skip
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["version"] == "v0002"
    assert told["judgement"]["how"] == "holdout"
    assert told["advice"] in made
    verdict = told["judgement"]["not_worse"]
    assert told["active"] is verdict

    assert "the start" in call("versions", "list", "--project", "p", "--json", "l.json")
    records = json.loads((tmp_path / "l.json").read_text())
    assert [r["version"] for r in records] == ["v0001", "v0002"]
    assert [r["active"] for r in records] == [not verdict, verdict]

    shown = call("versions", "compare", "v0002", "--project", "p", "--json", "c.json")
    assert f"{told['judgement']['after']:.3f}" in shown
    assert json.loads((tmp_path / "c.json").read_text())["from"] == "v0001"
    again = call("versions", "compare", "v0002", "--project", "p", "--manifest", manifest)
    assert again == shown

    assert "v0002 is active" in call("versions", "activate", "v0002", "--project", "p")
    assert "v0001 is active" in call("versions", "rollback", "--project", "p")
    with pytest.raises(InputError, match="came from no version"):
        call("versions", "rollback", "--project", "p")

    call("versions", "export", "v0002", "--project", "p", "--out", "v.zip")
    assert "v0003" in call("versions", "import", "v.zip", "--project", "p")
    call("versions", "remove", "v0003", "--project", "p")
    freed = call("versions", "clear-cache", "--project", "p")
    assert float(freed.split()[0]) > 0
    assert call("versions", "clear-cache", "--project", "p").startswith("0.0 MB")
    with pytest.raises(InputError, match="no version 'v0009'; it has v0001, v0002"):
        call("versions", "compare", "v0009", "--project", "p")


def test_a_project_without_versions_is_the_inputs_fault_and_stays_untouched(run, tmp_path):
    done = run("versions", "list", "--project", "nothing", code=2)
    assert "has no versions yet" in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_wrong_words_are_refused_before_anything_is_made(call, tmp_path):
    manifest = write_cases(tmp_path / "cases", "a")
    with pytest.raises(InputError, match="no versions for 'view_cls'"):
        call("retrain", "--project", "p", "--manifest", manifest, "--task", "view_cls")
    with pytest.raises(InputError, match="no tier 'lord'"):
        call("retrain", "--project", "p", "--manifest", manifest, "--tier", "lord")
    with pytest.raises(InputError, match="no manifest"):
        call("retrain", "--project", "p", "--manifest", "absent.csv")
    with pytest.raises(InputError, match=r"no file absent\.zip"):
        call("versions", "import", "absent.zip", "--project", "q")
    assert not (tmp_path / "p").exists()
