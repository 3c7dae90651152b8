"""Attention of a vision transformer: each head's, and all blocks' rolled out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.core import InputError
from napari_cmr.learn.saliency.integrated import Tick
from napari_cmr.learn.saliency.question import Question
from napari_cmr.nets.vit import Block, VisionTransformer


def rollout(attentions: Sequence[Tensor]) -> Tensor:
    """``(n, k, k)``: how much of each token comes from each patch, through all blocks.

    Abnar and Zuidema, "Quantifying attention flow in transformers", ACL 2020: heads are
    averaged, half of each token stays itself (the shortcut), and blocks are multiplied.

    Parameters
    ----------
    attentions
        ``(n, heads, k, k)`` of each block, rows summing to one, first block first.
    """
    flow = None
    for attention in attentions:
        mixed = attention.mean(1)
        own = torch.eye(mixed.shape[-1], dtype=mixed.dtype, device=mixed.device)
        mixed = (mixed + own) / 2
        flow = mixed if flow is None else mixed @ flow
    if flow is None:
        raise ValueError("there are no attentions to roll out")
    return flow


def attention_rollout(question: Question, tick: Tick = lambda: None) -> Tensor:
    """``(n, c, h, w)`` where the transformer looks; it is the same for every question of it."""
    return _attended(question, tick, lambda found: rollout(found))


def head_attention(
    question: Question, tick: Tick = lambda: None, *, block: int = -1, head: int = 0
) -> Tensor:
    """``(n, c, h, w)`` where one attention head of one block looks.

    Raises
    ------
    InputError
        If the transformer has no such block or head.
    """
    transformer = transformer_of(question.network)
    depth, heads = len(transformer.blocks), n_heads(transformer)
    if not (-depth <= block < depth and 0 <= head < heads):
        raise InputError(
            f"There is no head {head} of block {block}; blocks are 0 to {depth - 1}, "
            f"heads 0 to {heads - 1}."
        )
    return _attended(question, tick, lambda found: found[block][:, head])


def attentions_of(transformer: VisionTransformer, pictures: Tensor) -> list[Tensor]:
    """``(n, heads, k, k)`` of each block; the class token is first.

    Parameters
    ----------
    pictures
        ``(n, 1, h, w)``.
    """
    heard: list[Tensor] = []

    def hear(module: nn.Module, given: Any, _out: Tensor) -> None:
        heard.append(_attention(module, given[0]))

    handles = [block.register_forward_hook(hear) for block in transformer.blocks]
    try:
        with torch.no_grad():
            weight = next(transformer.parameters())
            transformer.encode(transformer.patches(pictures.to(weight.device)))
    finally:
        for handle in handles:
            handle.remove()
    return [one.cpu() for one in heard]


def transformer_of(network: nn.Module) -> VisionTransformer:
    """The transformer inside a network.

    Raises
    ------
    InputError
        If there is none.
    """
    for module in network.modules():
        if isinstance(module, VisionTransformer):
            return module
    raise InputError(
        "Attention is a transformer's, and this model has none; choose another method or a model "
        "on vit_small_patch8."
    )


def n_heads(transformer: VisionTransformer) -> int:
    """Attention heads of a block."""
    first = transformer.blocks[0]
    assert isinstance(first, Block)
    return first.heads


def _attention(block: nn.Module, tokens: Tensor) -> Tensor:
    assert isinstance(block, Block)
    n, k, _ = tokens.shape
    split = block.qkv(block.norm1(tokens)).view(n, k, 3, block.heads, -1)
    q, key, _ = split.permute(2, 0, 3, 1, 4)
    scores: Tensor = q @ key.transpose(2, 3) / math.sqrt(q.shape[-1])
    return scores.softmax(-1)


def _attended(question: Question, tick: Tick, choose: Any) -> Tensor:
    transformer = transformer_of(question.network)
    n, c, h, w = question.inputs.shape
    found = torch.zeros(n, c, h, w)
    turns = sorted({quarters for _, quarters in question.network.calls})
    for which in question.batches():
        for channel in question.network.looks_at:
            for quarters in turns:
                seen = question.inputs[which, channel, None].rot90(quarters, (2, 3))
                flow = choose(attentions_of(transformer, seen))
                grid = _on_patches(flow, transformer, (seen.shape[2], seen.shape[3]))
                wide = functional.interpolate(grid[:, None], seen.shape[2:], mode="bilinear")
                found[which, channel] += wide[:, 0].rot90(-quarters, (1, 2)) / len(turns)
        tick()
    return found


def _on_patches(flow: Tensor, transformer: VisionTransformer, side: tuple[int, int]) -> Tensor:
    """``(n, rows, columns)`` of what the picture's token, or the mean patch, looks at."""
    asking = flow[:, 0] if transformer.pool == "class" else flow[:, 1:].mean(1)
    rows, columns = (length // transformer.patch for length in side)
    return asking[:, 1:].reshape(-1, rows, columns)
