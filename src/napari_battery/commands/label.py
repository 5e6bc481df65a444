"""``napari-battery label``."""

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
from napari_battery.labelling.settings import LabelSettings
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    parser = new_step(steps, "label", _run, "find particles: threshold, clean, watershed")
    parser.add_argument("image", metavar="IMAGE", type=Path)
    parser.add_argument("-o", "--output", metavar="LABELS", type=Path, required=True)
    parser.add_argument(
        "--mask",
        metavar="MASK",
        type=Path,
        help="a mask or phases to part into particles, in place of the thresholded IMAGE",
    )
    parser.add_argument(
        "--phase",
        metavar="PHASE",
        help="code or name of the phase of MASK that is particles; without MASK, of IMAGE itself",
    )
    add_reading(parser)
    add_settings(parser, LabelSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.io import write_volume
    from napari_battery.labelling import label_particles

    settings = settings_from(options, LabelSettings)
    check_volume_target(options.output, options.image, *([options.mask] if options.mask else []))
    image = read(options.image, options)
    mask = read(options.mask, options) if options.mask else None
    if mask is None and options.phase is not None:
        mask = image
    labels = label_particles(image, settings, progress, mask, options.phase)
    made = labels.metadata["made"]
    write_volume(options.output, labels, made, progress)
    return {
        "labels": str(options.output),
        "n_particles": int(labels.data.max(initial=0)),
        "voxel_size_um": labels.voxel_size_um,
        "voxel_size_source": labels.voxel_size_source,
        "notes": unused_sizes(options, image) + made["notes"],
    }
