import json
from dataclasses import replace

import pytest

from napari_cmr import measure
from napari_cmr.core import InputError
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY
from napari_cmr.measure import BsaFormula, Person, Sex, reference
from tests.measure.test_cardiac_function import ED, ES, MID, segmentation


@pytest.fixture
def by_hand():
    return segmentation([ED, MID, ES], rr_ms=800.0)


def numbers(segmentation, person=None, **more):
    return measure.clinical_numbers(segmentation, measure.function(segmentation), person, **more)


def test_body_surface_by_hand():
    # Mosteller: sqrt(180 x 80 / 3600) = 2; Du Bois: 0.007184 x 180^0.725 x 80^0.425 = 1.9964
    assert measure.body_surface_area_m2(180, 80) == pytest.approx(2.0)
    du_bois = measure.body_surface_area_m2(180, 80, BsaFormula.DU_BOIS)
    assert du_bois == pytest.approx(1.9964, abs=1e-3)


def test_a_case_by_hand(by_hand):
    found = numbers(by_hand, Person(height_cm=180, weight_kg=80))
    # LV: ED 19.2 mL, ES (50 x 8 + 80 x 10 + 100 x 12) x 3 mm3 = 7.2 mL; SV 12 mL; 75 beats/min
    for name, value in (
        ("lv_edv_ml", 19.2),
        ("lv_edv_ml_per_m2", 9.6),
        ("lv_esv_ml_per_m2", 3.6),
        ("lv_sv_ml", 12.0),
        ("lv_ef_percent", 62.5),
        ("lv_co_l_min", 0.9),
        ("lv_co_l_min_per_m2", 0.45),
        # RV: ED (150 x 10 + 200 x 12) x 3 = 11.7 mL, ES (100 x 10 + 75 x 12) x 3 = 5.7 mL
        ("rv_edv_ml_per_m2", 5.85),
        ("rv_sv_ml", 6.0),
        ("rv_co_l_min", 0.45),
        # wall at ED: (100 x 8 + 150 x 10 + 200 x 12) x 3 = 14.1 mL, x 1.05 = 14.805 g
        ("lv_mass_g", 14.805),
        ("lv_mass_g_per_m2", 7.4025),
        ("heart_rate_bpm", 75.0),
    ):
        assert found[name].value == pytest.approx(value), name


def test_every_number_says_how_it_came_about(by_hand):
    for number in numbers(by_hand).numbers:
        assert number.method
        assert number.papillary == PAPILLARY_IN_CAVITY
        assert "ED phase 0, ES phase 2" in number.phases
        assert "volume curve" in number.phases


def test_the_formula_of_an_index_is_named_and_used(by_hand):
    person = Person(height_cm=180, weight_kg=80)
    index = numbers(by_hand, person, bsa_formula=BsaFormula.DU_BOIS)["lv_edv_ml_per_m2"]
    assert "Du Bois" in index.method
    assert index.value == pytest.approx(19.2 / 1.9964, rel=1e-3)


def test_what_the_reader_enters_wins_over_the_images(by_hand):
    known = replace(by_hand, height_cm=160.0, weight_kg=90.0)
    assert numbers(known)["bsa_m2"].value == pytest.approx(2.0)
    assert numbers(known, Person(height_cm=180, weight_kg=80))["height_cm"].value == 180
    assert numbers(known, Person(heart_rate_bpm=100))["lv_co_l_min"].value == pytest.approx(1.2)


def test_without_body_size_there_is_no_index(by_hand):
    assert numbers(by_hand)["lv_edv_ml_per_m2"].value is None
    assert numbers(by_hand)["lv_edv_ml_per_m2"].text == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"height_cm": 1.75}, "height in centimetres"),
        ({"weight_kg": 0}, "weight in kilograms"),
        ({"haematocrit": 42}, "haematocrit as a fraction"),
        ({"heart_rate_bpm": float("nan")}, "heart rate"),
    ],
)
def test_numbers_in_another_unit_are_refused(given, words):
    with pytest.raises(InputError, match=words):
        Person(**given)


def test_what_the_measures_note_is_a_finding(by_hand):
    # LV 12 mL and RV 6 mL: 6 / 9 of their mean, 67 %, apart
    (finding,) = [f for f in numbers(by_hand).findings if f.code == "measures"]
    assert "67 % apart" in finding.message


