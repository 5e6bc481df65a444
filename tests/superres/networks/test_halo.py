"""The derived margin is the one that the network really has: measured by its gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_battery.superres.networks import NETWORKS, Network, make_network
from napari_battery.superres.networks.halo import halo_of
from napari_battery.superres.networks.layers import Convolution

PUBLISHED = {"paper-cnn": 14, "paper-gan": 3, "battery": 57, "edsr": 105}


def measured_halo(network: Network) -> int:
    """Pixels beyond one cell that its output changes with, by automatic differentiation.

    With positive weights and input nothing cancels and no ReLU closes, so that the gradient
    is positive exactly where the output depends on the input (in float64: products of a
    hundred weights stay above 0).
    """
    network = network.double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(1 / weight[0].numel() if weight.ndim > 1 else 0.1)
    multiple = network.multiple
    cells = network.halo // multiple + 2
    side = (2 * cells + 1) * multiple
    x = torch.ones(1, network.slices, side, side, dtype=torch.float64, requires_grad=True)
    first, last = cells * multiple, (cells + 1) * multiple
    network(x)[..., first:last, first:last].sum().backward()
    assert x.grad is not None
    columns = torch.nonzero(x.grad.abs().sum((0, 1, 2))).flatten()
    assert first - int(columns[0]) == int(columns[-1]) + 1 - last
    return first - int(columns[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_halo_is_what_the_gradient_sees(name: str) -> None:
    network = make_network(name)
    assert network.halo == PUBLISHED.get(name, network.halo)
    if name in ("battery", "edsr", "rcan", "esrgan"):  # as deep, but quick
        few = {key: 2 for key in ("features", "growth") if key in network.options}
        network = make_network(name, **{**network.options, **few})
    assert measured_halo(network) == network.halo


@pytest.mark.parametrize("unshuffle", [1, 2, 4])
def test_cells_of_any_size(unshuffle: int) -> None:
    network = make_network("edsr", blocks=2, features=2, unshuffle=unshuffle)
    assert network.halo == 7 * unshuffle
    assert measured_halo(network) == network.halo


def test_layers_on_both_sides_of_the_cells() -> None:
    """One fine pixel after the shuffle asks for a whole cell; one before it adds a pixel."""
    inner = [nn.PixelUnshuffle(3), Convolution(9, 9), nn.PixelShuffle(3)]
    assert halo_of(nn.Sequential(*inner)) == 3
    assert halo_of(nn.Sequential(*inner, Convolution(1, 1))) == 6
    assert halo_of(nn.Sequential(Convolution(1, 1), *inner)) == 6  # 4, up to whole cells


def test_layers_whose_reach_is_unknown_are_refused() -> None:
    with pytest.raises(TypeError, match="not known how far AdaptiveAvgPool2d"):
        halo_of(nn.Sequential(nn.AdaptiveAvgPool2d(1)))
    with pytest.raises(TypeError, match="square convolution"):
        halo_of(nn.Conv2d(1, 1, (3, 5)))
    with pytest.raises(TypeError, match="square convolution"):
        halo_of(nn.Conv2d(1, 1, 4))
