"""How near a prediction comes to the high scan: SSIM, PSNR, MSE, MAE of a region.

Grey levels are normalised so that the high scan's robust range is [0, 1], the data range of
PSNR and SSIM, as in the paper (which normalises images to [0, 1]).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["METRICS", "SSIM_SETTINGS", "grey_line", "region_metrics", "ssim"]

METRICS = ("ssim", "psnr_db", "mse", "mae")
SSIM_SETTINGS = (
    "per slice (z), mean over slices; Gaussian window of sigma 1.5 voxels, 11 × 11, population "
    "covariance (Wang et al. 2004), K1 0.01, K2 0.03; windows lie wholly within a region"
)

_SIGMA = 1.5
_TRUNCATE = 3.5
_REACH = int(_TRUNCATE * _SIGMA + 0.5)

Array = NDArray[np.floating[Any]]


def region_metrics(predicted: Array, high: Array) -> dict[str, float]:
    """SSIM, PSNR, MSE and MAE of one region.

    Parameters
    ----------
    predicted, high : (z, y, x) float arrays
        Normalised grey levels: the data range is 1.

    Returns
    -------
    dict
        ``ssim, psnr_db, mse, mae``. PSNR is infinite where both are equal.
    """
    error = predicted.astype(np.float64) - high
    mse = float(np.mean(error**2))
    return {
        "ssim": ssim(predicted, high),
        "psnr_db": float(-10 * np.log10(mse)) if mse else float("inf"),
        "mse": mse,
        "mae": float(np.mean(np.abs(error))),
    }


def ssim(predicted: Array, high: Array) -> float:
    """Structural similarity (Wang et al., 2004), slice by slice, with data range 1.

    Equal to scikit-image's ``structural_similarity(…, data_range=1, gaussian_weights=True,
    use_sample_covariance=False)`` of each slice, averaged; all slices go at once.

    Parameters
    ----------
    predicted, high : (z, y, x) float arrays
        At least 11 voxels wide in y and x.

    Returns
    -------
    float
        1 for equal images.
    """
    from scipy.ndimage import gaussian_filter

    def mean(values: Array) -> Array:
        return np.asarray(gaussian_filter(values, (0, _SIGMA, _SIGMA), truncate=_TRUNCATE))

    x, y = predicted.astype(np.float64), high.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    variance_x = mean(x * x) - mean_x**2
    variance_y = mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    inner = slice(_REACH, -_REACH)
    return float((above / below)[:, inner, inner].mean())


def grey_line(predicted: list[Array], high: list[Array]) -> tuple[float, float]:
    """Line of least squares from a prediction's grey levels to the high scan's.

    One line for all regions, so that a grey level that drifts from region to region still
    counts as an error.

    Parameters
    ----------
    predicted, high : lists of arrays
        The regions of both.

    Returns
    -------
    gain, offset : float
        ``high ≈ gain · predicted + offset``. A flat prediction gets gain 0.
    """
    n = sum(block.size for block in high)
    mean_p = sum(float(p.sum(dtype=np.float64)) for p in predicted) / n
    mean_h = sum(float(h.sum(dtype=np.float64)) for h in high) / n
    above = below = 0.0
    for p, h in zip(predicted, high, strict=True):
        centred = p.astype(np.float64) - mean_p
        above += float(np.sum(centred * (h - mean_h)))
        below += float(np.sum(centred**2))
    gain = above / below if below else 0.0
    return gain, mean_h - gain * mean_p
