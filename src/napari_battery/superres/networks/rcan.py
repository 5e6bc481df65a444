"""RCAN on the high-resolution grid, its attention made local.

Zhang et al., "Image super-resolution using very deep residual channel attention networks",
ECCV 2018: groups of residual blocks, each block's channels weighted by attention. RCAN takes
the weights from the mean over the whole image; every pixel then depends on every other, and no
margin makes tiles meet. Here each pixel's channels are weighted by its own features: the same
two 1 × 1 convolutions and sigmoid without the pooling. That is not the published network, and
its weights would not fit.
"""

from __future__ import annotations

from torch import nn

from napari_battery.superres.networks.interface import Network, checked
from napari_battery.superres.networks.layers import Convolution, Gate, Residual

__all__ = ["RCAN"]

_REDUCTION = 16


class RCAN(Network):
    """RCAN without global pooling; published with 10 groups of 20 blocks.

    Parameters
    ----------
    slices : int
        Odd number of neighbouring slices read.
    groups, blocks, features : int
        Groups of blocks, blocks in each, channels.
    unshuffle : int
        Side of the cells whose pixels become channels.
    """

    name = "rcan"

    def __init__(
        self,
        slices: int = 1,
        groups: int = 4,
        blocks: int = 4,
        features: int = 64,
        unshuffle: int = 3,
    ) -> None:
        options = checked(
            slices=slices, groups=groups, blocks=blocks, features=features, unshuffle=unshuffle
        )
        body = nn.Sequential(
            nn.PixelUnshuffle(unshuffle),
            Convolution(slices * unshuffle**2, features),
            Residual(
                *(_group(blocks, features) for _ in range(groups)),
                Convolution(features, features),
            ),
            Convolution(features, unshuffle**2),
            nn.PixelShuffle(unshuffle),
        )
        super().__init__(body, slices=slices, skip=False, options=options)


def _group(blocks: int, features: int) -> nn.Module:
    return Residual(*(_block(features) for _ in range(blocks)), Convolution(features, features))


def _block(features: int) -> nn.Module:
    squeezed = max(1, features // _REDUCTION)
    return Residual(
        Convolution(features, features),
        nn.ReLU(),
        Convolution(features, features),
        Gate(
            Convolution(features, squeezed, 1),
            nn.ReLU(),
            Convolution(squeezed, features, 1),
            nn.Sigmoid(),
        ),
    )
