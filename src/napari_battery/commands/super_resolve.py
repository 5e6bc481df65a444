"""``napari-battery super-resolve``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_battery.commands.common import (
    add_reading,
    check_volume_target,
    new_step,
    read,
    unused_sizes,
)
from napari_battery.errors import InputError
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress
from napari_battery.superres.settings import SuperResolveSettings

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    parser = new_step(
        steps, "super-resolve", _run, "apply a super-resolution model: smaller voxels, sharper grey"
    )
    parser.add_argument("image", metavar="IMAGE", type=Path)
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True)
    parser.add_argument(
        "--box",
        metavar="BOX",
        type=_box,
        help="only this part, in voxels of the image: z0:z1,y0:y1,x0:x1 (of a picture y0:y1,x0:x1)",
    )
    parser.add_argument(
        "--round-trip-map",
        metavar="FILE",
        type=Path,
        help="write the result, degraded again, minus the image to a TIFF or OME-Zarr",
    )
    add_reading(parser)
    add_settings(parser, SuperResolveSettings)


def _box(text: str) -> tuple[slice, ...]:
    try:
        parts = [part.split(":") for part in text.split(",")]
        return tuple(slice(*(int(n) if n else None for n in (a, b))) for a, b in parts)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no z0:z1,y0:y1,x0:x1") from None


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    settings = settings_from(options, SuperResolveSettings)
    mapped: Path | None = options.round_trip_map
    check_volume_target(options.output, options.image)
    if mapped is not None:
        check_volume_target(mapped, options.image)
        if mapped.resolve() == options.output.resolve():
            raise InputError(f"The result and the map of the round trip are both named {mapped}.")
    image = read(options.image, options)
    image.known_voxel_size_um()

    from napari_battery.superres.model_files import read_model
    from napari_battery.superres.super_resolve import note_round_trip, super_resolve

    model = read_model(settings.model)
    if mapped is not None:  # once will do
        settings = settings.model_copy(update={"round_trip": False})
    result = super_resolve(image, model, settings, progress, box=options.box, out=options.output)
    made = result.metadata["made"]
    if mapped is not None:
        from napari_battery.io import write_volume

        trip = note_round_trip(image, result, model.card, progress)
        write_volume(mapped, trip.map, trip.map.metadata["made"])
    asked = options.json or "round_trip" in made
    return {
        "image": str(options.output),
        "model": made["model"]["name"],
        "weights_sha256": made["model"]["weights_sha256"],
        "dtype": str(result.dtype),
        "shape": list(result.shape),
        "voxel_size_um": result.voxel_size_um,
        "voxel_size_source": result.voxel_size_source,
        "origin_um": result.origin_um,
        "precision": made["precision"],
        "copies": made["copies"],
        "device": made["device"],
        "tile_px": made["tile_px"],
        "halo_px": made["halo_px"],
        "seam": made["seam"],
        **({"round_trip": made.get("round_trip")} if asked else {}),
        "settings": made["settings"],
        "warnings": made["warnings"],
        "notes": unused_sizes(options, image) + made["notes"],
    }
