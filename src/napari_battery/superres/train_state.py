"""Where a training stands: all that must be kept to go on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_battery.errors import InputError
from napari_battery.files import atomic_path
from napari_battery.superres.train_settings import TrainSettings
from napari_battery.superres.training_image import TrainingImage

__all__ = [
    "CHECKPOINT",
    "TrainState",
    "check_same",
    "data_mark",
    "read_checkpoint",
    "write_checkpoint",
]

CHECKPOINT = "checkpoint.pt"
_FORMAT = "napari-battery-training/2"
_LOOKED_AT = 1 << 20


@dataclass
class TrainState:
    """After a round: tensors of the networks and their optimisers, and plain numbers."""

    asked: dict[str, Any]
    """The settings as given."""
    settings: dict[str, Any]
    """The settings as trained with."""
    data: str
    """`data_mark` of the images."""
    network: dict[str, Any]
    """Name and options, for `make_network`."""
    epoch: int = 0
    steps: int = 0
    seconds: float = 0.0
    weights: dict[str, Any] = field(default_factory=dict)
    average: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    best_loss: float = float("inf")
    best_epoch: int = 0
    since_better: int = 0
    rate_factor: float = 1.0
    since_reduced: int = 0
    optimiser: dict[str, Any] = field(default_factory=dict)
    adversary: dict[str, Any] = field(default_factory=dict)
    patches: str = ""
    """State of the patches' random numbers, as JSON: they are too long for tensors."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """The history."""


def write_checkpoint(folder: Path, state: TrainState) -> None:
    """Write the state into a folder, which is made; the one before stays until then."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / CHECKPOINT) as temporary:
        torch.save({"format": _FORMAT, **vars(state)}, temporary)


def read_checkpoint(folder: Path) -> TrainState | None:
    """Read the state in a folder; None if there is none. Only tensors and plain values.

    Raises
    ------
    InputError
        If the file is broken or no such state.
    """
    from pickle import UnpicklingError

    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
            raise ValueError("another format")
        return TrainState(**content)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"The interrupted training in {path} cannot be read ({line}): remove it and begin anew."
        ) from None


def check_same(state: TrainState, asked: TrainSettings, data: str, folder: Path) -> None:
    """Refuse to go on with other images or settings than the training began with.

    Raises
    ------
    InputError
        Naming the first setting that differs.
    """
    for name, value in asked.model_dump(mode="json").items():
        if state.asked.get(name) != value:
            raise InputError(
                f"The interrupted training in {folder} has {name} {state.asked.get(name)}, now "
                f"{value} is asked for: go on with its own settings, or remove the folder."
            )
    if state.data != data:
        raise InputError(
            f"The interrupted training in {folder} began with other images (or another start): "
            "give the same ones, or remove the folder."
        )


def data_mark(images: Sequence[TrainingImage], *more: Any) -> str:
    """A hash that differs where training images differ; of large ones part is looked at."""
    digest = sha256()
    for image in images:
        digest.update(json.dumps([image.name, image.group, image.shape]).encode())
        for array in (image.low, image.high):
            step = max(1, array.size // _LOOKED_AT) | 1  # odd: it wanders through the columns
            flat = np.ravel(array)[::step]
            digest.update(np.ascontiguousarray(flat).tobytes())
    digest.update(json.dumps(more, default=str).encode())
    return digest.hexdigest()
