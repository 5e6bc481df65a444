"""What every transport function asks of its input, and how it says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.volume import AXES

__all__ = ["axis_number", "binary", "checked_axis", "edges"]


def axis_number(axis: str, ndim: int) -> int:
    """Number of the axis named z, y or x of an array of 2 or 3 axes.

    Raises
    ------
    InputError
        If the array has no such axis.
    """
    names = AXES[-ndim:]
    if axis not in names:
        raise InputError(f"There is no axis {axis!r}: choose {', '.join(names)}.")
    return names.index(axis)


def binary(mask: NDArray[Any], what: str = "The mask") -> NDArray[np.bool_]:
    """The mask as booleans.

    Raises
    ------
    InputError
        If it does not have 2 or 3 axes, is empty, or holds more than two values.
    """
    mask = np.asarray(mask)
    if mask.ndim not in (2, 3) or mask.size == 0:
        raise InputError(f"{what} has shape {mask.shape}; 2 or 3 axes with voxels are needed.")
    if mask.dtype == bool:
        return mask
    low, high = mask.min(), mask.max()
    inside = mask == high
    if not np.all(inside | (mask == low)) or not (low == high or low == 0):
        raise InputError(
            f"{what} holds numbers from {low} to {high}, not two values: "
            "choose one phase (for labels: labels > 0)."
        )
    return inside if high > 0 else np.zeros(mask.shape, bool)


def edges(voxel_size_um: Sequence[float], ndim: int) -> tuple[float, ...]:
    """Voxel edges in µm, one per axis.

    Raises
    ------
    InputError
        If their number does not fit the array, or one is not above 0.
    """
    size = tuple(float(edge) for edge in voxel_size_um)
    if len(size) != ndim or not all(np.isfinite(edge) and edge > 0 for edge in size):
        raise InputError(f"A voxel size of {size} µm does not fit {ndim} axes: one edge > 0 each.")
    return size


def checked_axis(shape: tuple[int, ...], axis: str, least: int, what: str) -> int:
    """Number of an axis along which there are at least `least` voxels.

    Raises
    ------
    InputError
        If there are fewer, or no such axis.
    """
    number = axis_number(axis, len(shape))
    if shape[number] < least:
        raise InputError(
            f"{what} along {axis} needs at least {least} voxels; there are {shape[number]}."
        )
    return number
