import numpy as np
import pytest
import torch
from torch import nn

from napari_cmr.core import Geometry, Stack
from napari_cmr.nets import Model, find_heart, predict
from napari_cmr.nets.candidates import Candidate, Candidates, agreement, in_quarter_turns
from tests.nets.conftest import ByIntensity, make_card

SPACING = (2.0, 2.0)
HEART_MM = (150.0, 110.0)
STRIPE_MM = (190.0, 300.0)


class BlindBelow(ByIntensity):
    """Sees the upper three quarters only, so that what is long changes when it is turned."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        logits = super().forward(images)
        logits[:, 1, images.shape[2] * 3 // 4 :] = -1000.0
        return logits


class Always(nn.Module):
    """The same probability of LV everywhere."""

    def __init__(self, likely: float) -> None:
        super().__init__()
        self.logit = float(np.log(likely / (1 - likely)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        n, _, h, w = images.shape
        logits = torch.zeros(n, 4, h, w)
        logits[:, 1] = self.logit
        logits[:, 2:] = -1000.0
        return logits


def a_heart_beside_a_larger_stripe() -> Stack:
    rows, columns = ((np.arange(190) + 0.5) * mm for mm in SPACING)
    heart = np.hypot(rows[:, None] - HEART_MM[0], columns - HEART_MM[1]) < 30
    stripe = (abs(rows[:, None] - STRIPE_MM[0]) < 75) & (abs(columns - STRIPE_MM[1]) < 15)
    pixels = ((heart | stripe) * 900 + 100).astype(np.int16)[None, None]
    return Stack(pixels, Geometry.regular(1, (8.0, *SPACING), spacing_known=True))


def blind_below(**test_time) -> Model:
    card = make_card(test_time=test_time)
    return Model(card, {"localiser": ByIntensity(), "segmenter": BlindBelow()})


def test_the_largest_piece_is_taken_where_the_card_names_no_candidates():
    heart = find_heart(a_heart_beside_a_larger_stripe(), blind_below())
    assert heart.centre_mm == pytest.approx(STRIPE_MM, abs=3)


def test_of_several_places_the_one_that_is_drawn_alike_in_all_turns_is_the_heart():
    heart = find_heart(a_heart_beside_a_larger_stripe(), blind_below(candidates={}))
    assert heart.centre_mm == pytest.approx(HEART_MM, abs=3)


def test_only_as_many_places_are_tried_as_the_card_says():
    heart = find_heart(a_heart_beside_a_larger_stripe(), blind_below(candidates={"most": 1}))
    assert heart.centre_mm == pytest.approx(STRIPE_MM, abs=3)


def test_a_place_without_a_rival_is_not_judged():
    stack = a_heart_beside_a_larger_stripe()
    alone = Stack(stack.pixels[:, :, :, :120], stack.geometry)
    model = blind_below(candidates={})
    assert find_heart(alone, model).centre_mm == pytest.approx(HEART_MM, abs=3)
    assert model.networks["segmenter"].asked == 0


def test_a_picture_without_a_heart_has_no_candidate_and_says_so():
    model = blind_below(candidates={})
    nothing = Model(model.card, {**model.networks, "localiser": Always(0.1)})
    found = predict(a_heart_beside_a_larger_stripe(), nothing)
    assert [f.code for f in found.findings] == ["heart-not-found"]


@pytest.mark.parametrize("likely", [0.2, 0.8])
def test_agreement_of_an_answer_that_no_turn_changes_is_how_sure_it_is(likely):
    model = Model(make_card(), {"segmenter": Always(likely)})
    stack = a_heart_beside_a_larger_stripe()
    # 2 sum(p p) / sum(p + p) = p
    assert agreement(stack, model, HEART_MM, SPACING, [0]) == pytest.approx(likely)


def test_agreement_of_what_is_cut_off_in_some_turns_is_the_mean_dice_of_the_cuts():
    model, stack = blind_below(), a_heart_beside_a_larger_stripe()
    assert agreement(stack, model, HEART_MM, SPACING, [0]) == pytest.approx(1, abs=0.01)
    # 150 mm long in a square of 179 mm, blind in its lowest 45 mm: 120 mm stay in two turns that
    # share 90 mm, all 150 mm in the other two.
    pairs = [(120, 120, 90), (150, 150, 150), *[(120, 150, 120)] * 4]
    expected = 2 * sum(p[2] for p in pairs) / sum(p[0] + p[1] for p in pairs)
    assert agreement(stack, model, STRIPE_MM, SPACING, [0]) == pytest.approx(expected, abs=0.01)


def test_answers_in_quarter_turns_are_turned_back(by_intensity):
    images = torch.rand(2, 1, 6, 6)
    views = in_quarter_turns(by_intensity, "localiser", images)
    straight = by_intensity.run("localiser", images).softmax(1)
    assert views.shape == (4, 2, 4, 6, 6)
    for view in views:
        assert torch.allclose(view, straight)


def test_pieces_come_in_the_order_of_the_probability_that_they_gather():
    heart = torch.zeros(2, 12, 12)
    heart[0, 1:3, 1:3] = 0.9  # gathers 3.6
    heart[:, 6:9, 6:8] = 0.5  # 6.0, over both slices
    heart[1, 0, 11] = 0.2  # not likely enough
    heart[0, 11, 0] = 0.3
    some = Candidates(most=2, likely=0.25, rival=0.0).among(heart)
    assert [int(c.piece.sum()) for c in some] == [12, 4]
    assert [c.gathered for c in some] == pytest.approx([6.0, 3.6])
    assert [len(Candidates(rival=0.0).among(h)) for h in (heart, heart * 0)] == [3, 0]
    assert len(Candidates(rival=0.5).among(heart)) == 2


def test_what_is_drawn_alike_wins_unless_the_localiser_says_much_more_of_the_other():
    heart, other = (Candidate(np.ones((1, 1, 1), bool), g) for g in (50.0, 100.0))
    assert heart.odds(0.96) > other.odds(0.85)
    assert heart.odds(0.90) < other.odds(0.85)
    assert np.isfinite(heart.odds(1.0))
