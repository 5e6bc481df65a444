"""Rings around the axis of rotation, taken out of reconstructed slices."""

from __future__ import annotations

import math
import threading
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, working_dtype
from napari_battery.filters.filter import Filter, Findings
from napari_battery.filters.median import box_median
from napari_battery.io.lazy import Window
from napari_battery.lengths import spacing_voxels
from napari_battery.progress import Progress
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["RINGS", "RingSettings"]

_ANGLES = 360
_PASSES = 2
_SIGNIFICANT = 3.0
"""Rings fainter than this many standard errors stay: they may be the image's own noise."""
_FEW = 8
"""Radii, in pixels, whose scatter is taken for that of the widest-scattering of them."""
_MEDIAN_ERROR = 1.2533 / 0.6745
"""Standard error of the median of normal values over their median absolute deviation, × √n."""


class RingSettings(Settings):
    """What counts as a ring, and around which point."""

    width: float = setting(
        4.0, "Width of the widest ring that is removed.", unit=LENGTH, ge=1, le=50, step=1
    )
    center_y: float | None = setting(
        None, "Row of the axis of rotation; empty: the middle.", title="Centre y", unit="voxels"
    )
    center_x: float | None = setting(
        None, "Column of the axis of rotation; empty: the middle.", title="Centre x", unit="voxels"
    )
    length_unit: Literal["voxels", "um"] = length_unit()


class _Rings:
    """Grey level of the rings over their radius, found slice by slice when first asked for."""

    def __init__(self, image: Volume, settings: RingSettings) -> None:
        self._image = image
        middle = [(n - 1) / 2 for n in image.shape[-2:]]
        given = (settings.center_y, settings.center_x)
        self.centre = [m if g is None else g for g, m in zip(given, middle, strict=True)]
        # a ring must stay well below half of the window for the window's median not to see it
        self._reach = 2 * max(1, round(settings.width / min(spacing_voxels(image)[-2:])))
        corners = [max(c, n - 1 - c) for c, n in zip(self.centre, image.shape[-2:], strict=True)]
        self._n_radii = math.ceil(math.hypot(*corners)) + 1
        self._found: dict[int, NDArray[np.float64]] = {}
        n_slices = image.shape[0] if image.ndim == 3 else 1
        self._locks = [threading.Lock() for _ in range(n_slices)]

    def of_slice(self, row: int) -> NDArray[np.float64]:
        with self._locks[row]:  # blocks of one slice need the same
            if row not in self._found:
                at: Any = row if self._image.ndim == 3 else ...
                grey = np.asarray(self._image.data[at]).astype(np.float64)
                grey[~np.isfinite(grey)] = np.nan
                self._found[row] = self._measure(grey)
            return self._found[row]

    def _measure(self, grey: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rings of a slice; a few passes, since sampling on circles blurs narrow ones."""
        y, x = (np.arange(n) for n in grey.shape)
        radius = np.hypot(y[:, None] - self.centre[0], x - self.centre[1])
        rings = np.zeros(self._n_radii)
        for _ in range(_PASSES):
            rings += self._standing_out(grey - np.interp(radius, np.arange(len(rings)), rings))
        return rings

    def _standing_out(self, grey: NDArray[np.float64]) -> NDArray[np.float64]:
        """What differs from its surroundings along the radius in the same way at most angles."""
        from skimage.transform import warp_polar

        polar = warp_polar(
            grey,
            self.centre,
            radius=self._n_radii,
            output_shape=(_ANGLES, self._n_radii),
            order=1,
            mode="constant",
            cval=np.nan,
            preserve_range=True,
        )
        margin = [(0, 0), (self._reach, self._reach)]
        smooth = box_median(
            np.pad(polar.astype(np.float32), margin, "symmetric"),
            (0, self._reach),
            np.dtype(np.float32),
        )
        rest = polar - smooth
        n = np.isfinite(rest).sum(axis=0)
        rest[:, n == 0] = 0
        rings: NDArray[np.float64] = np.nanmedian(rest, axis=0)
        spread = np.nanmedian(np.abs(rest - rings), axis=0)
        # near the centre few pixels make up a ring, too few to show how they scatter
        spread[:_FEW] = spread[:_FEW].max()
        n = np.minimum(n, 2 * np.pi * np.arange(self._n_radii))
        error = _MEDIAN_ERROR * spread / np.sqrt(np.maximum(n, 1))
        rings[np.abs(rings) <= _SIGNIFICANT * error] = 0
        return rings


def _find(image: Volume, settings: RingSettings, _: Progress) -> Findings:
    rings = _Rings(image, settings)
    return Findings({"center_y": rings.centre[0], "center_x": rings.centre[1]}, data=rings)


def _remove_rings(image: Volume, _: RingSettings, found: Findings) -> BlockStep:
    rings: _Rings = found.data

    def run(grey: NDArray[Any], window: Window) -> NDArray[Any]:
        y, x = (np.arange(w.start, w.stop) for w in window[-2:])
        radius = np.hypot(y[:, None] - rings.centre[0], x - rings.centre[1])
        slices = range(window[0].start, window[0].stop) if image.ndim == 3 else range(1)
        result = np.empty(grey.shape, grey.dtype).reshape(len(slices), *radius.shape)
        for k, part in enumerate(grey.reshape(result.shape)):
            profile = rings.of_slice(slices[k])
            result[k] = part - np.interp(radius, np.arange(len(profile)), profile)
        return result.reshape(grey.shape)

    return BlockStep(run, (0,) * image.ndim, working_dtype(image.dtype))


RINGS = Filter(
    "rings",
    "Remove rings",
    RingSettings,
    "Removes rings around the axis of rotation from reconstructed slices, and any thin true "
    "structure that runs around it as well.",
    _remove_rings,
    _find,
    ("width", "center_y", "center_x"),
)
