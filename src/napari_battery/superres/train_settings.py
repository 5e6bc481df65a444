"""Settings of training, and the two recipes that fill in what is left open."""

from __future__ import annotations

from typing import Any, Literal

from napari_battery.settings import Settings, setting

__all__ = ["PRESETS", "TrainSettings", "filled"]

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {
        "loss": "l1",
        "optimiser": "muon",
        "learning_rate": 1.5e-3,
        "schedule": "one-cycle",
        "batch": 8,
        "epochs": 30,
        "steps_per_epoch": 50,
        "patch": 96,
        "ema": 0.995,
        "clip": 1.0,
        "early_stopping": 0,
        "border": 6,
    },
    # What the paper leaves open is our reading: the plateau's factor and patience
    # (train_loop), the patience of early stopping, the adversarial loss and its weight.
    "paper": {
        "loss": "mse",
        "optimiser": "adam",
        "learning_rate": 1e-4,
        "schedule": "plateau",
        "batch": 32,
        "epochs": 28,
        "steps_per_epoch": 0,
        "patch": 128,
        "ema": 0.0,
        "clip": 0.0,
        "early_stopping": 10,
        "border": 0,
    },
}
"""Values of the settings that a preset decides."""

_GAN_WEIGHT = 1e-3


class TrainSettings(Settings):
    """How a network is trained."""

    preset: Literal["fast", "paper"] = setting(
        "fast",
        "Where the settings left empty come from: fast (L1, Muon, one cycle of the learning rate, "
        "averaged weights; minutes on a CPU), or paper (Adam at 0.0001, MSE, batches of 32, 28 "
        "epochs, rate reduced on a plateau)",
    )
    network: Literal["battery", "paper-cnn", "paper-gan", "edsr", "rcan", "esrgan"] = setting(
        "battery", "Network to train; a model to start from brings its own"
    )
    slices: int | None = setting(
        None, "Neighbouring slices read, an odd number; empty: as is usual for the network", ge=1
    )
    loss: Literal["l1", "mse"] | None = setting(None, "What is made small; empty: as the preset")
    optimiser: Literal["adam", "muon"] | None = setting(
        None,
        "What turns gradients into steps: Adam, or Muon (for the kernels, Adam for the rest), "
        "which needs about half the steps; empty: as the preset",
    )
    learning_rate: float | None = setting(
        None, "Largest step size; empty: as the preset", gt=0, le=0.1
    )
    schedule: Literal["one-cycle", "plateau", "constant"] | None = setting(
        None,
        "How the learning rate changes: up and down once, halved when the validation loss stays, "
        "or not; empty: as the preset",
    )
    batch: int | None = setting(None, "Patches per step; empty: as the preset", ge=1, le=4096)
    patch: int | None = setting(
        None, "Side of a patch; empty: as the preset", unit="voxels", ge=16, le=1024
    )
    epochs: int | None = setting(
        None, "Rounds, with a validation after each; empty: as the preset", ge=1, le=100_000
    )
    steps_per_epoch: int | None = setting(
        None,
        "Steps per round; 0: as many as see the area of all images once; empty: as the preset",
        ge=0,
        le=100_000,
    )
    minutes: float | None = setting(
        None,
        "Time to train in: the steps per round are made to fit a speed that is measured first",
        unit="min",
        gt=0,
    )
    border: int | None = setting(
        None,
        "Edge of each patch that does not count, for want of surroundings; empty: as the preset",
        unit="voxels",
        ge=0,
        le=256,
    )
    ema: float | None = setting(
        None,
        "Share of the old in the running average of the weights, which is what is kept; 0: no "
        "average; empty: as the preset",
        title="Weight average",
        ge=0,
        le=0.99999,
    )
    clip: float | None = setting(
        None,
        "Longest gradient; longer ones are shortened; 0: none is; empty: as the preset",
        title="Gradient clip",
        ge=0,
    )
    early_stopping: int | None = setting(
        None,
        "Stop after so many rounds without a better validation loss; 0: never; empty: as the "
        "preset",
        ge=0,
    )
    adversarial_weight: float | None = setting(
        None,
        "Weight of the discriminator's answer in the generator's loss (least squares; the paper "
        f"gives neither: our reading); empty: {_GAN_WEIGHT:g} for paper-gan, 0 for others",
        ge=0,
        le=1,
    )
    validation_patches: int = setting(32, "Fixed patches to validate with", ge=1, le=4096)
    seed: int = setting(0, "Start of the random numbers: weights and patches", ge=0)
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto",
        "Of the convolutions while training; auto: bfloat16 where the device has it, and it is "
        "faster",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "Where to train; auto: on a graphics card if there is one"
    )


def filled(settings: TrainSettings) -> TrainSettings:
    """The same with what was left empty as the preset says (`slices` and `minutes` excepted)."""
    values = dict(PRESETS[settings.preset])
    values["adversarial_weight"] = _GAN_WEIGHT if settings.network == "paper-gan" else 0.0
    if values["adversarial_weight"] and settings.preset == "fast":
        values["patch"] = 96
    given = {name: value for name, value in settings if value is not None}
    return TrainSettings(**{**values, **given})
