"""Masks and labels as volumes that kernels take; a plane is a volume of one plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._checks import binary, edges

__all__ = ["label_volume", "mask_volume", "volume_edges"]


def mask_volume(mask: NDArray[Any], what: str = "The mask") -> NDArray[np.bool_]:
    """The mask as (nz, ny, nx) booleans in one piece of memory; see `binary`."""
    array = np.ascontiguousarray(binary(mask, what))
    return array[None] if array.ndim == 2 else array


def label_volume(labels: NDArray[Any], what: str = "The labels") -> NDArray[Any]:
    """Labels or codes as (nz, ny, nx) unsigned numbers in one piece of memory.

    Raises
    ------
    InputError
        If they do not have 2 or 3 axes, are empty, negative, or no whole numbers.
    """
    array = np.asarray(labels)
    if array.ndim not in (2, 3) or array.size == 0:
        raise InputError(f"{what} have shape {array.shape}; 2 or 3 axes with voxels are needed.")
    if array.dtype.kind not in "iub":
        raise InputError(
            f"{what} hold {array.dtype} numbers; whole numbers are needed. Is it the grey-level "
            "image?"
        )
    if array.dtype.kind == "i" and array.min() < 0:
        raise InputError(
            f"{what} hold negative numbers (down to {array.min()}); background must be 0 and "
            "particles count upwards. Relabel them first."
        )
    array = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="), copy=False)
    array = array.view(f"u{array.dtype.itemsize}")
    return array[None] if array.ndim == 2 else array


def volume_edges(voxel_size_um: Sequence[float], ndim: int) -> tuple[float, float, float]:
    """Voxel edges z, y, x in µm; 1 for the axis that a plane lacks."""
    size = edges(voxel_size_um, ndim)
    return (1.0, *size) if ndim == 2 else size  # type: ignore[return-value]
