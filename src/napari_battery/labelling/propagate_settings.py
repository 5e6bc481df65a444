"""Settings of carrying labels into later states."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import Settings, setting

__all__ = ["PropagateSettings"]


class PropagateSettings(Settings):
    """How labels are carried from the reference into later states."""

    method: Literal["seeds", "overlap"] = setting(
        "seeds",
        "Seeds: the cores of the reference's particles grow within each state's own mask (GREAT2 "
        "paper). Overlap: each state is labelled by itself, and its labels are matched.",
    )
    core_depth: float = setting(
        0.3,
        "A core is all deeper than this part of the particle's greatest depth; more tolerates "
        "less drift.",
        ge=0,
        le=0.95,
        step=0.05,
    )
    cross_check: bool = setting(
        True, "Also find the particles by the other method, and compare. Takes about twice as long."
    )
    minimum_iou: float = setting(
        0.1,
        "Labels made independently match down to this intersection over union.",
        title="Smallest match",
        gt=0,
        le=1,
        step=0.05,
    )
