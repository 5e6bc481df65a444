"""EDSR on the high-resolution grid, and the plug-in's default network, which is one of its kind.

Lim et al., "Enhanced deep residual networks for single image super-resolution", CVPR workshops
2017: residual blocks without batch normalisation, the body working on the coarse grid, pixels
shuffled out at the end. Here the image comes in on the fine grid already (so that any ratio of
voxel sizes will do): its pixels are shuffled into channels first, which brings the body back to
the coarse grid, where EDSR has it and where it costs `unshuffle`² times less.
"""

from __future__ import annotations

from torch import nn

from napari_battery.superres.networks.interface import Network, checked
from napari_battery.superres.networks.layers import Convolution, Residual

__all__ = ["EDSR", "Battery"]


class EDSR(Network):
    """EDSR's baseline: 16 residual blocks of 64 features (the large one: 32 of 256).

    Parameters
    ----------
    slices : int
        Odd number of neighbouring slices read.
    blocks, features : int
        Residual blocks and channels.
    unshuffle : int
        Side of the cells whose pixels become channels.
    """

    name = "edsr"

    def __init__(
        self, slices: int = 1, blocks: int = 16, features: int = 64, unshuffle: int = 3
    ) -> None:
        options = checked(slices=slices, blocks=blocks, features=features, unshuffle=unshuffle)
        super().__init__(_body(**options), slices=slices, skip=False, options=options)


class Battery(Network):
    """The default: eight of EDSR's blocks on 27 slices, learning the difference to cubic.

    Reading neighbouring slices and adding the interpolated image at the end are what raised
    the quality most per multiplication; the cells of 3 × 3 pixels make it fast on a CPU. At
    three fine slices to a coarse one, 27 of them reach four coarse slices to either side,
    about as far as the synthetic electrode's particles do: their noise is averaged along z,
    too, for 17 % more multiplications than with five.
    """

    name = "battery"

    def __init__(
        self, slices: int = 27, blocks: int = 8, features: int = 64, unshuffle: int = 3
    ) -> None:
        options = checked(slices=slices, blocks=blocks, features=features, unshuffle=unshuffle)
        super().__init__(_body(**options), slices=slices, skip=True, options=options)


def _body(slices: int, blocks: int, features: int, unshuffle: int) -> nn.Module:
    cell = unshuffle**2
    return nn.Sequential(
        nn.PixelUnshuffle(unshuffle),
        Convolution(slices * cell, features),
        Residual(
            *(
                Residual(
                    Convolution(features, features), nn.ReLU(), Convolution(features, features)
                )
                for _ in range(blocks)
            ),
            Convolution(features, features),
        ),
        Convolution(features, cell),
        nn.PixelShuffle(unshuffle),
    )
