"""Opening a TIFF (plain, compressed, tiled, BigTIFF, ImageJ, OME) without loading it.

Before anything is allocated the file's own claims are checked against its size, since
libraries fill what is missing with zeros or quietly open one slice of many.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.header import parse_header, with_header
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.io.problems import check_dtype, human_size, spatial_axes
from napari_battery.io.tiff_voxels import (
    VoxelSize,
    imagej_voxel_size,
    ome_voxel_size,
    plain_voxel_size,
)
from napari_battery.volume import Volume

__all__ = ["is_tiff", "open_tiff"]

_MOST_CHANNELS = 4
"""More than these are slices whose axis was named wrongly."""
_FATAL = re.compile(
    r"corrupt|invalid (page )?offset|circular|zeroed|missing|failed to read|incomplet"
    r"|value offset|series raised",
    re.IGNORECASE,
)
"""Of tifffile's log messages, those after which voxels would be absent or made up."""
_OPENING = threading.Lock()
_LARGEST_RATIO = 100_000
"""No codec in TIFF packs even a constant image tighter than this."""


def is_tiff(head: bytes) -> bool:
    """Whether a file that starts with these bytes is a TIFF or BigTIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_tiff(path: Path) -> Volume:
    """Open a TIFF; contiguous ones as a memory map, others as a lazily decoded array.

    Raises
    ------
    InputError
        If the file is damaged or shorter than it says, holds colour, channels or a
        time series, or several images of different sizes.
    """
    from tifffile import TiffFile, TiffFileError

    with _complaints() as complaints:
        try:
            tif = TiffFile(path)
        except TiffFileError as error:
            raise InputError(f"{path} is no TIFF, or its start is damaged: {error}.") from error
        try:
            volume = _open(path, tif)
        except (InputError, OSError):
            tif.close()
            raise
        except Exception as error:  # tifffile raises whatever its parsing ran into
            tif.close()
            raise InputError(f"{path} is damaged: {error}. Copy or export it again.") from error
    if complaints:
        tif.close()
        raise InputError(f"{path} is damaged: {complaints[0]}. Copy or export it again.")
    return volume


def _open(path: Path, tif: Any) -> Volume:
    series = _the_series(path, tif)
    if any(p is None for p in series.pages):
        raise InputError(
            f"{path} is one file of several (OME-TIFF) and some of the others are missing; "
            "put all of them into one folder."
        )
    check_dtype(path, series.dtype)
    axes = series.get_axes(squeeze=False)
    shape = tuple(series.get_shape(squeeze=False))
    header = _header(tif, series)
    one_slice = header is not None and header["shape"][:-2] == [1]
    axes, note = _slices_by_another_name(tif, axes, shape)
    keep = spatial_axes(path, shape, axes, keep_z=one_slice)
    kept_shape = tuple(shape[i] for i in keep)
    _check_declared(path, tif, series)
    size = _voxel_size(tif, len(kept_shape))
    data: Any = _mapped(path, tif, series, kept_shape)
    if data is None:
        _check_storage(path, tif, series)
        data = _decoded(path, series, kept_shape)
    else:
        tif.close()

    page = series.keyframe
    volume = Volume(
        data=data,
        voxel_size_um=size.um,
        name=path.name,
        voxel_size_source=size.source,
        path=path,
        metadata={
            "format": _format_name(tif, series),
            "compression": "none" if page.compression == 1 else page.compression.name.lower(),
            **({"notes": [note]} if note else {}),
        },
    )
    volume = with_header(volume, header)
    if header is not None and volume.shape == tuple(header["shape"]) and volume.dtype == np.uint8:
        volume = _as_bool(volume) if header["dtype"] == "bool" else volume
    return volume


def _slices_by_another_name(tif: Any, axes: str, shape: tuple[int, ...]) -> tuple[str, str]:
    """Take an ImageJ file's many "channels" or "frames" for the slices they are.

    Programs that write ImageJ files without naming the axes end up with channels, and ImageJ
    itself easily with frames. Other formats name their axes on purpose.

    Returns
    -------
    axes, note : str
        Axes as they are meant, and what was read so; empty where nothing was.
    """
    long = [i for i, a in enumerate(axes) if a not in "YX" and shape[i] > 1]
    if not tif.is_imagej or len(long) != 1 or shape[long[0]] <= _MOST_CHANNELS:
        return axes, ""
    name = {"C": "channels", "T": "frames"}.get(axes[long[0]])
    if name is None:
        return axes, ""
    note = f"The file calls its {shape[long[0]]} images {name}; they were read as slices."
    return "".join(
        "Z" if i == long[0] else "T" if a == "Z" else a for i, a in enumerate(axes)
    ), note


def _the_series(path: Path, tif: Any) -> Any:
    """The one image of the file; previews and lower resolutions are left out."""
    all_series = [s for s in tif.series if s.pages and s.kind != "thumbnail"]
    full = [s for s in all_series if not s.keyframe.is_reduced] or all_series
    if not full:
        raise InputError(f"{path} holds no image.")
    if len(full) > 1:
        shapes = ", ".join(str(tuple(s.shape)) for s in full[:4])
        raise InputError(
            f"{path} holds {len(full)} images of different size or type ({shapes}); save the "
            "one to be analysed as a file of its own."
        )
    return full[0]


def _check_declared(path: Path, tif: Any, series: Any) -> None:
    """Refuse a cut-off stack that would otherwise open as the slices that are left."""
    len(tif.pages)  # follows the chain of pages to its end, so that a broken one is logged
    page = tif.pages.first
    declared = 1
    if tif.is_imagej:
        declared = int((tif.imagej_metadata or {}).get("images", 1))
    elif tif.is_shaped:
        shape = tuple(_shaped(tif).get("shape", ()))
        if shape[-page.ndim :] == page.shape:  # else another program has changed the image
            declared = math.prod(shape[: -page.ndim])
    if declared * page.nbytes > series.size * series.dtype.itemsize:
        raise InputError(
            f"{path} is incomplete: it declares {declared} slices "
            f"({human_size(declared * page.nbytes)}), but the file has "
            f"{human_size(tif.filehandle.size)}. Copy or export it again."
        )


def _check_storage(path: Path, tif: Any, series: Any) -> None:
    """Refuse a file with strips or tiles that lie beyond its end, or hold nothing."""
    end = tif.filehandle.size
    stored = 0
    for number, page in enumerate(series.pages, 1):
        offsets, counts = page.dataoffsets, page.databytecounts
        if not offsets or len(offsets) != len(counts) or min(counts) == 0 or min(offsets) == 0:
            raise InputError(
                f"{path} is incomplete: page {number} of {len(series.pages)} has parts without "
                "data. Copy or export it again."
            )
        last = max(o + c for o, c in zip(offsets, counts, strict=True))
        if last > end:
            raise InputError(
                f"{path} is incomplete: page {number} of {len(series.pages)} reaches to byte "
                f"{last}, but the file ends at {end}. Copy or export it again."
            )
        stored += sum(counts)
        expected = math.prod(page.chunked) if page.chunked else 1
        if len(offsets) < expected:
            raise InputError(
                f"{path} is damaged: page {number} has {len(offsets)} strips or tiles instead "
                f"of {expected}. Copy or export it again."
            )
    packed = series.keyframe.compression != 1
    bits = series.keyframe.bitspersample
    need = series.size * bits // 8
    if need > stored * (_LARGEST_RATIO if packed else 1):
        raise InputError(
            f"{path} declares {human_size(need)} (shape {tuple(series.shape)}), but holds "
            f"{human_size(stored)}. Copy or export it again."
        )


def _mapped(path: Path, tif: Any, series: Any, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The voxels as a read-only memory map, where they lie in the file as in memory.

    Pages may stand apart as long as the distance from one to the next is the same.
    """
    pages = series.pages
    dtype = series.dtype.newbyteorder(tif.byteorder)
    end = tif.filehandle.size
    if series.dataoffset is not None and pages[0].parent is tif:
        need = series.size * dtype.itemsize
        if series.dataoffset + need > end:
            held = human_size(max(0, end - series.dataoffset))
            raise InputError(
                f"{path} is incomplete: it declares {human_size(need)} (shape {shape}), but "
                f"holds {held} of them. Copy or export it again."
            )
        return np.memmap(path, dtype, "r", series.dataoffset, shape)
    if len(shape) != 3 or len(pages) != shape[0] or len(pages) < 2:
        return None
    if not all(p.is_final and p.parent is tif for p in pages):
        return None
    _check_storage(path, tif, series)
    starts = np.array([p.dataoffsets[0] for p in pages], dtype=np.int64)
    apart = np.diff(starts)
    if apart.min() != apart.max() or apart[0] < pages[0].nbytes:
        return None
    strides = (int(apart[0]), shape[2] * dtype.itemsize, dtype.itemsize)
    whole = np.memmap(path, np.uint8, "r")
    return np.ndarray(shape, dtype, whole, int(starts[0]), strides).view(np.memmap)


