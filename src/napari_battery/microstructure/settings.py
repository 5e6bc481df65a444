"""Settings of the transport part of microstructure."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import Settings, setting

__all__ = ["TransportSettings"]


class TransportSettings(Settings):
    """How exactly, and where, diffusion through a phase is solved."""

    tolerance: float = setting(
        1e-3,
        "Solved until the residual, against the start, and the difference between what flows in "
        "and what flows out, against their mean, are both below this; the effective diffusivity "
        "is then known much better.",
        ge=1e-5,
        le=0.1,
        step=1e-3,
    )
    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto",
        "Where diffusion is solved: on the graphics card if there is one that torch can use "
        "(auto), on the processor, or on the graphics card.",
    )
