"""The shipped short-axis model on validation subjects, which it was never trained on."""

import pytest

from napari_cmr.learn import evaluate_manifest
from napari_cmr.nets import load_model


@pytest.fixture(scope="module")
def acdc(shared_data):
    manifest = shared_data / "acdc" / "manifest.csv"
    return evaluate_manifest(manifest, task="cine_sax_seg", split="validation")["mean"]


@pytest.fixture(scope="module")
def dsb(shared_data):
    manifest = shared_data / "dsb" / "manifest.csv"
    return evaluate_manifest(manifest, task="cine_sax_seg", split="validation")["mean"]


@pytest.mark.parametrize("metric", ["dice_LV", "dice_MYO", "dice_RV", "ef_error"])
def test_the_card_says_what_is_measured(acdc, dsb, metric):
    card = load_model(task="cine_sax_seg").card
    for where, measured in (("acdc validation", acdc), ("dsb validation", dsb)):
        if metric in measured:
            told = card.metrics[where][metric]
            assert told.n == measured[metric]["n"]
            assert told.value == pytest.approx(measured[metric]["value"], rel=0.01)


@pytest.mark.parametrize(
    ("metric", "least"),
    [("dice_mean", 0.90), ("dice_LV", 0.94), ("dice_RV", 0.88), ("dice_MYO", 0.87)],
)
def test_three_structures_on_acdc(acdc, metric, least):
    assert acdc[metric]["n"] == 10
    assert acdc[metric]["value"] >= least


def test_ejection_fraction_on_acdc_is_within_two_and_a_half_points(acdc):
    assert acdc["ef_error"]["value"] <= 2.5


def test_cavity_on_dsb(dsb):
    assert dsb["dice_LV"]["n"] == 10
    assert dsb["dice_LV"]["value"] >= 0.92


def test_ejection_fraction_on_dsb_is_within_four_points_of_the_reference_labels(dsb):
    assert dsb["ef_error"]["value"] <= 4.0
