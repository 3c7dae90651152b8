from itertools import product

import pytest
import torch

from napari_cmr.nets.turns import turned, turned_back, turns_of
from tests.nets.conftest import make_card

PICTURE = torch.arange(18.0).reshape(2, 1, 3, 3)
ALL = [
    [axis for axis, said in zip(("transpose", "rows", "columns"), chosen, strict=True) if said]
    for chosen in product((False, True), repeat=3)
]


@pytest.mark.parametrize("turn", ALL)
def test_a_turned_picture_is_turned_back(turn):
    assert torch.equal(turned_back(turned(PICTURE, turn), turn), PICTURE)


def test_the_eight_turns_differ():
    assert len({tuple(turned(PICTURE, turn).flatten().tolist()) for turn in ALL}) == 8


def test_transposing_and_one_flip_turn_by_a_quarter():
    assert torch.equal(turned(PICTURE, ["transpose", "rows"]), torch.rot90(PICTURE, 1, (2, 3)))
    assert torch.equal(turned(PICTURE, ["transpose", "columns"]), torch.rot90(PICTURE, -1, (2, 3)))


def test_the_picture_as_it_is_comes_first():
    assert turns_of(make_card(test_time={"flips": [["rows"]]})) == [[], ["rows"]]
    assert turns_of(make_card(test_time={})) == [[]]
