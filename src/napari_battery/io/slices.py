"""Opening a folder with one file per slice, in natural order, without loading it."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.io.problems import plain_words
from napari_battery.volume import Volume

__all__ = ["natural_key", "open_slices", "slice_files"]

_SUFFIXES = (".tif", ".tiff", ".png")
_DIGITS = re.compile(r"(\d+)")


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key that puts slice2 before slice10."""
    parts = _DIGITS.split(name)
    return [(int(p), "") if p.isdigit() else (-1, p.casefold()) for p in parts]


def slice_files(folder: Path) -> list[Path]:
    """The slices in a folder, in natural order; hidden and other files are left out."""
    files = [
        f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES and not f.name.startswith(".")
    ]
    return sorted(files, key=lambda f: natural_key(f.name))


def open_slices(folder: Path, files: Sequence[Path] | None = None) -> Volume:
    """Open a folder of slices, or a list of picked files in the given order, as one stack.

    The header of every file is read and checked; voxels are read when asked for.

    Raises
    ------
    InputError
        If there are no slices, names belong to several series or skip a number, or sizes
        or types are mixed; the files are named.
    """
    if files is None:
        files = slice_files(folder)
        _check_names(folder, files)
    if not files:
        raise InputError(f"{folder} holds neither slices ({', '.join(_SUFFIXES)}) nor a Zarr.")
    first = _open_slice(files[0])
    for file in files[1:]:
        other = _open_slice(file)
        if (other.shape, other.dtype) != (first.shape, first.dtype):
            raise InputError(
                f"The slices in {folder} differ: {files[0].name} is {_size(first)}, "
                f"{file.name} is {_size(other)}. Keep only slices of one stack in the folder."
            )

    def read(window: Window) -> NDArray[Any]:
        block = np.empty([w.stop - w.start for w in window], first.dtype)
        for i, file in enumerate(files[window[0]]):
            with plain_words(file):
                block[i] = _open_slice(file).data[window[1:]]
        return block

    shape = (len(files), *first.shape)
    source = first.voxel_size_source
    if first.voxel_size_um is not None:
        y, x = first.voxel_size_um
        source = f"unknown (the slices' {source} give y {y:g} and x {x:g} µm, but no z)"
    return replace(
        first,
        data=LazyArray(shape, first.dtype, read, (1, *first.shape)),
        voxel_size_um=None,
        origin_um=(),
        voxel_size_source=source,
        name=folder.name,
        path=folder,
        metadata={
            "format": f"folder of {len(files)} {files[0].suffix.lower()[1:]} slices",
            "compression": first.metadata["compression"],
        },
    )


def _size(volume: Volume) -> str:
    return f"{' × '.join(map(str, volume.shape))} {volume.dtype}"


def _check_names(folder: Path, files: Sequence[Path]) -> None:
    """Refuse several series in one folder, and a series with a slice missing."""
    series: dict[str, Path] = {}
    for file in files:
        series.setdefault(_DIGITS.sub("#", file.name.casefold()), file)
    if len(series) > 1:
        names = " and ".join(f.name for f in list(series.values())[:2])
        raise InputError(
            f"{folder} holds slices of {len(series)} different series, such as {names}; "
            "keep one series per folder."
        )
    columns = zip(*([int(d) for d in _DIGITS.findall(f.name)] for f in files), strict=True)
    varying = [column for column in columns if len(set(column)) > 1]
    if len(varying) != 1:
        return  # not a plain count: dates, times, positions
    apart = [b - a for a, b in zip(varying[0][:-1], varying[0][1:], strict=True)]
    usual = min(apart)
    for i, step in enumerate(apart):
        if step != usual:
            raise InputError(
                f"A slice seems to be missing in {folder}: between {files[i].name} and "
                f"{files[i + 1].name} the number grows by {step}, else by {usual}. "
                "Add it, or rename the slices if the stack is complete."
            )


def _open_slice(file: Path) -> Volume:
    if file.suffix.lower() == ".png":
        return _open_png(file)
    from napari_battery.io.tiff import open_tiff

    volume = open_tiff(file)
    if volume.ndim != 2:
        raise InputError(
            f"{file} holds {volume.shape[0]} slices; a folder of slices needs one per file. "
            "Open this file by itself."
        )
    return volume


def _open_png(file: Path) -> Volume:
    """Open a PNG; its header (https://www.w3.org/TR/png/#11IHDR) gives size and type."""
    with file.open("rb") as stream:
        head = stream.read(33)
        stream.seek(0, 2)
        tail_at = max(0, stream.tell() - 12)
        stream.seek(tail_at)
        tail = stream.read()
    if len(head) < 33 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise InputError(f"{file} is no PNG, or its start is damaged.")
    if tail[4:8] != b"IEND":
        raise InputError(f"{file} is incomplete: its end is missing. Copy or export it again.")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    if colour != 0 or bits not in (8, 16):
        raise InputError(
            f"{file} is no 8- or 16-bit grey image (colour type {colour}, {bits} bits); "
            "save the slices as grey levels."
        )

    def read(window: Window) -> NDArray[Any]:
        from imagecodecs import png_decode

        try:
            image: NDArray[Any] = png_decode(file.read_bytes())
        except Exception as error:  # imagecodecs has an error class per codec
            raise InputError(f"{file} is damaged: {error}. Copy or export it again.") from error
        return image[window]

    dtype = np.uint8 if bits == 8 else np.uint16
    return Volume(
        data=LazyArray((height, width), dtype, read),
        name=file.stem,
        path=file,
        metadata={"format": "PNG", "compression": "deflate"},
    )
