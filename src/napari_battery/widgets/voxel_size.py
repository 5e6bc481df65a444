"""The voxel size of a layer: read it, say where it came from, set it and take that back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from napari_battery.errors import InputError
from napari_battery.units import to_um
from napari_battery.volume import AXES
from napari_battery.widgets.layers import KEY, battery_metadata

__all__ = [
    "describe_voxel_size",
    "disagreement",
    "layer_voxel_size_um",
    "needs_voxel_size",
    "set_voxel_size",
    "voxel_size_source",
]


def layer_voxel_size_um(layer: Any) -> tuple[float, ...] | None:
    """Voxel size of a layer in µm per axis; None where one of its units is no length."""
    factors = [to_um(1.0, str(unit)) for unit in layer.units]
    if any(factor is None for factor in factors):
        return None
    return tuple(float(s) * (f or 1.0) for s, f in zip(layer.scale, factors, strict=True))


def needs_voxel_size(layer: Any) -> bool:
    """Whether nobody has said yet how large the layer's voxels are."""
    return layer_voxel_size_um(layer) is None


def voxel_size_source(layer: Any) -> str:
    """Where the layer's voxel size came from ("ImageJ tags", "typed in", "unknown")."""
    source = str(layer.metadata.get(KEY, {}).get("voxel_size_source", "unknown"))
    if source != "unknown":
        return source
    return "unknown" if needs_voxel_size(layer) else "the layer's scale"


def describe_voxel_size(layer: Any) -> str:
    """One line for lists: "0.325 µm (ImageJ tags)", "2 × 0.5 × 0.5 µm (typed in)"."""
    size = layer_voxel_size_um(layer)
    if size is None:
        return "voxel size unknown"
    source = voxel_size_source(layer)
    return (
        f"{_in_words(size)} (assumed)"
        if source.startswith("assumed")
        else (f"{_in_words(size)} ({source})")
    )


def disagreement(layers: Sequence[Any]) -> str:
    """What differs between the voxel sizes of several layers, in a sentence; "" if nothing.

    Sizes that differ by less than a part in a thousand agree: files round them.
    """
    sizes = {layer.name: layer_voxel_size_um(layer) for layer in layers if layer.ndim in (2, 3)}
    names = list(sizes)
    for one in names:
        for other in names[names.index(one) + 1 :]:
            a, b = sizes[one], sizes[other]
            if a is None and b is None:
                continue
            if a is None or b is None:
                known, unknown = (one, other) if b is None else (other, one)
                return (
                    f"“{known}” has a voxel size ({_in_words(sizes[known] or ())}), "
                    f"“{unknown}” has none."
                )
            n = min(len(a), len(b))
            if not np.allclose(a[-n:], b[-n:], rtol=1e-3, atol=0):
                return f"“{one}” has voxels of {_in_words(a)}, “{other}” of {_in_words(b)}."
    return ""


def set_voxel_size(layer: Any, size_um: Sequence[float], source: str) -> Callable[[], None]:
    """Set a layer's voxel size; return what takes it back.

    Scale, units (µm), axis labels and the note of where the size came from are set. The
    layer keeps its place counted in voxels: a crop taken before the size was known stays
    where it was cut from, and an alignment moves with the grid.

    Parameters
    ----------
    layer : Image or Labels
        2-D or 3-D layer.
    size_um : sequence of float
        z, y, x in µm; of a 2-D layer y, x (a leading z is ignored).
    source : str
        Where it came from: "typed in", "assumed 1 µm".

    Raises
    ------
    InputError
        If the layer has other than 2 or 3 axes, or a size is not positive.
    """
    ndim = layer.ndim
    if ndim not in (2, 3):
        raise InputError(f"“{layer.name}” has {ndim} axes; a voxel size needs 2 or 3.")
    new = np.asarray(size_um, dtype=float)[-ndim:]
    if len(new) != ndim or not np.all(np.isfinite(new) & (new > 0)):
        raise InputError(
            f"A voxel size of {tuple(size_um)} µm does not fit “{layer.name}”, "
            f"which has {ndim} axes: one positive number per axis is needed."
        )
    restore = _restorer(layer)
    factor = new / np.asarray(layer.scale, dtype=float)
    stretch = np.diag([*factor, 1.0])
    affine = stretch @ np.asarray(layer.affine.affine_matrix) @ np.linalg.inv(stretch)
    translate = np.asarray(layer.translate) * factor
    battery_metadata(layer)["voxel_size_source"] = source
    layer.units = ("um",) * ndim
    layer.axis_labels = AXES[-ndim:]
    layer.scale = new
    layer.translate = translate
    layer.affine = affine
    return restore


def _restorer(layer: Any) -> Callable[[], None]:
    kept = ref(layer)  # an undo must not keep a deleted stack in memory
    had_source = "voxel_size_source" in battery_metadata(layer)
    source = battery_metadata(layer).get("voxel_size_source")
    units, labels = tuple(str(unit) for unit in layer.units), tuple(layer.axis_labels)
    scale, translate = np.array(layer.scale), np.array(layer.translate)
    affine = np.array(layer.affine.affine_matrix)

    def restore() -> None:
        layer = kept()
        if layer is None:
            return
        if had_source:
            battery_metadata(layer)["voxel_size_source"] = source
        else:
            battery_metadata(layer).pop("voxel_size_source", None)
        layer.units, layer.axis_labels = units, labels
        layer.scale, layer.translate, layer.affine = scale, translate, affine

    return restore


def _in_words(size: Sequence[float]) -> str:
    if np.allclose(size, size[0], rtol=1e-6, atol=0):
        return f"{size[0]:.5g} µm"
    return " × ".join(f"{s:.5g}" for s in size) + " µm"
