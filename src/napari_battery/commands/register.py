"""``napari-battery register``, ``register-series`` and ``apply-transform``."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_battery.commands.common import (
    add_reading,
    check_target,
    new_step,
    read,
    unused_sizes,
)
from napari_battery.errors import InputError
from napari_battery.files import atomic_path, check_replaceable, write_json
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress
from napari_battery.registration.settings import RegisterSettings
from napari_battery.volume import Volume

__all__ = ["add"]

_INTERPOLATIONS = ("linear", "nearest", "cubic")
_ONTO = ("first", "previous", "mean")


def add(steps: Any) -> None:
    """Add the three steps to the command line."""
    _add_register(steps)
    _add_series(steps)
    _add_apply(steps)


def _add_register(steps: Any) -> None:
    text = "bring a moving image onto a fixed one"
    parser = new_step(steps, "register", _register, text)
    parser.add_argument("fixed", metavar="FIXED", type=Path)
    parser.add_argument("moving", metavar="MOVING", type=Path)
    parser.add_argument(
        "-o",
        "--output",
        metavar="MOVED",
        type=Path,
        help="where to write the moving image, resampled onto the fixed one's grid (.tif, .zarr)",
    )
    parser.add_argument(
        "--transform-out",
        metavar="FILE",
        type=Path,
        help="where to write the transform (.json; .tfm for ITK)",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help="labels of the moving image that go along: resampled in place of it, by the "
        "nearest voxel",
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--landmarks",
        metavar="FILE",
        type=Path,
        help="CSV of pairs of points to start from, columns fixed_z_um … moving_x_um",
    )
    start.add_argument(
        "--start-transform", metavar="FILE", type=Path, help="transform to start from"
    )
    _add_interpolation(parser)
    add_reading(parser)
    add_settings(parser, RegisterSettings)


def _add_series(steps: Any) -> None:
    text = "align the states of a series; say how well each agrees"
    parser = new_step(steps, "register-series", _series, text)
    parser.add_argument(
        "states", metavar="STATE", type=Path, nargs="+", help="scans in order, two or more"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder for series.csv and a transform per state",
    )
    parser.add_argument(
        "--to",
        choices=_ONTO,
        default="first",
        help="what each state is aligned to: the first, the one before it, or the mean of those "
        "aligned so far; transforms are always onto the first (default: first)",
    )
    parser.add_argument(
        "--resample",
        action="store_true",
        help="write every aligned state on the first one's grid, too",
    )
    _add_interpolation(parser)
    add_reading(parser)
    add_settings(parser, RegisterSettings)


def _add_apply(steps: Any) -> None:
    text = "resample an image or labels through a transform"
    parser = new_step(steps, "apply-transform", _apply, text)
    parser.add_argument("transform", metavar="TRANSFORM", type=Path, help=".json, or ITK's .tfm")
    parser.add_argument("moving", metavar="MOVING", type=Path)
    parser.add_argument(
        "--onto",
        metavar="FIXED",
        type=Path,
        help="whose grid to use; by default one that holds all of the moving image",
    )
    parser.add_argument("-o", "--output", metavar="MOVED", type=Path, required=True)
    parser.add_argument("--invert", action="store_true", help="take the transform backwards")
    _add_interpolation(parser)
    add_reading(parser)


def _add_interpolation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--interpolation",
        choices=_INTERPOLATIONS,
        default="linear",
        help="between grey levels; labels always take the nearest voxel (default: linear)",
    )


def _register(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.io.write import provenance_path
    from napari_battery.provenance import describe_input, provenance
    from napari_battery.registration.apply import apply_transform
    from napari_battery.registration.register import register
    from napari_battery.registration.transform_files import read_transform, write_transform

    settings = settings_from(options, RegisterSettings)
    targets: list[Path] = [p for p in (options.output, options.transform_out) if p is not None]
    if not targets:
        raise InputError("Nothing would be written: give -o MOVED, --transform-out FILE, or both.")
    if options.labels is not None and options.output is None:
        raise InputError("--labels are resampled: give -o, where to write them.")
    if len(targets) == 2 and targets[0] == targets[1]:
        raise InputError(f"{targets[0]} cannot be both the image and the transform.")
    given = (options.fixed, options.moving, options.labels, options.landmarks)
    for target in targets:
        check_target(target, *filter(None, (*given, options.start_transform)))
    fixed, moving = read(options.fixed, options), read(options.moving, options)
    along = moving if options.labels is None else _labels(options)
    if not moving.same_grid(along):
        raise InputError(
            f"The labels “{along.name}” {along.shape} do not lie on the grid of “{moving.name}” "
            f"{moving.shape}, or their voxel sizes differ; give labels of the moving image."
        )
    start, notes = None, unused_sizes(options, fixed, moving)
    if options.start_transform is not None:
        start = read_transform(options.start_transform)
    elif options.landmarks is not None:
        start = _from_landmarks(options.landmarks, settings)
        notes += [f"Landmarks: {text}" for text in start.quality["warnings"]]
    if start is not None:
        settings = settings.model_copy(update={"start": "transform"})
    found = register(fixed, moving, settings, progress, start)
    notes += found.notes
    made = provenance("register", settings, [fixed, moving], notes)
    if start is not None:
        made["start"] = {
            "path": str(options.start_transform or options.landmarks),
            "moving_to_fixed": start.matrix.tolist(),
        }
    made["transform"] = _told(found.transform.matrix, found.transform.unit)
    if options.output is not None:
        moved = apply_transform(
            along, found.transform, fixed, options.interpolation, options.output, progress
        )
        notes += [note for note in moved.metadata["made"]["notes"] if note not in notes]
        interpolation = moved.metadata["made"]["interpolation"]
        resampled = {**describe_input(along), "interpolation": interpolation}
        write_json(provenance_path(options.output), {**made, "resampled": resampled})
    if options.transform_out is not None:
        write_transform(options.transform_out, found.transform)
        write_json(provenance_path(options.transform_out), made)
    quality = {k: v for k, v in found.quality.items() if k not in ("residual_shifts", "warnings")}
    return {
        "moved": None if options.output is None else str(options.output),
        "transform": None if options.transform_out is None else str(options.transform_out),
        "kind": found.transform.kind,
        "moving_to_fixed": found.transform.matrix.tolist(),
        "unit": found.transform.unit,
        **{k: v for k, v in quality.items() if k != "kind"},
        "warnings": list(found.quality["warnings"]),
        "fixed_voxel_size_um": fixed.voxel_size_um,
        "moving_voxel_size_um": moving.voxel_size_um,
        "notes": notes,
    }


def _told(matrix: Any, unit: Any) -> dict[str, Any]:
    return {"moving_to_fixed": matrix.tolist(), "unit": unit}


def _labels(options: argparse.Namespace) -> Volume:
    """The labels that go along, which are labels whatever their file says."""
    labels = read(options.labels, options)
    return replace(labels, metadata={**labels.metadata, "kind": "labels"})


def _from_landmarks(path: Path, settings: RegisterSettings) -> Any:
    from napari_battery.registration.landmark_files import read_landmarks
    from napari_battery.registration.landmarks import fit_landmarks

    return fit_landmarks(*read_landmarks(path), settings.kind).transform


def _series(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.provenance import provenance
    from napari_battery.registration.apply import apply_transform
    from napari_battery.registration.series import register_series
    from napari_battery.registration.transform_files import write_transform
    from napari_battery.tables import write_table

    settings = settings_from(options, RegisterSettings)
    paths: list[Path] = options.states
    if len(paths) < 2:
        raise InputError("A series needs two states or more; one file was given.")
    output: Path = options.output
    check_target(output, *paths)
    names = _names(paths)
    files = [f"{name}.json" for name in names]
    images = [f"{name}-aligned.tif" for name in names] if options.resample else []
    beside = [f"{name}.provenance.json" for name in images]
    ours = ["series.csv", "provenance.json", *files, *images, *beside]
    check_replaceable(output, ours, "provenance.json")
    said: list[str] = []
    known: list[Volume] = []

    def opened(path: Path, name: str) -> Volume:
        volume = read(path, options)
        said.extend(unused_sizes(options, volume))
        volume = replace(volume, metadata={**volume.metadata, "state": name})
        known.append(replace(volume, data=_Shape(volume)))
        return volume

    with atomic_path(output) as folder:
        folder.mkdir()
        # a file that cannot be read fails alone: map goes on with the next
        series = register_series(map(opened, paths, names), settings, options.to, progress)
        written = ["series.csv"]
        table = series.table.assign(state=names)  # what could not be read has no name there
        write_table(folder / "series.csv", table)
        first: Volume | None = None
        for path, name, transform in zip(paths, names, series.transforms, strict=True):
            if transform is None:
                continue
            write_transform(folder / f"{name}.json", transform)
            written.append(f"{name}.json")
            if options.resample:
                volume = read(path, options)
                first = volume if first is None else first
                image = folder / f"{name}-aligned.tif"
                apply_transform(volume, transform, first, options.interpolation, image, progress)
                written.append(image.name)
        notes = said + series.notes
        made = provenance("register-series", settings, known, notes)
        write_json(folder / "provenance.json", {**made, "to": options.to})
        written.append("provenance.json")
    aligned = table["aligned"].to_numpy(bool)
    return {
        "output": str(output),
        "files": written,
        "states": names,
        "n_aligned": int(aligned.sum()),
        "failed": [name for name, ok in zip(names, aligned, strict=True) if not ok],
        "correlation_after": [
            None if value != value else float(value) for value in table["correlation_after"]
        ],
        "notes": notes,
    }


class _Shape:
    """Stands for an image's data in what is written down, so that no state stays in memory."""

    def __init__(self, volume: Volume) -> None:
        self.shape, self.dtype = volume.shape, volume.dtype


def _names(paths: list[Path]) -> list[str]:
    """One name per state, after its file; numbered where two would be the same."""
    names: list[str] = []
    for k, path in enumerate(paths, 1):
        stem = re.sub(r"(\.ome)?\.[^.]+$", "", path.name) or path.name
        names.append(stem if stem not in names else f"{stem}-{k}")
    return names


def _apply(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.registration.apply import apply_transform
    from napari_battery.registration.transform_files import read_transform

    given = (options.transform, options.moving, options.onto)
    check_target(options.output, *filter(None, given))
    transform = read_transform(options.transform)
    if options.invert:
        transform = transform.invert()
    moving = read(options.moving, options)
    fixed = None if options.onto is None else read(options.onto, options)
    moved = apply_transform(
        moving, transform, fixed, options.interpolation, options.output, progress
    )
    made = moved.metadata["made"]
    read_from = [moving] if fixed is None else [fixed, moving]
    return {
        "moved": str(options.output),
        "interpolation": made["interpolation"],
        "shape": list(moved.shape),
        "dtype": str(moved.dtype),
        "voxel_size_um": moved.voxel_size_um,
        "voxel_size_source": moved.voxel_size_source,
        "notes": unused_sizes(options, *read_from) + made["notes"],
    }
