import json

import pytest
from typer.testing import CliRunner

from napari_cmr.cli.app import app
from napari_cmr.core import InputError
from napari_cmr.learn.versions import VersionStore, export_version
from napari_cmr.review import Project
from napari_cmr.review.learned import version_lines
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

    assert "v0002 is active for cine" in call("versions", "activate", "v0002", "--project", "p")
    assert "v0001 is active for cine" in call("versions", "rollback", "--project", "p")
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


def test_a_version_taken_in_before_any_was_made_is_listed_used_and_removed(call, tmp_path):
    start = write_start(tmp_path / "start")
    store = VersionStore(tmp_path / "there")
    export_version(store, store.begin(start).version, tmp_path / "v.zip")
    for _ in range(2):
        call("versions", "import", "v.zip", "--project", "p")

    listed = call("versions", "list", "--project", "p")
    assert "  v0001" in listed
    assert "*" not in listed
    assert [(line.version, line.active) for line in version_lines(Project(tmp_path / "p"))] == [
        ("v0002", False), ("v0001", False)
    ]  # fmt: skip
    with pytest.raises(InputError, match="No version is in use yet for cine; choose one"):
        call("versions", "rollback", "--project", "p")
    call("versions", "remove", "v0002", "--project", "p")
    call("versions", "activate", "v0001", "--project", "p")
    assert "* v0001" in call("versions", "list", "--project", "p")


def test_a_project_with_versions_for_two_tasks_is_asked_which(call, tmp_path):
    late, task = write_start(tmp_path / "late", task="lge_sax_seg"), "lge_sax_seg"
    seen = (("view", "SAX"), ("sequence", "LGE"))
    cases = write_cases(tmp_path / "cases", "a", columns=seen)
    cine = write_cases(tmp_path / "cine", "b", columns=(("view", "SAX"), ("sequence", "cine")))
    quick = ("--tier", "head", "--steps", 2, "--threads", 1, "--project", "p")
    with pytest.raises(InputError, match=r"1 row\(s\) of late enhancement and 1 row\(s\) of cine"):
        call("retrain", "--manifest", cases, "--manifest", cine, *quick)
    both = ("--manifest", cases, "--manifest", cine, "--task", task)
    made = call("retrain", *both, "--start", late, *quick, "--json", "r.json")
    assert "1 row(s) of cine images left out: this version is for late enhancement" in made
    assert json.loads((tmp_path / "r.json").read_text())["task"] == task
    call("versions", "activate", "v0002", "--project", "p")  # there is one task only
    call("retrain", "--manifest", cine, "--start", write_start(tmp_path / "start"), *quick)

    listed = call("versions", "list", "--project", "p", "--json", "l.json")
    assert "cine (cine_sax_seg)" in listed
    assert "late enhancement (lge_sax_seg)" in listed
    told = json.loads((tmp_path / "l.json").read_text())
    active = {(r["task"], r["version"]) for r in told if r["active"]}
    assert active == {("cine_sax_seg", "v0001"), (task, "v0002")}
    with pytest.raises(InputError, match="say which by --task cine_sax_seg or lge_sax_seg"):
        call("versions", "rollback", "--project", "p")
    rolled = call("versions", "rollback", "--project", "p", "--task", task)
    assert "v0001 is active for late enhancement" in rolled

    call("versions", "export", "v0002", "--project", "p", "--task", task, "--out", "v.zip")
    with pytest.raises(InputError, match="take it in as one for lge_sax_seg"):
        call("versions", "import", "v.zip", "--project", "p", "--task", "cine_sax_seg")
    assert "v0003 for late enhancement" in call("versions", "import", "v.zip", "--project", "p")

    call("versions", "activate", "v0002", "--project", "p", "--task", task)
    call("predict", "--manifest", cases, "--task", task, "--project", "p", "--out", "o")
    assert (tmp_path / "o" / "predictions.csv").is_file()
    with pytest.raises(InputError, match="no versions for disease"):
        call("predict", "--manifest", cases, "--task", "disease", "--project", "p", "--out", "o")
    with pytest.raises(InputError, match="--model or --project, not both"):
        call("predict", "--manifest", cases, "--project", "p", "--model", "x", "--out", "o")
    with pytest.raises(InputError, match="no project in nowhere"):
        call("predict", "--manifest", cases, "--project", "nowhere", "--out", "o")


def test_a_project_without_versions_is_the_inputs_fault_and_stays_untouched(run, tmp_path):
    done = run("versions", "list", "--project", "nothing", code=2)
    assert "There is no project in nothing" in done.stderr
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "empty").mkdir()
    done = run("versions", "list", "--project", "empty", code=2)
    assert "has no versions yet" in done.stderr
    assert not any((tmp_path / "empty").iterdir())


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
