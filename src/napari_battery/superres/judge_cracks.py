"""Whether cracks are still there: recall and false positives against labelled cracks.

PSNR says little about cracks: a network may gain decibels and close them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.io.lazy import Window

__all__ = ["CRACK_METRICS", "dark_threshold", "region_cracks"]

CRACK_METRICS = ("crack_recall", "crack_false")

Mask = NDArray[np.bool_]


def dark_threshold(high: Sequence[NDArray[np.floating[Any]]]) -> float:
    """Otsu's threshold of the high scan over all regions.

    Parameters
    ----------
    high : sequence of arrays
        The regions of the high scan.
    """
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(np.concatenate([block.ravel() for block in high])))


def region_cracks(
    predicted: NDArray[np.floating[Any]],
    high: NDArray[np.floating[Any]],
    cracks: Mask,
    threshold: float,
    tolerance: int,
    regions: Sequence[Window],
) -> list[dict[str, float]]:
    """Crack recall and false positives of a prediction, region by region.

    A voxel darker than the threshold is dark. What is dark in the high scan and not labelled
    as crack is pore; a prediction's dark voxels outside of it are its cracks.

    Parameters
    ----------
    predicted, high : (z, y, x) float arrays
        Grey levels on one scale.
    cracks : bool array
        True where the labels say crack.
    threshold : float
        Chosen on the high scan, the same for every prediction.
    tolerance : int
        In voxels, along each axis and diagonal.
    regions : sequence of windows
        Where to count.

    Returns
    -------
    list of dict
        ``crack_recall``: share of the labelled crack voxels that have a crack of the
        prediction within the tolerance. ``crack_false``: share of the prediction's crack
        voxels, those next to a pore (within the tolerance) left out, that have no labelled
        crack within the tolerance. NaN where there is none to count.
    """
    pore = (high < threshold) & ~cracks
    found = (predicted < threshold) & ~pore
    near_found, near_crack, near_pore = (_grown(mask, tolerance) for mask in (found, cracks, pore))
    claimed = found & ~near_pore
    rows = []
    for region in regions:
        crack, claim = cracks[region], claimed[region]
        rows.append(
            {
                "crack_recall": _share(crack & near_found[region], crack),
                "crack_false": _share(claim & ~near_crack[region], claim),
            }
        )
    return rows


def _grown(mask: Mask, by: int) -> Mask:
    from scipy.ndimage import maximum_filter

    return np.asarray(maximum_filter(mask, 2 * by + 1, mode="constant"), bool) if by else mask


def _share(part: Mask, whole: Mask) -> float:
    n = int(whole.sum())
    return float(part.sum() / n) if n else float("nan")
