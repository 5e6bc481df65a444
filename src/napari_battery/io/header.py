"""What our writers record inside a file, so that reading it back loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_battery import __version__
from napari_battery.volume import Volume

__all__ = ["FORMAT", "header_of", "parse_header", "with_header"]

FORMAT = "napari-battery-volume/1"
_OF_THE_FILE = ("format", "compression", "notes")
"""Metadata keys that say how one file stores the voxels; another file has its own."""
_AGREES = 1e-3
"""Relative difference up to which a voxel size in the format's own tags is the same as
ours: TIFF keeps it as a ratio of 32-bit integers and ImageJ with six digits."""


def header_of(volume: Volume, provenance: dict[str, Any] | None) -> dict[str, Any]:
    """Place, source and history of a volume, fit for JSON."""
    kept = {k: v for k, v in volume.metadata.items() if k not in _OF_THE_FILE and _is_json(v)}
    if provenance is not None:
        kept["made"] = provenance
    return {
        "format": FORMAT,
        "version": __version__,
        "shape": list(volume.shape),
        "dtype": volume.dtype.name,
        "name": volume.name,
        "voxel_size_um": None if volume.voxel_size_um is None else list(volume.voxel_size_um),
        "voxel_size_source": volume.voxel_size_source,
        "origin_um": list(volume.origin_um),
        "affine": None if volume.affine is None else np.asarray(volume.affine).tolist(),
        "metadata": json.loads(json.dumps(kept, default=_plain)),
    }


def parse_header(text: str | None) -> dict[str, Any] | None:
    """Our header from JSON text; None where the text is anything else."""
    if not text or FORMAT not in text:
        return None
    try:
        header = json.loads(text)
    except ValueError:
        return None
    if isinstance(header, dict) and header.get("format") == FORMAT:
        return header
    return None


def with_header(volume: Volume, header: dict[str, Any] | None) -> Volume:
    """The volume as it was when our writer wrote it.

    Other programs carry our header along when they save a changed image (Fiji keeps
    the Info text). Where shape or type have changed, the header is about another image
    and is left out; where the format's own voxel size has changed, that one counts.
    """
    if header is None or tuple(header.get("shape", ())) != volume.shape:
        return volume
    written, found = np.dtype(header["dtype"]), volume.dtype
    as_bool = written == np.bool_ and found == np.uint8
    if written != found.newbyteorder("=") and not as_bool:
        return volume
    size, source = volume.voxel_size_um, volume.voxel_size_source
    ours = header.get("voxel_size_um")
    if ours is not None and (size is None or np.allclose(size, ours, rtol=_AGREES, atol=0)):
        size, source = tuple(ours), str(header.get("voxel_size_source", source))
    affine = header.get("affine")
    return replace(
        volume,
        voxel_size_um=size,
        voxel_size_source=source,
        origin_um=tuple(header.get("origin_um", ())),
        affine=None if affine is None else np.array(affine, dtype=float),
        metadata={**header.get("metadata", {}), **volume.metadata},
    )


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, default=_plain)
    except (TypeError, ValueError):
        return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value))
