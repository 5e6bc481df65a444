"""Voxel size in a TIFF's own tags: ImageJ's, OME's and plain resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from napari_battery.units import to_um

__all__ = ["VoxelSize", "imagej_voxel_size", "ome_voxel_size", "plain_voxel_size"]

_LARGEST_PIXEL_UM = 20.0
"""Above this a plain resolution tag is about print: 300 dpi is 85 µm."""
_PRINT_DPI = (1440, 1600, 2000, 2400, 2540, 2880, 3200, 3600, 4000, 4800, 6400, 7200, 9600)
"""Finer resolutions that scanners and printers write; coarser ones are above 20 µm."""


@dataclass(frozen=True)
class VoxelSize:
    """Voxel size in µm, or None, and where it came from, or why there is none."""

    um: tuple[float, ...] | None
    source: str


def imagej_voxel_size(page: Any, description: dict[str, Any], ndim: int) -> VoxelSize:
    """From ImageJ's unit, spacing and the resolution tags.

    ImageJ leaves "spacing" away where it is 1, other programs where nobody set it;
    it is taken as 1 only where x and y are 1 too.
    """
    unit = str(description.get("unit", ""))
    x = _from_resolution(page, "XResolution", unit)
    y = _from_resolution(page, "YResolution", str(description.get("yunit", unit)))
    if x is None or y is None:
        return VoxelSize(None, "unknown")
    if ndim == 2:
        return VoxelSize((y, x), "ImageJ tags")
    spacing = description.get("spacing")
    if spacing is None and math.isclose(x, to_um(1, unit) or 0) and math.isclose(y, x):
        spacing = 1.0
    z_unit = str(description.get("zunit", unit))
    z = to_um(abs(spacing), z_unit) if isinstance(spacing, int | float) and spacing else None
    if z is None:
        return VoxelSize(
            None, f"unknown (the ImageJ tags give y {y:g} and x {x:g} µm, but no slice spacing)"
        )
    return VoxelSize((z, y, x), "ImageJ tags")


def ome_voxel_size(xml: str, ndim: int) -> VoxelSize:
    """From PhysicalSizeX, Y and Z of the first image of an OME-XML text."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return VoxelSize(None, "unknown")
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return VoxelSize(None, "unknown")
    sizes: list[float | None] = []
    for axis in "ZYX"[-ndim:]:
        value = pixels.get(f"PhysicalSize{axis}")
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm")
        sizes.append(_positive(to_um(float(value), unit)) if value else None)
    found = tuple(s for s in sizes if s is not None)
    if len(found) == ndim:
        return VoxelSize(found, "OME PhysicalSize")
    if not found:
        return VoxelSize(None, "unknown")
    given = ", ".join(
        f"{a} {s:g} µm" for a, s in zip("zyx"[-ndim:], sizes, strict=True) if s is not None
    )
    return VoxelSize(None, f"unknown (OME PhysicalSize gives only {given})")


def plain_voxel_size(page: Any, ndim: int) -> VoxelSize:
    """From the resolution tags alone, where they can be meant.

    Many programs write 72 or 300 dots per inch when nobody said anything; such a value,
    or one above 20 µm, is no pixel size. A stack's slice spacing is not in these tags,
    so for a stack the size stays unknown and the source tells what the tags say.
    """
    unit = {2: "inch", 3: "cm"}.get(int(_tag(page, "ResolutionUnit") or 0))
    if unit is None:
        return VoxelSize(None, "unknown")
    x, y = (_from_resolution(page, f"{a}Resolution", unit) for a in "XY")
    if x is None or y is None or max(x, y) > _LARGEST_PIXEL_UM:
        return VoxelSize(None, "unknown")
    if any(math.isclose(25_400 / x, dpi, rel_tol=2e-3) for dpi in _PRINT_DPI):
        return VoxelSize(None, "unknown")
    if ndim == 2:
        return VoxelSize((y, x), "TIFF resolution tags")
    return VoxelSize(
        None, f"unknown (the TIFF's resolution tags give y {y:g} and x {x:g} µm, but no z)"
    )


def _tag(page: Any, name: str) -> Any:
    tag = page.tags.get(name)
    return None if tag is None else tag.value


def _from_resolution(page: Any, name: str, unit: str) -> float | None:
    """Pixel size in µm from a resolution tag, a ratio of pixels per `unit`."""
    ratio = _tag(page, name)
    if not ratio or len(ratio) != 2 or not ratio[0] or not ratio[1]:
        return None
    return _positive(to_um(ratio[1] / ratio[0], unit))


def _positive(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None
