"""The card of a super-resolution model: what it is, what it learnt from, where it holds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FORMAT", "Card", "InputRange", "Made", "Range", "TrainingData", "Validated", "Verdict"]

FORMAT: Literal["napari-battery-model/1"] = "napari-battery-model/1"

Range = tuple[float, float]
"""Smallest and largest value seen in training."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingData(_Part):
    """One file, or one made-up scan, that a model learnt from."""

    name: str
    sha256: str = ""
    """As `files.fingerprint` writes it; of what stands in no file, as its pair says."""
    licence: str = ""
    synthetic: bool = False
    box: tuple[tuple[int, int], ...] | None = None
    """Voxels used, first and one past the last per axis of the file; None: all of them."""
    used_for: Literal["training", "validation", "training and validation"] = (
        "training and validation"
    )
    note: str = ""


class InputRange(_Part):
    """What the input looked like in training: normalised grey levels on the target grid.

    Made by `napari_battery.superres.input_statistics`, which tells how each is measured.
    """

    quantiles: dict[str, Range] = Field(default_factory=dict)
    """Grey level at each share of the voxels ("0.05": (…, …)) over the training images."""
    noise: Range | None = None
    """Standard deviation of the noise."""
    spectrum: tuple[Range, ...] = ()
    """log₁₀ of each ring's share of the power in the plane, from low to high frequency."""


class Made(_Part):
    """When and how the file was made."""

    version: str = ""
    date: str = ""
    command: str = ""


class Verdict(_Part):
    """Whether a metric of the microstructure may be measured on what the model makes."""

    metric: str
    axis: str = ""
    phase: str = ""
    verdict: Literal["validated", "not validated", "no verdict"]
    relative_error: float | None = None
    """Mean absolute error over regions / mean on the high scan; None where infinite or 0 / 0."""
    why: str = ""


class Validated(_Part):
    """Metrics of one sample, compared with its high scan."""

    regions: int
    region_size: int
    """Voxels of the high scan."""
    tolerance: float
    confidence: float
    truth: str = ""
    thresholds_grey: tuple[float, ...] = ()
    synthetic: bool = False
    version: str = ""
    date: str = ""
    verdicts: tuple[Verdict, ...] = ()


class Card(_Part):
    """Everything about a model that its weights do not say; NAME.json beside them."""

    format: Literal["napari-battery-model/1"] = FORMAT
    name: str
    title: str = ""
    network: str
    options: dict[str, Any] = Field(default_factory=dict)
    """What `make_network` builds the network with."""
    slices: int = Field(ge=1)
    halo_px: int = Field(ge=0)
    multiple: int = Field(default=1, ge=1)
    parameters: int = Field(ge=0)
    low_voxel_size_um: Range | None = None
    """Of the scans it reads; None where no training scan knew its voxel size."""
    high_voxel_size_um: Range | None = None
    ratio: Range | None = None
    """Low over high voxel size, known even where the voxel sizes are not."""
    normalisation: str = "0.5 % and 99.5 % quantiles of the input volume become 0 and 1"
    input: InputRange = InputRange()
    training: tuple[TrainingData, ...] = ()
    degradation: dict[str, Any] = Field(default_factory=dict)
    """How low-resolution images were made from high ones, and within which range."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """`TrainSettings` that it was trained with, the seed among them."""
    precision: str = "float32"
    metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    """By sample: what was measured there, and how much."""
    validation: dict[str, Validated] = Field(default_factory=dict)
    """By sample: for which metrics of the microstructure the model holds there."""
    licence: str = ""
    limits: str = ""
    made: Made = Made()
    weights_sha256: str = ""
