"""From manifests to a version folder with a pretrained encoder."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from napari_cmr.core import InputError, Stack
from napari_cmr.learn.evaluate import interval
from napari_cmr.learn.pretraining.engine import Finished, launch, train
from napari_cmr.learn.pretraining.pack import Pack
from napari_cmr.learn.pretraining.packing import FindHeart, open_pack, pack_manifests
from napari_cmr.learn.pretraining.registry import make_method, method_config
from napari_cmr.learn.pretraining.run import RunConfig
from napari_cmr.nets import Card, Heart, InputGrid, Metric, Network, TrainingData
from napari_cmr.nets.encoders import as_encoder, load_encoder, make_encoder
from napari_cmr.nets.locate import find_heart
from napari_cmr.nets.shelf import load_model, save_model
from napari_cmr.nets.vit import VisionTransformer

if TYPE_CHECKING:
    from lightning.fabric import Fabric

GRID = InputGrid(spacing_mm=1.4, size=144)
TERMS = "research use; the images are not shipped with the model"


def pretrain(
    manifests: Sequence[Path],
    out: Path,
    method: str,
    encoder: str,
    *,
    run: RunConfig | None = None,
    options: dict[str, Any] | None = None,
    encoder_options: dict[str, Any] | None = None,
    grid: InputGrid = GRID,
    probe: str = "position",
    heart_crop: bool = False,
    finder: FindHeart | None = None,
    packs: Path | None = None,
    pack: Path | None = None,
    seconds: float | None = None,
    start: str | Path | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    terms: str = TERMS,
    say: Callable[[str], None] = print,
) -> Card:
    """Pretrain an encoder on all training images of the manifests.

    Parameters
    ----------
    manifests
        One CSV a data set; see :func:`~napari_cmr.learn.pretraining.packing.pack_manifests`.
    out
        The version folder; checkpoints, progress and, without ``packs``, packed images lie in it
        too, and a second call goes on from them.
    method, encoder
        Names; ``options`` and ``encoder_options`` change what the papers say.
    heart_crop
        Whether crops lie round the heart that ``finder`` finds, the shelf's localiser if None;
        the picture's middle where nothing is found.
    pack
        A folder of packed images made by an earlier call, in place of manifests; the grid, the
        probe and the crops are then as it was made, and asking for others is refused.
    seconds
        How long this call may train; an unfinished encoder is then written, and the same call
        goes on.
    start
        A pretrained version, by shelf name or folder, whose encoder the run begins with.

    Returns
    -------
    Card
        As written; ``networks["encoder"]`` says which encoder, the recipe how it was made.

    Raises
    ------
    InputError
        If method and encoder make no sense together, the data are at fault, or the pack was made
        otherwise than is asked for.
    """
    run = run or RunConfig()
    chosen = method_config(method, **(options or {}))
    torch.manual_seed(run.seed)
    network = make_encoder(encoder, **(encoder_options or {}))
    parent = None if start is None else _begin_with(start, encoder, network)
    module = make_method(method, network, chosen)
    if run.frame_pairs and not module.pairs:
        raise InputError(f"{method} looks at one picture at a time; leave out the frame pairs.")
    if module.contrasts and run.batch < 2 * run.accumulate:
        raise InputError(
            f"{method} contrasts pictures within a part of a batch: {run.accumulate} parts of "
            f"{run.batch} leave nothing to contrast; raise the batch or cut it into fewer."
        )
    fabric = launch(run.precision)
    say_once = say if fabric.is_global_zero else _silent
    if pack is not None:
        packed = open_pack(pack)
        _refuse_other_pack(packed, grid, probe, heart_crop)
    else:
        find, found_by = _heart_finder(finder) if heart_crop else (None, "")
        packed = _packed_once(
            fabric,
            lambda: pack_manifests(
                manifests, packs or out, grid,
                probe=probe, find_heart=find, finder_name=found_by, say=say_once,
            ),
        )  # fmt: skip
    meta = packed.meta
    built = json.loads(json.dumps(encoder_options or {}))  # as a card or checkpoint gives it back
    identity = {
        "method": method,
        "encoder": encoder,
        "encoder options": built,
        "method options": chosen.model_dump(mode="json"),
        "packed images": packed.folder.name,
    }
    if parent is not None:
        identity["start"] = parent
    finished = train(fabric, module, identity, packed, run, chosen, out, seconds=seconds, say=say)
    recipe = {
        "method": method,
        "method_options": identity["method options"],
        "encoder_options": built | _pooling(network),
        "run": run.model_dump(mode="json"),
        "processes": fabric.world_size,
        "heart_crop": meta["hearts_found"] is not None,
        "heart_finder": meta["heart_finder"],
        "hearts_found": meta["hearts_found"],
        "stacks": meta["stacks"],
        "probe": meta["probe"],
    }
    card = _card(
        name or f"{method}-{encoder}".replace("_", "-"),
        version,
        Network(
            encoder=encoder,
            channels=(as_encoder(network).width,),
            structures=(),
            grid=InputGrid(spacing_mm=meta["grid"]["spacing_mm"], size=module.view_size),
        ),
        TrainingData(sets=meta["sets"], manifest_sha256=meta["manifest_sha256"], terms=terms),
        recipe,
        finished,
        parent,
    )
    if fabric.is_global_zero:
        card = save_model(out, card, module.shipped())
        state = "" if card.finished else ", unfinished"
        say(f"wrote {out}: {card.name} {card.version}, {card.hours:.2f} hours{state}")
    fabric.barrier()
    packed.close()
    return card


def _packed_once(fabric: Fabric, pack: Callable[[], Pack]) -> Pack:
    """Packed by the first process, then opened by the others; a fault ends all of them alike."""
    packed, fault = None, ""
    with fabric.rank_zero_first():  # waits without limit, as packing may take hours
        if fabric.is_global_zero:
            try:
                packed = pack()
            except InputError as error:
                fault = str(error)
    fault = fabric.broadcast(fault)
    if fault:
        raise InputError(fault)
    return packed or pack()


def _card(
    name: str,
    version: str,
    network: Network,
    data: TrainingData,
    recipe: dict[str, Any],
    finished: Finished,
    parent: str | None,
) -> Card:
    return Card(
        name=name,
        version=version,
        task="pretrain",
        networks={"encoder": network},
        tier="full",
        parent=parent,
        label_map="none",
        training_data=data,
        recipe=recipe,
        seed=recipe["run"]["seed"],
        hours=finished.seconds / 3600,
        hardware=_hardware(recipe["processes"]),
        finished=finished.steps == recipe["run"]["steps"],
        metrics=_metrics(finished),
        sha256="",
        licence="BSD-3-Clause for the weights; the training images have terms of their own",
        intended_use="A start for fine-tuning on cardiac images; it gives no result by itself.",
        bad_at=("anything before it is fine-tuned", "images unlike those it was trained on"),
    )


def _pooling(network: nn.Module) -> dict[str, str]:
    """What a transformer's pooled features are, where the method decided that."""
    if isinstance(network, VisionTransformer) and network.pool != "class":
        return {"pool": network.pool}
    return {}


