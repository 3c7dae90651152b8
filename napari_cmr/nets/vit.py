"""A vision transformer for one-channel pictures of any size, whole or in part."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.nets.linear import Linear


class VisionTransformer(nn.Module):
    """Patches, a class token, and pre-norm blocks with fused attention.

    After Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; the defaults are the
    small one of Touvron et al. (DeiT-S) with the 8-pixel patches of Caron et al. (DINO).

    Parameters
    ----------
    patch
        Side of a patch in pixels; height and width of the input must be multiples of it.
    width, depth, heads
        Channels of a token, number of blocks, attention heads a block.
    size
        Side in pixels that the position embeddings are made for; other sizes interpolate them.
    drop_path
        Chance to leave out the last block's branches in training; it grows linearly with depth.
    pool
        What stands for the picture: the ``class`` token, or the ``mean`` of the patches for
        methods that never train the class token.

    Raises
    ------
    ValueError
        If one of the numbers is out of its range, or the width does not divide into heads.
    """

    def __init__(
        self,
        *,
        patch: int = 8,
        width: int = 384,
        depth: int = 12,
        heads: int = 6,
        size: int = 96,
        drop_path: float = 0.0,
        pool: str = "class",
    ) -> None:
        super().__init__()
        if min(patch, width, depth, heads) < 1 or size < patch:
            raise ValueError("sizes are positive, and a picture no smaller than a patch")
        if width % heads or width % 4:
            raise ValueError(f"a width of {width} is no multiple of 4 and of {heads} heads")
        if not 0 <= drop_path < 1:
            raise ValueError(f"drop_path {drop_path} is no share below 1")
        if pool not in ("class", "mean"):
            raise ValueError(f"pool is 'class' or 'mean', not '{pool}'")
        self.patch, self.width, self.pool = patch, width, pool
        self.stride = patch
        self.smallest = patch
        side = size // patch
        self.embed = nn.Conv2d(1, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, side * side, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        drop_paths(self, drop_path)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.read_after = tuple(math.ceil(depth * quarter / 4) - 1 for quarter in (1, 2, 3, 4))
        nn.init.trunc_normal_(self.class_token, std=0.02)
        self.positions.data = sine_positions(side, width)
        self.apply(_start)

    def patches(
        self, images: Tensor, hidden: Tensor | None = None, token: Tensor | None = None
    ) -> Tensor:
        """``(n, 1, h, w)`` to embedded patches ``(n, h/p * w/p, width)``, row by row.

        Where ``hidden`` ``(n, h/p * w/p)`` is True, ``token`` ``(1, 1, width)`` takes the
        patch's place; it is told where it stands, as all are.
        """
        grid: Tensor = self.embed(images)
        tokens = grid.flatten(2).transpose(1, 2)
        if hidden is not None and token is not None:
            tokens = torch.where(hidden[..., None], token.to(tokens.dtype), tokens)
        return tokens + self._positions(grid.shape[2], grid.shape[3])

    def encode(self, tokens: Tensor) -> Tensor:
        """Any subset of embedded patches ``(n, k, width)`` to ``(n, 1 + k, width)``.

        The class token comes first.
        """
        tokens = self._with_class(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)
        return out

    def pooled(self, images: Tensor) -> Tensor:
        """``(n, 1, h, w)`` to one vector a picture, ``(n, width)``.

        Where the class token speaks for the picture, the last block makes that token alone.
        """
        if self.pool != "class":
            return self.pool_tokens(self.encode(self.patches(images)))
        tokens = self._with_class(self.patches(images))
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, only_first=index == last)
        out: Tensor = self.norm(tokens[:, 0])
        return out

    def pool_tokens(self, tokens: Tensor) -> Tensor:
        """``(n, 1 + k, width)`` of :meth:`encode` to ``(n, width)``."""
        pooled: Tensor = tokens[:, 0] if self.pool == "class" else tokens[:, 1:].mean(1)
        return pooled

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(n, 1, h, w)`` to four maps ``(n, width, h/p, w/p)``, shallow to deep.

        They are read after each quarter of the depth, normed.
        """
        shape = images.shape[2] // self.patch, images.shape[3] // self.patch
        tokens = self._with_class(self.patches(images))
        maps = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            maps += [self.norm(tokens)] * self.read_after.count(index)
        return [m[:, 1:].transpose(1, 2).reshape(-1, self.width, *shape) for m in maps]

    def _with_class(self, tokens: Tensor) -> Tensor:
        first = self.class_token.expand(len(tokens), -1, -1)
        return torch.cat([first, tokens], dim=1)

    def _positions(self, rows: int, columns: int) -> Tensor:
        side = math.isqrt(self.positions.shape[1])
        if (rows, columns) == (side, side):
            return self.positions
        grid = self.positions.transpose(1, 2).reshape(1, self.width, side, side)
        grid = functional.interpolate(
            grid.float(), (rows, columns), mode="bicubic", align_corners=False
        )
        return grid.flatten(2).transpose(1, 2)


def drop_paths(network: nn.Module, chance: float) -> None:
    """Let a network's transformer, if it has one, leave out branches in training.

    After "Deep networks with stochastic depth" (Huang et al., ECCV 2016): the chance grows from
    none in the first block to ``chance`` in the last.
    """
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    for block, share in zip(blocks, torch.linspace(0, chance, len(blocks)).tolist(), strict=True):
        block.drop_path = share


class Block(nn.Module):
    """Attention and a two-layer perceptron, each with a norm before and a shortcut."""

    def __init__(self, width: int, heads: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.heads, self.drop_path = heads, drop_path
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(Linear(width, 4 * width), nn.GELU(), Linear(4 * width, width))

    def forward(self, tokens: Tensor, *, only_first: bool = False) -> Tensor:
        """``(n, k, width)`` to the same shape, or to ``(n, 1, width)``, what becomes of the first.

        The first token then looks at all tokens as ever; no other is made.
        """
        mixed = self._attend(self.norm1(tokens), 1 if only_first else None)
        tokens = tokens[:, : mixed.shape[1]] + self._sometimes(mixed)
        return tokens + self._sometimes(self.mlp(self.norm2(tokens)))

    def _attend(self, tokens: Tensor, queries: int | None = None) -> Tensor:
        n, k, width = tokens.shape
        q, key, value = self.qkv(tokens).view(n, k, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q[:, :, :queries], key, value)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(n, -1, width))
        return out

    def _sometimes(self, branch: Tensor) -> Tensor:
        """Stochastic depth (Huang et al., 2016): a whole picture keeps the branch or not."""
        if not self.training or self.drop_path == 0:
            return branch
        kept = torch.rand(len(branch), 1, 1, device=branch.device) >= self.drop_path
        return branch * kept / (1 - self.drop_path)


def sine_positions(side: int, width: int) -> Tensor:
    """Sines and cosines of a square grid's rows and columns, ``(1, side * side, width)``.

    Half of the channels tell the row, half the column, each at ``width / 4`` wave lengths from
    2 pi to 20,000 pi patches (Vaswani et al., 2017, in two dimensions as in He et al., "Masked
    autoencoders", 2022). A transformer that begins with them need not learn first what lies
    beside what, which takes a short pretraining longer than it has.
    """
    waves = 10000 ** -(torch.arange(width // 4) / (width // 4))
    angles = torch.arange(side)[:, None] * waves
    line = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows = line[:, None].expand(side, side, -1)
    columns = line[None].expand(side, side, -1)
    return torch.cat([rows, columns], dim=2).reshape(1, side * side, width)


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
