"""Axes, voxel size and origin in the metadata of an OME-Zarr image.

https://ngff.openmicroscopy.org/0.5/#multiscale-md (0.4 says the same).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_battery.errors import InputError
from napari_battery.units import to_um

__all__ = ["axis_letters", "place"]

Image = dict[str, Any]


def axis_letters(path: Path, image: Image | None, ndim: int) -> str:
    """One letter per axis (t, c, z, y, x) of an image's array.

    Raises
    ------
    InputError
        If the space axes are in another order than z, y, x.
    """
    axes = (image or {}).get("axes")
    if axes is None:
        return "tczyx"[-ndim:] if ndim <= 5 else "?" * ndim
    letters = ""
    for axis in axes:
        name = axis if isinstance(axis, str) else str(axis.get("name", "?"))
        kind = "" if isinstance(axis, str) else axis.get("type", "")
        letters += {"time": "t", "channel": "c"}.get(kind, name[:1].lower() or "?")
    space = [a for a in letters if a in "zyx"]
    if len(letters) != ndim or space != sorted(space, reverse=True) or space[-2:] != ["y", "x"]:
        raise InputError(
            f"{path} has the axes {letters} for an array of {ndim} axes; z, y, x in this order "
            "are needed."
        )
    return letters


def place(
    image: Image | None, kept: tuple[int, ...]
) -> tuple[tuple[float, ...] | None, str, tuple[float, ...]]:
    """Voxel size in µm, its source, and origin in µm of an image's first level.

    A level's own scale and translation are followed by those of the whole image.
    Without units of length nothing is known.
    """
    if image is None or not image.get("axes"):
        return None, "unknown", ()
    n = len(image["axes"])
    scale, origin, stated = np.ones(n), np.zeros(n), False
    level = image["datasets"][0].get("coordinateTransformations") or []
    for step in [*level, *(image.get("coordinateTransformations") or [])]:
        if len(values := step.get(step.get("type"), ())) != n:
            continue
        if step["type"] == "scale":
            scale, origin, stated = scale * values, origin * values, True
        elif step["type"] == "translation":
            origin = origin + values
    axes = [image["axes"][i] for i in kept]
    units = [a.get("unit") if isinstance(a, dict) else None for a in axes]
    factors = [to_um(1.0, str(u)) if u else None for u in units]
    found = tuple(f for f in factors if f is not None)
    kept_scale = scale[list(kept)]
    if len(found) < len(kept):
        given = " × ".join(f"{s:g}" for s in kept_scale)
        why = f"unknown (the OME-Zarr scale is {given}, without a unit)"
        return None, why if stated and (kept_scale != 1).any() else "unknown", ()
    if not stated or not (kept_scale > 0).all():
        return None, "unknown", ()
    size = tuple((kept_scale * found).tolist())
    return size, "OME-Zarr scale", tuple((origin[list(kept)] * found).tolist())
