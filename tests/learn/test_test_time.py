import pytest

from napari_cmr.learn import SegmenterConfig, finetune_segmenter
from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.segmenter import StageConfig
from napari_cmr.learn.tiers.tier import FullConfig, settings_of
from napari_cmr.nets import InputGrid, Model, load_model
from napari_cmr.nets.candidates import Candidates
from napari_cmr.nets.locate import HeartSize
from tests.learn.discs import write_discs
from tests.nets.conftest import make_card


@pytest.mark.parametrize("size", [HeartSize(mm=None), HeartSize(mm=72.0, round=True)])
def test_a_network_that_is_trained_on_looks_for_the_heart_as_its_parent_did(size):
    test_time = {
        "heart_size": {"mm": size.mm, "round": size.round},
        "candidates": {"most": 2, "likely": 0.3, "rival": 0.2},
    }
    settings = settings_of(Model(make_card(test_time=test_time), {}), FullConfig(), seed=0)
    assert settings.heart_size == size
    assert settings.candidates == Candidates(most=2, likely=0.3, rival=0.2)


def test_a_parent_that_looks_at_the_largest_piece_has_heirs_that_do():
    settings = settings_of(Model(make_card(), {}), FullConfig(), seed=0)
    assert settings.heart_size is None
    assert settings.candidates is None


def test_a_trained_version_says_which_places_are_tried_for_the_heart(tmp_path):
    stage = StageConfig(
        channels=(4, 6),
        grid=InputGrid(spacing_mm=3.0, size=32),
        steps=1,
        batch=2,
        warm_up=1,
        augment=AugmentConfig(),
    )
    config = SegmenterConfig(
        segmenter=stage, localiser=stage, flips=(), candidates=Candidates(most=2)
    )
    manifest = write_discs(tmp_path / "discs")
    out = tmp_path / "out"
    finetune_segmenter([manifest], out, config, name="n", version="1.0.0", threads=1)
    told = {"most": 2, "likely": 0.25, "rival": 0.1}
    card = load_model(out).card
    assert card.test_time["candidates"] == card.recipe["candidates"] == told
