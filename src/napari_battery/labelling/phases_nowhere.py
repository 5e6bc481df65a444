"""Voxels of a block that are in no phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import read_with_halo
from napari_battery.io.lazy import Window
from napari_battery.volume import Volume

__all__ = ["nowhere"]


def nowhere(
    image: Volume,
    block: NDArray[Any],
    window: Window,
    margin: tuple[int, ...],
    around: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Mark voxels beyond the volume, outside its region, or without a grey level.

    Parameters
    ----------
    image : Volume
        Whose block it is.
    block : array
        Grey levels of `window` with `margin` on every side.
    window : tuple of slices
        Within the volume.
    margin, around : tuple of int
        Of the block, and of what is marked; at most the margin.

    Returns
    -------
    bool array
        Of the window's shape plus twice `around`.
    """
    cut = tuple(
        slice(m - a, n - (m - a)) for m, a, n in zip(margin, around, block.shape, strict=True)
    )
    marked = np.zeros(block[cut].shape, bool)
    if block.dtype.kind == "f":
        marked = ~np.isfinite(block[cut])
    if image.region is not None:
        marked |= ~read_with_halo(image.region, window, around).astype(bool)
    for axis, (w, a, n) in enumerate(zip(window, around, image.shape, strict=True)):
        index = np.arange(w.start - a, w.stop + a)
        beyond = (index < 0) | (index >= n)
        if beyond.any():
            marked[(slice(None),) * axis + (beyond,)] = True
    return marked
