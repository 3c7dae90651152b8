import pytest
import torch

from napari_cmr.core import CancelledError, InputError, ModelError
from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.examples import EvenSampler
from napari_cmr.learn.rates import parameter_groups
from napari_cmr.learn.segmenter import SegmenterConfig, StageConfig, draw_batch, train_stage
from napari_cmr.learn.start import read_start
from napari_cmr.nets import InputGrid, Network, load_model, save_model
from napari_cmr.nets.encoders import make_encoder
from napari_cmr.nets.shelf import build
from napari_cmr.nets.unet import UNet
from napari_cmr.nets.vit import drop_paths
from tests.learn.test_segmenter import frame_of
from tests.nets.conftest import make_card

CHANNELS = (4, 6, 8)
VIT = {"width": 12, "depth": 4, "heads": 3, "size": 32}
GRID = InputGrid(spacing_mm=3.0, size=32)


def pretrained(folder, encoder, options, **more):
    """A pretraining's folder, as the verb pretrain writes it, with weights by chance."""
    torch.manual_seed(7)
    made = make_encoder(encoder, **options)
    network = Network(encoder=encoder, channels=(made.width,), structures=(), grid=GRID)
    card = make_card(
        name=f"pre-{encoder}",
        task="pretrain",
        networks={"encoder": network},
        recipe={"encoder_options": options},
    )
    save_model(folder, card, {"encoder": made, **more})
    return made


def stage(**changes):
    settings = {
        "channels": CHANNELS,
        "grid": GRID,
        "steps": 2,
        "augment": AugmentConfig(),
        "batch": 2,
        "warm_up": 1,
    }
    return StageConfig(**(settings | changes))


def spec_of(config):
    names = ("encoder", "encoder_options", "channels", "structures", "grid", "neighbours")
    return Network(**{name: getattr(config, name) for name in names})


def begun(start, config):
    """A network by chance with the start's weights in it, and the names of these."""
    torch.manual_seed(1)
    network = build(spec_of(config))
    return network, start.give(network, spec_of(config))


def half(value):
    return value.half().float()


def test_encoder_and_decoder_of_masked_modelling_are_both_taken(tmp_path):
    torch.manual_seed(3)
    unet = UNet(1, CHANNELS)
    decoder = torch.nn.ModuleDict({"ups": unet.ups, "joins": unet.joins})
    made = pretrained(tmp_path, "unet", {"channels": CHANNELS}, decoder=decoder)
    network, given = begun(read_start(tmp_path), stage())
    for key, value in made.state_dict().items():
        assert torch.equal(network.encoder.state_dict()[key], half(value)), key
    for key, value in unet.joins.state_dict().items():
        assert torch.equal(network.joins.state_dict()[key], half(value)), key
    assert {name for name, _ in network.named_parameters()} - given == {"head.weight", "head.bias"}
    _, without = begun(read_start(tmp_path, decoder=False), stage())
    assert all(name.startswith("encoder.") for name in without)


def test_a_start_that_saw_one_slice_says_the_same_of_a_slice_among_neighbours(tmp_path):
    made = pretrained(tmp_path, "unet", {"channels": CHANNELS}).eval()
    network, _ = begun(read_start(tmp_path), stage(neighbours=1))
    alone = torch.randn(2, 1, 32, 32)
    among = torch.cat([torch.randn_like(alone), alone, torch.randn_like(alone)], 1)
    made.load_state_dict({k: half(v) for k, v in made.state_dict().items()})
    with torch.no_grad():
        for mine, theirs in zip(network.eval().encoder(among), made(alone), strict=True):
            assert torch.allclose(mine, theirs, atol=1e-6)


def test_a_transformer_segments_at_the_resolution_of_its_picture(tmp_path):
    made = pretrained(tmp_path, "vit_small_patch8", VIT)
    start = read_start(tmp_path)
    config = stage(neighbours=1).model_copy(update=start.network)
    network, given = begun(start, config)
    assert network(torch.randn(2, 3, 64, 48)).shape == (2, 4, 64, 48)
    for key, value in made.state_dict().items():
        assert torch.equal(network.encoder.transformer.state_dict()[key], half(value)), key
    assert all(name.startswith("encoder.transformer.") for name in given)


