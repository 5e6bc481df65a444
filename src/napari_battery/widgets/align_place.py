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

__all__ = ["in_layer_units", "move_layers", "moved_so_far", "place_layers"]

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
    moved = battery_metadata(layer).get(_MOVED)
    here = np.asarray(layer.affine.affine_matrix)
    if moved is None or not np.array_equal(moved["affine"], here):
        return np.eye(layer.ndim + 1)
    return np.array(moved["matrix"])


def place_layers(
    layers: Iterable[Any], matrix: Matrix, unit: str = "um", **how: Any
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
    **how
        Kept in the layers' metadata: what they were aligned to, and how.

    Returns
    -------
    callable
        Takes it back; layers that were deleted since are left alone, and not kept alive.

    Raises
    ------
    InputError
        See `in_layer_units`; all layers stay as they were.
    """
    return _move([(layer, matrix) for layer in layers], unit, how)


def move_layers(
    layers: Iterable[Any], step: Matrix, unit: str = "um", **how: Any
) -> Callable[[], None]:
    """Move layers from where they are now; the rest as in `place_layers`.

    Parameters
    ----------
    step : (ndim + 1, ndim + 1) array
        From the world of now to where they are to be, in `unit`.
    """
    targets = []
    for layer in layers:
        in_layer_units(layer, step, unit)  # refuses what does not fit
        targets.append((layer, step @ moved_so_far(layer)))
    return _move(targets, unit, how)


def _move(targets: list[tuple[Any, Matrix]], unit: str, how: dict[str, Any]) -> Callable[[], None]:
    affines = []
    before = []
    for layer, matrix in targets:
        so_far = moved_so_far(layer) if len(matrix) == layer.ndim + 1 else np.eye(len(matrix))
        step = in_layer_units(layer, matrix @ np.linalg.inv(so_far), unit)
        affine = np.array(layer.affine.affine_matrix)
        affines.append(step @ affine)
        before.append((ref(layer), affine, battery_metadata(layer).get(_MOVED)))
    for (layer, matrix), affine in zip(targets, affines, strict=True):
        layer.affine = affine
        battery_metadata(layer)[_MOVED] = {
            "affine": np.asarray(layer.affine.affine_matrix).tolist(),
            "matrix": np.asarray(matrix).tolist(),
            **how,
        }

    def restore() -> None:
        for weak, affine, moved in before:
            layer = weak()
            if layer is None:
                continue
            layer.affine = affine
            if moved is None:
                battery_metadata(layer).pop(_MOVED, None)
            else:
                battery_metadata(layer)[_MOVED] = moved

    return restore
