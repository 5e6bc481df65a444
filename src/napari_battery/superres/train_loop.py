"""The training loop: rounds of steps, each round ended by a validation and a checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from napari_battery import tables
from napari_battery.errors import InputError
from napari_battery.progress import Cancelled, Progress
from napari_battery.superres.losses import inner, measures, pixel_loss, psnr
from napari_battery.superres.networks.interface import Network
from napari_battery.superres.optimisers import Optimiser
from napari_battery.superres.patches import Patches
from napari_battery.superres.train_gan import Adversary
from napari_battery.superres.train_settings import TrainSettings
from napari_battery.superres.train_state import TrainState, write_checkpoint

__all__ = ["Loop", "Snapshot", "Watch", "history_table"]

_WARM_UP = 0.15
_FIRST, _LAST = 1 / 25, 1e-3
"""Of the largest rate, where the one cycle begins and ends."""
_PLATEAU_FACTOR, _PLATEAU_ROUNDS = 0.5, 3
_VALIDATED_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a person watching sees after a round.

    Parameters
    ----------
    history : DataFrame
        ``tables.TRAINING``, so far.
    low, predicted, high : (y, x) float32 arrays
        A patch of the validation, in normalised grey levels.
    seconds_left : float
        If all rounds are run.
    epochs : int
        Rounds in all.
    """

    history: pd.DataFrame
    low: NDArray[np.float32]
    predicted: NDArray[np.float32]
    high: NDArray[np.float32]
    seconds_left: float
    epochs: int


Watch = Callable[[Snapshot], None]


def history_table(rows: list[dict[str, float]]) -> pd.DataFrame:
    """The history as a table, one row per round."""
    table = pd.DataFrame(rows, columns=list(tables.TRAINING))
    return table.astype({"epoch": int, "steps": int})


