"""Writing a volume as a TIFF, slab by slab, with a voxel size other programs understand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_battery.io.header import header_of
from napari_battery.progress import Progress
from napari_battery.volume import Volume

__all__ = ["write_tiff"]

_SLAB_BYTES = 64 * 2**20
_CLASSIC_BYTES = 2**32 - 2**25
"""Offsets of a classic TIFF have 32 bits; 32 MB are left for tags."""
_IMAGEJ = ("uint8", "uint16", "float32")
_OME = ("int8", "int16", "int32", "uint32", "float64", *_IMAGEJ)

Flavour = Literal["imagej", "ome", "plain"]


def flavour_of(dtype: np.dtype[Any], n_bytes: int) -> Flavour:
    """Which kind of TIFF keeps these values exactly and is read most widely.

    ImageJ opens 8- and 16-bit unsigned integers and 32-bit floats below 4 GB by itself.
    Other types (int32 labels) and larger files go into OME-TIFF, which Fiji's
    Bio-Formats reads with its voxel size; 64-bit integers and half floats, which OME does
    not know, into a plain TIFF.
    """
    if dtype.name in _IMAGEJ and n_bytes < _CLASSIC_BYTES:
        return "imagej"
    return "ome" if dtype.name in _OME else "plain"


def write_tiff(
    path: Path, volume: Volume, provenance: dict[str, Any] | None, progress: Progress
) -> None:
    """Write an uncompressed, contiguous TIFF, so that it opens as a memory map.

    Parameters
    ----------
    path : Path
        Where to write; it is not atomic by itself.
    volume : Volume
        2-D or 3-D; read slab by slab. Booleans are stored as 0 and 1 in 8 bits and come
        back as booleans.
    provenance : dict or None
        Stored inside.
    progress : Progress
        Advanced per slab.
    """
    from tifffile import TiffWriter

    dtype = np.dtype(np.uint8) if volume.dtype == np.bool_ else volume.dtype
    n_bytes = int(np.prod(volume.shape)) * dtype.itemsize
    flavour = flavour_of(dtype, n_bytes)
    if flavour == "imagej" and volume.shape[-1] == 1:
        flavour = "ome"  # tifffile mistakes ImageJ's single column for colour samples
    text = json.dumps(header_of(volume, provenance))
    with TiffWriter(
        path,
        bigtiff=n_bytes >= _CLASSIC_BYTES,
        byteorder=">" if dtype.byteorder == ">" else "<",
        imagej=flavour == "imagej",
        ome=flavour == "ome",
        shaped=flavour == "plain",
    ) as tif:
        span = tif.write(
            shape=volume.shape,
            dtype=dtype,
            photometric="minisblack",
            metadata=_metadata(volume, flavour, text),
            returnoffset=True,
            **_resolution(volume, flavour),
        )
    assert span is not None  # asked for with returnoffset
    _fill(path, volume, dtype, span[0], progress)


def _fill(
    path: Path, volume: Volume, dtype: np.dtype[Any], offset: int, progress: Progress
) -> None:
    """Write the voxels into the space left for them.

    Ordinary writes, not a memory map: on a full disk a map ends the whole program.
    """
    depth = volume.shape[0]
    thick = max(1, _SLAB_BYTES * depth // max(1, int(np.prod(volume.shape)) * dtype.itemsize))
    progress.begin(-(-depth // thick), "Writing")
    with path.open("r+b") as file:
        file.seek(offset)
        for start in range(0, depth, thick):
            slab = np.asarray(volume.data[start : start + thick])
            file.write(np.ascontiguousarray(slab, dtype=dtype).data)
            progress.advance()
        file.flush()
        os.fsync(file.fileno())


def _metadata(volume: Volume, flavour: Flavour, text: str) -> dict[str, Any]:
    axes = "".join(volume.axes).upper()
    size = volume.voxel_size_um
    if flavour == "plain":
        return {"axes": axes, "napari_battery": text}
    if flavour == "imagej":
        metadata: dict[str, Any] = {"axes": axes, "Info": text}
        if size is not None:
            metadata["unit"] = "um"
            if volume.ndim == 3:
                metadata["spacing"] = size[0]
        return metadata
    metadata = {"axes": axes, "Name": volume.name, "Description": text}
    for axis, length in zip(axes, size or (), strict=False):
        metadata[f"PhysicalSize{axis}"] = length
        metadata[f"PhysicalSize{axis}Unit"] = "µm"
    return metadata


def _resolution(volume: Volume, flavour: Flavour) -> dict[str, Any]:
    if volume.voxel_size_um is None:
        return {}
    y, x = volume.voxel_size_um[-2:]
    if flavour == "imagej":  # pixels per unit, which is µm here
        return {"resolution": (1 / x, 1 / y)}
    return {"resolution": (1e4 / x, 1e4 / y), "resolutionunit": "CENTIMETER"}
