"""What every super-resolution network here is: slices in, one slice of the same size out."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from napari_battery.errors import InputError
from napari_battery.superres.networks.halo import halo_of, multiple_of
from napari_battery.superres.networks.layers import inner_part

__all__ = ["Network", "parameters"]


class Network(nn.Module):
    """A network on the high-resolution grid, from neighbouring slices to the middle one.

    The low-resolution image is interpolated onto the high-resolution grid beforehand, so
    that any ratio of voxel sizes will do; grey levels are normalised (about 0 to 1).

    Parameters
    ----------
    body : Module
        From (N, slices, H, W) to (N, 1, H, W), sides on multiples of what it unshuffles by.
    slices : int
        Odd number of neighbouring slices read.
    skip : bool
        Add the middle slice to what the body makes, so that the body learns the difference.
    options : dict
        The numbers it was made with, JSON-able: ``make_network(name, **options)`` makes the
        same network again.

    Attributes
    ----------
    name : str
        Key of the network in `NETWORKS`.
    halo : int
        Pixels in the plane that a tile needs beyond itself, derived from the layers: tiles
        that start and end on multiples of `multiple` (or end with the image) and carry this
        margin meet exactly.
    multiple : int
        Blocks, margin included, must start on multiples of this; `halo` is one.
    """

    name: str

    def __init__(
        self, body: nn.Module, *, slices: int, skip: bool, options: dict[str, int]
    ) -> None:
        super().__init__()
        if slices < 1 or slices % 2 == 0:
            raise InputError(f"A network reads an odd number of slices, not {slices}.")
        self.body = body
        self.slices = slices
        self.skip = skip
        self.options = options
        self.halo = halo_of(body)
        self.multiple = multiple_of(body)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, slices, H, W) to (N, 1, H, W); sides off the multiple are filled up.

        Where the convolutions do not pad (as an engine sets them), the result is smaller by
        up to `halo` pixels on each side.
        """
        missing = [-side % self.multiple for side in x.shape[-2:]]
        if any(missing):
            x = nn.functional.pad(x, (0, missing[1], 0, missing[0]), mode="replicate")
        y: torch.Tensor = self.body(x)
        if self.skip:
            middle = self.slices // 2
            y = y + inner_part(x[:, middle : middle + 1], y)
        return y[..., : y.shape[-2] - missing[0], : y.shape[-1] - missing[1]]


def parameters(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(int(p.numel()) for p in network.parameters() if p.requires_grad)


def checked(**options: Any) -> dict[str, int]:
    """Options of a network as they are kept with it.

    Raises
    ------
    InputError
        If one is not a whole number of at least 1.
    """
    for key, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(
                f"A network's option “{key}” is a whole number from 1 on, not {value!r}."
            )
    return options
