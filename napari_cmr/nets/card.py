"""A model's card: what it is, what it was trained on, on whom it was measured."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class InputGrid(BaseModel):
    """The square picture a network sees.

    ``spacing_mm`` is the step of both axes, ``size`` the number of pixels a side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spacing_mm: float = Field(gt=0)
    size: int = Field(gt=0, le=4096)
    normalisation: str = "zero mean and unit spread of each crop"


class ModelName(BaseModel):
    """Which model something stands on: with another one's weights it would mean nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    sha256: str

    @classmethod
    def of(cls, card: Card) -> ModelName:
        """The name of a card's model."""
        return cls(name=card.name, version=card.version, sha256=card.sha256)

    @property
    def title(self) -> str:
        """Name, version and the beginning of the hash."""
        return f"{self.name} {self.version} ({self.sha256[:12]})"


class Network(BaseModel):
    """One network of a model: its family, widths, input and outputs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str
    channels: tuple[Annotated[int, Field(gt=0)], ...] = Field(max_length=16)
    encoder_options: dict[str, Any] = Field(
        default_factory=dict, description="what the encoder's class was given beside its defaults"
    )
    structures: tuple[str, ...] = Field(
        max_length=64, description="names of the output channels, in order"
    )
    grid: InputGrid
    neighbours: int = Field(
        default=0,
        ge=0,
        le=16,
        description="slices seen on either side of the one that is segmented",
    )
    neighbour_mm: float = Field(
        default=10.0, gt=0, description="how far apart the slices should be, as near as they are"
    )
    base: ModelName | None = Field(
        default=None,
        description="the model to whose network the weights file adds; it holds all if none",
    )


class TrainingData(BaseModel):
    """What a model was trained on; no identifiers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: dict[str, int] = Field(description="name of the set -> number of subjects")
    manifest_sha256: str
    terms: str


class Metric(BaseModel):
    """A mean over subjects with its 95 % bootstrap interval."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float | None
    low: float | None
    high: float | None
    n: int


class Card(BaseModel):
    """The record that travels with a model's weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    task: str
    networks: dict[str, Network]
    tier: str
    parent: str | None = None
    label_map: str = "cmr"
    test_time: dict[str, Any] = Field(default_factory=dict)
    training_data: TrainingData
    recipe: dict[str, Any]
    seed: int
    hours: float
    hardware: str
    finished: bool
    metrics: dict[str, dict[str, Metric]] = Field(
        description="what it was measured on -> metric -> value"
    )
    sha256: str
    licence: str
    intended_use: str
    bad_at: tuple[str, ...]
    caution: str = Field(default="", description="what a list of models says beside the name")
