"""The mean of what a network makes of mirrored and turned copies of an image."""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["mean_of_copies"]


def mean_of_copies(
    network: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, copies: int
) -> torch.Tensor:
    """Apply a network to copies of an image, turn the results back, and take their mean.

    Parameters
    ----------
    network : callable
        From (N, slices, H, W) to (N, 1, h, w), the middle of it or all.
    x : (N, slices, H, W) tensor
        Sides on multiples of what the network unshuffles by, so that its cells are the same
        pixels in every copy.
    copies : {1, 2, 4, 8}
        1: as it is; 2: mirrored along the rows as well; 4: along the columns, too; 8: all of
        these transposed, too.

    Returns
    -------
    (N, 1, h, w) tensor

    References
    ----------
    Timofte et al., "Seven ways to improve example-based single image super resolution", CVPR
    2016; "geometric self-ensemble" in Lim et al. (EDSR), CVPR workshops 2017.
    """
    mean = network(x)
    for k in range(1, copies):
        y = network(_turned(x, k))
        mean = mean + (_turned_back(y, k) - mean) / (k + 1)
    return mean


def _turned(x: torch.Tensor, k: int) -> torch.Tensor:
    """The k-th copy: bit 0 mirrors the rows, bit 1 the columns, bit 2 transposes before."""
    return _mirrored(x.transpose(-2, -1) if k & 4 else x, k)


def _turned_back(y: torch.Tensor, k: int) -> torch.Tensor:
    y = _mirrored(y, k)
    return y.transpose(-2, -1) if k & 4 else y


def _mirrored(x: torch.Tensor, k: int) -> torch.Tensor:
    axes = [axis for bit, axis in ((1, -1), (2, -2)) if k & bit]
    return x.flip(axes) if axes else x
