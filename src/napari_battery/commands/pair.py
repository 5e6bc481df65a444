"""``napari-battery pair``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_battery.commands.common import (
    add_reading,
    check_target,
    new_step,
    read,
    unused_sizes,
)
from napari_battery.progress import Progress

__all__ = ["add"]

_KINDS = ("translation", "rigid", "similarity", "affine")


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "cut a low- and a high-resolution scan of one place to what both show"
    parser = new_step(steps, "pair", _run, text)
    parser.add_argument("low", metavar="LOW", type=Path)
    parser.add_argument("high", metavar="HIGH", type=Path)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="folder for low.tif, high.tif and pair.json",
    )
    parser.add_argument(
        "--transform",
        metavar="FILE",
        type=Path,
        help="what “register” found between the two, in either direction; without it the files' "
        "own positions count. An ITK file is taken to move the low scan",
    )
    parser.add_argument(
        "--mend",
        choices=_KINDS,
        nargs="?",
        const="affine",
        help="take the residual shift out by moving the low scan (affine: magnification too, if "
        "nothing else is said)",
    )
    add_reading(parser)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.registration.pair_files import write_pair
    from napari_battery.registration.pairs import cut_to_overlap, mend, place_by
    from napari_battery.registration.transform_files import read_transform

    given = (options.low, options.high, options.transform)
    check_target(options.output, *filter(None, given))
    low, high = read(options.low, options), read(options.high, options)
    notes = unused_sizes(options, low, high)
    if options.transform is not None:
        low = place_by(low, high, read_transform(options.transform))
    pair = cut_to_overlap(low, high, progress)
    before = pair
    if options.mend is not None:
        pair = mend(pair, options.mend, progress)
    pair = write_pair(options.output, pair, progress)
    blocks = pair.block_residual_voxels
    return {
        "pair": str(options.output),
        "ratios": list(pair.ratios),
        "low_shape": list(pair.low.shape),
        "high_shape": list(pair.high.shape),
        "correlation_before": before.correlation,
        "correlation": pair.correlation,
        "residual_before_um": list(before.residual_shift_um),
        "residual_before_voxels": before.residual_voxels,
        "residual_um": list(pair.residual_shift_um),
        "residual_voxels": pair.residual_voxels,
        "block_residual_voxels": None if blocks is None else list(blocks),
        "notes": notes + pair.notes,
    }
