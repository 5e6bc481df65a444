"""``napari-battery map``."""

from __future__ import annotations

import argparse
import json
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
from napari_battery.files import atomic_path, fingerprint
from napari_battery.maps import MapSettings
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress
from napari_battery.provenance import describe_input
from napari_battery.volume import Volume

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "write a table's column as an image (TIFF and PNG)"
    parser = new_step(steps, "map", _run, text)
    parser.add_argument("labels", metavar="LABELS", type=Path)
    parser.add_argument("table", metavar="TABLE", type=Path)
    parser.add_argument("--column", metavar="NAME", required=True)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    add_reading(parser)
    add_settings(parser, MapSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.io import write_volume
    from napari_battery.maps import value_map
    from napari_battery.plots import map_figure
    from napari_battery.provenance import provenance
    from napari_battery.radial import map_values, rows_of_labels
    from napari_battery.tables import read_table

    settings = settings_from(options, MapSettings)
    labels = read(options.labels, options)
    table = read_table(options.table)
    column: str = options.column
    output: Path = options.output
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise InputError(f"A map is written as a TIFF; {output.name} does not end in .tif.")
    check_target(output, options.labels, options.table)
    values = map_values(labels, table, column, progress)
    rows, notes = rows_of_labels(labels, table, progress)
    notes = unused_sizes(options, labels) + _other_labels(options.table, labels) + notes
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
