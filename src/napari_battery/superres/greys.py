"""The grey scale that networks see: two grey levels of the image become 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_battery.blocks import working_dtype
from napari_battery.errors import InputError
from napari_battery.volume import Volume

__all__ = ["Greys", "robust_greys"]

_SHARES = (0.005, 0.995)
_SLICES = 32
_PIXELS = 1 << 16
"""About how many pixels of a slice are looked at."""


@dataclass(frozen=True)
class Greys:
    """The grey levels that are 0 and 1 for a network.

    Parameters
    ----------
    low, high : float
        In the image's own grey levels; `high` above `low`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.high > self.low):
            raise InputError(
                f"The grey levels {self.low:g} and {self.high:g} cannot be made 0 and 1; the "
                "second must be above the first."
            )

    def normalise(self, grey: Any) -> NDArray[np.float32]:
        """Grey levels of the image as a network sees them; float32, nothing is clipped."""
        values = np.asarray(grey)
        # a small contrast on a large grey level would not survive float32
        scaled = values.astype(working_dtype(values.dtype))
        scaled -= self.low
        scaled *= 1 / (self.high - self.low)
        return scaled.astype(np.float32, copy=False)

    def restore(self, normalised: Any, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """What a network gave as grey levels of the image, not yet rounded or clipped.

        They are float32, or float64 for an image whose type needs it (32-bit whole numbers).
        """
        grey = np.asarray(normalised).astype(working_dtype(np.dtype(dtype)))
        grey *= self.high - self.low
        grey += self.low
        return grey


def robust_greys(volume: Volume) -> Greys:
    """The .5 % and 99.5 % quantiles of an image, from a fixed sample of all of it.

    Whatever part of the image is looked at later, the numbers are the same.

    Parameters
    ----------
    volume : Volume
        2-D or 3-D. What is not finite or outside its region does not count.

    Returns
    -------
    Greys

    Raises
    ------
    InputError
        If the image has no grey level, or (but for one voxel in a hundred) only one.
    """
    ndim = volume.ndim
    rows = [0] if ndim == 2 else np.unique(np.linspace(0, volume.shape[0] - 1, _SLICES).astype(int))
    pixels = volume.shape[-2] * volume.shape[-1]
    step = max(1, int(np.sqrt(pixels / _PIXELS)))
    sampled = []
    for row in rows:
        at: Any = ... if ndim == 2 else int(row)
        grey = np.asarray(volume.data[at])[::step, ::step].astype(np.float64)
        good = np.isfinite(grey)
        if volume.region is not None:
            good &= np.asarray(volume.region[at]).astype(bool)[::step, ::step]
        sampled.append(grey[good])
    levels = np.concatenate(sampled)
    if levels.size == 0:
        raise InputError(f"“{volume.name}” has no grey levels: nothing in it is a number.")
    low, high = (float(v) for v in np.quantile(levels, _SHARES))
    if high <= low:
        raise InputError(
            f"“{volume.name}” has the grey level {low:g} (nearly) everywhere; an image with "
            "contrast is needed."
        )
    return Greys(low, high)
