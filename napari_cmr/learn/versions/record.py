"""What is written down of a version: where it came from, on what, and how it was judged."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_cmr.nets.segmenter_tasks import CINE

RECORD = "version.json"


class Correction(BaseModel):
    """One labelled image that trained a version, without a name.

    ``image_sha256`` and ``label_sha256`` are of the pixels as loaded and of the labels in map
    ``cmr``, so the same correction is known again whatever its file is called.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str = Field(description="salted hash; the salt stays in the project")
    image_sha256: str
    label_sha256: str
    structures: tuple[str, ...]


class Pair(BaseModel):
    """Mean Dice of one judged subject, before and after."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str
    before: float
    after: float


class Judgement(BaseModel):
    """How a version compares with the one it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: Literal["holdout", "leave-one-subject-out", "none"]
    pairs: tuple[Pair, ...] = ()
    before: float | None = Field(default=None, description="mean Dice over judged subjects")
    after: float | None = None
    structures: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="structure -> mean Dice before and after"
    )
    unnamed: dict[str, float] = Field(
        default_factory=dict,
        description="structure that no judged label names -> Dice of after against before",
    )
    against: tuple[str, ...] = Field(
        default=(), description="versions that it was compared with, where not with its parent"
    )
    not_worse: bool | None = Field(description="None where it cannot be judged")
    reason: str


class VersionRecord(BaseModel):
    """One version of a project."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    parent: str | None
    origin: Literal["start", "trained", "imported"]
    model: str = Field(description="title on the model's card")
    task: str = Field(default=CINE, description="early projects had one for cine only")
    tier: str
    made: str = Field(description="UTC, ISO 8601")
    corrections: tuple[Correction, ...] = ()
    joined: tuple[str, ...] = Field(
        default=(), description="salted hashes of subjects whose images joined in without labels"
    )
    recipe: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    seconds: float = 0.0
    judgement: Judgement | None = None
    kept_anyway: bool = Field(default=False, description="made active though not judged as good")
    files: dict[str, str] = Field(description="file of the version -> SHA-256")

    @property
    def trained_on(self) -> frozenset[str]:
        """Salted hashes of the subjects that trained it, with labels or without."""
        return frozenset(c.subject for c in self.corrections) | set(self.joined)
