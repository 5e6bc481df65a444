"""``napari-battery radial``."""

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
from napari_battery.files import atomic_path, check_replaceable, write_json
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress
from napari_battery.radial.settings import RadialSettings

__all__ = ["add"]

_FILES = ("particles.csv", "layers.csv", "shells.csv", "provenance.json")


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "GREAT2 radial layers: particle and layer tables"
    parser = new_step(steps, "radial", _run, text)
    parser.add_argument("labels", metavar="LABELS", type=Path)
    parser.add_argument("image", metavar="IMAGE", type=Path)
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True)
    add_reading(parser)
    add_settings(parser, RadialSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.radial import radial_tables
    from napari_battery.tables import write_table

    settings = settings_from(options, RadialSettings)
    labels = read(options.labels, options)
    image = read(options.image, options)
    check_target(options.output)
    check_replaceable(options.output, _FILES, "provenance.json")
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
        "notes": unused_sizes(options, labels, image) + list(result.notes),
    }
