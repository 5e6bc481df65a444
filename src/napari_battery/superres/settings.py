"""Settings of applying a model to a volume."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import Settings, setting

__all__ = ["COPIES", "Quality", "SuperResolveSettings"]

Quality = Literal["normal", "better", "best"]

COPIES: dict[Quality, int] = {"normal": 1, "better": 2, "best": 8}
"""How many mirrored and turned copies of a slice the network sees."""


class SuperResolveSettings(Settings):
    """Which model, onto which voxel size, and how the volume is cut and computed."""

    model: str = setting(
        "battery", "Name of a model, shipped or your own, or its .safetensors file"
    )
    target_voxel_size: float | None = setting(
        None,
        "Edge length of the new voxels, no longer than the image's; empty: smaller than the "
        "image's voxels by the ratio that the model was trained for",
        unit="µm",
        gt=0,
    )
    quality: Quality = setting(
        "normal",
        "normal: the network sees each slice once; best: mirrored and turned in eight ways, and "
        "the mean is taken, which is nearer to the truth and takes eight times as long; better: "
        "in two ways, for a part of that gain",
    )
    tile: int | None = setting(
        None,
        "Side of the tiles that slices are cut into, margin not included; empty: as suits the "
        "network and the memory. The result is the same.",
        unit="px",
        ge=16,
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto",
        "Of the network's arithmetic; auto takes bfloat16 where the processor has it, which "
        "is faster and costs less than 0.01 dB",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "Where the network runs; auto takes a graphics card if there is one"
    )
    round_trip: bool = setting(
        False,
        "Afterwards degrade the result as the model's card says and compare it with the image, "
        "against the image's noise",
    )
