"""What every step on the command line shares: its parser, reading stacks, checking targets."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.volume import Volume

__all__ = [
    "Run",
    "add_dataset",
    "add_reading",
    "check_target",
    "check_volume_target",
    "new_step",
    "read",
    "unused_sizes",
]

Run = Callable[[argparse.Namespace, Progress], dict[str, Any]]
"""What a step does with its options; returns what is printed."""


def new_step(steps: Any, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    """Add a step to the command line."""
    parser: argparse.ArgumentParser = steps.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.set_defaults(run=run)
    return parser


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options of a step that reads stacks."""
    parser.add_argument(
        "--voxel-size",
        metavar="UM",
        type=_voxel_size,
        help="voxel size in µm where a file has none: one number, or z,y,x",
    )
    parser.add_argument(
        "--assumed",
        action="store_true",
        help="the voxel size given is only assumed; every result says so",
    )
    add_dataset(parser)


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Add the option that picks a dataset of an HDF5 file."""
    parser.add_argument(
        "--dataset", metavar="NAME", help="dataset inside HDF5/NeXus files, such as /entry/data"
    )


def _voxel_size(text: str) -> tuple[float, ...]:
    sizes = tuple(float(part) for part in text.split(","))
    if len(sizes) not in (1, 2, 3) or not all(size > 0 for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} is neither one positive number nor z,y,x")
    return sizes


def read(path: Path, options: argparse.Namespace) -> Volume:
    """Read a stack; a voxel size that it knows itself wins over ``--voxel-size``."""
    from napari_battery.io.read import HDF5_ENDINGS, read_volume

    has_datasets = path.suffix.lower() in HDF5_ENDINGS
    volume = read_volume(path, dataset=options.dataset if has_datasets else None)
    size: tuple[float, ...] | None = options.voxel_size
    if size is None and options.assumed:
        raise InputError("--assumed is about --voxel-size: give that, too.")
    if size is None or (volume.voxel_size_um is not None and not volume.is_assumed):
        return volume
    sizes = size * volume.ndim if len(size) == 1 else size
    source = f"assumed {_times(size)} µm" if options.assumed else "typed in"
    return volume.with_voxel_size(sizes, source)


def _times(size: Sequence[float]) -> str:
    return " × ".join(f"{edge:g}" for edge in size)


def unused_sizes(options: argparse.Namespace, *volumes: Volume) -> list[str]:
    """What to say where a file's own voxel size is another than the one given."""
    given: tuple[float, ...] | None = options.voxel_size
    notes = []
    for volume in volumes:
        own = volume.voxel_size_um
        if given is None or own is None:
            continue
        if any(abs(a - b) > 1e-3 * b for a, b in zip(own, given * len(own), strict=False)):
            notes.append(
                f"“{volume.name}” has a voxel size of its own ({_times(own)} µm, "
                f"{volume.voxel_size_source}); --voxel-size {_times(given)} was not used for it."
            )
    return notes


def check_target(path: Path, *inputs: Path) -> None:
    """Refuse a target before the work, not after it; no input is ever replaced."""
    if not path.parent.is_dir():
        raise InputError(f"Cannot write {path}: the folder {path.parent} does not exist.")
    for read in inputs:
        if path.exists() and read.exists() and path.samefile(read):
            raise InputError(f"{path} is what is to be read; choose another name for the result.")


def check_volume_target(path: Path, *inputs: Path) -> None:
    """`check_target`, and refuse a name that no volume can be written to."""
    from napari_battery.io.write import writer_for

    writer_for(path)
    check_target(path, *inputs)
