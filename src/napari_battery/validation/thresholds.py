"""The thresholds that part every method's scan: fixed on the high one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.microstructure.phases import Phases
from napari_battery.superres.judge_cracks import dark_threshold

__all__ = ["by_brightness", "matching_thresholds", "otsu_threshold"]

Grey = NDArray[Any]


def otsu_threshold(high: Grey, regions: Sequence[Window]) -> list[float]:
    """Otsu's threshold of the high scan in all regions.

    Parameters
    ----------
    high : (z, y, x) array
        Grey levels.
    regions : sequence of windows

    Raises
    ------
    InputError
        If there is one grey level only.
    """
    parts = [np.asarray(high[region], np.float32) for region in regions]
    low = min(float(part.min()) for part in parts)
    if max(float(part.max()) for part in parts) <= low:
        raise InputError(f"The high scan has one grey level ({low:g}) in all regions: no phases.")
    return [dark_threshold(parts)]


def by_brightness(phases: Phases, high: Grey, regions: Sequence[Window]) -> list[str]:
    """The phases of a segmentation from the one that is darkest in the high scan to the brightest.

    Raises
    ------
    InputError
        If a phase is in no region.
    """
    means = {}
    for name, code in phases.codes.items():
        inside = [high[region][phases.data[region] == code] for region in regions]
        grey = np.concatenate(inside)
        if not grey.size:
            raise InputError(
                f"“{phases.name}” has no voxel of “{name}” ({code}) in any region: leave it out "
                "of the phases, or choose another part."
            )
        means[name] = float(grey.mean())
    return sorted(means, key=means.__getitem__)


def matching_thresholds(
    phases: Phases, high: Grey, regions: Sequence[Window], names: Sequence[str]
) -> list[float]:
    """Thresholds at which the high scan has a segmentation's volume fractions in all regions.

    Parameters
    ----------
    phases : Phases
        Segmentation of the high scan, on its grid.
    high : (z, y, x) array
        Grey levels.
    names : sequence of str
        From dark to bright.

    Returns
    -------
    list of float
        One less than phases.
    """
    grey = np.concatenate([np.ravel(high[region]) for region in regions]).astype(np.float64)
    shares = _shares(phases.codes, [phases.data[region] for region in regions], names)
    cuts = [float(v) for v in np.quantile(grey, np.cumsum(shares)[:-1])]
    if len(set(cuts)) < len(cuts):
        raise InputError(
            f"The phases of “{phases.name}” ({', '.join(names)}) cannot be told apart by the "
            f"grey levels of the high scan: thresholds {cuts}."
        )
    return cuts


def _shares(codes: Mapping[str, int], parts: Sequence[Grey], names: Sequence[str]) -> list[float]:
    total = sum(part.size for part in parts)
    return [sum(int((part == codes[n]).sum()) for part in parts) / total for n in names]
