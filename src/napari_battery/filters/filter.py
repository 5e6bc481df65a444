"""What every filter is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep
from napari_battery.progress import Progress
from napari_battery.settings import Settings, setting
from napari_battery.volume import Volume

__all__ = ["Filter", "Findings", "missing", "per_slice_setting", "radii", "sigmas"]


@dataclass(frozen=True)
class Findings:
    """What a filter found out about the whole image before it looks at a part of it."""

    numbers: dict[str, float] = field(default_factory=dict)
    """For the person, the command line and the provenance; names carry no unit: grey levels."""
    notes: tuple[str, ...] = ()
    data: Any = None
    """Arrays that the filter itself needs."""


@dataclass(frozen=True)
class Filter:
    """One filter: its name, its settings, and how it is made ready for an image.

    Parameters
    ----------
    name : str
        On the command line and in files.
    title : str
        In menus.
    settings : type of Settings
        Whose type also tells `filter_image` which filter is meant.
    description : str
        One or two sentences for people who choose.
    make : callable
        ``make(image, settings, findings)`` returns the computation: its ``run`` gets a block
        of floating point grey levels, NaN where there is none, and returns the same.
    find : callable, optional
        ``find(image, settings, progress)`` looks at the whole image first.
    found_from : tuple of str
        The settings that what `find` finds depends on.
    dtype : callable, optional
        Type of the result from the settings; the image's own otherwise.
    """

    name: str
    title: str
    settings: type[Settings]
    description: str
    make: Callable[[Volume, Any, Findings], BlockStep]
    find: Callable[[Volume, Any, Progress], Findings] | None = None
    found_from: tuple[str, ...] = ()
    dtype: Callable[[Any], np.dtype[Any]] | None = None


def per_slice_setting(default: bool = False) -> Any:
    """Declare the field ``per_slice: bool``."""
    return setting(
        default,
        "Filter every slice by itself (2-D) instead of the volume (3-D).",
        title="Per slice",
    )


def missing(grey: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where there is no grey level; None if there is one everywhere."""
    gone: NDArray[np.bool_] = np.isnan(grey)
    return gone if gone.any() else None


def sigmas(image: Volume, length: float, per_slice: bool = False) -> tuple[float, ...]:
    """A length in voxels of the shortest edge as voxels along each axis.

    0 along an axis of one voxel, which has no neighbours, and along z per slice.
    """
    from napari_battery.lengths import spacing_voxels

    flat = [n == 1 for n in image.shape]
    if per_slice and image.ndim == 3:
        flat[0] = True
    return tuple(
        0.0 if f else length / edge for f, edge in zip(flat, spacing_voxels(image), strict=True)
    )


def radii(image: Volume, length: float, per_slice: bool = False) -> tuple[int, ...]:
    """Like `sigmas`, in whole voxels."""
    return tuple(round(r) for r in sigmas(image, length, per_slice))
