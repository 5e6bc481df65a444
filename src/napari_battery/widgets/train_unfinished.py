"""Trainings that did not come to their end: where they stand, and what they were made of."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_battery.errors import InputError
from napari_battery.files import write_json
from napari_battery.superres.model_files import own_models_folder
from napari_battery.superres.train_settings import TrainSettings

__all__ = [
    "Plan",
    "forget",
    "new_folder",
    "read_plan",
    "trainings_folder",
    "unfinished",
    "write_plan",
]

_FORMAT = "napari-battery-training-plan/1"
_NAME = "plan.json"
_CHECKPOINT = "checkpoint.pt"  # train_state.CHECKPOINT, whose module loads torch


@dataclass(frozen=True)
class Plan:
    """All that the dock needs to go on with a training as if it had not stopped.

    Parameters
    ----------
    sources : list of dict
        Recipes of `train_source.Source`.
    settings : TrainSettings
        As asked for.
    split_by : str
        "region" or "group".
    start : str
        File of the model to train further; "" for none.
    rounds, epochs : int
        Rounds that are over, and in all; 0 while it is not known.
    """

    sources: list[dict[str, Any]]
    settings: TrainSettings
    split_by: str = "region"
    start: str = ""
    rounds: int = 0
    epochs: int = 0


def trainings_folder() -> Path:
    """Where unfinished trainings are kept, beside the person's own models."""
    return own_models_folder().parent / "trainings"


def new_folder() -> Path:
    """A folder for a training that begins now; not made yet."""
    name = datetime.now().strftime("%Y-%m-%d %H.%M.%S")
    folder, more = trainings_folder() / name, 1
    while folder.exists():
        more += 1
        folder = trainings_folder() / f"{name} ({more})"
    return folder


def unfinished() -> list[Path]:
    """Folders of trainings that can be gone on with, the latest first."""
    return sorted((p.parent for p in trainings_folder().glob(f"*/{_CHECKPOINT}")), reverse=True)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan into the training's folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "format": _FORMAT,
        **vars(plan),
        "settings": plan.settings.model_dump(mode="json"),
    }
    write_json(folder / _NAME, content)


def read_plan(folder: Path) -> Plan:
    """Read what a training was made of.

    Raises
    ------
    InputError
        If the folder holds no training that this dock began.
    """
    path = folder / _NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
            raise ValueError("it is in another format")
        return Plan(**{**content, "settings": TrainSettings(**content["settings"])})
    except FileNotFoundError:
        raise InputError(
            f"{folder} holds no training that this dock began ({_NAME} is missing). One of the "
            "command line is gone on with by “napari-battery train --resume”."
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"Cannot read {path}: {error}") from None


def forget(folder: Path) -> None:
    """Delete what was kept of a training; nothing else in the folder is touched."""
    for name in (_NAME, _CHECKPOINT):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        shutil.rmtree(folder)
