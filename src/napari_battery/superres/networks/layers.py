"""The pieces that networks are put together from."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Convolution", "Dense", "Gate", "Residual", "Side", "inner_part"]


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


class Side(nn.Module):
    """Layers beside which the input is led on, to be put together with what they make of it."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.inner(x)
        return self.together(inner_part(x, y), y)

    def together(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Of the input and what the layers make of it."""
        raise TypeError(f"{type(self).__name__} does not say how its paths meet.")


class Residual(Side):
    """What the layers make of x, times `scale`, added to x."""

    def __init__(self, *inner: nn.Module, scale: float = 1.0) -> None:
        super().__init__(*inner)
        self.scale = scale

    def together(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.add(x, y, alpha=self.scale)


class Dense(Side):
    """What the layers make of x, as further channels of x."""

    def together(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cat((x, y), dim=1)


class Gate(Side):
    """x times what the layers make of it."""

    def together(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x * y


def inner_part(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The middle of images x that is as large as images y: all of it where sizes are kept."""
    rows, columns = ((a - b) // 2 for a, b in zip(x.shape[-2:], y.shape[-2:], strict=True))
    return x[..., rows : rows + y.shape[-2], columns : columns + y.shape[-1]]
