"""Opening a Zeiss Xradia reconstruction (.txm), an OLE compound file, slice by slice.

The streams are those that dxchange (De Carlo et al., J. Synchrotron Rad. 21, 1224,
2014) reads: ImageInfo/ImageWidth, ImageHeight, NoOfImages, DataType (5: uint16,
10: float32), PixelSize in µm, and ImageData{n}/Image{i}, a hundred images per folder.
"""

from __future__ import annotations

import math
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.io.problems import check_shape, human_size
from napari_battery.volume import Volume

__all__ = ["open_txm"]

_DTYPES: dict[int, np.dtype[Any]] = {5: np.dtype("<u2"), 10: np.dtype("<f4")}
_PER_FOLDER = 100


def open_txm(path: Path) -> Volume:
    """Open a .txm; its slices are read when asked for.

    Raises
    ------
    InputError
        If the file is damaged or cut off, holds projections (.txrm), or its pixels are of
        a type other than 16-bit integers and 32-bit floats.
    """
    import olefile

    try:
        ole = olefile.OleFileIO(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise InputError(f"{path} is no Zeiss .txm, or its start is damaged: {error}.") from error
    try:
        volume = _open(path, ole)
    except InputError:
        ole.close()
        raise
    except Exception as error:  # olefile raises whatever its parsing ran into
        ole.close()
        raise InputError(f"{path} is damaged: {error}. Copy or export it again.") from error
    return volume


def _open(path: Path, ole: Any) -> Volume:
    if path.suffix.lower() == ".txrm":
        raise InputError(f"{path} holds projections; open the reconstruction (.txm) instead.")
    width = int(_number(path, ole, "ImageWidth", "<i"))
    height = int(_number(path, ole, "ImageHeight", "<i"))
    count = int(_number(path, ole, "NoOfImages", "<i"))
    code = int(_number(path, ole, "DataType", "<i"))
    if code not in _DTYPES:
        raise InputError(
            f"{path} holds pixels of type {code}; only 5 (16-bit integers) and 10 (32-bit floats) "
            "are known. Export it as TIFF from the Zeiss software."
        )
    dtype = _DTYPES[code]
    shape = (max(0, count), max(0, height), max(0, width))
    check_shape(path, shape)
    _check_complete(path, ole, shape, dtype)
    pixel = float(_number(path, ole, "PixelSize", "<f", missing=0.0))
    known = math.isfinite(pixel) and pixel > 0
    reading = threading.Lock()

    def read(window: Window) -> NDArray[Any]:
        block = np.empty([w.stop - w.start for w in window], dtype)
        for i in range(window[0].start, window[0].stop):
            try:
                with reading:  # one file position for all threads
                    raw = ole.openstream(_stream(i)).read()
                page = np.frombuffer(raw, dtype).reshape(shape[1:])
            except (OSError, ValueError) as error:
                raise InputError(
                    f"{path} is damaged: slice {i + 1} cannot be read ({error}). "
                    "Copy or export it again."
                ) from error
            block[i - window[0].start] = page[window[1:]]
        return block

    return Volume(
        data=LazyArray(shape, dtype, read, (1, *shape[1:])),
        voxel_size_um=(pixel,) * 3 if known else None,
        name=path.stem,
        voxel_size_source="Zeiss ImageInfo/PixelSize" if known else "unknown",
        path=path,
        metadata={"format": "Zeiss .txm", "compression": "none"},
    )


def _stream(index: int) -> str:
    return f"ImageData{index // _PER_FOLDER + 1}/Image{index + 1}"


def _number(path: Path, ole: Any, name: str, layout: str, missing: float | None = None) -> float:
    stream = f"ImageInfo/{name}"
    if not ole.exists(stream):
        if missing is not None:
            return missing
        raise InputError(f"{path} is no Zeiss .txm: it has no {stream}.")
    raw = ole.openstream(stream).read()
    value: float = struct.unpack(layout, raw[: struct.calcsize(layout)])[0]
    return value


def _check_complete(path: Path, ole: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a file with slices missing, too short, or beyond the file's end."""
    need = shape[1] * shape[2] * dtype.itemsize
    for i in range(shape[0]):
        name = _stream(i)
        if not ole.exists(name):
            raise InputError(
                f"{path} is incomplete: it declares {shape[0]} slices, but slice {i + 1} is "
                "missing. Copy or export it again."
            )
        if (held := ole.get_size(name)) != need:
            raise InputError(
                f"{path} is damaged: slice {i + 1} has {human_size(held)} instead of "
                f"{human_size(need)}. Copy or export it again."
            )
    used = np.flatnonzero(np.asarray(ole.fat, dtype=np.int64) != 0xFFFFFFFF)
    end = (int(used[-1]) + 2) * ole.sector_size if used.size else 0
    # a writer may leave the last sector short, so only a whole missing one is a cut
    if path.stat().st_size <= end - ole.sector_size:
        raise InputError(
            f"{path} is incomplete: it reaches to byte {end}, but ends at "
            f"{path.stat().st_size}. Copy or export it again."
        )
