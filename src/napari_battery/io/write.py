"""Saving a volume: whole or not at all, with its place and its history."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from napari_battery.errors import InputError
from napari_battery.files import atomic_path, write_json
from napari_battery.io.problems import check_dtype, check_shape, human_size, plain_words
from napari_battery.io.read import read_volume
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["provenance_path", "write_volume", "writer_for"]

_SPARE_BYTES = 16 * 2**20
"""Room for metadata, and so that the disk is not filled to its last byte."""


def write_volume(
    path: str | os.PathLike[str],
    volume: Volume,
    provenance: dict[str, Any] | None = None,
    progress: Progress = SILENT,
) -> Volume:
    """Write a volume to a TIFF or an OME-Zarr.

    Values keep their type. The data is read and written slab by slab. On any failure,
    and on Cancel, what stood at `path` before is untouched and nothing else is left.

    Parameters
    ----------
    path : path
        Ends in .tif, .tiff, .ome.zarr or .zarr.
    volume : Volume
        Image, labels (``metadata["kind"] == "labels"``) or mask, 2-D or 3-D.
    provenance : dict, optional
        How it was made (see `napari_battery.provenance`); written inside the file and to
        ``FILE.provenance.json`` beside it. The history in ``metadata["made"]`` is kept
        where this is None.
    progress : Progress
        Advanced per slab or row of chunks.

    Returns
    -------
    Volume
        Over the written file.

    Raises
    ------
    InputError
        For another suffix, a folder that is missing or may not be written to, or a disk
        without room.
    """
    path = Path(path)
    writer = writer_for(path)
    check_shape(path, volume.shape)
    check_dtype(path, volume.dtype)
    with plain_words(path, "write to"):
        with atomic_path(path) as temporary:
            _check_room(path, volume)
            writer(temporary, volume, provenance, progress)
        beside = provenance_path(path)
        if provenance is not None:
            write_json(beside, provenance)
        else:
            beside.unlink(missing_ok=True)  # it told how the former file was made
    return read_volume(path)


def provenance_path(path: Path) -> Path:
    """Where the provenance of a file is written beside it."""
    return path.with_name(f"{path.name}.provenance.json")


def writer_for(path: Path) -> Any:
    """Choose the writer by a file's ending.

    Raises
    ------
    InputError
        If no volume can be written to a file of that name.
    """
    name = path.name.lower()
    if name.endswith((".tif", ".tiff")):
        from napari_battery.io.tiff_writer import write_tiff

        return write_tiff
    if name.endswith(".zarr"):
        from napari_battery.io.zarr_writer import write_zarr

        return write_zarr
    raise InputError(f"Cannot write {path}: the name must end in .tif, .tiff or .ome.zarr.")


def _check_room(path: Path, volume: Volume) -> None:
    need = int(np.prod(volume.shape)) * volume.dtype.itemsize + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < need:
        raise InputError(
            f"Cannot write {path}: it needs {human_size(need)}, and {human_size(free)} are free "
            "on that disk. Make room or choose another disk."
        )