class Loop:
    """A network in training.

    Parameters
    ----------
    network : Network
        Trained in place.
    patches : Patches
        Where batches are drawn from.
    validation : pair of arrays
        As `patches.fixed_patches` makes them.
    settings : TrainSettings
        Filled in (`train_settings.filled`), steps and rounds decided.
    state : TrainState
        Where to go on from; kept up to date.
    device, precision : str
        Decided.
    """

    def __init__(
        self,
        network: Network,
        patches: Patches,
        validation: tuple[NDArray[np.float32], NDArray[np.float32]],
        settings: TrainSettings,
        state: TrainState,
        device: str,
        precision: str,
    ) -> None:
        self.network = network.to(device, memory_format=torch.channels_last)
        self.patches, self.settings, self.state = patches, settings, state
        self.device, self.precision = device, precision
        self._validation = validation
        self._optimiser = Optimiser(
            self.network, settings.optimiser or "adam", _given(settings.learning_rate)
        )
        weight = _given(settings.adversarial_weight)
        self._adversary = (
            Adversary(int(_given(settings.patch)), weight, _given(settings.learning_rate), device)
            if weight
            else None
        )
        if state.epoch:
            self._restore()
        else:
            state.average = _copied(network.state_dict()) if settings.ema else {}

    def run(self, progress: Progress, watch: Watch | None, folder: Path | None) -> str:
        """Train to the end; returns why it ended: "", "early" or "cancelled".

        ``state.best`` holds the weights with the best validation loss. Cancelled before the
        first round is over, they are those reached.
        """
        settings, state = self.settings, self.state
        epochs, per_epoch = int(_given(settings.epochs)), int(_given(settings.steps_per_epoch))
        try:
            progress.begin(epochs * per_epoch - state.steps, "Training")
            while state.epoch < epochs:
                if settings.early_stopping and state.since_better >= settings.early_stopping:
                    return "early"
                began = time.perf_counter()
                trained = self._epoch(per_epoch, epochs * per_epoch, progress)
                self._finish(trained, began)
                if folder is not None:
                    write_checkpoint(folder, self._kept())
                if watch is not None:
                    watch(self._snapshot(epochs))
        except Cancelled:
            if not state.best:
                state.best_loss = self.validate()[settings_loss(settings)]
                state.best = _copied(self._averaged())
            return "cancelled"
        return ""

    def step(self) -> dict[str, float]:
        """One batch, one step; what the prediction was worth."""
        settings = self.settings
        border = int(_given(settings.border))
        x, y = self._tensors(*self.patches.draw(int(_given(settings.batch))))
        self.network.train()
        with self._cast():
            predicted = self.network(x)
        predicted = predicted.float()
        if self._adversary is not None:
            with self._cast():
                self._adversary.learn(predicted, y)
        self._optimiser.clear()
        seen, wanted = inner(predicted, border), inner(y, border)
        loss = pixel_loss(str(settings.loss), seen, wanted)
        if self._adversary is not None:
            with self._cast():
                loss = loss + self._adversary.loss(predicted)
        loss.backward()
        if settings.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self._optimiser.step()
        self._average()
        worth: dict[str, float] = measures(seen.detach(), wanted)
        return worth

    def _epoch(self, steps: int, total: int, progress: Progress) -> dict[str, float]:
        sums: dict[str, float] = {}
        for _ in range(steps):
            self._optimiser.rate = self._rate(total)
            for name, value in self.step().items():
                sums[name] = sums.get(name, 0.0) + value
            self.state.steps += 1
            progress.advance()
        if not math.isfinite(sums["mse"]):
            raise InputError(
                f"In round {self.state.epoch + 1} the loss is not a number any more: lower the "
                f"learning rate ({_given(self.settings.learning_rate):g}), clip the gradient, or "
                "check the images for values that are no numbers."
            )
        return {name: value / steps for name, value in sums.items()}

    def _rate(self, total: int) -> float:
        """Learning rate of the step that comes next."""
        peak = _given(self.settings.learning_rate)
        if self.settings.schedule != "one-cycle":
            return peak * self.state.rate_factor
        at, up = self.state.steps, max(1.0, _WARM_UP * total)
        if at < up:
            return peak * _between(_FIRST, 1.0, at / up)
        return peak * _between(1.0, _LAST, (at - up) / max(1.0, total - up))

    def _average(self) -> None:
        """Move the running average of the weights; faster while it is young."""
        ema = _given(self.settings.ema)
        if not ema:
            return
        keep = min(ema, (1 + self.state.steps) / (10 + self.state.steps))
        with torch.no_grad():
            for name, tensor in self.network.state_dict().items():
                self.state.average[name].lerp_(tensor, 1 - keep)

    def _averaged(self) -> dict[str, Any]:
        average = self.state.average
        return average if average else self.network.state_dict()

    def _finish(self, trained: dict[str, float], began: float) -> None:
        """Validate, and keep what a round brought."""
        state, settings = self.state, self.settings
        validated = self.validate()
        loss = validated[settings_loss(settings)]
        state.epoch += 1
        rate = self._optimiser.rate
        if loss < state.best_loss:
            state.best_loss, state.best_epoch, state.since_better = loss, state.epoch, 0
            state.best = _copied(self._averaged())
            state.since_reduced = 0
        else:
            state.since_better += 1
            state.since_reduced += 1
        if settings.schedule == "plateau" and state.since_reduced >= _PLATEAU_ROUNDS:
            state.rate_factor *= _PLATEAU_FACTOR
            state.since_reduced = 0
        state.seconds += time.perf_counter() - began
        row = {"epoch": state.epoch, "steps": state.steps, "seconds": state.seconds, "lr": rate}
        for part, values in (("train", trained), ("validation", validated)):
            for name in ("mse", "mae"):
                row[f"{part}_{name}"] = values[name]
            row[f"{part}_psnr"] = psnr(values["mse"])
            row[f"{part}_ssim"] = values["ssim"]
        state.rows.append(row)

    def validate(self) -> dict[str, float]:
        """What the network to be kept is worth on the validation patches."""
        predicted = torch.cat(list(self._predictions()))
        border = int(_given(self.settings.border))
        _, y = self._validation
        worth: dict[str, float] = measures(
            inner(predicted, border), inner(torch.from_numpy(y), border)
        )
        return worth

    def without_model(self) -> dict[str, float]:
        """What the interpolated low-resolution image is worth there."""
        x, y = (torch.from_numpy(array) for array in self._validation)
        middle, border = self.network.slices // 2, int(_given(self.settings.border))
        worth: dict[str, float] = measures(
            inner(x[:, middle : middle + 1], border), inner(y, border)
        )
        return worth

    @torch.no_grad()
    def _predictions(self, most: int | None = None) -> Iterator[torch.Tensor]:
        """What the network to be kept makes of the validation patches, in float32."""
        x = self._validation[0][:most]
        with self._as_kept():
            for first in range(0, len(x), _VALIDATED_AT_ONCE):
                (batch,) = self._tensors(x[first : first + _VALIDATED_AT_ONCE])
                with self._cast():
                    predicted = self.network(batch)
                yield predicted.float().cpu()

    @contextmanager
    def _as_kept(self) -> Iterator[None]:
        """The network with its averaged weights, for the while."""
        own = _copied(self.network.state_dict())
        self.network.eval()
        self.network.load_state_dict(self._averaged())
        try:
            yield
        finally:
            self.network.load_state_dict(own)

    def _snapshot(self, epochs: int) -> Snapshot:
        state = self.state
        (predicted,) = self._predictions(most=1)
        x, y = self._validation
        left = state.seconds / max(1, state.epoch) * (epochs - state.epoch)
        return Snapshot(
            history_table(state.rows),
            x[0, self.network.slices // 2],
            predicted[0, 0].numpy(),
            y[0, 0],
            left,
            epochs,
        )

    def _tensors(self, *arrays: NDArray[np.float32]) -> tuple[torch.Tensor, ...]:
        return tuple(
            torch.from_numpy(a).to(self.device, memory_format=torch.channels_last) for a in arrays
        )

    def _cast(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        cast: AbstractContextManager[Any] = torch.autocast(self.device, dtype=torch.bfloat16)
        return cast

    def _kept(self) -> TrainState:
        """The state with what the optimisers and random numbers hold by now."""
        state = self.state
        state.weights = self.network.state_dict()
        state.optimiser = self._optimiser.state_dict()
        state.adversary = {} if self._adversary is None else self._adversary.state
        state.patches = json.dumps(self.patches.state)
        return state

    def _restore(self) -> None:
        state = self.state
        self.network.load_state_dict(state.weights)
        self._optimiser.load_state_dict(state.optimiser)
        if self._adversary is not None:
            self._adversary.state = state.adversary
        self.patches.state = json.loads(state.patches)
        state.average = {k: v.to(self.device) for k, v in state.average.items()}


def settings_loss(settings: TrainSettings) -> str:
    """Which figure of `losses.measures` the pixel loss is."""
    return "mae" if settings.loss == "l1" else "mse"


def _given(value: float | None) -> float:
    assert value is not None, "settings are filled in before training"
    return value


def _between(a: float, b: float, share: float) -> float:
    return b + (a - b) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _copied(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}
