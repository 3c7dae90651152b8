"""How much of a model is trained anew: its head in seconds, or all of it."""

from napari_cmr.learn.tiers.tier import (
    TIERS,
    NewModel,
    Tier,
    TierConfig,
    configured,
    tier_named,
)

__all__ = ["TIERS", "NewModel", "Tier", "TierConfig", "configured", "tier_named"]
