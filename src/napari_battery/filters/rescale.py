"""Grey levels stretched between two percentiles, and another type."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep
from napari_battery.errors import InputError
from napari_battery.filters.filter import Filter, Findings
from napari_battery.io.lazy import Window
from napari_battery.prepare import grey_limits
from napari_battery.progress import Progress
from napari_battery.settings import Settings, setting
from napari_battery.volume import Volume

__all__ = ["RESCALE", "RescaleSettings"]


class RescaleSettings(Settings):
    """Type of the result and the share of voxels that is clipped."""

    dtype: Literal["uint8", "uint16", "float32"] = setting(
        "uint8", "Type of the result; its whole range is used, of float32 the range 0 to 1."
    )
    low_percentile: float = setting(
        0.1, "Percentile that becomes the smallest value.", unit="%", ge=0, le=100, step=0.1
    )
    high_percentile: float = setting(
        99.9, "Percentile that becomes the largest value.", unit="%", ge=0, le=100, step=0.1
    )


def _find(image: Volume, settings: RescaleSettings, progress: Progress) -> Findings:
    low, high = settings.low_percentile, settings.high_percentile
    if not low < high:
        raise InputError(
            f"The lower percentile is {low:g}, the upper {high:g}; the lower must be below."
        )
    progress.begin(1, "Measuring grey levels")
    dark, bright = grey_limits(image, (low, high))
    progress.advance()
    largest = _largest(settings)
    note = f"Grey {dark:g} … {bright:g} became 0 … {largest:g} ({settings.dtype})."
    return Findings({"low": dark, "high": bright}, (note,))


def _largest(settings: RescaleSettings) -> float:
    return 1.0 if settings.dtype == "float32" else float(np.iinfo(settings.dtype).max)


def _rescale(image: Volume, settings: RescaleSettings, found: Findings) -> BlockStep:
    low, high = found.numbers["low"], found.numbers["high"]
    largest = _largest(settings)

    def run(grey: NDArray[Any], _: Window) -> NDArray[Any]:
        clipped = np.clip(grey.astype(np.float64), low, high)
        stretched: NDArray[Any] = (clipped - low) * (largest / (high - low))
        if settings.dtype != "float32":
            stretched[np.isnan(stretched)] = 0
        return stretched

    return BlockStep(run, (0,) * image.ndim, np.dtype(np.float64))


RESCALE = Filter(
    "rescale",
    "Rescale grey levels",
    RescaleSettings,
    "Stretches the grey levels between two percentiles over the range of another type.",
    _rescale,
    _find,
    ("low_percentile", "high_percentile", "dtype"),
    lambda settings: np.dtype(settings.dtype),
)
