"""Which layers show the labels of an analysis, and which label lies under the mouse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_battery.widgets.layers import is_overlay
from napari_battery.widgets.session import Analysis, Session

__all__ = ["label_at", "layers_to_click", "shows_labels_of", "voxel_of"]


def shows_labels_of(layer: Any, labels: Labels | None) -> bool:
    """Whether a layer is `labels`, or a map over the very same data."""
    if layer is labels or labels is None:
        return labels is not None
    if not isinstance(layer, Labels) or is_overlay(layer):
        return False
    a, b = layer.data, labels.data
    if a is b:
        return True
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return False
    # the same voxels, not merely overlapping memory: a crop is another particle's place
    return (a.__array_interface__["data"][0], a.shape, a.strides, a.dtype) == (
        b.__array_interface__["data"][0],
        b.shape,
        b.strides,
        b.dtype,
    )


def layers_to_click(session: Session, *, in_3d: bool) -> Iterator[tuple[Labels, Analysis | None]]:
    """Layers whose particles a click may pick, the uppermost first, each with its analysis.

    Of several analyses of the same labels it is the one looked at; labels that are being
    corrected may have none. In a slice, particles may also be picked on the bare image while
    all their label layers are hidden.
    """
    current, editing = session.current, session.editing
    analyses = [a for a in reversed(session.analyses) if a is not current]
    analyses = [*([current] if current is not None else []), *analyses]
    found = False
    for layer in reversed(list(session.viewer.layers)):
        if not (layer.visible and isinstance(layer, Labels)) or is_overlay(layer):
            continue
        its = [a for a in analyses if shows_labels_of(layer, a.labels)]
        if its or shows_labels_of(layer, editing):
            found = True
            yield layer, its[0] if its else None
    if found or in_3d or session.picked_layer is None:
        return
    if current is None or (current.image is not None and current.image.visible):
        yield session.picked_layer, current


def label_at(
    layer: Labels,
    position: Sequence[float],
    view_direction: NDArray[np.float64] | None,
    dims_displayed: Sequence[int],
) -> int | None:
    """Label under a position, as a click event of napari describes it.

    Parameters
    ----------
    layer : Labels
        Where to look; it may be hidden.
    position : sequence of float
        World coordinates of the mouse.
    view_direction : (n,) array or None
        Direction of view in world coordinates; used in 3-D.
    dims_displayed : sequence of int
        Axes on the screen.

    Returns
    -------
    int or None
        The label in the slice, or in 3-D the first one that is seen along the ray (labels
        that the layer shows transparent or clips away are looked through); 0 is the
        background, None outside the layer.
    """
    place = np.asarray(layer.world_to_data(position), dtype=np.float64)
    data = layer.data
    in_3d = len(dims_displayed) == 3 and layer.ndim == 3
    if getattr(layer, "multiscale", False) or (in_3d and not isinstance(data, np.ndarray)):
        value = layer.get_value(
            position, view_direction=view_direction, dims_displayed=list(dims_displayed), world=True
        )
        value = value[1] if isinstance(value, tuple) else value
        return None if value is None else int(value)
    if not in_3d or view_direction is None:
        index = np.floor(place + 0.5).astype(int)
        if (index < 0).any() or (index >= data.shape).any():
            return None
        return int(np.asarray(data[tuple(index)]))
    voxels = _voxels_on_ray(layer, position, view_direction)
    if not len(voxels):
        return None
    met = data[tuple(voxels.T)]
    labels, first = np.unique(met, return_index=True)
    for label in labels[np.argsort(first)]:
        colour = layer.get_color(int(label))  # None for the background
        if colour is not None and colour[3] > 0:
            return int(label)
    return 0


def voxel_of(
    layer: Labels,
    label: int,
    position: Sequence[float],
    view_direction: NDArray[np.float64] | None,
    dims_displayed: Sequence[int],
) -> tuple[int, ...] | None:
    """Voxel of a particle under a position; None where it is not under it.

    In a slice it is the voxel there. In 3-D it is the one halfway through the particle, where
    the ray first passes it. Parameters are those of `label_at`; the data are in memory.
    """
    data = layer.data
    if len(dims_displayed) == 3 and layer.ndim == 3 and view_direction is not None:
        voxels = _voxels_on_ray(layer, position, view_direction)
        hits = np.flatnonzero(data[tuple(voxels.T)] == label)
        if not hits.size:
            return None
        through = hits[: np.flatnonzero(np.diff(hits, append=hits[-1] + 2) > 1)[0] + 1]
        return tuple(voxels[through[len(through) // 2]].tolist())
    index = np.floor(np.asarray(layer.world_to_data(position)) + 0.5).astype(int)
    if (index < 0).any() or (index >= data.shape).any() or data[tuple(index)] != label:
        return None
    return tuple(index.tolist())


def _voxels_on_ray(
    layer: Labels, position: Sequence[float], view_direction: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Voxels that a ray passes and that are shown, the nearest first; some more than once."""
    place = np.asarray(layer.world_to_data(position), dtype=np.float64)
    ahead = np.asarray(position, dtype=np.float64) + np.asarray(view_direction)
    ray = np.asarray(layer.world_to_data(ahead)) - place
    shape = np.array(layer.data.shape)
    points = _points_in_box(place + 0.5, ray / np.linalg.norm(ray), shape)
    points = points[_unclipped(layer, points - 0.5)]
    voxels: NDArray[np.int64] = np.minimum(points.astype(np.int64), shape - 1)
    return voxels


def _points_in_box(
    start: NDArray[np.float64], ray: NDArray[np.float64], shape: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Points every half voxel along the part of a line that lies in the box (0, shape)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.array([-start / ray, (shape - start) / ray])
    if ((ray == 0) & ((start < 0) | (start >= shape))).any():
        return np.empty((0, len(shape)))
    ends = np.where(ray == 0, [[-np.inf], [np.inf]], np.sort(ends, axis=0))
    near, far = ends[0].max(), ends[1].min()
    if not near < far:
        return np.empty((0, len(shape)))
    along = np.arange(near + 0.25, far, 0.5)
    points: NDArray[np.float64] = start + along[:, None] * ray
    return np.clip(points, 0, None)


def _unclipped(layer: Labels, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points the layer's clipping planes, or its one plane, leave on the screen."""
    seen = np.ones(len(points), dtype=np.bool_)
    for plane in layer.experimental_clipping_planes:
        if plane.enabled:
            seen &= (points - plane.position) @ np.asarray(plane.normal) >= 0
    if str(layer.depiction) == "plane":
        away = (points - layer.plane.position) @ np.asarray(layer.plane.normal)
        seen &= np.abs(away) <= max(layer.plane.thickness, 1) / 2
    return seen
