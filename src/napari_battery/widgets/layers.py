"""From a napari layer to a `Volume` and back; nothing of a layer's place is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_battery.errors import InputError
from napari_battery.units import to_um
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import ViewerModel

__all__ = [
    "KEY",
    "add_volume",
    "battery_metadata",
    "is_map",
    "is_overlay",
    "is_smoothed",
    "is_stage",
    "layer_kwargs",
    "made_from",
    "volume_from_layer",
]

_POINTWISE = ("cupping", "rings", "rescale")
"""Filters that mend or map grey levels, and mix none with its neighbours'."""

KEY = "napari-battery"
"""Where in ``layer.metadata`` everything of ours stands."""


def battery_metadata(layer: Any) -> dict[str, Any]:
    """What this plugin wrote into the layer's metadata; made empty where it is missing.

    Keys: ``voxel_size_source``, ``path``, ``region`` (boolean array), ``overlay`` (see
    `is_overlay`), and whatever `Volume.metadata` held (``made``, ``synthetic``, ``state``, …).
    """
    metadata: dict[str, Any] = layer.metadata.setdefault(KEY, {})
    return metadata


def is_overlay(layer: Any) -> bool:
    """Whether a dock made the layer as a drawing aid (a preview, a box), not as data."""
    return bool(layer.metadata.get(KEY, {}).get("overlay", False))


def is_map(layer: Any) -> bool:
    """Whether a layer shows the labels of another one in the colours of a map."""
    return bool(layer.metadata.get(KEY, {}).get("kind") == "map")


def is_stage(layer: Any) -> bool:
    """Whether a layer shows a stage of a labelling (a distance map, say), not a scan."""
    return bool(layer.metadata.get(KEY, {}).get("kind") == "stage")


def is_smoothed(layer: Any) -> bool:
    """Whether grey levels were mixed with their neighbours', by a filter or in an earlier step."""
    return any(
        str(made.get("step", "")).startswith("filter ")
        and made["step"].removeprefix("filter ") not in _POINTWISE
        for made in _history(layer.metadata.get(KEY, {}).get("made"))
    )


def made_from(layer: Any) -> set[str]:
    """Names of all that a layer was made from, over all the steps of its history."""
    history = _history(layer.metadata.get(KEY, {}).get("made"))
    return {str(entry.get("name")) for made in history for entry in made.get("inputs") or []}


def _history(made: Any) -> Iterator[dict[str, Any]]:
    """Yield how something was made, and how its inputs were."""
    if isinstance(made, dict):
        yield made
        yield from _history(made.get("before"))
        for entry in made.get("inputs") or []:
            yield from _history(entry.get("made"))


def layer_kwargs(volume: Volume) -> dict[str, Any]:
    """Keyword arguments of a layer for `volume`: name, place, units, axis labels, metadata.

    While the voxel size is unknown the layer is in pixels; otherwise in µm.
    """
    known = volume.voxel_size_um is not None
    kwargs: dict[str, Any] = {
        "name": volume.name,
        "scale": volume.voxel_size_um or (1.0,) * volume.ndim,
        "translate": volume.origin_um,
        "units": ("um" if known else "pixel",) * volume.ndim,
        "axis_labels": volume.axes,
        "metadata": {
            KEY: {
                **volume.metadata,
                "voxel_size_source": volume.voxel_size_source,
                "path": None if volume.path is None else str(volume.path),
                "region": volume.region,
            }
        },
    }
    if volume.affine is not None:
        kwargs["affine"] = volume.affine
    return kwargs


def volume_from_layer(layer: Image | Labels) -> Volume:
    """The data of an Image or Labels layer with its place in µm; nothing is copied.

    Raises
    ------
    InputError
        If the layer is RGB, has more than three axes, or mixes units that are lengths
        with some that are not.
    """
    if getattr(layer, "rgb", False):
        raise InputError(f"“{layer.name}” is a colour (RGB) image; convert it to grey levels.")
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    extra = dict(battery_metadata(layer))
    path, region = extra.pop("path", None), extra.pop("region", None)
    source = extra.pop("voxel_size_source", "unknown")
    factors = [to_um(1.0, str(unit)) for unit in layer.units]
    ndim = layer.ndim
    if ndim not in (2, 3):
        raise InputError(
            f"“{layer.name}” has {ndim} axes; an image or labels of 2 or 3 axes are needed."
        )
    if any(f is None for f in factors) and any(f is not None for f in factors):
        raise InputError(
            f"“{layer.name}” mixes units ({', '.join(map(str, layer.units))}); "
            "set its voxel size in the Prepare dock."
        )
    known = all(f is not None for f in factors)
    to_micron = np.array([f or 1.0 for f in factors])
    scale = np.asarray(layer.scale) * to_micron
    origin = np.asarray(layer.translate) * to_micron
    return Volume(
        data=data,
        voxel_size_um=tuple(scale.tolist()) if known else None,
        origin_um=tuple(origin.tolist()),
        affine=_extra_affine(layer, to_micron),
        name=layer.name,
        voxel_size_source=source if source != "unknown" else ("layer" if known else "unknown"),
        path=None if path is None else Path(path),
        region=region,
        metadata=extra,
    )


def _extra_affine(layer: Image | Labels, to_micron: np.ndarray) -> np.ndarray | None:
    """Return what the layer does beyond scale and translate (rotation, shear, affine), in µm."""
    from napari.utils.transforms import Affine

    ndim = layer.ndim
    placed = Affine(
        scale=layer.scale, rotate=layer.rotate, shear=layer.shear, translate=layer.translate
    ).affine_matrix
    plain = np.eye(ndim + 1)
    plain[range(ndim), range(ndim)] = layer.scale
    plain[:-1, -1] = layer.translate
    extra = np.asarray(layer.affine.affine_matrix) @ placed @ np.linalg.inv(plain)
    unit = np.diag([*to_micron, 1.0])
    extra = unit @ extra @ np.linalg.inv(unit)
    return None if np.allclose(extra, np.eye(ndim + 1), rtol=0, atol=1e-9) else extra


def add_volume(viewer: ViewerModel, volume: Volume, *, labels: bool = False, **more: Any) -> Any:
    """Add a volume to the viewer as an Image (or Labels) layer in its place.

    `more` are further keyword arguments of the layer (``colormap``, ``visible``, …).
    """
    kwargs = {**layer_kwargs(volume), **more}
    if labels:
        return viewer.add_labels(volume.data, **kwargs)
    return viewer.add_image(volume.data, **kwargs)
