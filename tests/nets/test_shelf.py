import json

import pytest
import torch

from napari_cmr.core import ModelError
from napari_cmr.nets import load_model, read_card, save_model
from napari_cmr.nets.card_shelf import list_models
from napari_cmr.nets.heat_maps import finest_maps
from napari_cmr.nets.memory import within_memory
from napari_cmr.nets.shelf import build
from tests.nets.conftest import make_card


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    card = make_card()
    networks = {role: build(spec) for role, spec in card.networks.items()}
    folder = tmp_path / "shelf" / "test"
    save_model(folder, card, networks)
    return folder, networks


def test_a_saved_model_comes_back_with_its_weights_rounded_to_half_precision(saved):
    folder, networks = saved
    loaded = load_model(folder)
    for role, network in networks.items():
        for key, value in network.state_dict().items():
            got = loaded.networks[role].state_dict()[key]
            assert torch.equal(got, value.half().float())


def test_altered_weights_are_refused(saved):
    folder, _ = saved
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="wrong hash"):
        load_model(folder)


def test_weights_of_another_encoder_are_refused_by_name(saved):
    folder, _ = saved
    card = json.loads((folder / "card.json").read_text())
    card["networks"]["segmenter"]["channels"] = [4, 16]
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="encoder 'unet'"):
        load_model(folder)


def test_a_model_for_another_task_is_refused(saved):
    with pytest.raises(ModelError, match="cine_sax_seg"):
        load_model(saved[0], task="disease")


def test_a_damaged_card_is_refused(saved):
    (saved[0] / "card.json").write_text("{}")
    with pytest.raises(ModelError, match="damaged"):
        read_card(saved[0])


def test_an_unknown_name_is_refused_with_what_is_there():
    with pytest.raises(ModelError, match="no model 'nonsense'"):
        load_model("nonsense")


def test_the_best_of_a_task_is_the_newest_that_is_finished(tmp_path):
    for version, finished in (("1.9.0", True), ("1.10.0", True), ("2.0.0", False)):
        card = make_card(name=f"m{version}", version=version, finished=finished)
        save_model(tmp_path / card.name, card, {})
    assert [c.version for c in list_models(tmp_path)] == ["1.10.0", "1.9.0", "2.0.0"]


def run(model, pictures):
    return model.run("segmenter", pictures)


def maps(model, pictures):
    return finest_maps(model.networks["segmenter"], pictures)


@pytest.mark.parametrize(("ask", "module"), [(run, "shelf"), (maps, "heat_maps")])
def test_a_gpu_without_memory_is_asked_of_fewer_pictures_at_once_with_a_warning(
    saved, ask, module, monkeypatch
):
    model = load_model(saved[0])
    pictures = torch.randn(5, 1, 32, 32)
    whole = ask(model, pictures)
    asked = []

    def small_memory(module, inputs):
        asked.append(len(inputs[0]))
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.networks["segmenter"].encoder.register_forward_pre_hook(small_memory)

    def on_a_gpu(work, *, batch, device, say):
        return within_memory(
            lambda n, _: work(n, device), batch=batch, device=torch.device("cuda"), say=say
        )

    monkeypatch.setattr(f"napari_cmr.nets.{module}.within_memory", on_a_gpu)
    with pytest.warns(RuntimeWarning, match="going on with 2 pictures at once"):
        said = ask(model, pictures)
    assert asked == [5, 2, 2, 1]
    assert torch.allclose(said, whole, atol=1e-5)
