"""A network kept as what it adds to another model's."""

import json

import pytest
import torch

from napari_cmr.core import ModelError
from napari_cmr.nets import load_model, save_model
from napari_cmr.nets.based import added, whole
from napari_cmr.nets.below import BELOW, keep_below
from napari_cmr.nets.shelf import build
from tests.nets.conftest import make_card


def test_a_low_rank_difference_is_kept_as_two_thin_matrices_and_comes_back():
    torch.manual_seed(0)
    base = {"deep": torch.randn(32, 16, 3, 3), "same": torch.randn(4, 4), "bias": torch.randn(4)}
    moved = (torch.randn(32, 2) @ torch.randn(2, 144)).view(32, 16, 3, 3)
    own = {**base, "deep": base["deep"] + 0.1 * moved, "bias": base["bias"] + 1}
    own |= {"head": torch.randn(3, 4)}
    kept = added(own, base)
    assert {name: tuple(value.shape) for name, value in kept.items()} == {
        "deep.up": (32, 2),
        "deep.down": (2, 144),
        "bias": (4,),
        "head": (3, 4),
    }
    again = whole(kept, base)
    assert set(again) == set(own)
    for name, value in own.items():
        assert torch.allclose(again[name], value, atol=1e-5)


def test_what_is_no_low_rank_difference_is_kept_whole():
    base, own = ({"deep": torch.randn(8, 8, 3, 3)} for _ in range(2))
    assert torch.equal(added(own, base)["deep"], own["deep"])
    other_shape = {"deep": torch.randn(8, 4, 3, 3)}
    assert torch.equal(added(other_shape, base)["deep"], other_shape["deep"])


@pytest.fixture
def stood_on(tmp_path):
    """A base, and a model on it that differs in one kernel and the last layer."""
    torch.manual_seed(0)
    card = make_card(name="base")
    networks = {role: build(spec).eval() for role, spec in card.networks.items()}
    save_model(tmp_path / "out" / BELOW, card, networks)
    base = load_model(tmp_path / "out" / BELOW)
    own = build(card.networks["segmenter"])
    own.load_state_dict(base.networks["segmenter"].state_dict())
    with torch.no_grad():
        kernel = own.joins[0].conv.unit0.conv.weight
        kernel += (torch.randn(len(kernel), 1) @ torch.randn(1, kernel[0].numel())).view_as(kernel)
        own.head.weight.normal_()
    networks = {"localiser": base.networks["localiser"], "segmenter": own}
    save_model(tmp_path / "out", make_card(name="on base"), networks, on=base)
    return tmp_path / "out", own


def test_a_model_on_another_is_smaller_and_answers_as_it_did(stood_on):
    folder, own = stood_on
    pictures = torch.randn(2, 1, 32, 32)
    loaded = load_model(folder)
    with torch.inference_mode():
        assert torch.allclose(loaded.run("segmenter", pictures), own(pictures), atol=0.02)
    written, base = ((folder / part / "model.safetensors").stat().st_size for part in (".", BELOW))
    assert written < 0.75 * base
    spec = loaded.card.networks["segmenter"]
    assert (spec.base.name, loaded.card.networks["localiser"].base) == ("base", None)


def test_saved_again_it_stands_by_itself(stood_on, tmp_path):
    loaded = load_model(stood_on[0])
    save_model(tmp_path / "alone", loaded.card, loaded.networks)
    alone = load_model(tmp_path / "alone")
    assert alone.card.networks["segmenter"].base is None
    for name, value in alone.networks["segmenter"].state_dict().items():
        assert torch.allclose(value, loaded.networks["segmenter"].state_dict()[name], atol=2e-3)


def test_another_version_of_the_base_is_refused_by_its_name(stood_on):
    below = load_model(stood_on[0] / BELOW)
    with torch.no_grad():
        below.networks["segmenter"].head.weight.add_(1)
    save_model(stood_on[0] / BELOW, below.card, below.networks)
    with pytest.raises(ModelError, match=r"adds to base 1\.0\.0 .+ but base 1\.0\.0 .+ is"):
        load_model(stood_on[0])


def test_a_base_that_is_not_there_is_refused(stood_on):
    (stood_on[0] / BELOW / "card.json").unlink()
    with pytest.raises(ModelError, match="no model 'base'"):
        load_model(stood_on[0])


def test_what_does_not_fit_the_base_is_refused(stood_on):
    path = stood_on[0] / "card.json"
    other = make_card(name="other")
    networks = {role: build(spec) for role, spec in other.networks.items()}
    narrow = {"segmenter": other.networks["segmenter"].model_copy(update={"channels": (2, 4)})}
    other = other.model_copy(update={"networks": other.networks | narrow})
    networks["segmenter"] = build(narrow["segmenter"])
    written = save_model(stood_on[0] / BELOW, other, networks)
    card = json.loads(path.read_text())
    card["networks"]["segmenter"]["base"] = {
        "name": "other", "version": "1.0.0", "sha256": written.sha256
    }  # fmt: skip
    path.write_text(json.dumps(card))
    with pytest.raises(ModelError, match="do not fit other"):
        load_model(stood_on[0])


def test_what_it_adds_to_goes_along_to_a_head_on_it(stood_on, tmp_path):
    keep_below(tmp_path / "head", stood_on[0])
    assert load_model(tmp_path / "head" / BELOW).card.name == "on base"


def test_what_adds_to_what_adds_to_another_loads_and_is_refused_without_the_last(
    stood_on, tmp_path
):
    lower = load_model(stood_on[0])
    own = build(lower.card.networks["segmenter"])
    own.load_state_dict(lower.networks["segmenter"].state_dict())
    with torch.no_grad():
        own.head.weight.normal_()
    keep_below(tmp_path / "top", stood_on[0])
    card = make_card(name="top")
    networks = {"localiser": lower.networks["localiser"], "segmenter": own}
    save_model(tmp_path / "top", card, networks, on=lower)
    top = load_model(tmp_path / "top").networks["segmenter"].state_dict()
    for name, value in own.state_dict().items():
        assert torch.allclose(top[name], value, atol=2e-3)
    (tmp_path / "top" / BELOW / BELOW / "card.json").unlink()
    with pytest.raises(ModelError, match="no model 'base'"):
        load_model(tmp_path / "top")


def test_the_readme_names_what_has_to_be_there_too(stood_on):
    assert "It adds to base 1.0.0" in (stood_on[0] / "README.md").read_text()


def test_weights_that_are_no_numbers_are_kept_as_they_are():
    kept = added({"deep": torch.full((4, 4), torch.nan)}, {"deep": torch.zeros(4, 4)})
    assert kept["deep"].isnan().all()
