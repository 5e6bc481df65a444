"""Opening a file of bare voxels, whose shape and type the person types in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np

from napari_battery.errors import InputError
from napari_battery.io.problems import check_shape
from napari_battery.settings import Settings, setting
from napari_battery.volume import Volume

__all__ = ["RawSettings", "open_raw"]


class RawSettings(Settings):
    """What a raw file does not say about itself."""

    width: int = setting(1024, "Voxels in x, the fastest axis", unit="voxels", ge=1)
    height: int = setting(1024, "Voxels in y", unit="voxels", ge=1)
    depth: int = setting(1024, "Voxels in z, the number of slices", unit="voxels", ge=1)
    dtype: Literal[
        "uint8", "uint16", "float32", "int8", "int16", "int32", "uint32", "int64", "float64"
    ] = setting("uint16", "Type of the grey values or labels", title="Type")
    byte_order: Literal["little", "big"] = setting(
        "little", "Order of the bytes of a value; PCs and most detectors write little"
    )
    header_bytes: int = setting(0, "Bytes before the first voxel", unit="bytes", ge=0)
    voxel_size_um: float | None = setting(
        None, "Edge length of a voxel; empty if unknown", title="Voxel size", unit="µm", gt=0
    )
    slice_spacing_um: float | None = setting(
        None,
        "Distance of slices where it differs from the voxel size",
        title="Slice spacing",
        unit="µm",
        gt=0,
    )


def open_raw(path: Path, settings: RawSettings) -> Volume:
    """Open a raw file as a read-only memory map.

    Raises
    ------
    InputError
        If the file is not exactly as long as the settings say.
    """
    shape = (settings.depth, settings.height, settings.width)
    check_shape(path, shape)
    dtype = np.dtype(settings.dtype).newbyteorder("<" if settings.byte_order == "little" else ">")
    need = settings.header_bytes + math.prod(shape) * dtype.itemsize
    size = path.stat().st_size
    if size != need:
        raise InputError(
            f"{path} has {size} bytes, but {shape[0]} × {shape[1]} × {shape[2]} voxels of "
            f"{settings.dtype} after a header of {settings.header_bytes} bytes make {need}. "
            "Correct the shape, the type or the header."
        )
    xy = settings.voxel_size_um
    voxel_size = None if xy is None else (settings.slice_spacing_um or xy, xy, xy)
    return Volume(
        data=np.memmap(path, dtype, "r", settings.header_bytes, shape),
        voxel_size_um=voxel_size,
        name=path.stem,
        voxel_size_source="unknown" if voxel_size is None else "typed in",
        path=path,
        metadata={"format": "raw", "compression": "none"},
    )
