"""How large the tiles of a plane should be for a network."""

from __future__ import annotations

import copy
import math
from itertools import product

import torch
from torch import nn

from napari_battery.superres.networks.interface import Network

__all__ = ["best_tile", "feature_bytes"]

_WORTH = 1.5
"""Times the plane's pixels that may be computed, margins included, before tiles get larger."""
_MOST_GROWTH = 4
_MOST_CUTS = 64
_PROBE = 16
"""Cells along the side of the probed image."""


def feature_bytes(network: Network) -> float:
    """Bytes per pixel of the largest layer's output, in the layer's precision."""
    probe = copy.deepcopy(network).to("meta")
    side = _PROBE * network.multiple
    sizes: list[float] = []

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        for tensor in (*inputs, output):
            sizes.append(tensor.numel() * max(tensor.element_size(), module_size(module)))

    def module_size(module: nn.Module) -> int:
        return max((p.element_size() for p in module.parameters(recurse=False)), default=0)

    for module in probe.modules():
        if not list(module.children()):
            module.register_forward_hook(note)
    with torch.inference_mode():
        probe(torch.empty(1, network.slices, side, side, device="meta"))
    return max(sizes) / side**2


def best_tile(plane: tuple[int, ...], halo: int, multiple: int, pixels: float) -> tuple[int, int]:
    """Rows and columns of equal tiles that cost the least, margins included.

    Parameters
    ----------
    plane : tuple of int
        Rows and columns.
    halo, multiple : int
        The network's.
    pixels : float
        The most that a tile with its margin should have; up to four times as many where the
        margin would otherwise cost more than the plane does.

    Returns
    -------
    tuple of int
        On multiples of `multiple`.
    """
    best = (multiple, multiple)
    for growth in range(_MOST_GROWTH):
        least = math.inf
        for counts in product(range(1, _MOST_CUTS + 1), repeat=2):
            sides = [-(-n // (k * multiple)) * multiple for n, k in zip(plane, counts, strict=True)]
            rows, columns = (side + 2 * halo for side in sides)
            cost = rows * columns * counts[0] * counts[1]
            if rows * columns <= pixels * (growth + 1) and cost < least:
                least, best = cost, (sides[0], sides[1])
        if least <= _WORTH * math.prod(plane):
            break
    return best
