"""Training steps of DINO and MAE with ViT-S/8 against their plain formulation, and the loader.

usage: python benchmarks/pretraining_speed.py [--method dino] [--method mim] [--repeats 5]
       [--threads 1] [--batch N] [--compile] [--mkl] [--peak-tflops T] [--pack FOLDER]

The plain formulation is the method's published pseudo-code on MONAI's ViT: attention written out
(MONAI's own: two products and a softmax), one view a forward pass, a teacher without gradients
that follows parameter by parameter, AdamW and clipping as PyTorch has them by default; for MAE the
visible patches are gathered picture by picture and the decoder is of MONAI's blocks. Sizes, heads,
views, batch, precision and pictures are the same, and both steps take everything from pictures in
memory to changed weights. Steps alternate, ours first, then theirs; medians count.

On a GPU ours runs in bf16, compiled, with fused attention, and the share of the chip's peak
(--peak-tflops) that the model's own products reach is said.
"""

from __future__ import annotations

import argparse
import copy
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import zarr
from monai.networks.blocks.patchembedding import PatchEmbeddingBlock
from monai.networks.blocks.transformerblock import TransformerBlock
from monai.networks.nets import ViT
from torch import nn
from torch.nn import functional

from napari_cmr.learn.pretraining.dino import DINOConfig, DINOHead
from napari_cmr.learn.pretraining.engine import launch
from napari_cmr.learn.pretraining.masks import patches_of, random_masks
from napari_cmr.learn.pretraining.mim import MIMConfig
from napari_cmr.learn.pretraining.pack import INDEX, META, RECORD, Pack
from napari_cmr.learn.pretraining.registry import make_method, method_config
from napari_cmr.learn.pretraining.run import Run, RunConfig
from napari_cmr.learn.pretraining.sampling import Batch, Sampler
from napari_cmr.learn.pretraining.shards import NAME, SHARD_IMAGES, ShardWriter
from napari_cmr.learn.pretraining.teacher import momentum_at
from napari_cmr.learn.pretraining.views import make_views
from napari_cmr.nets import linear
from napari_cmr.nets.encoders import make_encoder

WIDTH, DEPTH, HEADS, PATCH, SIDE = 384, 12, 6, 8, 96
BATCH = {"dino": 4, "mim": 16}
STEPS = 1000


class PlainEmbedding(PatchEmbeddingBlock):
    """MONAI's, with positions interpolated for smaller views as DINO's code does."""

    def forward(self, x):
        x = self.patch_embeddings(x).flatten(2)
        side = int(self.n_patches**0.5)
        grid = self.position_embeddings.transpose(1, 2).reshape(1, -1, side, side)
        here = int(x.shape[2] ** 0.5)
        if here != side:
            grid = functional.interpolate(grid, (here, here), mode="bicubic")
        return (x + grid.flatten(2)).transpose(1, 2)


def plain_vit() -> ViT:
    vit = ViT(
        1, SIDE, PATCH, WIDTH, 4 * WIDTH, DEPTH, HEADS,
        classification=True, spatial_dims=2, qkv_bias=True,
    )  # fmt: skip
    vit.patch_embedding = PlainEmbedding(1, SIDE, PATCH, WIDTH, HEADS, spatial_dims=2)
    vit.classification_head = nn.Identity()
    return vit


class PlainDINO(nn.Module):
    """Algorithm 1 of the paper with its multi-crop, view by view."""

    def __init__(self, config: DINOConfig) -> None:
        super().__init__()
        self.config = config
        self.student = nn.ModuleDict({"vit": plain_vit(), "head": DINOHead(WIDTH, config)})
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.centre = torch.zeros(config.prototypes)

    def see(self, networks: nn.ModuleDict, view: torch.Tensor) -> torch.Tensor:
        return networks["head"](networks["vit"](view)[0])

    def forward(self, batch: Batch) -> torch.Tensor:
        config = self.config
        whole = [make_views(batch.images, batch.keys, i, config.whole) for i in range(2)]
        parts = [
            make_views(batch.images, batch.keys, 2 + i, config.part) for i in range(config.parts)
        ]
        with torch.no_grad():
            seen = [self.see(self.teacher, view) for view in whole]
        students = [self.see(self.student, view) for view in (*whole, *parts)]
        terms = []
        for i, teacher in enumerate(seen):
            target = functional.softmax((teacher - self.centre) / 0.04, dim=1)
            for j, student in enumerate(students):
                if i != j:
                    chance = functional.log_softmax(student / config.student_temperature, dim=1)
                    terms.append(-(target * chance).sum(1).mean())
        mean = torch.cat(seen).mean(0)
        self.centre = self.centre * config.centre_momentum + mean * (1 - config.centre_momentum)
        return sum(terms) / len(terms)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        m = momentum_at(step, STEPS, self.config.momentum)
        pairs = zip(self.student.parameters(), self.teacher.parameters(), strict=True)
        for student, teacher in pairs:
            teacher.data.mul_(m).add_((1 - m) * student.detach().data)


