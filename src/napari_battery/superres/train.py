"""Training a network on pairs of images."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.superres.engine import bfloat16_is_fast
from napari_battery.superres.heap import kept
from napari_battery.superres.model_files import Model
from napari_battery.superres.networks import make_network
from napari_battery.superres.networks.interface import Network
from napari_battery.superres.patches import Patches, fixed_patches
from napari_battery.superres.split import SplitSettings, split
from napari_battery.superres.train_loop import Loop, Snapshot, Watch, history_table
from napari_battery.superres.train_settings import TrainSettings, filled
from napari_battery.superres.train_state import (
    TrainState,
    check_same,
    data_mark,
    read_checkpoint,
)
from napari_battery.superres.training_card import training_card
from napari_battery.superres.training_image import TrainingImage

__all__ = ["Snapshot", "TrainSettings", "Trained", "new_network", "split_for", "train"]

_WARM_STEPS, _TIMED_STEPS = 2, 5
_FOR_CHECKS = 0.2
"""Share of the time given that validations may take."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gave.

    Parameters
    ----------
    model : Model
        The weights with the best validation loss, and their card.
    history : DataFrame
        ``tables.TRAINING``, one row per round.
    stopped : str
        Why it ended: "" (all rounds run), "early" (no better for long) or "cancelled".
    best_epoch : int
        The round that the weights are from; 0: cancelled before the first was over.
    settings : TrainSettings
        As trained with, nothing left empty but `minutes` and `slices`.
    notes : list of str
        What the person should know.
    """

    model: Model
    history: pd.DataFrame
    stopped: str
    best_epoch: int
    settings: TrainSettings
    notes: list[str] = field(default_factory=list)


def train(
    images_train: Sequence[TrainingImage],
    images_validation: Sequence[TrainingImage],
    settings: TrainSettings | None = None,
    progress: Progress = SILENT,
    watch: Watch | None = None,
    start: Model | None = None,
    folder: Path | None = None,
) -> Trained:
    """Train a network, or train a model further.

    Parameters
    ----------
    images_train, images_validation : sequence of TrainingImage
        As `superres.split.split` makes them.
    settings : TrainSettings
    progress : Progress
        Advanced per step. Cancelled, the best weights so far are returned.
    watch : callable, optional
        Called with a `Snapshot` after each round, in this thread.
    start : Model, optional
        Whose weights to begin with; its network is the one trained.
    folder : Path, optional
        Where to keep the state after each round. A state found there is gone on from: on the
        same machine the result is bit for bit that of a training without a pause.

    Returns
    -------
    Trained

    Raises
    ------
    InputError
        If an image is too small for a patch, a setting does not fit the network, the state
        found belongs to another training, or the loss stops being a number.
    """
    asked = settings or TrainSettings()
    state = None if folder is None else read_checkpoint(folder)
    mark = data_mark(
        [*images_train, *images_validation],
        len(images_train),
        None if start is None else start.card.weights_sha256,
    )
    if state is not None and folder is not None:
        check_same(state, asked, mark, folder)
        resolved = TrainSettings(**state.settings)
        network = make_network(state.network["name"], **state.network["options"])
    else:
        resolved = filled(asked)
        network = new_network(resolved, start)
    device = _device(resolved.device)
    precision = _precision(resolved.precision, device)
    patch = int(resolved.patch or 0)
    _check_patch(patch, resolved)
    seed = resolved.seed
    patches = Patches(images_train, network.slices, patch, seed)
    validation = fixed_patches(
        images_validation, network.slices, patch, resolved.validation_patches, seed
    )
    if state is None:
        resolved = _with_steps(resolved, images_train)
        if resolved.minutes is not None:
            trial = _new_state(asked, resolved, mark, network)
            other = Patches(images_train, network.slices, patch, seed)
            loop = Loop(
                copy.deepcopy(network), other, validation, resolved, trial, device, precision
            )
            resolved = _in_time(resolved, loop)
        state = _new_state(asked, resolved, mark, network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loop = Loop(network, patches, validation, resolved, state, device, precision)
    with kept():
        stopped = loop.run(progress, watch, folder)
    network = network.cpu()
    network.load_state_dict(state.best)
    network.eval()
    history = history_table(state.rows)
    card = training_card(
        network,
        images_train,
        images_validation,
        resolved,
        precision,
        history,
        loop.without_model(),
        start,
    )
    notes = []
    if stopped == "cancelled":
        notes.append(
            f"Cancelled in round {state.epoch + 1} of {resolved.epochs}; the weights are those of "
            f"round {state.best_epoch}."
            if state.best_epoch
            else "Cancelled before the first round was over; the weights have hardly learnt."
        )
    return Trained(Model(network, card), history, stopped, state.best_epoch, resolved, notes)


def split_for(
    images: Sequence[TrainingImage],
    settings: TrainSettings,
    start: Model | None = None,
    by: Literal["region", "group"] = "region",
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Divide images into training and validation as the network's reach needs it.

    See `superres.split.split` for what is raised.
    """
    network = new_network(settings, start)
    return split(
        images,
        SplitSettings(
            by=by,
            patch=filled(settings).patch,
            slices=network.slices,
            halo=network.halo,
            seed=settings.seed,
        ),
    )


