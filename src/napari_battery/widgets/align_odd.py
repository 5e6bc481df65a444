"""Which pairs of landmarks do not agree with the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.registration.landmarks import fewest_pairs, fit_landmarks
from napari_battery.registration.transform import Kind

__all__ = ["odd_pairs"]

_TIMES = 5.0
"""A pair is odd that lies so many times the RMS of the others from where these put it; of
few pairs a good one may lie two or three times as far."""


def odd_pairs(
    fixed: NDArray[np.float64], moving: NDArray[np.float64], kind: Kind, least: float
) -> NDArray[np.bool_]:
    """Find pairs that are far from where all others put them.

    A single wrong pair draws the fit to itself, so its own residual may look harmless.

    Parameters
    ----------
    fixed, moving : (n, ndim) arrays
        As `fit_landmarks` takes them.
    kind : str
        What is fitted.
    least : float
        No pair closer than this is odd: nobody can mark a place better.

    Returns
    -------
    (n,) array of bool
        All False where the others are too few to tell.
    """
    n = len(fixed)
    odd = np.zeros(n, bool)
    if n < 2 or n - 1 <= fewest_pairs(kind, fixed.shape[1]):
        return odd
    for one in range(n):
        others = np.arange(n) != one
        try:
            found = fit_landmarks(fixed[others], moving[others], kind)
        except InputError:  # what is left lies on a line
            continue
        away = np.linalg.norm(found.transform.apply_points(moving[[one]])[0] - fixed[one])
        rms = float(found.transform.quality["rms_residual_um"])
        odd[one] = away > max(_TIMES * rms, least)
    return odd
