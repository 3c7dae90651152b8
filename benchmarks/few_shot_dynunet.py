"""MONAI's DynUNet from scratch, trained for a given time; few_shot.py runs it.

A plain recipe: slices of zero mean and unit spread, 192 x 192 pixels of them (fewer where no slice
has as many) in batches of 8 with any rotation, zoom 0.8 to 1.25, flips and another brightness and
contrast; Dice and cross-entropy, AdamW with a rate of 1e-3 that falls to nothing; four flips
averaged at test time.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from few_shot_peer import Budget, Case, arguments, read_cases, write_training
from monai.losses import DiceCELoss
from monai.networks.nets import DynUNet
from torch import Tensor, nn
from torch.nn import functional

FILTERS = (32, 64, 128, 256, 320)
STRIDE = 2 ** (len(FILTERS) - 1)
CROP, BATCH, RATE = 192, 8, 1e-3
FLIPS = ((), (2,), (3,), (2, 3))


def main() -> None:
    args = arguments(__doc__.splitlines()[0])
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    cases = read_cases(args.cases / "train")
    slices = [
        (pixels, torch.from_numpy(labels).float()[None])
        for case in cases
        for pixels, labels in zip(normalised(case), case.labels, strict=True)
    ]
    network = new_network()
    budget = Budget(args.seconds, args.clock)
    train(network, slices, budget, rng)
    spent = budget.spent()
    args.out.mkdir(parents=True, exist_ok=True)
    network.eval()
    for case in read_cases(args.cases / "test"):
        np.save(args.out / f"{case.subject}.npy", answer(network, case))
    write_training(args.out, spent, budget.steps, ("monai", "torch"))


def new_network() -> nn.Module:
    stages = len(FILTERS)
    return DynUNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=3,
        kernel_size=[3] * stages,
        strides=[1] + [2] * (stages - 1),
        upsample_kernel_size=[2] * (stages - 1),
        filters=FILTERS,
    )


def normalised(case: Case) -> Tensor:
    """``(z, 1, y, x)``, each slice of zero mean and unit spread."""
    pixels = torch.from_numpy(case.pixels)[:, None]
    mean, spread = pixels.mean((1, 2, 3), keepdim=True), pixels.std((1, 2, 3), keepdim=True)
    return (pixels - mean) / spread.clamp_min(1e-6)


def train(
    network: nn.Module,
    slices: list[tuple[Tensor, Tensor]],
    budget: Budget,
    rng: np.random.Generator,
) -> None:
    loss = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.AdamW(network.parameters(), RATE)
    network.train()
    largest = max(max(pixels.shape) for pixels, _ in slices)
    side = min(CROP, -(-largest // STRIDE) * STRIDE)
    for factor in budget.poly():
        optimizer.param_groups[0]["lr"] = RATE * factor
        drawn = [augmented(*slices[i], side, rng) for i in rng.integers(len(slices), size=BATCH)]
        pixels, labels = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        optimizer.zero_grad()
        loss(network(pixels), labels).backward()
        optimizer.step()


def augmented(
    pixels: Tensor, labels: Tensor, side: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """One view ``(1, side, side)`` of a slice, and its labels."""
    angle, zoom = rng.uniform(-math.pi, math.pi), math.exp(rng.uniform(-0.223, 0.223))
    flip = rng.choice([-1, 1])
    shape = np.array(pixels.shape[1:], float)
    room = np.maximum(1 - side / shape, 0)  # the view stays in the picture but for its corners
    dy, dx = rng.uniform(-room, room)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turn = turn @ np.diag([flip, 1.0]) / zoom * (side / shape[::-1])[:, None]
    theta = torch.tensor(np.c_[turn, [dx, dy]], dtype=torch.float32)[None]
    grid = functional.affine_grid(theta, [1, 1, side, side], align_corners=False)
    view = functional.grid_sample(pixels[None], grid, align_corners=False)[0]
    view = view * rng.uniform(0.75, 1.25) + rng.uniform(-0.25, 0.25)
    drawn = functional.grid_sample(labels[None], grid, mode="nearest", align_corners=False)[0]
    return view, drawn


@torch.inference_mode()
def answer(network: nn.Module, case: Case) -> np.ndarray:
    """Labels ``(z, y, x)`` of whole slices."""
    height, width = case.pixels.shape[1:]
    padding = (0, -width % STRIDE, 0, -height % STRIDE)
    pixels = functional.pad(normalised(case), padding)
    total = sum(
        network(pixels.flip(flip)).softmax(1).flip(flip) if flip else network(pixels).softmax(1)
        for flip in FLIPS
    )
    return total.argmax(1)[:, :height, :width].numpy().astype(np.uint8)


if __name__ == "__main__":
    main()