def new_network(settings: TrainSettings, start: Model | None = None) -> Network:
    """The network that a training begins with: fresh weights from its seed, or `start`'s.

    Raises
    ------
    InputError
        If the slices asked for are not what the network can read.
    """
    if start is not None:
        if settings.slices not in (None, start.network.slices):
            raise InputError(
                f"The model to start from reads {start.network.slices} slices, "
                f"{settings.slices} are asked for: leave the slices empty."
            )
        return copy.deepcopy(start.network)
    options: dict[str, Any] = {} if settings.slices is None else {"slices": settings.slices}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return make_network(settings.network, **options)


def _new_state(
    asked: TrainSettings, resolved: TrainSettings, mark: str, network: Network
) -> TrainState:
    return TrainState(
        asked.model_dump(mode="json"),
        resolved.model_dump(mode="json"),
        mark,
        {"name": network.name, "options": dict(network.options)},
    )


def _check_patch(patch: int, settings: TrainSettings) -> None:
    seen = patch - 2 * int(settings.border or 0)
    if seen < 11:
        raise InputError(
            f"Of a patch of {patch} voxels, {max(seen, 0)} are left inside a border of "
            f"{settings.border}; at least 11 are needed."
        )
    if settings.adversarial_weight and patch % 2:
        raise InputError(f"The discriminator needs patches of an even side, not {patch}.")


def _with_steps(settings: TrainSettings, images: Sequence[TrainingImage]) -> TrainSettings:
    """Decide the steps per round where they are to see the area of all images once."""
    if settings.steps_per_epoch:
        return settings
    patch, batch = int(settings.patch or 1), int(settings.batch or 1)
    area = sum(math.prod(image.shape) for image in images) / patch**2
    return settings.model_copy(update={"steps_per_epoch": max(1, math.ceil(area / batch))})


def _in_time(settings: TrainSettings, loop: Loop) -> TrainSettings:
    """Decide the steps of a round by the time that a step and a validation take.

    Rounds become fewer only where their validations would take a good part of the time.
    """
    for _ in range(_WARM_STEPS):
        loop.step()
    began = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        loop.step()
    step = (time.perf_counter() - began) / _TIMED_STEPS
    began = time.perf_counter()
    loop.validate()
    check = time.perf_counter() - began
    seconds = 60 * float(settings.minutes or 0)
    rounds = min(int(settings.epochs or 1), max(1, int(_FOR_CHECKS * seconds / check)))
    steps = max(1, round((seconds / rounds - check) / step))
    return settings.model_copy(update={"epochs": rounds, "steps_per_epoch": steps})


def _device(asked: str) -> str:
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available()}
    there["mps"] = torch.backends.mps.is_available()
    if not there[asked]:
        raise InputError(f"There is no device “{asked}” that torch can use here; choose cpu.")
    return asked


def _precision(asked: str, device: str) -> str:
    if asked != "auto":
        return asked
    return "bfloat16" if bfloat16_is_fast(device) else "float32"
