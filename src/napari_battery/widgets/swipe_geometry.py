"""Where a divider across a layer lies on the screen, whatever the layer's transformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_battery.widgets.slices import camera_of, displayed_axes, hidden_axis

__all__ = ["Patch", "divider_lines", "placement", "screen_axes", "step_px", "visible_range"]

_MARK_PX = (5.0, 6.0, 6.0)
"""Distance from the line, length and half height of the two arrow heads."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Other grey levels for a flat part of a layer.

    Parameters
    ----------
    data : array
        As many axes as the layer; one voxel thick across the shown plane.
    start : tuple of float
        Where the centre of its first voxel is, in voxels of the layer.
    step : tuple of float, optional
        Size of its voxels, in voxels of the layer; as large as those otherwise.
    """

    data: NDArray[Any]
    start: tuple[float, ...]
    step: tuple[float, ...] = ()

    @property
    def steps(self) -> tuple[float, ...]:
        """`step` of every axis."""
        return self.step or (1.0,) * self.data.ndim

    @property
    def faces(self) -> tuple[tuple[float, float], ...]:
        """Where it begins and ends along each axis, in voxels of the layer."""
        places = zip(self.start, self.steps, self.data.shape, strict=True)
        return tuple((at - step / 2, at + (n - 0.5) * step) for at, step, n in places)


def placement(layer: Any, start: tuple[float, ...], step: tuple[float, ...] = ()) -> dict[str, Any]:
    """Arguments that put another layer on this one's grid, the first voxel's centre at `start`.

    Its voxels are `step` times as large along each axis; of the same size where none is given.
    """
    linear = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear).linear_matrix
    return {
        "scale": np.asarray(layer.scale) * (step or 1.0),
        "rotate": layer.rotate,
        "shear": layer.shear,
        "translate": np.asarray(layer.translate) + linear @ np.asarray(start, dtype=np.float64),
        "affine": layer.affine.affine_matrix,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def screen_axes(viewer: Any, layer: Any, plane: tuple[int, ...]) -> tuple[int, int, int]:
    """Return which of the layer's axes runs across the screen, and which one down it.

    Parameters
    ----------
    viewer : ViewerModel
        In a 2-D view.
    layer : Layer
        May be turned or mirrored in the plane.
    plane : tuple of int
        Its two axes in the shown plane.

    Returns
    -------
    across, along : int
        Axes of the layer; of a turned one those nearest to the screen's.
    sign : int
        1 where the index along `across` grows to the right, -1 where to the left.
    """
    horizontal = viewer.dims.displayed[-1] - viewer.dims.ndim
    shares = []
    for axis in plane:
        step = _step(layer, axis)
        length = np.hypot(*(step[a - viewer.dims.ndim] for a in viewer.dims.displayed))
        shares.append(float(step[horizontal] / max(length, 1e-300)))
    chosen = 0 if abs(shares[0]) > abs(shares[1]) else 1
    mirrored = getattr(camera_of(viewer), "orientation", ("right",))[-1] == "left"
    sign = 1 if (shares[chosen] > 0) != mirrored else -1
    return plane[chosen], plane[1 - chosen], sign


def step_px(viewer: Any, layer: Any, axis: int) -> float:
    """Pixels on the screen from one voxel to the next along an axis in the shown plane."""
    step = _step(layer, axis)
    shown = [step[a - viewer.dims.ndim] for a in viewer.dims.displayed[-2:]]
    return max(float(np.hypot(*shown)) * float(camera_of(viewer).zoom), 1e-12)


def visible_range(layer: Any, axis: int) -> tuple[float, float]:
    """Voxels of the layer along an axis that the canvas shows, half open."""
    corners = np.asarray(layer.corner_pixels, dtype=np.float64)[:, axis]
    data = layer.data
    if layer.multiscale:
        corners = corners * layer.downsample_factors[layer.data_level][axis]
        data = data[0]
    n = data.shape[axis]
    low, high = max(corners[0], 0.0), min(corners[1] + 1.0, float(n))
    return (low, high) if high - low > 1 else (0.0, float(n))  # nothing was drawn yet


def divider_lines(
    viewer: Any, layer: Any, faces: tuple[tuple[float, float], ...], at: float
) -> tuple[NDArray[np.float64], float]:
    """Line from one side of a patch to the other, with a mark ‹ › where to take hold of it.

    Parameters
    ----------
    viewer : ViewerModel
        In a 2-D view.
    layer : Layer
        In whose voxels everything is counted.
    faces : tuple of (float, float)
        Where the patch begins and ends along each axis.
    at : float
        Where the line crosses the axis that runs across the screen.

    Returns
    -------
    lines : (5 or 9, 2, ndim) array
        Starts and directions, as a Vectors layer of the same place takes them. A patch that
        leaves out part of the slice has an outline.
    width : float
        Width of a line of one pixel on the screen.
    """
    plane = displayed_axes(viewer, layer)
    across, along, _ = screen_axes(viewer, layer, plane)
    px_across, px_along = step_px(viewer, layer, across), step_px(viewer, layer, along)
    low, high = faces[along]
    seen = visible_range(layer, along)
    middle = (max(low, seen[0]) + min(high, seen[1])) / 2
    away, length, half = _MARK_PX
    away, length, half = away / px_across, length / px_across, half / px_along
    lines = np.zeros((5, 2, layer.ndim))
    lines[:, 0, across], lines[:, 0, along] = at, middle
    lines[0, 0, along], lines[0, 1, along] = low, high - low
    for i, (side, end) in enumerate(((-1, -1), (-1, 1), (1, -1), (1, 1)), 1):
        lines[i, 0, across] += side * (away + length)
        lines[i, 1, across], lines[i, 1, along] = -side * length, end * half
    data = layer.data[0] if layer.multiscale else layer.data
    # half a voxel: finer ones seldom end just with the image
    if any(np.diff(faces[axis])[0] < data.shape[axis] - 0.5 for axis in plane):
        lines = np.concatenate([lines, _outline(faces, (across, along))])
    hidden = hidden_axis(viewer, layer)
    if hidden is not None:
        lines[:, 0, hidden] = np.asarray(layer.world_to_data(viewer.dims.point))[hidden]
    return lines, 1.0 / px_across


def _outline(faces: tuple[tuple[float, float], ...], plane: tuple[int, int]) -> NDArray[np.float64]:
    """Return the four sides of a patch."""
    sides = np.zeros((4, 2, len(faces)))
    for i, axis in enumerate(plane):
        low, high = faces[axis]
        sides[2 * i : 2 * i + 2, 0, axis] = low
        sides[2 * i : 2 * i + 2, 1, axis] = high - low
        sides[2 * i : 2 * i + 2, 0, plane[1 - i]] = faces[plane[1 - i]]
    return sides


def _step(layer: Any, axis: int) -> NDArray[np.float64]:
    """World vector from one voxel to the next along an axis."""
    index = np.zeros(layer.ndim)
    origin = np.asarray(layer.data_to_world(index))
    index[axis] = 1.0
    moved: NDArray[np.float64] = np.asarray(layer.data_to_world(index)) - origin
    return moved
