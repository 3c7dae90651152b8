import itertools
import math

import pytest
import torch

from napari_cmr.learn.losses import SMALL, partial_segmentation_loss, staying_loss, unnamed_answers


def slow_reference(logits, target, labelled):
    """The same sum, pixel by pixel."""
    n, c, h, w = logits.shape
    entropy, overlap, total, each = 0.0, [0.0] * c, [0.0] * c, []
    for i in range(n):
        named = [k for k in range(1, c) if labelled[i, k]]
        mine, size = [0.0] * c, [0.0] * c
        for y, x in itertools.product(range(h), range(w)):
            p = torch.softmax(logits[i, :, y, x], 0)
            p = {0: sum(float(p[k]) for k in range(c) if k not in named)} | {
                k: float(p[k]) for k in named
            }
            t = int(target[i, y, x])
            entropy -= float(torch.log(torch.tensor(p[t])))
            for k in named:
                mine[k] += p[k] * (t == k)
                size[k] += p[k] + (t == k)
        each += [(2 * mine[k] + SMALL) / (size[k] + SMALL) for k in named]
        overlap = [a + b for a, b in zip(overlap, mine, strict=True)]
        total = [a + b for a, b in zip(total, size, strict=True)]
    used = [k for k in range(1, c) if labelled[:, k].any()]
    pooled = sum((2 * overlap[k] + 1) / (total[k] + 1) for k in used) / len(used)
    return entropy / (n * h * w) + 1 - (pooled + sum(each) / len(each)) / 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "labelled", [[[0, 1, 1, 1], [0, 1, 1, 1]], [[0, 1, 1, 1], [0, 1, 0, 0]], [[0, 1, 0, 0]] * 2]
)
def test_the_loss_equals_a_slow_reference(seed, labelled):
    torch.manual_seed(seed)
    labelled = torch.tensor(labelled, dtype=torch.bool)
    logits = torch.randn(2, 4, 3, 5)
    target = torch.randint(0, 4, (2, 3, 5))
    for i in range(2):
        for k in range(4):
            if not labelled[i, k]:
                target[i][target[i] == k] = 0
    got = partial_segmentation_loss(logits, target, labelled)
    assert float(got) == pytest.approx(slow_reference(logits, target, labelled), rel=1e-4)


def test_what_was_not_labelled_may_be_called_anything():
    """Moving probability between background and an unnamed structure costs nothing."""
    labelled = torch.tensor([[False, True, False, False]])
    target = torch.zeros(1, 4, 4, dtype=torch.long)
    sure = torch.zeros(1, 4, 4, 4)
    sure[:, 0] = 9.0
    other = torch.zeros(1, 4, 4, 4)
    other[:, 3] = 9.0
    a = partial_segmentation_loss(sure, target, labelled)
    b = partial_segmentation_loss(other, target, labelled)
    assert float(a) == pytest.approx(float(b), abs=1e-5)


def test_a_right_answer_costs_nothing_and_a_wrong_one_does():
    target = torch.tensor([[[0, 1], [2, 3]]]).repeat_interleave(8, 1).repeat_interleave(8, 2)
    labelled = torch.ones(1, 4, dtype=torch.bool)
    right = torch.nn.functional.one_hot(target, 4).permute(0, 3, 1, 2) * 50.0
    assert float(partial_segmentation_loss(right, target, labelled)) < 1e-3
    assert float(partial_segmentation_loss(-right, target, labelled)) > 1


def test_pixels_of_which_nothing_was_said_count_nowhere():
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 8, 8, requires_grad=True)
    target = torch.randint(0, 4, (2, 8, 8))
    labelled = torch.tensor([[0, 1, 1, 1], [0, 1, 0, 1]], dtype=torch.bool)
    target[1][target[1] == 2] = 0
    said = torch.zeros(2, 8, 8, dtype=torch.bool)
    said[:, 2:5, 1:7] = True
    loss = partial_segmentation_loss(logits, target, labelled, said)
    window = (slice(None), slice(2, 5), slice(1, 7))
    alone = partial_segmentation_loss(logits[:, :, 2:5, 1:7], target[window], labelled)
    assert loss.item() == pytest.approx(alone.item(), rel=1e-5)
    loss.backward()
    assert not logits.grad[:, :, ~said[0]].any()


def test_staying_costs_the_surprise_at_another_answer_only_where_it_matters():
    logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 0.0]]]])  # one picture, two classes, two pixels
    before = torch.tensor([[[0, -1]]])
    expected = math.log(1 + math.exp(-2)) / 2  # over both pixels
    assert float(staying_loss(logits, before)) == pytest.approx(expected)
    assert float(staying_loss(logits, torch.full_like(before, -1))) == 0


def test_an_earlier_answer_stays_where_labels_of_one_structure_leave_it_open():
    answer = torch.tensor([[[0, 1, 2, 3, 2]]])
    target = torch.tensor([[[0, 0, 0, 0, 1]]])
    one = torch.tensor([[False, True, False, False]])
    # Background too, else wall and RV could grow; not where the label took what was called LV.
    assert unnamed_answers(answer, target, one).tolist() == [[[0, -1, 2, 3, -1]]]
    assert (unnamed_answers(answer, target, torch.ones(1, 4, dtype=torch.bool)) == -1).all()
