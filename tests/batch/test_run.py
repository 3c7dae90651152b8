"""One table over a cohort, in this process."""

import shutil
import zipfile
from itertools import islice

import nibabel as nib
import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.batch import COLUMNS, Row, State, cohort_in, cohort_of, here, run
from napari_cmr.core import InputError
from napari_cmr.io import write_dicom
from napari_cmr.phantom.write import write_dicom_study
from tests.batch.fakes import Faulty, Filled, Noted, times
from tests.io.stacks import cine


def test_each_study_has_one_row_with_its_numbers_and_labels(studies, table, tmp_path):
    folder = studies("a", "b")
    run(cohort_in(folder, tmp_path / "out"), tmp_path / "out", Filled())
    rows = table(tmp_path / "out")
    assert [row["id"] for row in rows] == ["a", "b"]
    assert list(rows[0]) == list(COLUMNS)
    for row in rows:
        # 64 pixels of 1 mL on two slices, half of them at end systole
        told = {k: float(row[k]) for k in ("edv_ml", "esv_ml", "sv_ml", "ef_percent")}
        assert told == {"edv_ml": 128, "esv_ml": 64, "sv_ml": 64, "ef_percent": 50}
        assert (row["state"], row["reason"], row["model"]) == ("ok", "", "filled 1")
        assert (row["ed_phase"], row["es_phase"]) == ("0", "1")
        assert (row["n_phases"], row["n_slices"], row["rv_edv_ml"]) == ("2", "2", "")
        assert row["findings"] == "phase-times-unknown"
        labels = np.asarray(nib.load(tmp_path / "out" / row["labels"]).dataobj)
        assert (labels[..., 0] == 1).all()
        assert (labels[..., 1] == 1).sum() == 64


def test_labels_are_left_out_where_nobody_wants_them(studies, table, tmp_path):
    run(cohort_in(studies("a"), tmp_path / "out"), tmp_path / "out", Filled(), labels=False)
    assert not (tmp_path / "out" / "labels").exists()
    assert table(tmp_path / "out")[0]["labels"] == ""


def test_a_bad_study_costs_one_row_with_its_reason(studies, table, tmp_path):
    folder = studies("good", "good_gt", "cut")
    (folder / "cut.nii").write_bytes((folder / "cut.nii").read_bytes()[:500])
    (folder / "empty").mkdir()
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "long").mkdir()
    shutil.copy(folder / "good.nii", folder / "long" / "cine_4ch.nii")
    run(cohort_in(folder, tmp_path / "out"), tmp_path / "out", Filled())
    rows = {row["path"]: row for row in table(tmp_path / "out")}
    assert {path: row["state"] for path, row in rows.items()} == {
        "broken.zip": "failed",
        "cut.nii": "failed",
        "empty": "failed",
        "good.nii": "ok",
        "good_gt.nii": "skipped",
        "long": "skipped",
    }
    assert "damaged" in rows["broken.zip"]["reason"]
    assert "empty" in rows["empty"]["reason"]
    assert "labels" in rows["good_gt.nii"]["reason"]
    assert "no short-axis cine" in rows["long"]["reason"]
    assert all(row["reason"] for row in rows.values() if row["state"] != "ok")


def test_a_bug_costs_one_row_that_says_where_and_names_nobody(studies, table, tmp_path):
    run(cohort_in(studies("a"), tmp_path / "out"), tmp_path / "out", Faulty())
    (row,) = table(tmp_path / "out")
    assert row["state"] == "failed"
    assert "ZeroDivisionError at fakes.py:" in row["reason"]
    assert "Doe" not in (tmp_path / "out" / "journal.jsonl").read_text() + str(row)