def test_a_transformer_learns_a_border_finer_than_its_patches(tmp_path):
    pretrained(tmp_path, "vit_small_patch8", VIT)
    start = read_start(tmp_path)
    still = AugmentConfig(**{k: 0 for k in AugmentConfig.model_fields if k != "zoom"}, zoom=(1, 1))
    config = stage(steps=30, augment=still, learning_rate=1e-2, average=0.9)
    config = config.model_copy(update=start.network)
    sets = [(1.0, [frame_of("a")])]
    trained = train_stage("s", config, sets, tmp_path, seed=0, start=start, say=lambda _: None)
    images, targets, *_ = draw_batch(EvenSampler(sets), config, 0, 0)
    with torch.no_grad():
        found = trained.network(images).argmax(1)
    overlap = ((found == 1) & (targets == 1)).sum() * 2
    assert overlap / ((found == 1).sum() + (targets == 1).sum()) > 0.8


def test_a_transformers_version_comes_back_from_its_folder(tmp_path):
    pretrained(tmp_path / "pre", "vit_small_patch8", VIT)
    start = read_start(tmp_path / "pre")
    config = stage(neighbours=1).model_copy(update=start.network)
    network, _ = begun(start, config)
    folder = tmp_path / "version"
    save_model(folder, make_card(networks={"segmenter": spec_of(config)}), {"segmenter": network})
    loaded = load_model(folder).networks["segmenter"]
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(loaded(images), network.eval()(images), atol=2e-2)
    again, given = begun(read_start(folder), config)
    assert set(given) == set(again.state_dict())


def test_a_whole_segmenter_starts_both_networks_with_what_it_says(tmp_path):
    torch.manual_seed(0)
    card = make_card()
    networks = {role: build(spec).eval() for role, spec in card.networks.items()}
    save_model(tmp_path, card, networks)
    start = read_start(tmp_path)
    config = SegmenterConfig().begun_from(start)
    images = torch.randn(1, 1, 32, 32)
    for role, part in (("segmenter", start), ("localiser", start.localiser())):
        spec = spec_of(getattr(config, role))
        network = build(spec)
        part.give(network, spec)
        with torch.no_grad():
            assert torch.allclose(network(images), networks[role](images), atol=2e-2)


def test_an_encoder_without_a_segmenter_is_refused_by_name(tmp_path):
    options = {"planes": 4, "blocks": (1, 1, 1, 1)}
    pretrained(tmp_path, "resnet50", options)
    with pytest.raises(ModelError, match="pre-resnet50 is a pretrained resnet50, for which"):
        read_start(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": (4, 8)}, "its channels is 4, 6, 8, the segmenter's 4, 8"),
        ({"encoder": "vit_small_patch8", "encoder_options": VIT}, "its encoder is 'unet'"),
    ],
)
def test_a_start_of_another_network_is_refused_with_the_reason(tmp_path, changes, said):
    pretrained(tmp_path, "unet", {"channels": CHANNELS})
    start = read_start(tmp_path)
    with pytest.raises(ModelError, match=said):
        start.give(UNet(4, CHANNELS), spec_of(stage(**changes)))


def test_a_model_of_another_task_is_no_start(tmp_path):
    save_model(tmp_path, make_card(task="disease", networks={}), {})
    with pytest.raises(ModelError, match="disease"):
        read_start(tmp_path)


def test_a_frozen_encoder_stays_and_then_moves(tmp_path):
    pretrained(tmp_path / "pre", "unet", {"channels": CHANNELS})
    start = read_start(tmp_path / "pre")
    sets = [(1.0, [frame_of("a")])]

    def weights_after(steps, **options):
        config = stage(steps=steps, average=0.0, **options)
        out = tmp_path / f"{steps}-{len(options)}"
        return train_stage("s", config, sets, out, seed=0, start=start, say=lambda _: None)

    key = "encoder.stages.1.conv.unit0.conv.weight"
    frozen = weights_after(2, frozen=2).network.state_dict()
    thawed = weights_after(3, frozen=2).network.state_dict()
    assert torch.equal(frozen[key], start.weights[key])
    assert not torch.equal(thawed[key], start.weights[key])
    assert not torch.equal(
        frozen["head.weight"], build(spec_of(stage())).state_dict()["head.weight"]
    )


