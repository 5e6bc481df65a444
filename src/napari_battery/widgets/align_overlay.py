"""Two images on the pixels of one slice, and the pictures that compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = ["MODES", "Grid", "Mode", "compose", "grey", "sample", "slice_grid", "tile_pixels"]

Mode = Literal["blend", "checkerboard", "swipe", "difference", "flicker", "fixed", "moving"]
MODES: tuple[Mode, ...] = get_args(Mode)

Plane = NDArray[np.float32]

_BEYOND = 1.0
"""How far the picture reaches beyond the fixed slice, in its widths, to show a moving image
that lies beside it."""
_BEYOND_STEPS = 4
"""It grows in steps of a quarter width, so that it seldom changes while dragging."""
_TILES = 12
"""Tiles of the checkerboard along the longer side of the fixed slice."""


@dataclass(frozen=True)
class Grid:
    """Pixels of a picture: places in voxels of the fixed image, one thick across the slice.

    Parameters
    ----------
    start : tuple of float
        Centre of the first pixel.
    step : tuple of float
        From one pixel to the next; 1 across the slice.
    shape : tuple of int
        Number of pixels; 1 across the slice.
    """

    start: tuple[float, ...]
    step: tuple[float, ...]
    shape: tuple[int, ...]

    def to_index(self) -> NDArray[np.float64]:
        """Matrix from pixels to voxels of the fixed image."""
        matrix = np.diag([*self.step, 1.0])
        matrix[:-1, -1] = self.start
        return matrix


def slice_grid(
    fixed: Sequence[int],
    moving: Sequence[int],
    to_moving: NDArray[np.float64],
    plane: Sequence[int],
    index: float,
    most: int,
) -> Grid:
    """Pixels for a slice of the fixed image and for what of the moving one lies around it.

    Parameters
    ----------
    fixed, moving : sequence of int
        Shapes of both images.
    to_moving : (ndim + 1, ndim + 1) array
        Takes voxels of the fixed image to voxels of the moving one.
    plane : sequence of int
        The two axes of the fixed image in the slice.
    index : float
        Which slice.
    most : int
        Pixels along the longer side, at most.

    Returns
    -------
    Grid
        A pixel is a voxel of the fixed image, or a whole part of one where the moving image
        is finer; coarser where that would be too many.
    """
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in moving], indexing="ij"))
    corners = np.vstack([corners.reshape(len(moving), -1), np.ones(2 ** len(moving))])
    there = np.linalg.solve(to_moving, corners)[:-1]
    start, shape, step = [float(index)] * len(fixed), [1] * len(fixed), [1.0] * len(fixed)
    spans = {}
    for axis in plane:
        n, unit = fixed[axis], fixed[axis] / _BEYOND_STEPS
        # what stands out by less than a voxel is not worth it
        before = np.ceil((-0.5 - there[axis].min() - 1) / unit) * unit
        after = np.ceil((there[axis].max() - (n - 0.5) - 1) / unit) * unit
        before, after = np.clip([before, after], 0, _BEYOND * n)
        spans[axis] = (-0.5 - before, n - 0.5 + after)
        finer = float(np.linalg.norm(to_moving[:-1, axis]))
        step[axis] = 1.0 / max(1, round(finer))
    longest = max((spans[axis][1] - spans[axis][0]) / step[axis] for axis in plane)
    for axis in plane:
        low, high = spans[axis]
        pixels = max(1, round((high - low) / (step[axis] * max(1.0, longest / most))))
        step[axis] = (high - low) / pixels
        start[axis], shape[axis] = low + step[axis] / 2, pixels
    return Grid(tuple(start), tuple(step), tuple(shape))


def sample(data: Any, to_index: NDArray[np.float64], grid: Grid, plane: Sequence[int]) -> Plane:
    """Grey levels of an image at the pixels of a grid, interpolated linearly.

    Parameters
    ----------
    data : array
        numpy, memory-mapped or lazy; only the part that the slice crosses is read.
    to_index : (ndim + 1, ndim + 1) array
        Takes voxels of the fixed image to voxels of `data`.
    grid : Grid
        Which pixels.
    plane : sequence of int
        Axes of the grid that are kept, in ascending order.

    Returns
    -------
    2-D float32 array
        NaN outside the image.
    """
    from scipy.ndimage import affine_transform

    shape = grid.shape
    kept = tuple(shape[axis] for axis in sorted(plane))
    matrix = to_index @ grid.to_index()
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"))
    ends = ends.reshape(len(shape), -1)
    reach = matrix[:-1, :-1] @ ends + matrix[:-1, -1:]
    limit = np.array(data.shape)
    low = np.clip(np.floor(reach.min(axis=1)).astype(int), 0, limit)
    high = np.clip(np.ceil(reach.max(axis=1)).astype(int) + 1, 0, limit)
    # half a voxel beyond the outermost centres still belongs to the outermost voxels
    if (reach.max(axis=1) < -0.5).any() or (reach.min(axis=1) > limit - 0.5).any():
        return np.full(kept, np.nan, np.float32)
    low, high = np.minimum(low, limit - 1), np.maximum(high, 1)
    box = np.asarray(data[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))])
    if box.dtype.kind not in "iuf" or box.dtype == np.float16 or not box.dtype.isnative:
        box = box.astype(np.float32)
    levels = np.empty(shape, np.float32)
    offset = matrix[:-1, -1]
    affine_transform(
        box, matrix[:-1, :-1], offset - low, shape, output=levels, order=1, mode="nearest"
    )
    pixels = np.indices(shape, sparse=True)
    for axis, row in enumerate(matrix[:-1, :-1]):
        where = offset[axis] + sum(row[k] * pixels[k] for k in range(len(shape)))
        outside = (where < -0.5 - 1e-6) | (where > limit[axis] - 0.5 + 1e-6)
        levels[np.broadcast_to(outside, shape)] = np.nan
    flat: Plane = levels.reshape(kept)
    return flat


def grey(levels: Plane, limits: tuple[float, float], gamma: float = 1.0) -> Plane:
    """Brightness from 0 to 1, as a layer of these contrast limits shows it; NaN stays."""
    low, high = limits
    shown = np.clip((levels - low) / max(high - low, 1e-30), 0.0, 1.0).astype(np.float32)
    return shown if gamma == 1.0 else np.asarray(shown ** np.float32(gamma))


def compose(
    mode: Mode,
    fixed: Plane,
    moving: Plane,
    *,
    left: NDArray[np.bool_] | None = None,
    tiles: tuple[int, int] = (16, 16),
) -> NDArray[np.uint8]:
    """A picture that compares two images.

    Parameters
    ----------
    mode : str
        "blend": fixed magenta, moving green, grey where they agree. "checkerboard": tiles of
        the one and of the other. "swipe": the fixed one where `left`. "difference": fixed
        minus moving around middle grey. "fixed", "moving": one of them ("flicker" starts
        with the fixed one).
    fixed, moving : 2-D float32 arrays
        Brightness from 0 to 1, NaN where there is no data.
    left : boolean array, optional
        On which side of the divider a pixel is; broadcast to the picture.
    tiles : (int, int)
        Height and width of a tile in pixels.

    Returns
    -------
    (height, width, 4) uint8 array
        Transparent where there is nothing to show.
    """
    has_fixed, has_moving = np.isfinite(fixed), np.isfinite(moving)
    one, other = np.where(has_fixed, fixed, 0), np.where(has_moving, moving, 0)
    picture = np.empty((*fixed.shape, 4), np.uint8)
    if mode == "blend":
        picture[..., 0] = picture[..., 2] = _bytes(one)
        picture[..., 1] = _bytes(other)
        picture[..., 3] = np.where(has_fixed | has_moving, 255, 0)
        return picture
    if mode == "difference":
        picture[..., :3] = _bytes(0.5 + (one - other) / 2)[..., None]
        picture[..., 3] = np.where(has_fixed & has_moving, 255, 0)
        return picture
    if mode in ("fixed", "flicker"):
        takes_fixed = np.ones((1, 1), bool)
    elif mode == "moving":
        takes_fixed = np.zeros((1, 1), bool)
    elif mode == "swipe":
        takes_fixed = np.ones((1, 1), bool) if left is None else left
    else:
        rows, columns = (np.arange(n) // max(1, t) for n, t in zip(fixed.shape, tiles, strict=True))
        takes_fixed = (rows[:, None] + columns) % 2 == 0
    picture[..., :3] = _bytes(np.where(takes_fixed, one, other))[..., None]
    picture[..., 3] = np.where(np.where(takes_fixed, has_fixed, has_moving), 255, 0)
    return picture


def tile_pixels(grid: Grid, shape: Sequence[int], plane: Sequence[int]) -> tuple[int, int]:
    """Height and width in pixels of tiles that stay where they are at any pixel size."""
    rows, columns = sorted(plane)
    edge = max(shape[rows], shape[columns]) / _TILES
    return round(edge / grid.step[rows]), round(edge / grid.step[columns])


def _bytes(shown: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(shown * 255 + 0.5).astype(np.uint8)
