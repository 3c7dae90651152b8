import csv
import json

import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.core import Geometry, InputError, Segmentation


@pytest.fixture
def measures():
    labels = np.zeros((2, 1, 10, 10), np.uint8)
    labels[0, 0, :8], labels[1, 0, :2] = 1, 1
    return measure.function(Segmentation(labels, Geometry.regular(1, (10, 1, 1)), rr_ms=1000.0))


def test_json_holds_every_number_and_null_for_the_unknown(tmp_path, measures):
    measure.write_json(tmp_path / "m.json", measures)
    read = json.loads((tmp_path / "m.json").read_text())
    assert read["edv_ml"] == 0.8
    assert read["ef_percent"] == 75.0
    assert read["rv_edv_ml"] is None
    assert read["lv_volumes_ml"] == [0.8, 0.2]
    methods = read.pop("methods")
    assert methods["mass_g"].startswith("wall volume at ED x 1.05 g/mL")
    assert read == measures.as_dict()


def test_csv_names_value_unit_and_how_it_came_about(tmp_path, measures):
    measure.write_csv(tmp_path / "m.csv", measures)
    with (tmp_path / "m.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "value", "unit", "method", "phases", "papillary"]
    by_name = {r[0]: r[1:3] for r in rows[1:]}
    assert by_name["edv_ml"] == ["0.8", "mL"]
    assert by_name["ef_percent"] == ["75.0", "%"]
    assert by_name["mass_g"] == ["", "g"]
    assert by_name["heart_rate_bpm"] == ["60.0", "beats/min"]
    assert by_name["cardiac_output_l_min"] == ["0.036", "L/min"]
    assert by_name["lv_volumes_ml[1]"] == ["0.2", "mL"]
    assert by_name["phases_set_by"] == ["volume curve", ""]
    how = {r[0]: r[3:] for r in rows[1:]}
    assert how["ef_percent"] == [
        "100 (EDV - ESV) / EDV",
        "ED phase 0, ES phase 1, counted from 0, by volume curve",
        "papillary muscles and trabeculae count to the cavity",
    ]
    units = measures.as_dict().keys() - {"ed_phase", "es_phase"}
    measured = {n for n in units if by_name.get(n, by_name.get(f"{n}[0]", ["", ""]))[1]}
    assert all(how.get(n, how.get(f"{n}[0]")) for n in measured)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, measures):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="choose another place"):
        measure.write_json(tmp_path / "file" / "m.json", measures)


def test_a_failed_write_leaves_the_old_file_and_no_scraps(tmp_path, measures, monkeypatch):
    target = tmp_path / "m.json"
    target.write_text("old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(InputError, match="No space left"):
        measure.write_json(target, measures)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
