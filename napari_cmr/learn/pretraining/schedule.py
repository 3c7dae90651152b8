"""How rates go over a run."""

from __future__ import annotations

import math


def cosine(step: int, steps: int, start: float, end: float, *, warm_up: int = 0) -> float:
    """Linear from near 0 to ``start`` in ``warm_up`` steps, then a cosine to ``end``."""
    if step < warm_up:
        return start * (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))
