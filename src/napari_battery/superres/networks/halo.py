"""How far a network looks: derived from its layers, so that tiles can be made to meet exactly.

The margin is worked out from the output backwards. A tile of whole cells (of `multiple`
pixels, 1 where nothing is unshuffled) needs nothing beyond itself of the output. Each
convolution of width k adds (k − 1)/2 of its own pixels; a pixel-shuffle by r needs whole
cells, so it divides by r and rounds up; an unshuffle multiplies by r; where paths meet, the
longest counts.
"""

from __future__ import annotations

from torch import nn

from napari_battery.superres.networks.layers import Side

__all__ = ["halo_of", "multiple_of"]

_POINTWISE = (nn.ReLU, nn.LeakyReLU, nn.Sigmoid)


def halo_of(body: nn.Module) -> int:
    """Pixels beyond a tile, in the plane, that change what `body` makes of the tile.

    Parameters
    ----------
    body : Module
        Takes images and returns images of the same size: convolutions, pixel-shuffles and
        point-wise functions, in sequence or side by side.

    Returns
    -------
    int
        The smallest margin, rounded up to the unshuffle factor, for tiles that start and end
        on multiples of that factor. No smaller one is enough as long as no weight is zero.

    Raises
    ------
    TypeError
        If the body holds a layer whose reach is not known here, or one that looks farther
        along one axis than along the other.
    """
    multiple = multiple_of(body)
    return -(-_before(body, 0) // multiple) * multiple


def multiple_of(body: nn.Module) -> int:
    """The factor by which a body unshuffles pixels into channels; 1 where it does not."""
    multiple = 1
    for module in body.modules():
        if isinstance(module, nn.PixelUnshuffle):
            multiple *= int(module.downscale_factor)
    return multiple


def _before(module: nn.Module, need: int) -> int:
    """Margin that a layer needs of its input for a margin `need` of its output."""
    if isinstance(module, nn.Sequential):
        for layer in reversed(module):
            need = _before(layer, need)
        return need
    if isinstance(module, Side):
        return max(need, _before(module.inner, need))
    if isinstance(module, nn.Conv2d):
        return need + _reach(module)
    if isinstance(module, nn.PixelShuffle):
        return -(-need // int(module.upscale_factor))
    if isinstance(module, nn.PixelUnshuffle):
        return need * int(module.downscale_factor)
    if isinstance(module, _POINTWISE):
        return need
    raise TypeError(f"It is not known how far {module} looks.")


def _reach(module: nn.Conv2d) -> int:
    reaches = {
        dilation * (width - 1) / 2
        for width, dilation in zip(module.kernel_size, module.dilation, strict=True)
    }
    reach = reaches.pop()
    if reaches or not reach.is_integer() or tuple(module.stride) != (1, 1):
        raise TypeError(f"{module} is not a square convolution of odd width and stride 1.")
    return int(reach)
