"""Learning rates a layer, so that what was pretrained may move less than what begins by chance."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from torch import nn

_DEPTH = re.compile(r"(?:stages|blocks)\.(\d+)\.")
_CLOSING = "transformer.norm."  # after the last block


def parameter_groups(
    network: nn.Module, started: Collection[str], *, rate: float, layer_decay: float
) -> list[dict[str, Any]]:
    """The optimizer's groups, each with the ``scale`` of its learning rate.

    Parameters
    ----------
    started
        Names of the encoder's pretrained parameters.
    rate
        Rate of the deepest of them, relative to the others'.
    layer_decay
        What each stage or block is slower than the one after it, as in the layer-wise decay of
        ELECTRA (Clark et al., ICLR 2020) and BEiT.

    Returns
    -------
    list of dict
        One group with all parameters in their order where nothing is to be slower.
    """
    depths = {name: depth_of(name) for name in started}
    deepest = max(depths.values(), default=0)
    groups: dict[float, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in network.named_parameters():
        scale = 1.0
        if name in depths:
            above = 0 if _CLOSING in name else deepest - depths[name]
            scale = rate * layer_decay**above
        groups[scale].append(parameter)
    return [{"params": groups[scale], "scale": scale} for scale in sorted(groups)]


def depth_of(name: str) -> int:
    """How deep a parameter of that name lies: 0 before the first stage or block, then 1, 2, ..."""
    found = _DEPTH.search(name)
    return int(found[1]) + 1 if found else 0
