"""Super-resolving an image: whole, a box of it, or into a file of any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import whole
from napari_battery.errors import InputError
from napari_battery.files import write_json
from napari_battery.io.lazy import LazyArray, Window, is_lazy
from napari_battery.prepare import kept_metadata
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.superres.card import Card
from napari_battery.superres.greys import Greys, robust_greys
from napari_battery.superres.input_check import compare_with_card
from napari_battery.superres.round_trip import RoundTrip, round_trip
from napari_battery.superres.settings import COPIES, SuperResolveSettings
from napari_battery.superres.slabs import Held, Slabs
from napari_battery.superres.tiles import Tiles
from napari_battery.superres.upscale import Upscaler, grid_window, target_grid
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from napari_battery.superres.engine import Engine
    from napari_battery.superres.model_files import Model

__all__ = ["check_image", "note_round_trip", "slabs_of", "super_resolve", "target_voxel_size"]


def super_resolve(
    image: Volume,
    model: Model,
    settings: SuperResolveSettings | None = None,
    progress: Progress = SILENT,
    box: tuple[slice, ...] | None = None,
    out: Path | None = None,
) -> Volume:
    """Apply a model to an image, block by block; the result does not depend on the cuts.

    The image is interpolated onto the target grid and normalised by two grey levels of all of
    it, goes through the network slice by slice, and gets its grey scale back.

    Parameters
    ----------
    image : Volume
        Grey levels of any type, 2-D or 3-D, of known voxel size.
    model : Model
        Network and card.
    settings : SuperResolveSettings, optional
        ``settings.model`` is only noted down.
    progress : Progress
        Advanced per block of tiles.
    box : tuple of slices, optional
        Only this part, in voxels of the image: that part of the whole result (but for the
        order of sums in the network, 1e-6 of the grey range).
    out : Path, optional
        TIFF or OME-Zarr to write to; then neither image nor result need fit into memory.

    Returns
    -------
    Volume
        On the target grid (of the box), of the image's type; whole numbers are rounded and
        clipped. What is no number in the image is NaN in the result, and filled from its
        neighbours for the network; in whole numbers 0 is a grey level like others. Voxels
        outside a region are computed too, and the region carried along.
        ``metadata["made"]`` says with which model (and the hash of its weights), precision
        and tiles, and holds ``seam`` (the check of one seam), ``greys``, ``warnings`` (where
        the image is unlike the training images) and, if asked for, ``round_trip``.

    Raises
    ------
    InputError
        For labels, an image without contrast or voxel size, a target voxel size above the
        image's, or tiles that do not meet.
    MemoryError
        If even the smallest tiles do not fit.
    """
    from napari_battery.superres.engine import Engine

    settings = settings or SuperResolveSettings()
    check_image(image)
    greys = robust_greys(image)
    size = settings.target_voxel_size or target_voxel_size(image, model.card)
    grid = target_grid(image, size)
    window = grid_window(image, grid, box)
    warnings = compare_with_card(image, model.card, grid.known_voxel_size_um(), greys)
    engine = Engine(
        model.network, settings.device, settings.precision, copies=COPIES[settings.quality]
    )
    notes = _notes(image, grid, engine.slices)

    run = slabs_of(image, grid, window, greys, engine, settings.tile)
    tiles = run.tiles

    made = provenance("super-resolve", settings, [image], notes)
    region = Upscaler(image, grid).region()
    result = replace(
        _cropped(grid, window),
        name=f"{image.name} {model.card.name}",
        region=None if region is None else _part(region, window),
        metadata={**kept_metadata(image), "made": made},
    )

    def tell() -> None:
        made.update(_told(model.card, engine, tiles, greys, warnings))
        made["target_voxel_size_um"] = list(grid.known_voxel_size_um())

    what = f"Super-resolving {image.name}"
    if out is None:
        values = run.all(progress, what)
        tell()
        result = replace(result, data=values if image.ndim == 3 else values[0])
    else:
        result = _written(out, run, replace(result, region=None), tell, progress, what)
        result = replace(result, region=None if region is None else _part(region, window))
    if settings.round_trip:
        note_round_trip(image, result, model.card, progress)
    return result


def target_voxel_size(image: Volume, card: Card) -> float:
    """Voxel size in µm that a model is made for on an image: the ratio of its training.

    Where the training had more than one ratio, it is the voxel size with the fewest digits
    among those they lead to, give or take 1 %: 2 µm for a scan at 6 µm, not 1.96.

    Raises
    ------
    InputError
        If the image's voxel size is unknown, or the card tells no ratio.
    """
    size = min(image.known_voxel_size_um())
    if card.ratio is None:
        if card.low_voxel_size_um is None or card.high_voxel_size_um is None:
            raise InputError(
                f"The card of the model “{card.name}” tells no voxel size: give the target voxel "
                "size."
            )
        low, high = math.prod(card.low_voxel_size_um), math.prod(card.high_voxel_size_um)
        return size / math.sqrt(low / high)
    least, most = card.ratio
    middle = size / math.sqrt(least * most)
    if least == most:
        return middle
    for digits in range(1, 6):
        rounded = float(f"{middle:.{digits}g}")
        if size / most * 0.99 <= rounded <= min(size, size / least * 1.01):
            return rounded
    return middle


def slabs_of(
    image: Volume,
    grid: Volume,
    window: Window,
    greys: Greys,
    engine: Engine,
    tile: int | None = None,
) -> Slabs:
    """What a network makes of a window of the target grid, not computed yet.

    Parameters
    ----------
    image, grid : Volume
        The image and its `target_grid`.
    window : tuple of slices
        Of the grid.
    greys : Greys
        Of the whole image.
    engine : Engine
        The network.
    tile : int, optional
        As in the settings.

    Returns
    -------
    Slabs
        Of three axes; a picture is a stack of one slice.
    """
    stack, stack_grid = _with_slices(image), _with_slices(grid)
    part = window if image.ndim == 3 else (slice(0, 1), *window)
    data = Held(stack.data) if is_lazy(stack.data) else stack.data
    scaler = Upscaler(stack, stack_grid, greys, data)
    tiles = Tiles(scaler, engine, tile)
    return Slabs(tiles, scaler, greys, image.dtype.newbyteorder("="), part)


def _written(
    out: Path,
    run: Slabs,
    result: Volume,
    tell: Callable[[], None],
    progress: Progress,
    what: str,
) -> Volume:
    """Write slab by slab; the seam is checked with the first, before its history is written."""
    from napari_battery.io.write import provenance_path, write_volume

    made = result.metadata["made"]
    lazy = run.lazily(progress, what)
    np.asarray(lazy[0:1])
    tell()
    data = (
        lazy if result.ndim == 3 else LazyArray(result.shape, lazy.dtype, lambda w: lazy[(0, *w)])
    )
    before = run.tiles.halved, run.tiles.seam
    written = write_volume(out, replace(result, data=data), made, SILENT)
    if (run.tiles.halved, run.tiles.seam) != before:
        tell()
        write_json(provenance_path(out), made)
    return replace(written, metadata={**written.metadata, "made": made})


def _told(
    card: Card, engine: Any, tiles: Tiles, greys: Greys, warnings: list[str]
) -> dict[str, Any]:
    """What the provenance says beyond settings and inputs."""
    return {
        "model": {
            "name": card.name,
            "title": card.title,
            "network": card.network,
            "weights_sha256": card.weights_sha256,
            "licence": card.licence,
            "limits": card.limits,
        },
        "precision": engine.precision,
        "device": str(engine.device),
        "copies": engine.copies,
        "tile_px": list(tiles.side),
        "tiles_halved": tiles.halved,
        "halo_px": engine.halo,
        "seam": tiles.seam,
        "greys": {"low": greys.low, "high": greys.high},
        "warnings": warnings,
    }


def note_round_trip(
    image: Volume,
    result: Volume,
    card: Card,
    progress: Progress = SILENT,
) -> RoundTrip:
    """Judge a result by its round trip, and write that into its history, also in its file.

    Parameters
    ----------
    image, result, card, progress
        As in `napari_battery.superres.round_trip.round_trip`; the history in the result's
        ``metadata["made"]`` gets ``round_trip``.
    """
    from napari_battery.io.write import provenance_path

    trip = round_trip(image, result, card, progress)
    made = result.metadata["made"]
    made["round_trip"] = trip.numbers()
    if result.path is not None:
        write_json(provenance_path(result.path), made)
    return trip


def _notes(image: Volume, grid: Volume, slices: int) -> list[str]:
    """What the person should know about this run."""
    notes = []
    n = 1 if image.ndim == 2 else grid.shape[0]
    if image.ndim == 2 and slices > 1:
        notes.append(
            f"“{image.name}” is a single slice and the network reads {slices}: the slice itself "
            "stands in for its neighbours. A network of one slice may do better."
        )
    elif n < slices:
        notes.append(
            f"“{image.name}” has {n} slices on the target grid and the network reads {slices}: "
            "those missing are mirrored."
        )
    if image.is_assumed:
        notes.append(f"The voxel size of “{image.name}” is {image.voxel_size_source}.")
    return notes


def check_image(image: Volume) -> None:
    """See that a volume holds grey levels.

    Raises
    ------
    InputError
        If it holds labels, a mask, no numbers or nothing.
    """
    kind = image.metadata.get("kind")
    if kind in ("labels", "phases") or image.dtype == np.bool_:
        what = "a mask" if kind is None else str(kind)
        raise InputError(
            f"“{image.name}” holds {what}, not grey levels; choose the image to be super-resolved."
        )
    if image.dtype.kind not in "iuf":
        raise InputError(f"“{image.name}” has no grey levels (type {image.dtype}).")
    if 0 in image.shape:
        raise InputError(f"“{image.name}” has no voxel (shape {image.shape}).")


def _with_slices(volume: Volume) -> Volume:
    """A picture as a stack of one slice, which is not interpolated."""
    if volume.ndim == 3:
        return volume
    data = volume.data
    stack = LazyArray((1, *volume.shape), volume.dtype, lambda w: np.asarray(data[w[1:]])[None])
    return Volume(
        np.asarray(data)[None] if isinstance(data, np.ndarray) else stack,
        (1.0, *volume.known_voxel_size_um()),
        (0.0, *volume.origin_um),
        name=volume.name,
    )


def _cropped(grid: Volume, window: Window) -> Volume:
    if window == whole(grid.shape):
        return grid
    origin = tuple(
        o + w.start * v
        for o, w, v in zip(grid.origin_um, window, grid.known_voxel_size_um(), strict=True)
    )
    return replace(grid, data=grid.data[window], origin_um=origin)


def _part(data: LazyArray, window: Window) -> LazyArray:
    def read(inner: Window) -> NDArray[Any]:
        return data[
            tuple(
                slice(a.start + w.start, a.start + w.stop)
                for a, w in zip(window, inner, strict=True)
            )
        ]

    return LazyArray(tuple(w.stop - w.start for w in window), data.dtype, read)