def test_dicom_folders_and_zips_are_studies_and_other_files_are_counted(table, tmp_path):
    heart = phantom.make(
        phantom.PhantomConfig(n_phases=2, n_slices=3, rows=24, columns=24, pixel_mm=(8, 8))
    )
    files = write_dicom_study(heart, tmp_path / "in" / "p.1")
    with zipfile.ZipFile(tmp_path / "in" / "p2.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
    (tmp_path / "in" / "note.txt").write_text("x")
    (tmp_path / "in" / ".hidden").mkdir()
    out = tmp_path / "in" / "out"  # which is no study, though it lies in the folder
    out.mkdir()
    cohort = cohort_in(tmp_path / "in", out)
    assert cohort.left_out == 1
    run(cohort, out, Filled())
    rows = table(out)
    assert [(row["id"], row["path"], row["state"]) for row in rows] == [
        ("p.1", "p.1", "ok"),
        ("p2", "p2.zip", "ok"),
    ]
    assert rows[0]["edv_ml"] == rows[1]["edv_ml"]
    assert float(rows[0]["heart_rate_bpm"]) == pytest.approx(60_000 / heart.config.rr_ms)


def test_studies_of_one_id_keep_their_own_labels(studies, table, tmp_path):
    folder = studies("a", "b")
    manifest = tmp_path / "m.csv"
    manifest.write_text("subject,image\n../s,studies/a.nii\n../s,studies/b.nii\n")
    run(cohort_of(manifest), tmp_path / "out", Filled())
    names = [row["labels"] for row in table(tmp_path / "out")]
    assert len(set(names)) == 2
    assert all((tmp_path / "out" / name).parent == tmp_path / "out" / "labels" for name in names)
    assert folder.is_dir()


def test_a_spacing_of_the_manifest_wins_over_the_files_own(studies, table, tmp_path):
    studies("a")
    (tmp_path / "m.csv").write_text('subject,image,spacing_mm\ns,studies/a.nii,"20,10,10"\n')
    run(cohort_of(tmp_path / "m.csv"), tmp_path / "out", Filled())
    (row,) = table(tmp_path / "out")
    assert float(row["edv_ml"]) == pytest.approx(256)
    assert "spacing-given" in row["findings"]


def test_an_image_that_is_not_there_costs_its_row_only(studies, table, tmp_path):
    studies("a")
    (tmp_path / "m.csv").write_text("subject,image\ns,studies/a.nii\nt,studies/gone.nii\n")
    run(cohort_of(tmp_path / "m.csv"), tmp_path / "out", Filled())
    assert [row["state"] for row in table(tmp_path / "out")] == ["ok", "failed"]


def test_what_is_done_is_not_done_again_and_new_studies_are(studies, table, tmp_path, notes):
    out, segmenter = tmp_path / "out", Noted(notes=str(notes))
    run(cohort_in(studies("b"), out), out, segmenter)
    run(cohort_in(studies("a"), out), out, segmenter)
    assert [row["id"] for row in table(out)] == ["a", "b"]
    assert times(notes, "a") == times(notes, "b") == 1


def test_failed_studies_are_done_again_only_when_asked(studies, table, tmp_path):
    folder, out = studies("a", "b"), tmp_path / "out"
    good = (folder / "a.nii").read_bytes()
    (folder / "a.nii").write_bytes(good[:500])
    run(cohort_in(folder, out), out, Filled())
    (folder / "a.nii").write_bytes(good)
    run(cohort_in(folder, out), out, Filled())
    assert [row["state"] for row in table(out)] == ["failed", "ok"]
    told = []
    run(cohort_in(folder, out), out, Filled(), retry_failed=True, told=told.append)
    assert [row["state"] for row in table(out)] == ["ok", "ok"]
    assert told[-1].counts == {State.OK: 2, State.FAILED: 0}


def test_ctrl_c_leaves_a_whole_table_and_the_next_run_goes_on(studies, table, tmp_path, notes):
    def stopped(jobs):
        yield from islice(here(jobs), 2)
        raise KeyboardInterrupt

    out, segmenter = tmp_path / "out", Noted(notes=str(notes))
    cohort = cohort_in(studies("a", "b", "c"), out)
    with pytest.raises(KeyboardInterrupt):
        run(cohort, out, segmenter, rows_from=stopped)
    assert [row["id"] for row in table(out)] == ["a", "b"]
    run(cohort, out, segmenter)
    assert [row["id"] for row in table(out)] == ["a", "b", "c"]
    assert times(notes, "a") == times(notes, "c") == 1


def test_progress_tells_how_far_it_is_and_the_time_left(studies, tmp_path, monkeypatch):
    now, out, told = [0.0], tmp_path / "out", []
    run(cohort_in(studies("a"), out), out, Filled())

    def ten_seconds_each(jobs):
        for job in jobs:
            now[0] += 10
            yield Row(job.place.study, job.place.path, State.OK)

    monkeypatch.setattr("napari_cmr.batch.table.time.monotonic", lambda: now[0])
    cohort = cohort_in(studies("b", "c"), out)
    run(cohort, out, Filled(), rows_from=ten_seconds_each, told=told.append)
    assert [(s.done, s.total) for s in told] == [(1, 3), (2, 3), (3, 3)]
    assert [s.seconds_left for s in told] == [None, 10, 0]
    assert [s.row and s.row.study for s in told] == [None, "b", "c"]


def test_a_killed_workers_half_written_labels_go_away(studies, tmp_path):
    out = tmp_path / "out"
    (out / "labels").mkdir(parents=True)
    (out / "labels" / ".a.nii.gz.17.part.nii.gz").write_bytes(b"half")
    run(cohort_in(studies("a"), out), out, Filled())
    assert [p.name for p in (out / "labels").iterdir()] == ["a.nii.gz"]


def test_a_full_disk_ends_the_run_in_one_sentence_and_with_room_it_goes_on(
    studies, table, small_disk, notes
):
    cohort, out = cohort_in(studies("a", "b", "c"), small_disk / "out"), small_disk / "out"
    taken = small_disk / "others"

    def filled_up_after_one(jobs):
        for number, job in enumerate(jobs):
            if number == 1:
                room = shutil.disk_usage(small_disk).free
                taken.write_bytes(bytes(room))
            yield from here([job])

    segmenter = Noted(notes=str(notes))
    with pytest.raises(InputError, match=r"No space left on device\); make room") as refusal:
        run(cohort, out, segmenter, rows_from=filled_up_after_one)
    assert "\n" not in str(refusal.value)
    assert [p.name for p in (out / "labels").iterdir()] == ["a.nii.gz"]
    taken.unlink()
    rows = run(cohort, out, segmenter)
    assert [(row.study, row.state) for row in rows] == [(name, State.OK) for name in "abc"]
    assert [row["id"] for row in table(out)] == ["a", "b", "c"]
    assert times(notes, "a") == 1


def test_a_slice_that_lacks_a_phase_stays_where_that_is_asked_for(tmp_path, table):
    write_dicom(cine(), tmp_path / "in" / "a")[0].unlink()
    cohort = cohort_in(tmp_path / "in", tmp_path / "out")
    n_slices = cine().shape[1]
    for name, asked, slices in (("x", cohort, n_slices - 1), ("y", None, n_slices)):
        out = tmp_path / name
        run(asked or cohort.resampled_in_time(), out, Filled(), labels=False)
        assert [row["n_slices"] for row in table(out)] == [str(slices)]
    with pytest.raises(InputError, match="begun with another resample_time"):
        run(cohort, tmp_path / "y", Filled(), labels=False)


def test_a_reason_names_neither_a_file_within_a_study_nor_where_the_cohort_lies(
    studies, table, tmp_path
):
    folder = tmp_path / "in"
    (folder / "empty").mkdir(parents=True)
    good = (studies("a") / "a.nii").read_bytes()
    for name in ("Doe_Jane_1.nii", "Doe_Jane_2.nii"):
        (folder / "b").mkdir(exist_ok=True)
        (folder / "b" / name).write_bytes(good[:-100])
    with zipfile.ZipFile(folder / "c.zip", "w") as archive:
        archive.write(folder / "b" / "Doe_Jane_1.nii", "images/Doe_Jane_1.nii")
    run(cohort_in(folder, tmp_path / "out"), tmp_path / "out", Filled())
    reasons = {row["id"]: row["reason"] for row in table(tmp_path / "out")}
    assert set(reasons) == {"b", "c", "empty"}
    assert all(reasons.values())
    assert not any("Doe" in reason or str(tmp_path) in reason for reason in reasons.values())


def test_names_that_no_file_can_have_with_a_suffix_are_cut(studies, table, tmp_path):
    folder, long = studies("a"), "\N{GREEK SMALL LETTER ALPHA}" * 120
    (folder / "a.nii").rename(folder / f"{long}.nii")
    run(cohort_in(folder, tmp_path / "out"), tmp_path / "out", Filled())
    assert [(row["id"], row["state"]) for row in table(tmp_path / "out")] == [(long, "ok")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("image\na.nii\n", "subject"),
        ("subject,image\n", "no rows"),
        ("subject,image\n,a.nii\n", "needs a subject"),
        ("subject,image\ns,a.nii\nt,./a.nii\n", "twice"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, content, told):
    (tmp_path / "m.csv").write_text(content)
    with pytest.raises(InputError, match=told):
        cohort_of(tmp_path / "m.csv")


def test_a_folder_without_studies_is_refused(tmp_path):
    (tmp_path / "IM0001").write_bytes(b"one image")
    with pytest.raises(InputError, match="holds no studies"):
        cohort_in(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="Cannot list"):
        cohort_in(tmp_path / "nowhere", tmp_path / "out")
