"""The SNOW algorithm of PoreSpy."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress

__all__ = ["snow"]

_CUBE = 0.01
"""Relative difference of edges below which a voxel counts as a cube."""


def snow(
    mask: NDArray[np.bool_],
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Part a mask by SNOW: a watershed whose markers are trimmed by rules of its own.

    PoreSpy does the work, with its own distance map and defaults (r_max 4, sigma 0.4). It
    cannot be cancelled until it is done.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D.
    spacing : tuple of float, optional
        Voxel edges; they must be cubes.
    progress : Progress
        Told when it begins and ends.

    Returns
    -------
    places : (n,) int64 array
        One marker voxel of each particle, as flat indices into the map with a border of one
        voxel.
    labels : int32 array
        1 … n, in z, y, x order of the markers; 0 outside.

    Raises
    ------
    InputError
        If voxels are no cubes.

    References
    ----------
    Gostick, "Versatile and efficient pore network extraction method using marker-based
    watershed segmentation" (2017).
    """
    if spacing and max(spacing) > (1 + _CUBE) * min(spacing):
        raise InputError(
            f"SNOW needs voxels that are cubes; these are {max(spacing) / min(spacing):.3g} times "
            "longer than wide. Choose the watershed, or resample the image."
        )
    progress.begin(1, "Parting particles by SNOW (PoreSpy)")
    if not mask.any():
        progress.advance()
        return np.zeros(0, np.int64), np.zeros(mask.shape, np.int32)
    with _porespy() as porespy:
        parts = porespy.filters.snow_partitioning(mask)
    regions, peaks = np.asarray(parts.regions), np.asarray(parts.peaks)
    progress.advance()
    at = np.nonzero((peaks > 0) & mask)
    # a peak may be a plateau of several voxels: its first stands for it
    found, first = np.unique(regions[at], return_index=True)
    first = first[found > 0]
    order = np.argsort(first)
    numbers = np.zeros(int(regions.max(initial=0)) + 1, np.int32)
    numbers[found[found > 0][order]] = np.arange(1, len(first) + 1)
    within = tuple(index[first[order]] + 1 for index in at)
    places = np.ravel_multi_index(within, tuple(n + 2 for n in mask.shape))
    labels = np.empty(mask.shape, np.int32)
    for k in range(len(labels)):
        labels[k] = numbers[regions[k]] * mask[k]
    return np.asarray(places, np.int64), labels


@contextmanager
def _porespy() -> Iterator[Any]:
    """PoreSpy, without what its import does to numpy's errors, warnings and the root logger."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with np.errstate(), warnings.catch_warnings():
        import porespy

        root.handlers[:] = handlers
        root.setLevel(level)
        bars = porespy.settings.tqdm
        shown, bars["disable"] = bars.get("disable"), True
        try:
            warnings.simplefilter("ignore")
            yield porespy
        finally:
            bars["disable"] = shown