def test_rates_fall_by_the_decay_from_stage_to_stage():
    network = UNet(2, CHANNELS)
    started = {n for n, _ in network.named_parameters() if n.startswith("encoder.")}
    groups = parameter_groups(network, started, rate=0.5, layer_decay=0.1)
    names = {id(p): n for n, p in network.named_parameters()}
    for group in groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            stage_of = int(name.split(".")[2]) if name in started else None
            wanted = 1.0 if stage_of is None else 0.5 * 0.1 ** (2 - stage_of)
            assert group["scale"] == pytest.approx(wanted), name
    assert sum(len(g["params"]) for g in groups) == len(names)


def test_the_transformers_embedding_is_slowest_and_its_closing_norm_fastest():
    spec = spec_of(stage(encoder="vit_small_patch8", encoder_options=VIT, channels=(4, 6, 8, 8)))
    network = build(spec)
    started = {n for n, _ in network.named_parameters() if n.startswith("encoder.transformer.")}
    groups = parameter_groups(network, started, rate=1.0, layer_decay=0.5)
    scale = {id(p): g["scale"] for g in groups for p in g["params"]}
    transformer = network.encoder.transformer
    assert scale[id(transformer.embed.weight)] == 0.5**4
    assert scale[id(transformer.blocks[0].qkv.weight)] == 0.5**3
    assert scale[id(transformer.blocks[3].qkv.weight)] == 1.0
    assert scale[id(transformer.norm.weight)] == 1.0


def test_without_slower_parts_the_optimizer_has_one_group_in_the_networks_order():
    network = UNet(2, CHANNELS)
    started = {n for n, _ in network.named_parameters() if n.startswith("encoder.")}
    (group,) = parameter_groups(network, started, rate=1.0, layer_decay=1.0)
    assert [id(p) for p in group["params"]] == [id(p) for p in network.parameters()]


def test_a_checkpoint_from_another_start_is_refused(tmp_path):
    pretrained(tmp_path / "pre", "unet", {"channels": CHANNELS})
    start = read_start(tmp_path / "pre")
    sets = [(1.0, [frame_of("a")])]
    train_stage("s", stage(), sets, tmp_path, seed=0, say=lambda _: None)
    with pytest.raises(InputError, match="another start"):
        train_stage("s", stage(), sets, tmp_path, seed=0, start=start, say=lambda _: None)


def test_a_segmenter_of_one_structure_has_two_channels(tmp_path):
    config = stage(structures=("BACKGROUND", "LV"))
    sets = [(1.0, [frame_of("a", structures=(1,))])]
    trained = train_stage("s", config, sets, tmp_path, seed=0, say=lambda _: None)
    assert trained.network(torch.randn(1, 1, 32, 32)).shape[1] == 2
    assert trained.spec.structures == ("BACKGROUND", "LV")


def test_branches_are_left_out_the_more_the_deeper_and_the_same_ones_after_a_stop(tmp_path):
    options = {"width": 12, "depth": 4, "heads": 3, "size": 32}
    config = stage(
        encoder="vit_small_patch8", encoder_options=options, channels=(4, 4, 6, 8), steps=4,
        drop_path=0.3,
    )  # fmt: skip
    network = build(spec_of(config))
    drop_paths(network, 0.3)
    chances = [block.drop_path for block in network.encoder.transformer.blocks]
    assert chances == pytest.approx([0.0, 0.1, 0.2, 0.3])
    sets = [(1.0, [frame_of("a")])]

    def train(folder, **more):
        return train_stage(
            "s", config, sets, tmp_path / folder, seed=0, say=lambda _: None, **more
        ).network.state_dict()

    whole, again = train("a"), train("b")
    asked = iter([False, False, True])
    with pytest.raises(CancelledError):
        train("c", cancel=lambda: next(asked))
    torch.manual_seed(99)
    resumed = train("c")
    assert all(torch.equal(whole[k], again[k]) for k in whole)
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
