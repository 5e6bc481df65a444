"""How large the tiles of a plane should be for a network."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from napari_battery.superres.networks.interface import Network

__all__ = ["best_tile", "feature_bytes"]

_WORTH = 1.5
"""Times the plane's pixels that may be computed, margins included, before tiles get larger."""
_MOST_GROWTH = 4
_CUTS = range(1, 129)
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
        margin would otherwise cost half as much as the plane and more. A margin that leaves
        nothing even then gets tiles of half its size.

    Returns
    -------
    tuple of int
        On multiples of `multiple`.
    """
    for growth in range(1, _MOST_GROWTH + 1):
        cost, best = min(
            (_cost_and_tile(plane, k, halo, multiple, pixels * growth) for k in _CUTS),
        )
        if cost <= _WORTH * math.prod(plane):
            break
    return best


def _cost_and_tile(
    plane: tuple[int, ...], cuts: int, halo: int, multiple: int, pixels: float
) -> tuple[float, tuple[int, int]]:
    """Pixels computed with the rows cut so many times, and the columns as few times as fits."""
    rows = _side(plane[0], cuts, multiple)
    fit = (int(pixels / (rows + 2 * halo)) - 2 * halo) // multiple * multiple
    if fit < multiple:
        smallest = max(1, halo // 2)
        sides = [_side(n, -(-n // smallest), multiple) for n in plane]
        return math.inf, (sides[0], sides[1])
    columns = _side(plane[1], -(-plane[1] // fit), multiple)
    n = math.prod(-(-n // side) for n, side in zip(plane, (rows, columns), strict=True))
    return n * (rows + 2 * halo) * (columns + 2 * halo), (rows, columns)


def _side(n: int, cuts: int, multiple: int) -> int:
    return -(-n // (cuts * multiple)) * multiple
