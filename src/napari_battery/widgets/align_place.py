"""Move a layer by a transform, and take it back: `layer.affine` changes, data never do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.units import to_um
from napari_battery.widgets.layers import battery_metadata

__all__ = ["in_layer_units", "is_noted", "move_layers", "moved_so_far", "place_layers"]

_MOVED = "moved"

Matrix = NDArray[np.float64]


def in_layer_units(layer: Any, matrix: Matrix, unit: str = "um") -> Matrix:
    """Turn a matrix between worlds in µm into one between worlds in the layer's own units.

    Parameters
    ----------
    layer : Layer
        Of as many axes as the matrix.
    matrix : (ndim + 1, ndim + 1) array
        Homogeneous, lengths in `unit`.
    unit : {"um", "voxel"}
        "voxel" where the voxel sizes of the pair are unknown.

    Raises
    ------
    InputError
        If the layer has another number of axes, or one knows its µm and the other does not.
    """
    if len(matrix) != layer.ndim + 1:
        raise InputError(
            f"The transform has {len(matrix) - 1} axes and “{layer.name}” {layer.ndim}; "
            "both must be 2-D or both 3-D."
        )
    factors = [to_um(1.0, str(unit)) for unit in layer.units]
    known = all(factor is not None for factor in factors)
    if known != (unit == "um"):
        has = "in µm" if known else "in pixels"
        wants = "in µm" if unit == "um" else "in voxels"
        raise InputError(
            f"“{layer.name}” is {has}, the transform {wants}: set the voxel sizes in the "
            "Prepare dock and align again."
        )
    if not known:
        return matrix
    to_micron = np.diag([*(factor or 1.0 for factor in factors), 1.0])
    converted: Matrix = np.linalg.inv(to_micron) @ matrix @ to_micron
    return converted


def moved_so_far(layer: Any) -> Matrix:
    """How far this module has moved a layer from where it was, in µm (or voxels).

    A layer that was moved by other means since counts as not moved.
    """
    if not is_noted(layer):
        return np.eye(layer.ndim + 1)
    return np.array(battery_metadata(layer)[_MOVED]["matrix"])


def is_noted(layer: Any) -> bool:
    """Whether this module moved the layer to where it is."""
    moved = battery_metadata(layer).get(_MOVED)
    return moved is not None and np.array_equal(moved["affine"], layer.affine.affine_matrix)


def place_layers(
    layers: Iterable[Any],
    matrix: Matrix,
    unit: str = "um",
    so_far: Matrix | None = None,
    **how: Any,
) -> Callable[[], None]:
    """Bring layers to where a transform takes them from their original place.

    Doing it twice is doing it once: what a layer was moved by before is taken back first.

    Parameters
    ----------
    layers : iterable of Layer
        Their ``affine`` changes; data, scale and translation do not.
    matrix : (ndim + 1, ndim + 1) array
        From the world before any alignment to where they are to be, in `unit`.
    unit : {"um", "voxel"}
        The matrix's unit of length.
    so_far : (ndim + 1, ndim + 1) array, optional
        How far layers count as moved that were never moved themselves: they were made from
        one that had been.
    **how
        Kept in the layers' metadata: what they were aligned to, and how.

    Returns
    -------
    callable
        Takes it back; layers that were deleted since are left alone, and not kept alive.
        Raises InputError, and moves nothing, where this module has moved a layer further
        since and that is still to be taken back first.

    Raises
    ------
    InputError
        See `in_layer_units`; all layers stay as they were.
    """
    targets = []
    for layer in layers:
        at = _so_far(layer, so_far)
        step = matrix @ np.linalg.inv(at) if len(matrix) == len(at) else matrix  # refused below
        targets.append((layer, in_layer_units(layer, step, unit), matrix))
    return _move(targets, how)


def move_layers(
    layers: Iterable[Any], step: Matrix, unit: str = "um", so_far: Matrix | None = None, **how: Any
) -> Callable[[], None]:
    """Move layers from where they are now; the rest as in `place_layers`.

    Parameters
    ----------
    step : (ndim + 1, ndim + 1) array
        From the world of now to where they are to be, in `unit`.
    """
    targets = []
    for layer in layers:
        own = in_layer_units(layer, step, unit)
        targets.append((layer, own, step @ _so_far(layer, so_far)))
    return _move(targets, how)


def _so_far(layer: Any, unless_known: Matrix | None) -> Matrix:
    if unless_known is None or is_noted(layer) or len(unless_known) != layer.ndim + 1:
        return moved_so_far(layer)
    return unless_known


def _move(targets: list[tuple[Any, Matrix, Matrix]], how: dict[str, Any]) -> Callable[[], None]:
    """Move each layer by a step in its own units; note how far it is moved by then."""
    steps = []
    for layer, step, matrix in targets:
        before, noted = np.array(layer.affine.affine_matrix), battery_metadata(layer).get(_MOVED)
        layer.affine = step @ before
        after = np.array(layer.affine.affine_matrix)
        battery_metadata(layer)[_MOVED] = {
            "affine": after.tolist(),
            "matrix": np.asarray(matrix).tolist(),
            **how,
        }
        steps.append((ref(layer), before, after, noted))

    def restore() -> None:
        for weak, _, after, _ in steps:
            layer = weak()
            if layer is not None and _was_moved_on(layer, after):
                raise InputError(
                    f"“{layer.name}” was moved further by another dock since: take that back "
                    "there first."
                )
        for weak, before, _, noted in steps:
            layer = weak()
            if layer is None:
                continue
            layer.affine = before
            if noted is None:
                battery_metadata(layer).pop(_MOVED, None)
            else:
                battery_metadata(layer)[_MOVED] = noted

    return restore


def _was_moved_on(layer: Any, after: Matrix) -> bool:
    """Whether a later step of this module holds; by other means a layer may move as it likes."""
    return is_noted(layer) and not np.array_equal(layer.affine.affine_matrix, after)