class PlainMAE(nn.Module):
    """Mask, encode the visible patches, put mask tokens between them, decode, compare."""

    def __init__(self, config: MIMConfig) -> None:
        super().__init__()
        self.config, self.vit = config, plain_vit()
        wide, n = config.decoder_width, (SIDE // PATCH) ** 2
        self.join = nn.Linear(WIDTH, wide)
        self.mask_token = nn.Parameter(torch.randn(wide) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, 1 + n, wide) * 0.02)
        self.decoder = nn.Sequential(
            *(
                TransformerBlock(wide, 4 * wide, config.decoder_heads, qkv_bias=True)
                for _ in range(config.decoder_depth)
            ),
            nn.LayerNorm(wide),
        )
        self.to_pixels = nn.Linear(wide, PATCH**2)

    def forward(self, batch: Batch) -> torch.Tensor:
        images = make_views(batch.images, batch.keys, 0, self.config.view)
        patches = self.vit.patch_embedding(images)
        masks = random_masks(batch.keys, patches.shape[1], self.config.ratio)
        visible = torch.stack([row[~mask] for row, mask in zip(patches, masks, strict=True)])
        tokens = torch.cat([self.vit.cls_token.expand(len(images), -1, -1), visible], dim=1)
        for block in self.vit.blocks:
            tokens = block(tokens)
        seen, full = self.join(self.vit.norm(tokens)), []
        for row, mask in zip(seen, masks, strict=True):
            every = self.mask_token.repeat(len(mask), 1)
            every[~mask] = row[1:]
            full.append(torch.cat([row[:1], every]))
        rebuilt = self.to_pixels(self.decoder(torch.stack(full) + self.positions))[:, 1:]
        target = patches_of(images, PATCH)
        target = (target - target.mean(-1, keepdim=True)) / (
            target.var(-1, keepdim=True) + 1e-6
        ).sqrt()
        error = ((rebuilt - target) ** 2).mean(-1)
        return (error * masks).sum() / masks.sum()

    def after_step(self, step: int) -> None:
        """Nothing follows."""


class PlainStep:
    """A published training loop's step."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.step = module, 0
        self.trained = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-5)

    def __call__(self, batch: Batch) -> None:
        loss = self.module(batch)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 3.0)
        self.optimizer.step()
        self.module.after_step(self.step)
        self.step += 1


def our_step(name: str, batch: int, compiled: bool, folder: Path) -> Run:
    config = method_config(name)
    torch.manual_seed(0)
    method = make_method(name, make_encoder("vit_small_patch8"), config)
    settings = RunConfig(steps=STEPS, batch=batch, compile=compiled)
    return Run(launch(), method, {}, settings, config, folder / f"{name}.none")


def picture_batch(n: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 1, 144, 144, generator=generator)
    return Batch(images, images, torch.zeros(n), torch.arange(n) + seed * n)


def model_flops(name: str, batch: Batch, device: torch.device) -> int:
    """Products of one step's forward and backward passes, counted as they are made."""
    from torch.utils.flop_counter import FlopCounterMode

    def product(values, weight, *_, **__):
        rows = int(np.prod(values[:-1]))
        return 2 * rows * weight[0] * weight[1]

    counted = {torch.ops.mkldnn._linear_pointwise: product}
    method = make_method(name, make_encoder("vit_small_patch8"), method_config(name)).to(device)
    with FlopCounterMode(display=False, custom_mapping=counted) as counter:
        method(batch.to(device)).loss.backward()
    return counter.get_total_flops()


def timed(call, device: torch.device) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    begun, spent = time.perf_counter(), time.process_time()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun, time.process_time() - spent


