"""Making a stack ready: crop to a box, convert its type (regions: `regions.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.settings import Settings, setting
from napari_battery.volume import Volume

__all__ = [
    "Box",
    "ConvertSettings",
    "convert_dtype",
    "crop",
    "grey_limits",
    "kept_metadata",
    "region_rows",
    "sampled_grey",
]

Box = Sequence[tuple[int, int]]
"""First voxel and the one after the last, per axis."""

_OF_THE_FILE = ("made", "format", "compression", "notes", "dataset")
_BLOCK_VOXELS = 2**24
_SAMPLED_VOXELS = 2**22


class ConvertSettings(Settings):
    """Type and grey limits of the converted stack."""

    dtype: Literal["uint8", "uint16", "float32"] = setting(
        "uint8", "Type of the result; the limits become its smallest and largest value"
    )
    low: float | None = setting(
        None,
        "Grey value that becomes 0, and all below; empty: exceeded by 99.9 % of the voxels",
        unit="grey level",
    )
    high: float | None = setting(
        None,
        "Grey value that becomes the largest, and all above; empty: exceeded by 0.1 %",
        unit="grey level",
    )


def crop(volume: Volume, box: Box) -> Volume:
    """Cut a box out of a volume; nothing is read or copied.

    Parameters
    ----------
    volume : Volume
        2-D or 3-D; a region it carries is cut too.
    box : sequence of (start, stop)
        In voxels, half open, one pair per axis; what lies outside the volume is ignored.

    Returns
    -------
    Volume
        The same voxels at the same place in the world.

    Raises
    ------
    InputError
        If the box has another number of axes, or no voxel of the volume is in it.
    """
    if len(box) != volume.ndim:
        raise InputError(
            f"The box has {len(box)} axes, “{volume.name}” has {volume.ndim}; they must be equal."
        )
    bounds = [(max(0, int(a)), min(int(b), n)) for (a, b), n in zip(box, volume.shape, strict=True)]
    if any(a >= b for a, b in bounds):
        raise InputError(
            f"The box {_words(box)} holds no voxel of “{volume.name}” (shape {volume.shape}). "
            "Draw it inside the image."
        )
    window = tuple(slice(a, b) for a, b in bounds)
    step = volume.voxel_size_um or (1.0,) * volume.ndim
    made = provenance("crop", None, [volume], [f"Cropped to the voxels {_words(bounds)}."])
    made["box"] = [list(bound) for bound in bounds]
    return replace(
        volume,
        data=_part(volume.data, window),
        origin_um=tuple(
            o + a * s for o, (a, _), s in zip(volume.origin_um, bounds, step, strict=True)
        ),
        name=f"{volume.name} cropped",
        path=None,
        region=None if volume.region is None else _part(volume.region, window),
        metadata={**kept_metadata(volume), "made": made},
    )


def convert_dtype(
    volume: Volume,
    settings: ConvertSettings,
    progress: Progress = SILENT,
    *,
    out: Path | None = None,
) -> Volume:
    """Convert an image to another type, its grey levels stretched between two limits.

    For whole numbers, ``round((grey − low) / (high − low) × largest)``, clipped to the
    type's range. For float32 the grey levels stay as they are, clipped to limits that
    are given.

    Parameters
    ----------
    volume : Volume
        An image; it is read block by block.
    settings : ConvertSettings
        Type and limits.
    progress : Progress
        Advanced per block.
    out : Path, optional
        TIFF or OME-Zarr to write to, block by block; None keeps the result in memory.

    Returns
    -------
    Volume
        On the same grid. ``metadata["made"]["notes"]`` says which grey levels became
        which, and how many voxels were clipped or not a number (these become 0 in whole
        numbers); ``metadata["grey_limits"]`` holds the limits.

    Raises
    ------
    InputError
        For labels, whose numbers are names, and where low is not below high.
    """
    if volume.metadata.get("kind") == "labels":
        raise InputError(
            f"“{volume.name}” holds labels; stretching their numbers would rename the particles."
        )
    target = np.dtype(settings.dtype)
    low, high = settings.low, settings.high
    if target.kind == "u" and (low is None or high is None):
        found = grey_limits(volume)
        low, high = (found[0] if low is None else low), (found[1] if high is None else high)
    if low is not None and high is not None and not low < high:
        raise InputError(
            f"The lower grey limit of “{volume.name}” is {low:g}, the upper {high:g}; the lower "
            "must be below the upper."
        )
    count = _Count()

    def converted(window: Window) -> NDArray[Any]:
        return _convert(np.asarray(volume.data[window]), target, low, high, count)

    result = volume.like(LazyArray(volume.shape, target, converted), f"{volume.name} {target}")
    if out is None:
        result = replace(result, data=_computed(result.data, progress))
    metadata = {**kept_metadata(volume), "grey_limits": [low, high]}
    if out is not None:
        from napari_battery.io import write_volume

        # how many were clipped is known only after the last block, when the file is written
        made = provenance("convert", settings, [volume], [_mapping(target, low, high)])
        return write_volume(out, replace(result, metadata=metadata), made, progress)
    notes = [_mapping(target, low, high), *count.words(volume)]
    made = provenance("convert", settings, [volume], notes)
    return replace(result, metadata={**metadata, "made": made})


def grey_limits(
    volume: Volume, percentiles: tuple[float, float] = (0.1, 99.9)
) -> tuple[float, float]:
    """Grey levels that all but 0.1 % of the voxels exceed, and that only 0.1 % exceed.

    Taken from about four million voxels of evenly spaced slices, of its region if it has one.

    Parameters
    ----------
    volume : Volume
        An image.
    percentiles : tuple of float
        Other shares, in percent of the voxels that lie below.

    Raises
    ------
    InputError
        If the image has only one grey level, or none that is a number.
    """
    grey = sampled_grey(volume, _SAMPLED_VOXELS)
    low, high = np.percentile(grey, percentiles) if grey.size else (np.nan, np.nan)
    if low == high:  # rare bright or dark voxels are all there is beside one level
        low, high = float(grey.min()), float(grey.max())
    if not low < high:
        raise InputError(
            f"“{volume.name}” has a single grey level"
            f"{'' if np.isnan(low) else f' ({low:g})'}; there is nothing to stretch."
        )
    return float(low), float(high)


def sampled_grey(volume: Volume, n_voxels: int) -> NDArray[np.float64]:
    """Finite grey levels of about so many voxels, from evenly spaced slices of the region."""
    every = max(1, int(np.prod(volume.shape)) // n_voxels)
    rows = region_rows(volume)
    step = max(1, min(every, len(rows) // 16))
    thin = max(1, every // step)
    parts = []
    for row in rows[::step]:
        grey = np.asarray(volume.data[row])
        there = np.isfinite(grey)
        if volume.region is not None:
            there &= np.asarray(volume.region[row], bool)
        parts.append(grey[there][::thin])
    return np.concatenate([*parts, np.empty(0)]).astype(np.float64)


def region_rows(volume: Volume) -> list[int]:
    """The slices (of a picture the rows) that the region touches; all without one."""
    rows = range(volume.shape[0])
    if volume.region is None:
        return list(rows)
    return [row for row in rows if np.asarray(volume.region[row]).any()]


class _Count:
    """How many voxels lay outside the limits, added up over blocks."""

    def __init__(self) -> None:
        self.below = self.above = self.not_a_number = 0

    def words(self, volume: Volume) -> list[str]:
        n = int(np.prod(volume.shape))
        counts = ((self.below, "below"), (self.above, "above"))
        words = [f"{k} of {n} voxels lay {where} and were clipped." for k, where in counts if k]
        if self.not_a_number:
            words.append(f"{self.not_a_number} of {n} voxels are not a number.")
        return words


def _convert(
    block: NDArray[Any],
    target: np.dtype[Any],
    low: float | None,
    high: float | None,
    count: _Count,
) -> NDArray[Any]:
    # 32-bit integers and wider do not fit float32's 24 bits
    grey: Any = block.astype(np.float32 if block.dtype.itemsize <= 2 else np.float64)
    count.below += 0 if low is None else int((grey < low).sum())
    count.above += 0 if high is None else int((grey > high).sum())
    no_number = np.isnan(grey)
    count.not_a_number += int(no_number.sum())
    if low is not None or high is not None:
        grey = np.clip(grey, low, high)
    if target.kind == "f":
        kept: NDArray[Any] = grey.astype(target)
        return kept
    assert low is not None
    assert high is not None
    stretched = (grey - low) * (np.iinfo(target).max / (high - low))
    stretched[no_number] = 0
    rounded: NDArray[Any] = np.rint(stretched).astype(target)
    return rounded


def _mapping(target: np.dtype[Any], low: float | None, high: float | None) -> str:
    if target.kind == "u":
        return f"Grey {low:g} … {high:g} became 0 … {np.iinfo(target).max} ({target})."
    if low is None and high is None:
        return f"Grey levels kept, stored as {target}."
    return f"Grey levels kept between {low} and {high}, stored as {target}."


def _computed(data: LazyArray, progress: Progress) -> NDArray[Any]:
    whole = np.empty(data.shape, data.dtype)
    thick = max(1, _BLOCK_VOXELS * data.shape[0] // data.size)
    starts = range(0, data.shape[0], thick)
    progress.begin(len(starts), "Converting")
    for start in starts:
        whole[start : start + thick] = data[start : start + thick]
        progress.advance()
    return whole


def _part(data: Any, window: Window) -> Any:
    """A window of an array, as lazy as the array is."""
    if isinstance(data, np.ndarray) or hasattr(data, "dask"):
        return data[window]
    starts = tuple(w.start for w in window)

    def read(inner: Window) -> NDArray[Any]:
        key = tuple(slice(a + w.start, a + w.stop) for a, w in zip(starts, inner, strict=True))
        return np.asarray(data[key])

    shape = tuple(w.stop - w.start for w in window)
    return LazyArray(shape, data.dtype, read, getattr(data, "chunks", None))


def kept_metadata(volume: Volume) -> dict[str, Any]:
    """What stays true of the voxels: kind, synthetic, state; not how the file held them."""
    return {k: v for k, v in volume.metadata.items() if k not in _OF_THE_FILE}


def _words(box: Box) -> str:
    axes = "zyx"[-len(box) :]
    return ", ".join(f"{a} {start}–{stop - 1}" for a, (start, stop) in zip(axes, box, strict=False))