def test_the_result_is_plain_json(by_hand):
    told = json.loads(json.dumps(numbers(by_hand).as_dict(), allow_nan=False))
    assert told["numbers"][0]["name"] == "lv_edv_ml"
    assert told["numbers"][0]["unit"] == "mL"


def test_a_range_needs_sex_age_and_every_convention():
    man = Person(sex=Sex.MALE, age_years=50)
    given = {"papillary": PAPILLARY_IN_CAVITY, "bsa": None}
    found = measure.reference_range("lv_ef_percent", man, **given)
    assert (found.low, found.high) == (48, 68)  # 58 ± 1.96 x 5 %, Petersen 2017
    assert "Petersen" in found.source
    for person in (Person(sex=Sex.MALE), Person(age_years=50), replace(man, age_years=30)):
        assert measure.reference_range("lv_ef_percent", person, **given) is None
    other = {"papillary": "papillary muscles count to the wall", "bsa": None}
    assert measure.reference_range("lv_ef_percent", man, **other) is None


@pytest.mark.parametrize(
    ("name", "sex", "low", "high"),
    [  # by hand from the means and SDs: 166 ± 62.7, 124 ± 41.2, 69 ± 31.4, 49 ± 21.6, 96 ± 39.2
        ("lv_edv_ml", Sex.MALE, 103, 229),
        ("lv_edv_ml", Sex.FEMALE, 83, 165),
        ("lv_esv_ml", Sex.MALE, 38, 100),
        ("lv_esv_ml", Sex.FEMALE, 27, 71),
        ("lv_sv_ml", Sex.MALE, 57, 135),
        ("lv_sv_ml", Sex.FEMALE, 48, 102),
        ("lv_ef_percent", Sex.FEMALE, 51, 71),
    ],
)
def test_shipped_ranges_are_mean_and_deviation_of_the_publication(name, sex, low, high):
    person = Person(sex=sex, age_years=60)
    found = measure.reference_range(name, person, papillary=PAPILLARY_IN_CAVITY, bsa=None)
    assert (found.low, found.high) == (low, high)


def test_names_of_ranges_are_names_of_numbers(by_hand):
    body = {"heart_rate_bpm", "height_cm", "weight_kg", "bsa_m2"}
    assert {n.name for n in numbers(by_hand).numbers} - body == reference.NAMES


TABLE = """name,low,high,sex,age_from,age_to,papillary,bsa,source
lv_edv_ml_per_m2,50,100,F,18,60,cavity,Mosteller,our own 40 women
"""


def test_a_hospitals_own_table_is_used_where_its_formula_agrees(by_hand, tmp_path):
    path = tmp_path / "ranges.csv"
    path.write_text(TABLE)
    rows = measure.read_reference_table(path)
    woman = Person(height_cm=180, weight_kg=80, sex=Sex.FEMALE, age_years=40)
    found = numbers(by_hand, woman, reference=rows)["lv_edv_ml_per_m2"].range
    assert (found.low, found.high, found.source) == (50, 100, "our own 40 women")
    other = numbers(by_hand, woman, reference=rows, bsa_formula=BsaFormula.DU_BOIS)
    assert other["lv_edv_ml_per_m2"].range is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("50,100", "100,50", "not below"),
        ("50,", "fifty,", "no number"),
        (",F,", ",,", "needs sex"),
        ("name,", "nom,", "lacks the column"),
        ("Mosteller", "Boyd", "no formula"),
        ("Mosteller", "", "need the formula"),
        ("lv_edv_ml_per_m2", "lv_edv_ml", "others none"),
        ("lv_edv_ml_per_m2", "LVEDVi", "no number 'LVEDVi'"),
        ("50,100", "50,inf", "limits are numbers"),
        ("18,60", "18.5,60", "whole years"),
        ("our own 40 women", "", "a source"),
        ("women", "women\nlv_edv_ml_per_m2,50,90,F,60,80,cavity,Mosteller,x", "rows 2 and 3"),
        (TABLE.splitlines()[1], "", "no rows"),
    ],
)
def test_a_damaged_table_is_refused_by_its_row(tmp_path, old, new, words):
    path = tmp_path / "ranges.csv"
    path.write_text(TABLE.replace(old, new, 1))
    with pytest.raises(InputError, match=words):
        measure.read_reference_table(path)
