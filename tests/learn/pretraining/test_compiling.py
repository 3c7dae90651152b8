import copy

import pytest
import torch

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining import compiled
from napari_cmr.learn.pretraining.registry import make_method, method_config
from napari_cmr.learn.pretraining.sampling import Sampler
from napari_cmr.nets.encoders import make_encoder
from tests.learn.pretraining.conftest import OPTIONS, TINY

# PyTorch's compiler warns of what it does itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def made(method, encoder, **sizes):
    torch.manual_seed(0)
    config = method_config(method, **OPTIONS[method])
    return make_method(method, make_encoder(encoder, **TINY[encoder] | sizes), config)


@pytest.mark.skipif(not compiled.has_compiler(), reason="there is no C++ compiler to compile with")
def test_a_compiled_method_gives_the_same_loss_and_gradients_and_keeps_its_names(pack):
    plain = made("mim", "vit_small_patch8", depth=1)
    fast = copy.deepcopy(plain)
    compiled.compile_parts(fast)
    batch = Sampler(pack, seed=0).draw(0, 0, 4)
    for method in (plain, fast):
        method(batch).loss.backward()
    assert list(fast.state_dict()) == list(plain.state_dict())
    for one, other in zip(plain.parameters(), fast.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "encoder", "parts"),
    [("dino", "vit_small_patch8", 4), ("dino", "unet", 2), ("simclr", "resnet50", 1)],
)
def test_what_is_compiled_are_blocks_or_else_encoders_the_teachers_too(method, encoder, parts):
    module = made(method, encoder)
    compiled.compile_parts(module)
    assert sum(m._compiled_call_impl is not None for m in module.modules()) == parts


def test_without_a_compiler_compiling_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda _: None)
    with pytest.raises(InputError, match=r"install g\+\+, or leave 'compile' out"):
        compiled.compile_parts(made("mim", "unet"))
