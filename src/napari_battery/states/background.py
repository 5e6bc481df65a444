"""Where a scan shows nothing but noise: given by the person, or proposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["Background", "Box", "is_occupied", "propose_background", "voxels_far"]

Box = tuple[tuple[int, int], ...]

_COARSE_VOXELS = 4_000_000
_BOXES = 12
_LEAST_EDGE = 16
"""Boxes narrower than this hold few independent voxels, and their middles are near particles."""
_LARGEST_EDGE = 48
_MARGIN = 5
"""Voxels kept from particles: their blur and rim reach some way out."""
_ENOUGH = 4000
_LARGEST_CROP = 128


@dataclass(frozen=True, eq=False)
class Background:
    """Where nothing but noise is seen.

    Parameters
    ----------
    boxes : tuple of boxes
        Each first voxel and one past the last, per axis, on the reference's grid.
    source : str
        "proposed" or "given".
    mask : bool array, optional
        Voxels that count, of the only box; None is all voxels of the boxes.
    margin_voxels : int
        Distance from particles of all voxels that count, where it was proposed; kept in later
        states, whose particles may lie elsewhere.
    """

    boxes: tuple[Box, ...]
    source: str = "given"
    mask: NDArray[np.bool_] | None = None
    margin_voxels: int = 0

    @classmethod
    def of_mask(cls, mask: Any, source: str = "given") -> Background:
        """The voxels of a mask on the reference's grid; of a wide one those about its middle.

        Raises
        ------
        InputError
            If it is empty.
        """
        mask = np.asarray(mask, bool)
        box = []
        for axis in range(mask.ndim):
            others = tuple(k for k in range(mask.ndim) if k != axis)
            hit = np.flatnonzero(mask.any(axis=others))
            if not len(hit):
                raise InputError("The background region is empty; draw one where nothing lies.")
            low, high = int(hit[0]), int(hit[-1]) + 1
            box.append(_middle(low, high, int(np.median(hit))))
        return cls((tuple(box),), source, mask[tuple(slice(a, b) for a, b in box)])


def _middle(low: int, high: int, middle: int) -> tuple[int, int]:
    """At most `_LARGEST_CROP` voxels of a range, about its middle."""
    if high - low <= _LARGEST_CROP:
        return low, high
    start = min(max(low, middle - _LARGEST_CROP // 2), high - _LARGEST_CROP)
    return start, start + _LARGEST_CROP


def propose_background(labels: Volume, progress: Progress = SILENT) -> Background:
    """Find empty space far from all particles.

    Parameters
    ----------
    labels : Volume
        Integers, 2-D or 3-D, 0 outside particles. What is outside its region is not empty.
    progress : Progress
        Advanced per block of planes.

    Returns
    -------
    Background
        Up to 12 cubes (squares) with edges of 16 to 48 voxels, at least 5 voxels from particles,
        the largest first; in a dense electrode, which leaves no room for one, the voxels of a box
        about its middle that are more than 5 voxels (4 or 3, if they are few) from particles.

    Raises
    ------
    InputError
        If there is no room for either.

    Notes
    -----
    Cubes are found on a grid made coarser by whole blocks, any particle voxel filling its block;
    the chessboard distance to the nearest filled block is half the edge of an empty cube.
    """
    boxes = _empty_boxes(labels, progress)
    if boxes:
        return Background(tuple(boxes), "proposed", None, _MARGIN)
    box = tuple(_middle(0, n, n // 2) for n in labels.shape)
    for margin in range(_MARGIN, 2, -1):
        mask = voxels_far(labels, box, margin)
        if np.count_nonzero(mask) >= (_ENOUGH if margin > 3 else 100):
            return Background((box,), "proposed", mask, margin)
    raise InputError(
        f"“{labels.name}” leaves no empty space more than 3 voxels away from particles to measure "
        "the noise in: draw a background region, or give σ_bg."
    )


def _empty_boxes(labels: Volume, progress: Progress) -> list[Box]:
    from scipy.ndimage import distance_transform_cdt

    step = max(1, int(np.ceil((np.prod(labels.shape) / _COARSE_VOXELS) ** (1 / labels.ndim))))
    filled = np.pad(_coarse(labels, step, progress), 1, constant_values=True)
    distance = np.asarray(distance_transform_cdt(~filled, metric="chessboard"))
    room = (2 * distance.astype(np.int64) - 1) * step - 2 * _MARGIN
    middles = np.argwhere(room >= _LEAST_EDGE)
    edges = np.minimum(room[room >= _LEAST_EDGE], _LARGEST_EDGE)
    middles -= 1
    boxes: list[Box] = []
    while len(middles) and len(boxes) < _BOXES:
        k = int(np.argmax(edges))
        edge = int(edges[k])
        low = [max(0, int(m) * step + step // 2 - edge // 2) for m in middles[k]]
        boxes.append(tuple((a, min(a + edge, n)) for a, n in zip(low, labels.shape, strict=True)))
        apart = np.abs(middles - middles[k]).max(axis=1) * step >= edge + step
        middles, edges = middles[apart], edges[apart]
    return boxes


def voxels_far(labels: Volume, box: Box, margin: int) -> NDArray[np.bool_]:
    """Voxels of a box that are more than `margin` voxels from any particle."""
    from scipy.ndimage import distance_transform_edt

    wide = [
        (max(0, a - margin), min(b + margin, n))
        for (a, b), n in zip(box, labels.shape, strict=True)
    ]
    where = tuple(slice(a, b) for a, b in wide)
    empty = np.asarray(labels.data[where]) == 0
    if labels.region is not None:
        empty &= np.asarray(labels.region[where], bool)
    distance = (
        np.asarray(distance_transform_edt(empty))
        if not empty.all()
        else np.full(empty.shape, np.inf)
    )
    own = tuple(slice(a - w, b - w) for (a, b), (w, _) in zip(box, wide, strict=True))
    return np.asarray(distance[own] > margin)


def _coarse(labels: Volume, step: int, progress: Progress) -> NDArray[np.bool_]:
    """Whether each block of step³ voxels holds any particle, or lies outside the region."""
    rows = range(0, labels.shape[0], step)
    progress.begin(len(rows), "Looking for empty space")
    planes = []
    for start in rows:
        some = slice(start, start + step)
        filled = np.asarray(labels.data[some]) != 0
        if labels.region is not None:
            filled |= ~np.asarray(labels.region[some], bool)
        whole = filled.any(axis=0)
        for axis in range(whole.ndim):
            starts = np.arange(0, whole.shape[axis], step)
            whole = np.logical_or.reduceat(whole, starts, axis=axis)
        planes.append(whole)
        progress.advance()
    return np.stack(planes)


def is_occupied(labels: Volume, box: Box) -> bool:
    """Whether a particle has come nearer to a box than it was proposed with."""
    near = tuple(slice(max(0, a - _MARGIN // 2), b + _MARGIN // 2) for a, b in box)
    return bool(np.asarray(labels.data[near]).any())
