"""Opening a stack of any known format by what it is."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.io.problems import plain_words
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from napari_battery.io.raw import RawSettings

__all__ = ["describe_file", "list_datasets", "open_volume", "read_volume", "readable"]

_EAGER_BYTES = 256 * 2**20
_TIFF = (".tif", ".tiff", ".btf", ".tf8", ".tf2")
HDF5_ENDINGS = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".nexus")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_KNOWN = (
    "TIFF (.tif), a folder of slices, OME-Zarr (.zarr), HDF5 or NeXus (.h5, .nxs), Zeiss .txm, "
    "or raw with its shape typed in"
)


def read_volume(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    raw: RawSettings | None = None,
) -> Volume:
    """Open an image or a stack.

    The format is told by the content, else by the suffix: TIFF, a folder of slices
    (TIFF or PNG), OME-Zarr 0.4 and 0.5, HDF5 and NeXus, Zeiss .txm, raw.

    Uncompressed contiguous TIFF and raw stay memory maps. Anything else above 256 MiB is
    read from the file piece by piece; up to that size it is read at once, so that a damaged
    file is refused now and no step decodes it twice.

    Parameters
    ----------
    path : path
        File or folder.
    dataset : str, optional
        Path of the dataset inside an HDF5 file or of the array inside a Zarr group; needed
        where there are several.
    raw : RawSettings, optional
        Shape and type of a file without a header; read as raw where given.

    Returns
    -------
    Volume
        Type as in the file. ``voxel_size_um`` is None where the file holds none, and
        ``voxel_size_source`` says where it came from or why there is none.
        ``metadata`` holds ``format``, ``compression``, ``notes`` and, where our writer
        wrote the file, ``made``, ``kind`` and what else the volume carried.

    Raises
    ------
    InputError
        If the file is missing, may not be read, is damaged or incomplete, or is no image
        or stack of grey levels.
    """
    volume = open_volume(path, dataset=dataset, raw=raw)
    if isinstance(volume.data, LazyArray) and volume.data.nbytes <= _EAGER_BYTES:
        with plain_words(Path(path)):
            volume = replace(volume, data=np.asarray(volume.data))
    return volume


def open_volume(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    raw: RawSettings | None = None,
) -> Volume:
    """Open an image or a stack as `read_volume` does, but read no voxels yet."""
    path = Path(path)
    with plain_words(path):
        if raw is not None:
            from napari_battery.io.raw import open_raw

            return open_raw(path, raw)
        volume = _open_folder(path, dataset) if path.is_dir() else _open_file(path, dataset)
    return replace(volume, name=_name(path, volume.name))


def readable(path: str | os.PathLike[str]) -> bool:
    """Whether `read_volume` knows this kind of file or folder, judged without opening it."""
    path = Path(path)
    if path.is_dir():
        from napari_battery.io.slices import slice_files

        return is_zarr(path) or bool(slice_files(path))
    return path.suffix.lower() in (*_TIFF, *HDF5_ENDINGS, ".txm")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return path.is_dir() and any(
        (path / name).exists() for name in ("zarr.json", ".zarray", ".zgroup", ".zattrs")
    )


def list_datasets(
    path: str | os.PathLike[str],
) -> list[tuple[str, tuple[int, ...], np.dtype[Any]]]:
    """Name, shape and type of every 2-D or 3-D numeric dataset of an HDF5 or NeXus file."""
    from napari_battery.io.hdf5 import datasets

    path = Path(path)
    with plain_words(path):
        return datasets(path)


def describe_file(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    raw: RawSettings | None = None,
) -> dict[str, Any]:
    """What a file holds, without reading its voxels; fit for JSON.

    Returns
    -------
    dict
        ``path, name, format, shape, axes, dtype, voxel_size_um, voxel_size_source,
        origin_um, voxels_bytes, file_bytes, compression, lazy, kind, notes, provenance``.
    """
    volume = open_volume(path, dataset=dataset, raw=raw)
    size = volume.voxel_size_um
    n_bytes = int(np.prod(volume.shape, dtype=np.int64)) * volume.dtype.itemsize
    return {
        "path": str(path),
        "name": volume.name,
        "format": volume.metadata["format"],
        "shape": list(volume.shape),
        "axes": list(volume.axes),
        "dtype": str(volume.dtype),
        "voxel_size_um": None if size is None else list(size),
        "voxel_size_source": volume.voxel_size_source,
        "origin_um": list(volume.origin_um),
        "voxels_bytes": n_bytes,
        "file_bytes": _bytes_on_disk(Path(path)),
        "compression": volume.metadata["compression"],
        "lazy": isinstance(volume.data, np.memmap) or n_bytes > _EAGER_BYTES,
        "kind": volume.metadata.get("kind"),
        "notes": list(volume.metadata.get("notes", ())),
        "provenance": volume.metadata.get("made"),
    }


def _open_file(path: Path, dataset: str | None) -> Volume:
    with path.open("rb") as file:
        head = file.read(16)
    from napari_battery.io.tiff import is_tiff, open_tiff

    suffix = path.suffix.lower()
    if not head:
        raise InputError(f"{path} is empty (0 bytes).")
    if is_tiff(head):
        return open_tiff(path)
    if head.startswith(b"\x89HDF\r\n\x1a\n") or suffix in HDF5_ENDINGS:
        from napari_battery.io.hdf5 import open_hdf5

        return open_hdf5(path, dataset)
    if head.startswith(_OLE) or suffix in (".txm", ".txrm"):
        from napari_battery.io.txm import open_txm

        return open_txm(path)
    if suffix in _TIFF:
        raise InputError(f"{path} is called a TIFF, but is none, or its start is damaged.")
    raise InputError(f"{path} is of no known format. It must be {_KNOWN}.")


def _open_folder(path: Path, dataset: str | None) -> Volume:
    if is_zarr(path):
        from napari_battery.io.zarr_reader import open_zarr

        return open_zarr(path, dataset)
    from napari_battery.io.slices import open_slices

    return open_slices(path)


def _name(path: Path, name: str) -> str:
    """The file's name without what only tells its format."""
    stem = path.name if path.is_dir() else path.stem
    for ending in (".zarr", ".ome"):
        stem = stem[: -len(ending)] if stem.lower().endswith(ending) else stem
    return stem or name


def _bytes_on_disk(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
