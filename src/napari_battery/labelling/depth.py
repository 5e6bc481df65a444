"""Distance maps of masks: how deep each voxel lies below the surface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.settings import LabelSettings
from napari_battery.progress import SILENT, Progress

__all__ = ["DepthMap", "depth_map", "quantised", "smoothed_distance", "squared_distance"]

_LEVELS_PER_VOXEL = 100
_HIGHEST = 65_000


@dataclass(frozen=True, eq=False)
class DepthMap:
    """A distance map in whole steps.

    Parameters
    ----------
    levels : uint16 array
        1 and more inside particles, 0 outside, with a border of 0 of one voxel.
    per_voxel : float
        Steps per voxel (shortest edge): 100, or fewer where particles are deeper than 650.
    """

    levels: NDArray[np.uint16]
    per_voxel: float

    @property
    def inner(self) -> NDArray[np.uint16]:
        """The levels without their border."""
        return self.levels[(slice(1, -1),) * self.levels.ndim]

    def distance(self) -> NDArray[np.float32]:
        """The distance map in voxels, to half a step."""
        distance = self.inner.astype(np.float32)
        np.maximum(distance, 1, out=distance)
        distance -= 1
        distance /= np.float32(self.per_voxel)
        return distance


def squared_distance(
    mask: NDArray[np.bool_],
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.float32]:
    """Square of the Euclidean distance from each voxel to the nearest background voxel.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D. What lies beyond the faces does not count as background.
    spacing : tuple of float, optional
        Voxel edges; cubes of edge 1 otherwise.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    float32 array
        0 outside the mask; 10¹² where there is no background. Exact on cubes up to 4,000
        voxels from the background; otherwise to the last bits of float32.
    """
    from napari_battery.labelling._distance import SCRATCH, along_rows, down_columns

    edges = [np.float32(edge) for edge in spacing or (1.0,) * mask.ndim]
    squared = np.empty(mask.shape, np.float32)
    planes, result = (mask, squared) if mask.ndim == 3 else (mask[None], squared[None])
    scratch = np.empty((max(mask.shape) + 2, SCRATCH), np.float32)
    deep = len(planes) > 1
    progress.begin(len(planes) + (planes.shape[1] if deep else 0), "Measuring depths")
    for k in range(len(planes)):
        along_rows(np.ascontiguousarray(planes[k]), edges[-1], result[k])
        down_columns(result[k], edges[-2], scratch)
        progress.advance()
    for k in range(planes.shape[1] if deep else 0):
        down_columns(result[:, k], edges[0], scratch)
        progress.advance()
    return squared


def smoothed_distance(
    mask: NDArray[np.bool_],
    settings: LabelSettings = LabelSettings(),  # noqa: B008
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.float32]:
    """Depth of each voxel below the mask's surface, smoothed.

    The faces of the volume count as inside, so that cut particles are not parted there.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D.
    settings : LabelSettings
        Lengths in voxels; uses `distance_smoothing`.
    spacing : tuple of float, optional
        Voxel edges in units of the shortest, see `napari_battery.lengths.spacing_voxels`;
        cubes otherwise.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    float32 array
        Depth in voxels (shortest edges); 0 outside.
    """
    squared = squared_distance(mask, spacing, progress)
    planes = squared if mask.ndim == 3 else squared[None]
    progress.begin(len(planes), "Smoothing depths")
    for k, plane in enumerate(_smoothed(planes, settings.distance_smoothing, spacing)):
        planes[k] = plane  # its own squares are read by then
        progress.advance()
    return squared


def depth_map(
    mask: NDArray[np.bool_],
    settings: LabelSettings = LabelSettings(),  # noqa: B008
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> DepthMap:
    """Depths as `smoothed_distance` finds them, straight in whole steps.

    Parameters
    ----------
    mask, settings, spacing, progress
        See `smoothed_distance`.
    """
    squared = squared_distance(mask, spacing, progress)
    planes, inside = (squared, mask) if mask.ndim == 3 else (squared[None], mask[None])
    per_voxel = _per_voxel(float(np.sqrt(_near(squared.max(initial=0), mask.shape))))
    levels = np.zeros(tuple(n + 2 for n in mask.shape), np.uint16)
    inner = levels[(slice(1, -1),) * mask.ndim]
    inner = inner if mask.ndim == 3 else inner[None]
    progress.begin(len(planes), "Smoothing depths")
    for k, plane in enumerate(_smoothed(planes, settings.distance_smoothing, spacing)):
        _to_levels(plane, inside[k], per_voxel, inner[k])
        progress.advance()
    return DepthMap(levels, per_voxel)


def quantised(distance: NDArray[np.float32], mask: NDArray[np.bool_]) -> DepthMap:
    """A distance map in whole steps.

    Parameters
    ----------
    distance : float32 array
        Depth below the surface, 2-D or 3-D, in voxels.
    mask : bool array
        Inside of particles: at least at level 1, however shallow.
    """
    per_voxel = _per_voxel(float(distance.max(initial=0.0, where=mask)))
    levels = np.zeros(tuple(n + 2 for n in distance.shape), np.uint16)
    inner = levels[(slice(1, -1),) * levels.ndim]
    for k in range(len(distance)):
        _to_levels(distance[k], mask[k], per_voxel, inner[k])
    return DepthMap(levels, per_voxel)


def _smoothed(
    squared: NDArray[np.float32], sigma: float, spacing: tuple[float, ...] | None
) -> Iterator[NDArray[np.float32]]:
    from napari_battery.labelling._smooth import smoothed_planes

    edges = (1.0, *(spacing or (1.0,) * 3))[-3:]
    sigmas = tuple(sigma / edge for edge in edges)

    def read(k: int) -> NDArray[np.float32]:
        return np.sqrt(_near(squared[k], squared.shape))

    return smoothed_planes(read, squared.shape, sigmas, "nearest")


def _near(squared: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Squares, with a depth as long as the volume where there is no background."""
    from napari_battery.labelling._distance import FAR

    return np.where(squared < FAR, squared, np.float32(max(shape) ** 2))


def _per_voxel(deepest: float) -> float:
    return min(_LEVELS_PER_VOXEL, _HIGHEST / max(deepest, 1e-6))


def _to_levels(
    distance: NDArray[np.float32],
    mask: NDArray[np.bool_],
    per_voxel: float,
    levels: NDArray[np.uint16],
) -> None:
    row = np.maximum(distance, np.float32(0)) * np.float32(per_voxel)
    np.rint(row, out=row)
    row += 1
    row *= mask
    levels[...] = row
