"""``napari-battery …``: every step of the project without a window."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_battery import __version__
from napari_battery.errors import InputError
from napari_battery.files import atomic_path, check_replaceable, fingerprint, write_json
from napari_battery.labelling.settings import LabelSettings
from napari_battery.maps import MapSettings
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Cancelled, Progress
from napari_battery.provenance import describe_input
from napari_battery.radial.settings import RadialSettings
from napari_battery.terminal import terminal_progress
from napari_battery.volume import Volume

__all__ = ["main"]

_RADIAL_FILES = ("particles.csv", "layers.csv", "shells.csv", "provenance.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 done, 1 the input or the settings are at fault (one line on stderr), 2 wrong usage,
    130 cancelled.
    """
    options = _parser().parse_args(arguments)
    try:
        with terminal_progress(quiet=options.json) as progress:
            said = options.run(options, progress)
    except (Cancelled, KeyboardInterrupt):
        print("napari-battery: cancelled; nothing was written.", file=sys.stderr)
        return 130
    except (InputError, OSError, MemoryError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"napari-battery: {text}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(said, ensure_ascii=False, default=str))
    else:
        _print(said)
    return 0


def _print(said: dict[str, Any]) -> None:
    """Print an answer for people: a line per value, and per note."""
    for name, value in said.items():
        title = name.removesuffix("_um").replace("_", " ")
        title += " (µm)" if name.endswith("_um") else ""
        if isinstance(value, list | tuple) and name != "notes":
            value = ", ".join(v if isinstance(v, str) else f"{v:g}" for v in value)
        elif isinstance(value, dict):
            value = json.dumps(value, ensure_ascii=False, default=str)
        for line in value if name == "notes" else [value]:
            print(f"{title}: {'unknown' if line is None else line}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-battery",
        description="X-ray tomograms of battery electrodes: particles, radial grey levels, maps.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)

    info = _step(steps, "info", _info, "say what a file holds")
    info.add_argument("file", metavar="FILE", type=Path)
    _add_dataset(info)

    label = _step(steps, "label", _label, "find particles: threshold, clean, watershed")
    label.add_argument("image", metavar="IMAGE", type=Path)
    label.add_argument("-o", "--output", metavar="LABELS", type=Path, required=True)
    _add_reading(label)
    add_settings(label, LabelSettings)

    radial = _step(steps, "radial", _radial, "GREAT2 radial layers: particle and layer tables")
    radial.add_argument("labels", metavar="LABELS", type=Path)
    radial.add_argument("image", metavar="IMAGE", type=Path)
    radial.add_argument("-o", "--output", metavar="DIR", type=Path, required=True)
    _add_reading(radial)
    add_settings(radial, RadialSettings)

    show = _step(steps, "map", _map, "write a table's column as an image (TIFF and PNG)")
    show.add_argument("labels", metavar="LABELS", type=Path)
    show.add_argument("table", metavar="TABLE", type=Path)
    show.add_argument("--column", metavar="NAME", required=True)
    show.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    _add_reading(show)
    add_settings(show, MapSettings)

    demo = _step(steps, "demo", _demo, "do the whole job on the sample data")
    demo.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help="write tables, figures and a report there instead of opening a window",
    )
    return parser


def _step(steps: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = steps.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.set_defaults(run=run)
    return parser


def _add_reading(parser: argparse.ArgumentParser) -> None:
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
    _add_dataset(parser)


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", metavar="NAME", help="dataset inside HDF5/NeXus files, such as /entry/data"
    )


def _voxel_size(text: str) -> tuple[float, ...]:
    sizes = tuple(float(part) for part in text.split(","))
    if len(sizes) not in (1, 2, 3) or not all(size > 0 for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} is neither one positive number nor z,y,x")
    return sizes


def _read(path: Path, options: argparse.Namespace) -> Volume:
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


def _unused_sizes(options: argparse.Namespace, *volumes: Volume) -> list[str]:
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


def _info(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.io import describe_file

    return describe_file(options.file, dataset=options.dataset)


def _label(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.io import write_volume
    from napari_battery.labelling import label_particles

    settings = settings_from(options, LabelSettings)
    image = _read(options.image, options)
    _check_target(options.output, options.image)
    labels = label_particles(image, settings, progress)
    made = labels.metadata["made"]
    write_volume(options.output, labels, made, progress)
    return {
        "labels": str(options.output),
        "n_particles": int(labels.data.max(initial=0)),
        "voxel_size_um": labels.voxel_size_um,
        "voxel_size_source": labels.voxel_size_source,
        "notes": _unused_sizes(options, image) + made["notes"],
    }


def _radial(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.radial import radial_tables
    from napari_battery.tables import write_table

    settings = settings_from(options, RadialSettings)
    labels = _read(options.labels, options)
    image = _read(options.image, options)
    _check_target(options.output)
    check_replaceable(options.output, _RADIAL_FILES, "provenance.json")
    result = radial_tables(labels, image, settings, progress)
    tables = {"particles": result.particles, "layers": result.layers, "shells": result.shells}
    with atomic_path(options.output) as folder:
        folder.mkdir()
        for name, table in tables.items():
            if table is not None:
                write_table(folder / f"{name}.csv", table)
        write_json(folder / "provenance.json", result.provenance)
    cores = result.particles["core_mean"]
    return {
        "folder": str(options.output),
        "files": [f"{name}.csv" for name, table in tables.items() if table is not None]
        + ["provenance.json"],
        "n_particles": len(result.particles),
        "n_without_core": int(cores.isna().sum()),
        "n_touching_border": int(result.particles["touches_border"].sum()),
        "mean_of_core_means_grey": float(cores.mean()) if cores.notna().any() else None,
        "voxel_size_um": result.voxel_size_um,
        "voxel_size_assumed": result.assumed_voxel_size,
        "notes": _unused_sizes(options, labels, image) + list(result.notes),
    }


def _map(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.io import write_volume
    from napari_battery.maps import value_map
    from napari_battery.plots import map_figure
    from napari_battery.provenance import provenance
    from napari_battery.radial import map_values, rows_of_labels
    from napari_battery.tables import read_table

    settings = settings_from(options, MapSettings)
    labels = _read(options.labels, options)
    table = read_table(options.table)
    column: str = options.column
    output: Path = options.output
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise InputError(f"A map is written as a TIFF; {output.name} does not end in .tif.")
    _check_target(output, options.labels, options.table)
    values = map_values(labels, table, column, progress)
    rows, notes = rows_of_labels(labels, table, progress)
    notes = _unused_sizes(options, labels) + _other_labels(options.table, labels) + notes
    shown = value_map(rows, column, settings).describe()
    made = provenance("map", settings, [labels], notes)
    made["table"] = {"path": str(options.table), "fingerprint": fingerprint(options.table)}
    made |= shown
    values = replace(values, metadata={**values.metadata, "made": made})
    figure, _ = map_figure(labels, rows, column, settings)
    picture = output.with_suffix(".png")
    with atomic_path(picture) as temporary:
        figure.savefig(temporary, format="png", dpi=200)
        write_volume(output, values, made, progress)
    return {
        "map": str(output),
        "picture": str(picture),
        "column": column,
        "n_particles": shown["particles"],
        "n_without_value": shown["without_value"],
        "voxel_size_um": labels.voxel_size_um,
        "voxel_size_source": labels.voxel_size_source,
        "notes": notes,
    }


def _other_labels(table: Path, labels: Volume) -> list[str]:
    """What to say where the provenance beside a table names other labels."""
    try:
        made = json.loads((table.parent / "provenance.json").read_text(encoding="utf-8"))
        measured = made["inputs"][0] if made["step"] == "radial" else {}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return []
    before, now = measured.get("fingerprint"), describe_input(labels)["fingerprint"]
    if None in (before, now) or before == now:
        return []
    return [
        f"{table} was measured on other labels than “{labels.name}”, or on an earlier version of "
        f"them ({measured.get('path')})."
    ]


def _demo(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.demo import DEMO_FILES, has_display, write_demo

    if options.output is None and has_display():
        from napari_battery.widgets.demo import show_demo

        show_demo(progress)
        return {}
    folder = Path("demo-output") if options.output is None else options.output
    _check_target(folder)
    check_replaceable(folder, DEMO_FILES, "report.html")
    return write_demo(folder, progress)


def _check_target(path: Path, *inputs: Path) -> None:
    """Refuse a target before the work, not after it; no input is ever replaced."""
    if not path.parent.is_dir():
        raise InputError(f"Cannot write {path}: the folder {path.parent} does not exist.")
    for read in inputs:
        if path.exists() and read.exists() and path.samefile(read):
            raise InputError(f"{path} is what is to be read; choose another name for the result.")


if __name__ == "__main__":
    sys.exit(main())
