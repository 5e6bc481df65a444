"""``napari-battery bpx``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_battery.commands.common import check_target, new_step
from napari_battery.progress import Progress

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "write a measured microstructure into a BPX file, as PyBaMM reads it"
    parser = new_step(steps, "bpx", _run, text)
    parser.add_argument(
        "table", metavar="TABLE", type=Path, help="microstructure.csv of “microstructure”"
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    parser.add_argument(
        "--template", metavar="FILE", type=Path, required=True, help="BPX file of the whole cell"
    )
    parser.add_argument(
        "--electrode",
        choices=("positive", "negative"),
        default="positive",
        help="which electrode of the cell was measured (default: positive)",
    )
    parser.add_argument("--volume", metavar="NAME", help="which volume of TABLE, if several")
    parser.add_argument(
        "--axis",
        choices=("z", "y", "x"),
        default="z",
        help="axis through the electrode's thickness (default: z)",
    )
    parser.add_argument(
        "--thickness",
        metavar="UM",
        type=float,
        help="thickness of the coating in µm (default: electrode_thickness of TABLE)",
    )


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.files import fingerprint, write_json
    from napari_battery.microstructure.bpx import (
        electrode_from_table,
        merge_electrode,
        read_template,
    )
    from napari_battery.provenance import provenance
    from napari_battery.tables import read_table

    check_target(options.output, options.table, options.template)
    template = read_template(options.template)
    electrode = electrode_from_table(
        read_table(options.table), options.volume, options.axis, options.thickness
    )
    merged, changes, notes = merge_electrode(template, electrode, options.electrode)
    made = provenance("bpx", None, [], notes)
    made["settings"] = {
        "electrode": options.electrode, "volume": options.volume, "axis": options.axis,
        "thickness_um": options.thickness,
    }  # fmt: skip
    made["files"] = {str(path): fingerprint(path) for path in (options.table, options.template)}
    made["changes"] = changes
    write_json(options.output, merged)
    write_json(options.output.with_name(f"{options.output.name}.provenance.json"), made)
    return {
        "bpx": str(options.output),
        **{row["field"]: row["after"] for row in changes},
        "active_fraction": electrode.active_fraction,
        "bruggeman_exponent": electrode.bruggeman_exponent,
        "changes": changes,
        "notes": notes,
    }