def middle(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def compare(name: str, options: argparse.Namespace, device: torch.device) -> float:
    """Print and return our images a second."""
    n = options.batch or (BATCH[name] if device.type == "cpu" else 256)
    with tempfile.TemporaryDirectory() as folder:
        run = our_step(name, n, options.compile, Path(folder))
        kinds = {"ours": lambda b: run.advance([b])}
        if device.type == "cpu":
            torch.manual_seed(0)
            plain = PlainDINO(DINOConfig()) if name == "dino" else PlainMAE(MIMConfig())
            kinds["plain"] = PlainStep(plain)
        taken = {kind: [] for kind in kinds}
        for repeat in range(-2, options.repeats):  # two to warm up, and to compile
            batch = picture_batch(n, repeat + 2)
            for kind, step in kinds.items():
                seconds = timed(lambda step=step, batch=batch: step(batch), device)
                if repeat >= 0:
                    taken[kind].append(seconds)
    rates = {kind: [n / wall for wall, _ in pairs] for kind, pairs in taken.items()}
    for kind, values in rates.items():
        print(f"{name} {kind}, batch {n}: images a second {middle(values)}")
    if "plain" in taken:
        both = list(zip(taken["plain"], taken["ours"], strict=True))
        wall = [plain[0] / ours[0] for plain, ours in both]
        spent = [plain[1] / ours[1] for plain, ours in both]
        print(f"{name} ours / plain, on the wall: {middle(wall)}, wanted at least 1.3")
        print(f"{name} ours / plain, processor time: {middle(spent)}")
    flops = model_flops(name, picture_batch(n, 0), device) / n
    rate = statistics.median(rates["ours"])
    print(f"{name} model: {flops / 1e9:.1f} GFLOP an image, {flops * rate / 1e12:.2f} TFLOP/s")
    if options.peak_tflops:
        share = flops * rate / 1e12 / options.peak_tflops
        print(f"{name} model FLOPs utilisation: {100 * share:.1f} % of {options.peak_tflops:g}")
    return rate


def packed_noise(folder: Path, images: int = 4096, size: int = 144) -> Pack:
    """A pack of noise, 64 pictures a subject."""
    rng = np.random.default_rng(0)
    shards = ShardWriter(folder, size, SHARD_IMAGES)
    shards.add(rng.integers(0, 255, (images, size, size), np.uint8))
    shards.finish()
    records = np.zeros(images, RECORD)
    records["subject"], records["site"] = np.arange(images) // 64, np.arange(images) // 4
    np.save(folder / INDEX, records)
    (folder / META).write_text(f'{{"size": {size}}}', encoding="utf-8")
    return Pack(folder)


def loader(pack: Pack, rates: dict[str, float], batch: int = 256) -> None:
    sampler, cpu = Sampler(pack, seed=0), torch.device("cpu")
    taken = [timed(lambda s=step: sampler.draw(s, 0, batch), cpu)[0] for step in range(12)]
    rate = batch / statistics.median(taken[2:])
    print(f"loader alone, one thread: images a second {rate:.0f}")
    through_zarr(pack, batch)
    for name, step in rates.items():
        print(f"loader / step of {name}: {rate / step:.0f} times")
    pack.close()


def through_zarr(pack: Pack, batch: int) -> None:
    """Reading alone, of the same crops by zarr's own reader and by ours."""
    array, n = zarr.open_array(pack.folder / NAME, mode="r"), len(pack.records)
    draws = np.random.default_rng(0).integers(0, n, (6, batch))
    readers = {
        "zarr, one by one": lambda numbers: np.stack([array[i] for i in numbers]),
        "zarr, a batch": lambda numbers: array.oindex[np.sort(numbers)],
        "ours": pack.read,
    }
    for name, read in readers.items():
        taken = [timed(lambda r=read, d=d: r(d), torch.device("cpu")) for d in draws]
        wall, spent = (batch / statistics.median(t[i] for t in taken[1:]) for i in (0, 1))
        print(f"reading by {name}: crops a second {wall:.0f}, of processor time {spent:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", action="append", choices=tuple(BATCH))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--mkl", action="store_true", help="our linear layers by MKL too")
    parser.add_argument("--peak-tflops", type=float)
    parser.add_argument("--pack", type=Path, help="packed images for the loader; else noise")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.mkl:
        linear._THROUGH_ONEDNN = False
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    where = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    packages = ", ".join(f"{p} {version(p)}" for p in ("torch", "monai", "numpy"))
    print(f"{where}, {options.threads} thread(s), Python {platform.python_version()}, {packages}")
    options.compile = options.compile or device.type == "cuda"
    rates = {name: compare(name, options, device) for name in options.method or BATCH}
    with tempfile.TemporaryDirectory() as folder:
        loader(Pack(options.pack) if options.pack else packed_noise(Path(folder)), rates)


if __name__ == "__main__":
    main()
