"""How much of a model is trained anew: its head in seconds, or all of it."""

from napari_cmr.learn.tiers.tier import (
    TIERS,
    NewModel,
    Tier,
    TierConfig,
    configured,
    tier_named,
    tier_of,
)
from napari_cmr.learn.tiers.watch import UNWATCHED, Watch

__all__ = [
    "TIERS",
    "UNWATCHED",
    "NewModel",
    "Tier",
    "TierConfig",
    "Watch",
    "configured",
    "tier_named",
    "tier_of",
]