def _refuse_other_pack(pack: Pack, grid: InputGrid, probe: str, heart_crop: bool) -> None:
    """Settings that differ from the defaults must be those that the images were packed with."""
    meta = pack.meta
    if heart_crop and meta["hearts_found"] is None:
        raise InputError(
            f"The images in {pack.folder} were not cropped round the heart: leave out the heart "
            "crop, or pack them anew from their manifests."
        )
    for what, asked, default, made in (
        ("probe", probe, "position", meta["probe"]),
        ("grid", grid.model_dump(), GRID.model_dump(), meta["grid"]),
    ):
        if asked not in (default, made):
            raise InputError(
                f"The images in {pack.folder} were packed with the {what} {made}, not {asked}: "
                "leave it out, or pack them anew from their manifests."
            )


def _begin_with(start: str | Path, encoder: str, network: nn.Module) -> str:
    """Give the network a pretrained encoder's weights; say whose, as name, version and hash."""
    card, pretrained, _ = load_encoder(start)
    made = card.networks["encoder"].encoder
    if made != encoder:
        raise InputError(
            f"{card.name} is a pretrained {made}, not {encoder}: choose --encoder {made} or "
            "another start."
        )
    try:
        network.load_state_dict(pretrained.state_dict())
    except RuntimeError as error:
        raise InputError(
            f"{card.name} is a {made} of other sizes: give the encoder options of its card, "
            f"{json.dumps(card.recipe.get('encoder_options', {}))}."
        ) from error
    return f"{card.name} {card.version} {card.sha256[:12]}"


def _heart_finder(given: FindHeart | None) -> tuple[FindHeart, str]:
    """The given one, else the localiser of the shelf's best segmenter; and its name."""
    if given is not None:
        return given, "given by the caller"
    model = load_model(task="cine_sax_seg")

    def find(stack: Stack) -> Heart:
        return find_heart(stack, model)

    return find, f"{model.title} {model.card.sha256[:12]}"


def _metrics(finished: Finished) -> dict[str, dict[str, Metric]]:
    """Probe figures over validation subjects."""
    if finished.probe is None:
        return {}
    rng = np.random.default_rng(0)
    chance = finished.probe.chance
    return {
        "validation images": {
            "knn_accuracy": interval(list(finished.probe.accuracy.values()), rng),
            "knn_chance": Metric(value=chance, low=None, high=None, n=len(finished.probe.accuracy)),
        }
    }


def _hardware(processes: int) -> str:
    if torch.cuda.is_available():
        return f"{processes} x {torch.cuda.get_device_name()}"
    threads = torch.get_num_threads()
    return (
        f"{processes} process(es) of {threads} CPU thread(s) ({platform.machine()}), "
        f"torch {torch.__version__}"
    )


def _silent(_: str) -> None:
    """Say nothing: one process speaks for all."""