def _decoded(path: Path, series: Any, shape: tuple[int, ...]) -> LazyArray:
    import zarr

    source = zarr.open_array(series.aszarr(level=0, squeeze=False), mode="r")
    full = tuple(source.shape)
    # which axes of the file's array the kept ones are: the others have length one
    kept = _kept_axes(full, shape)

    def read(window: Window) -> NDArray[Any]:
        key: list[slice | int] = [0] * len(full)
        for axis, bounds in zip(kept, window, strict=True):
            key[axis] = bounds
        try:
            return np.asarray(source[tuple(key)])
        except Exception as error:  # codecs raise whatever they like
            number = _broken_page(series.pages, window if len(shape) == 3 else None)
            raise InputError(
                f"{path} is damaged: page {number} cannot be decoded ({error}). "
                "Copy or export it again."
            ) from error

    return LazyArray(shape, source.dtype, read, tuple(source.chunks[i] for i in kept))


def _kept_axes(full: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    kept: list[int] = []
    for n in reversed(shape):
        i = (kept[-1] if kept else len(full)) - 1
        while full[i] != n:
            i -= 1
        kept.append(i)
    return tuple(reversed(kept))


def _broken_page(pages: Any, window: Window | None) -> int | str:
    """Number, from 1, of the first page in the window that cannot be decoded."""
    numbers = range(window[0].start, window[0].stop) if window else range(1)
    for i in numbers:
        try:
            pages[min(i, len(pages) - 1)].asarray()
        except Exception:  # the same errors as above
            return i + 1
    return f"{numbers.start + 1} to {numbers.stop}"


def _voxel_size(tif: Any, ndim: int) -> VoxelSize:
    page = tif.pages.first
    if tif.is_ome:
        return ome_voxel_size(tif.ome_metadata or "", ndim)
    if tif.is_imagej:
        return imagej_voxel_size(page, tif.imagej_metadata or {}, ndim)
    return plain_voxel_size(page, ndim)


def _header(tif: Any, series: Any) -> dict[str, Any] | None:
    """What our writer left in the file."""
    if tif.is_ome:
        return parse_header(_ome_description(tif.ome_metadata or ""))
    if tif.is_imagej:
        return parse_header((tif.imagej_metadata or {}).get("Info"))
    if series.kind == "shaped":
        return parse_header(_shaped(tif).get("napari_battery"))
    return None


def _shaped(tif: Any) -> dict[str, Any]:
    """What tifffile itself writes into a plain TIFF."""
    found = tif.shaped_metadata
    return dict(found[0]) if found else {}


def _ome_description(xml: str) -> str | None:
    from xml.etree import ElementTree

    try:
        elements = ElementTree.fromstring(xml).iter()
    except ElementTree.ParseError:
        return None
    return next((e.text for e in elements if e.tag.rpartition("}")[2] == "Description"), None)


def _as_bool(volume: Volume) -> Volume:
    from dataclasses import replace

    data = volume.data
    if isinstance(data, np.ndarray):
        return replace(volume, data=data.view(np.bool_))
    source = data
    return replace(
        volume,
        data=LazyArray(source.shape, np.bool_, lambda w: source[w].view(np.bool_), source.chunks),
    )


def _format_name(tif: Any, series: Any) -> str:
    kind = "OME" if tif.is_ome else "ImageJ" if tif.is_imagej else ""
    name = "BigTIFF" if tif.is_bigtiff else "TIFF"
    return f"{kind} {name}".strip()


class _Collector(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if _FATAL.search(message):
            self._into.append(message)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What tifffile only logs about broken files. One file at a time: the log is shared."""
    logger = logging.getLogger("tifffile")
    messages: list[str] = []
    handler = _Collector(messages)
    with _OPENING:
        propagate, logger.propagate = logger.propagate, False
        logger.addHandler(handler)
        try:
            yield messages
        finally:
            logger.removeHandler(handler)
            logger.propagate = propagate
