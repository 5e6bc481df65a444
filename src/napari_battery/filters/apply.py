"""Filtering an image: whole, a box of it, or into a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, block_result, window_of, working_dtype
from napari_battery.errors import InputError
from napari_battery.filters.filter import Filter, Findings
from napari_battery.filters.registry import FILTERS
from napari_battery.io.lazy import Window
from napari_battery.lengths import in_voxels
from napari_battery.prepare import crop, kept_metadata
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.settings import Settings
from napari_battery.volume import Volume

__all__ = ["Context", "filter_image", "filter_of", "prepare_filter"]


@dataclass(frozen=True)
class Context:
    """What a filter found out about a whole image; serves while its settings allow."""

    image: Any
    """The array it is about."""
    region: Any
    filter: Filter
    settings: Settings
    """In voxels."""
    findings: Findings

    def serves(self, image: Volume, settings: Settings) -> bool:
        """Whether it holds for this image and these settings (in voxels), too."""
        names = self.filter.found_from
        return (
            self.image is image.data
            and self.region is image.region
            and type(settings) is type(self.settings)
            and all(getattr(settings, n) == getattr(self.settings, n) for n in names)
        )


def filter_of(settings: Settings) -> Filter:
    """The filter that settings belong to.

    Raises
    ------
    KeyError
        If they are no filter's settings.
    """
    found = next((f for f in FILTERS.values() if type(settings) is f.settings), None)
    if found is None:
        raise KeyError(f"{type(settings).__name__} are no settings of a filter")
    return found


def prepare_filter(
    image: Volume,
    settings: Settings,
    progress: Progress = SILENT,
    context: Context | None = None,
) -> Context:
    """Find what a filter needs to know about the whole image: noise, grey limits, background.

    Parameters
    ----------
    image : Volume
        2-D or 3-D grey levels.
    settings : Settings
        Of one of `FILTERS`.
    progress : Progress
        Advanced per slice that is looked at.
    context : Context, optional
        From an earlier call; comes back if it still serves, so that a preview whose sliders
        move looks at the whole image only when it must.

    Returns
    -------
    Context
        ``findings.numbers`` and ``findings.notes`` are for the person.

    Raises
    ------
    InputError
        For labels and masks, an image without any grey level, an empty region, and what the
        filter cannot work with; also for settings in µm while the voxel size is unknown.
    """
    chosen = filter_of(settings)
    scaled = in_voxels(settings, image)
    if context is not None and context.serves(image, scaled):
        return context
    _check(image)
    found = Findings() if chosen.find is None else chosen.find(image, scaled, progress)
    return Context(image.data, image.region, chosen, scaled, found)


def filter_image(
    image: Volume,
    settings: Settings,
    progress: Progress = SILENT,
    out: Path | None = None,
    box: tuple[slice, ...] | None = None,
    context: Context | None = None,
) -> Volume:
    """Filter an image in blocks; the result does not depend on how it is cut.

    Parameters
    ----------
    image : Volume
        2-D or 3-D grey levels of any type. Beyond its faces the image is mirrored. Voxels
        outside its region are filtered, too, but not measured.
    settings : Settings
        Of one of `FILTERS`; their type says which. Lengths are of the shortest edge of
        anisotropic voxels.
    progress : Progress
        Advanced per block.
    out : Path, optional
        TIFF or OME-Zarr to write to; then neither image nor result need fit into memory.
    box : tuple of slices, optional
        Only this part of the result, for a preview; only it and its margin are read.
    context : Context, optional
        From `prepare_filter`, or an earlier one; found again where it does not serve.

    Returns
    -------
    Volume
        On the image's grid, of its type (whole numbers rounded and clipped) unless the filter
        is there to change it. NaN and infinite voxels stay as they are and have no part in
        their neighbours' values. ``metadata["made"]`` says how it was made,
        ``metadata["filter"]`` which filter and what it measured.

    Raises
    ------
    InputError
        See `prepare_filter`; or if no voxel lies in the box.
    """
    context = prepare_filter(image, settings, progress, context)
    chosen, found = context.filter, context.findings
    scaled = in_voxels(settings, image)
    dtype = chosen.dtype(scaled) if chosen.dtype else image.dtype.newbyteorder("=")
    step = _whole_step(chosen.make(image, scaled, found), image.dtype, dtype)
    window = window_of(image, box)
    part = image if box is None else crop(image, [(w.start, w.stop) for w in window])
    notes = list(found.notes)
    metadata = {
        **kept_metadata(image),
        "filter": {"name": chosen.name, **found.numbers},
        "made": provenance(f"filter {chosen.name}", settings, [image], notes),
    }
    metadata["made"]["found"] = found.numbers

    def finish(data: Any) -> Volume:
        return part.like(data, f"{image.name} {chosen.name}", metadata=metadata)

    return block_result(
        step, image.data, finish, progress, f"{chosen.title}: {image.name}", box=window, out=out
    )


def _check(image: Volume) -> None:
    kind = image.metadata.get("kind")
    if kind in ("labels", "phases") or image.dtype == np.bool_:
        what = "a mask" if kind is None else str(kind)
        raise InputError(
            f"“{image.name}” holds {what}, not grey levels; choose the image to be filtered."
        )
    if image.dtype.kind not in "iuf":
        raise InputError(f"“{image.name}” has no grey levels (type {image.dtype}).")
    if 0 in image.shape:
        raise InputError(f"“{image.name}” has no voxel (shape {image.shape}).")
    if image.region is not None and not any(np.asarray(part).any() for part in image.region):
        raise InputError(f"The region of “{image.name}” is empty: draw it anew, or clear it.")
    if image.dtype.kind == "f" and not any(
        np.isfinite(np.asarray(image.data[i])).any() for i in range(image.shape[0])
    ):
        raise InputError(f"“{image.name}” has no finite grey level anywhere.")


def _whole_step(step: BlockStep, source: np.dtype[Any], target: np.dtype[Any]) -> BlockStep:
    """The filter's computation on floating point, from and to the types of the images."""
    working = working_dtype(source)

    def run(block: NDArray[Any], window: Window) -> NDArray[Any]:
        grey = block.astype(working)
        if source.kind != "f":
            return _as_type(step.run(grey, window), target)
        grey[~np.isfinite(grey)] = np.nan
        result = _as_type(step.run(grey, window), target)
        if target.kind == "f":
            inner = tuple(slice(h, n - h) for h, n in zip(step.halo, block.shape, strict=True))
            gone = ~np.isfinite(block[inner])
            if gone.any():
                result[gone] = block[inner][gone]
        return result

    return BlockStep(run, step.halo, target, step.block_voxels)


def _as_type(grey: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # float16
            return grey.astype(dtype)
    limits = np.iinfo(dtype)
    # the largest 64-bit numbers are no floating point numbers: clip below them
    high = np.nextafter(grey.dtype.type(limits.max), 0) if limits.bits > 32 else limits.max
    rounded: NDArray[Any] = np.rint(grey).clip(limits.min, high).astype(dtype)
    return rounded
