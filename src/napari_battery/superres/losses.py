"""What training makes small, and the figures that its curves show."""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = ["inner", "measures", "pixel_loss", "psnr", "ssim"]

_SIGMA = 1.5
_RADIUS = 5
_C1, _C2 = 0.01**2, 0.03**2


def inner(images: torch.Tensor, border: int) -> torch.Tensor:
    """Images (…, H, W) without `border` pixels on each side."""
    height, width = images.shape[-2:]
    return images[..., border : height - border, border : width - border]


def pixel_loss(name: str, predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute ("l1") or squared ("mse") difference."""
    chosen = nn.functional.l1_loss if name == "l1" else nn.functional.mse_loss
    loss: torch.Tensor = chosen(predicted, wanted)
    return loss


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB for a data range of 1."""
    return -10 * math.log10(mse) if mse > 0 else math.inf


def ssim(predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Structural similarity of each image, for a data range of 1.

    Gaussian weights of σ 1.5 over 11 × 11 pixels, only where the window lies inside:
    Wang et al., IEEE Trans. Image Process. 13, 600 (2004).

    Parameters
    ----------
    predicted, wanted : (N, 1, H, W) float32 tensors
        H and W of at least 11.

    Returns
    -------
    (N,) tensor
    """
    at = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float64, device="cpu")
    weights = torch.exp(-(at**2) / (2 * _SIGMA**2))
    weights = (weights / weights.sum()).to(predicted)
    a, b = predicted, wanted
    maps = torch.cat([a, b, a * a, b * b, a * b], 1).flatten(0, 1)[:, None]
    maps = nn.functional.conv2d(maps, weights.view(1, 1, -1, 1))
    maps = nn.functional.conv2d(maps, weights.view(1, 1, 1, -1))
    mean_a, mean_b, aa, bb, ab = maps.view(a.shape[0], 5, *maps.shape[-2:]).unbind(1)
    var_a, var_b = aa - mean_a**2, bb - mean_b**2
    covariance = ab - mean_a * mean_b
    top = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    bottom = (mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2)
    result: torch.Tensor = (top / bottom).mean((-2, -1))
    return result


@torch.no_grad()
def measures(predicted: torch.Tensor, wanted: torch.Tensor) -> dict[str, float]:
    """Mean squared and absolute error and SSIM over some patches (N, 1, H, W)."""
    predicted, wanted = predicted.float(), wanted.float()
    difference = predicted - wanted
    return {
        "mse": float(difference.square().mean()),
        "mae": float(difference.abs().mean()),
        "ssim": float(ssim(predicted, wanted).mean()),
    }
