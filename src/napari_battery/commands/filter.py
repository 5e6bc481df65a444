"""``napari-battery filter METHOD``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from napari_battery.commands.common import (
    add_reading,
    check_volume_target,
    new_step,
    read,
    unused_sizes,
)
from napari_battery.filters import FILTERS, Filter, filter_image
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line, with a step of its own for each filter."""
    text = "denoise an image, or take artefacts out of it"
    parser = steps.add_parser("filter", help=text, description=text)
    methods = parser.add_subparsers(title="filters", metavar="METHOD", required=True)
    for chosen in FILTERS.values():
        method = new_step(methods, chosen.name, partial(_run, chosen), chosen.description)
        method.add_argument("image", metavar="IMAGE", type=Path)
        method.add_argument("-o", "--output", metavar="OUT", type=Path, required=True)
        add_reading(method)
        add_settings(method, chosen.settings)


def _run(chosen: Filter, options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    settings = settings_from(options, chosen.settings)
    check_volume_target(options.output, options.image)
    image = read(options.image, options)
    result = filter_image(image, settings, progress, out=options.output)
    made = result.metadata["made"]
    return {
        "image": str(options.output),
        "filter": chosen.name,
        "settings": made["settings"],
        **made["found"],
        "dtype": str(result.dtype),
        "shape": list(result.shape),
        "voxel_size_um": result.voxel_size_um,
        "voxel_size_source": result.voxel_size_source,
        "notes": unused_sizes(options, image) + made["notes"],
    }
