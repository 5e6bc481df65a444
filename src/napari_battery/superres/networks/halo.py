"""How far a network looks: derived from its layers, so that tiles can be made to meet exactly.

The margin is worked out from the output backwards. A tile of whole cells (of `multiple`
pixels, 1 where nothing is unshuffled) needs nothing beyond itself of the output. Each
convolution of width k adds (k − 1)/2 of its own pixels; a pixel-shuffle by r needs whole
cells, so it divides by r and rounds up; an unshuffle multiplies by r; where paths meet, the
longest counts.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn

__all__ = ["halo_of", "multiple_of"]

_POINTWISE_MODULES = (nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Identity)
_POINTWISE_FUNCTIONS = {operator.add, operator.mul, operator.getitem, torch.cat}
_LEAVES = (nn.Conv2d, nn.PixelShuffle, nn.PixelUnshuffle, *_POINTWISE_MODULES)


class _Tracer(fx.Tracer):
    """Stops at the layers whose reach is known, whoever subclassed them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _LEAVES)


def halo_of(body: nn.Module) -> int:
    """Pixels beyond a tile, in the plane, that change what `body` makes of the tile.

    Parameters
    ----------
    body : Module
        Takes one image and returns one of the same size: convolutions, pixel-shuffles,
        point-wise functions, sums, products and concatenations.

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
    graph = _Tracer().trace(body)
    modules = dict(body.named_modules())
    need: dict[fx.Node, int] = {}
    for node in reversed(graph.nodes):
        if node.op == "placeholder":
            return _up(need.get(node, 0), multiple_of(body))
        wanted = _before(node, need.get(node, 0), modules)
        for source in node.all_input_nodes:
            need[source] = max(need.get(source, 0), wanted)
    raise TypeError("The network has no input.")


def multiple_of(body: nn.Module) -> int:
    """The factor by which a body unshuffles pixels into channels; 1 where it does not."""
    multiple = 1
    for module in body.modules():
        if isinstance(module, nn.PixelUnshuffle):
            multiple *= int(module.downscale_factor)
    return multiple


def _before(node: fx.Node, need: int, modules: dict[str, nn.Module]) -> int:
    """Margin that a node needs of its inputs for a margin `need` of its output."""
    if node.op == "output":
        return 0
    if node.op == "call_function" and node.target in _POINTWISE_FUNCTIONS:
        return need
    module: Any = modules.get(str(node.target)) if node.op == "call_module" else None
    if isinstance(module, nn.Conv2d):
        return need + _reach(module)
    if isinstance(module, nn.PixelShuffle):
        return -(-need // int(module.upscale_factor))
    if isinstance(module, nn.PixelUnshuffle):
        return need * int(module.downscale_factor)
    if isinstance(module, _POINTWISE_MODULES):
        return need
    raise TypeError(f"It is not known how far {node.op} {node.target} ({module}) looks.")


def _reach(module: Any) -> int:
    reaches = {
        dilation * (width - 1) / 2
        for width, dilation in zip(module.kernel_size, module.dilation, strict=True)
    }
    reach = reaches.pop()
    if reaches or not reach.is_integer() or tuple(module.stride) != (1, 1):
        raise TypeError(f"{module} is not a square convolution of odd width and stride 1.")
    return int(reach)


def _up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple
