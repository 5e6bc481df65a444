"""The pieces that networks are put together from."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Convolution", "Residual"]


class Convolution(nn.Conv2d):
    """A convolution that keeps the size (zeros beyond the border) and minds its own precision.

    What comes in is turned to the precision of the weights, so that single layers of a network
    can be kept more precise than the rest.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 3) -> None:
        super().__init__(inputs, outputs, width, padding=width // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = super().forward(x.to(self.weight.dtype))
        return y


class Residual(nn.Module):
    """What `inner` makes of x, times `scale`, added to x."""

    def __init__(self, *inner: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.inner(x)
        return x + (y if self.scale == 1.0 else y * self.scale)
