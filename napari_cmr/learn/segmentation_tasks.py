"""What each segmentation task trains, and what its card says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.segmenter import SegmenterConfig, StageConfig
from napari_cmr.nets.candidates import Candidates
from napari_cmr.nets.card import InputGrid
from napari_cmr.nets.locate import HeartSize

SMALL_UNET = (16, 32, 64, 128, 256)
LOCALISER = (16, 32, 64, 96)


@dataclass(frozen=True)
class SegmentationTask:
    """How a task is trained where nothing else is told, and the words of its card."""

    name: str
    model: str
    config: SegmenterConfig
    intended_use: str
    bad_at: tuple[str, ...]


_FAINT = AugmentConfig(  # dark wall and bright scar are the message: contrast moves little
    zoom=(0.8, 1.25),
    stretch=0.08,
    shift_mm=10.0,
    gamma=0.3,
    tone=0.0,
    bias=0.3,
    noise=0.3,
    local_contrast=0.0,
)

_LGE = SegmenterConfig(
    localiser=StageConfig(
        channels=LOCALISER,
        structures=("BACKGROUND", "LV", "MYO"),
        grid=InputGrid(spacing_mm=3.0, size=128),
        steps=600,
        augment=AugmentConfig(shift_mm=70.0, zoom=(0.6, 1.5), stretch=0.35, local_contrast=0.0),
        average=0.995,
    ),
    segmenter=StageConfig(
        channels=SMALL_UNET,
        structures=("BACKGROUND", "LV", "MYO", "INFARCT", "MVO"),
        grid=InputGrid(spacing_mm=1.0, size=128),
        neighbours=1,
        steps=2000,
        augment=_FAINT,
    ),
    heart_size=HeartSize(mm=72.0, round=True),
    validate_every=500,
)

_LAX = SegmenterConfig(
    localiser=StageConfig(
        channels=LOCALISER,
        structures=("BACKGROUND", "LV"),
        grid=InputGrid(spacing_mm=3.0, size=128),
        steps=600,
        augment=AugmentConfig(shift_mm=70.0, zoom=(0.6, 1.5)),
        average=0.995,
    ),
    segmenter=StageConfig(
        channels=SMALL_UNET,
        structures=("BACKGROUND", "LV"),
        grid=InputGrid(spacing_mm=1.4, size=128),
        steps=2000,
        augment=AugmentConfig(gamma=0.4, tone=0.15, any_rotation=0.15, zoom=(0.7, 1.35)),
    ),
    heart_size=HeartSize(mm=None),
    candidates=Candidates(),  # sources turn their long-axis pictures as they like
    validate_every=500,
)

_MAPPING = SegmenterConfig(
    localiser=StageConfig(
        channels=LOCALISER,
        grid=InputGrid(spacing_mm=3.0, size=128),
        steps=800,
        augment=AugmentConfig(
            shift_mm=60.0, zoom=(0.6, 1.5), tone=0.5, invert=0.35, noisy_air=0.3, narrow_view=0.3
        ),
        average=0.995,
    ),
    segmenter=StageConfig(
        channels=SMALL_UNET,
        grid=InputGrid(spacing_mm=1.4, size=128),
        steps=1500,
        augment=AugmentConfig(
            tone=0.5, invert=0.35, noisy_air=0.3, shift_mm=12.0, zoom=(0.8, 1.25), coarse=0.3
        ),
    ),
    validate_every=500,
)

SEGMENTATION_TASKS: Mapping[str, SegmentationTask] = {
    task.name: task
    for task in (
        SegmentationTask(
            "cine_sax_seg",
            "cine-sax-unet",
            SegmenterConfig(),
            "Short-axis cine: LV cavity, LV myocardium and RV cavity. Research only.",
            (
                "slices above the mitral valve and at the very apex",
                "sequences other than cine",
                "hearts with a single ventricle or other complex anatomy, which it never saw",
            ),
        ),
        SegmentationTask(
            "lge_sax_seg",
            "lge-sax-unet",
            _LGE,
            "Short-axis late enhancement: LV cavity, myocardium, infarct and microvascular "
            "obstruction. Research only.",
            (
                "scars that are not of an infarct, and diffuse fibrosis",
                "small or faint infarcts; obstruction, of which it saw few",
                "pictures whose myocardium is not nulled",
            ),
        ),
        SegmentationTask(
            "cine_lax_seg",
            "cine-lax-unet",
            _LAX,
            "Four-chamber cine: LV cavity. Research only.",
            (
                "two- and three-chamber views, which it never saw labelled",
                "atria and right ventricle, which it was not taught",
            ),
        ),
        SegmentationTask(
            "mapping_sax_seg",
            "mapping-sax-unet",
            _MAPPING,
            "Short-axis T1 and T2 maps: LV cavity, myocardium and RV cavity. Research only.",
            (
                "real maps, of which it saw none: it learnt on cine and late enhancement with "
                "their contrast changed, and on a phantom's maps",
                "slices at base and apex",
            ),
        ),
    )
}
