"""ESRGAN's generator (RRDB) on the high-resolution grid.

Wang et al., "ESRGAN: enhanced super-resolution generative adversarial networks", ECCV
workshops 2018: residual-in-residual dense blocks without batch normalisation, residuals times
0.2. Each block looks 15 pixels of its grid farther, so that the published 23 blocks need 1,044
pixels of margin with cells of 3 × 3 (348 without): a few blocks are the default, the published
number is an option. Pixels are shuffled into channels before the blocks and out after them,
which keeps the blocks on the coarse grid, where ESRGAN has them (its nearest-neighbour
enlargement becomes the shuffle); the two convolutions after it are ESRGAN's.
"""

from __future__ import annotations

import torch
from torch import nn

from napari_battery.superres.networks.interface import Network, checked
from napari_battery.superres.networks.layers import Convolution, Dense, Residual

__all__ = ["ESRGAN"]

_SCALE = 0.2
_SLOPE = 0.2


class ESRGAN(Network):
    """The RRDB generator; published with 23 blocks.

    Parameters
    ----------
    slices : int
        Odd number of neighbouring slices read.
    blocks, features, growth : int
        Residual-in-residual blocks, channels, and channels that each dense layer adds.
    unshuffle : int
        Side of the cells whose pixels become channels.
    """

    name = "esrgan"

    def __init__(
        self,
        slices: int = 1,
        blocks: int = 4,
        features: int = 64,
        growth: int = 32,
        unshuffle: int = 3,
    ) -> None:
        options = checked(
            slices=slices, blocks=blocks, features=features, growth=growth, unshuffle=unshuffle
        )
        cell = unshuffle**2
        body = nn.Sequential(
            nn.PixelUnshuffle(unshuffle),
            Convolution(slices * cell, features),
            Residual(
                *(_block(features, growth) for _ in range(blocks)),
                Convolution(features, features),
            ),
            Convolution(features, features),
            nn.LeakyReLU(_SLOPE),
            Convolution(features, cell),
            nn.PixelShuffle(unshuffle),
        )
        super().__init__(body, slices=slices, skip=False, options=options)
        _start_small(body)


def _block(features: int, growth: int) -> nn.Module:
    return Residual(*(_dense(features, growth) for _ in range(3)), scale=_SCALE)


def _dense(features: int, growth: int) -> nn.Module:
    layers = (
        Dense(Convolution(features + i * growth, growth), nn.LeakyReLU(_SLOPE)) for i in range(4)
    )
    return Residual(*layers, Convolution(features + 4 * growth, features), scale=_SCALE)


def _start_small(body: nn.Module) -> None:
    """A tenth of Kaiming's initial weights within the blocks, as the authors have it."""
    for block in body.modules():
        if isinstance(block, Residual) and any(isinstance(m, Dense) for m in block.inner):
            for module in block.modules():
                if isinstance(module, Convolution):
                    nn.init.kaiming_normal_(module.weight)
                    nn.init.zeros_(module.bias)
                    with torch.no_grad():
                        module.weight *= 0.1
