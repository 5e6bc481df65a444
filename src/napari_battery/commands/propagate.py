"""``napari-battery propagate``."""

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
from napari_battery.errors import InputError
from napari_battery.files import atomic_path, check_replaceable, write_json
from napari_battery.labelling.consistency import (
    ConsistencySettings,
    as_published,
    ledger,
    recommended,
)
from napari_battery.labelling.propagate import PropagateSettings, Propagation
from napari_battery.labelling.settings import LabelSettings
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress
from napari_battery.volume import Volume

__all__ = ["add"]

_PRESETS = {"recommended": recommended, "as-published": as_published}
_TABLES = ("particles_by_state.csv", "contacts.csv")
_VOLUMES = (".tif", ".tiff", ".zarr")


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "carry labels into later, registered scans; say which particles are consistent"
    parser = new_step(steps, "propagate", _run, text)
    parser.add_argument("labels", metavar="LABELS", type=Path, help="labels of the first state")
    parser.add_argument(
        "images", metavar="IMAGE", type=Path, nargs="+", help="scans of the later states, in order"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="LABELS2|DIR",
        type=Path,
        required=True,
        help="a file (.tif, .zarr) for one image, tables beside it; a folder for several",
    )
    parser.add_argument(
        "--label-settings",
        metavar="FILE",
        type=Path,
        help="YAML file of the settings of “label”, for the later states' masks",
    )
    parser.add_argument(
        "--rules",
        metavar="PRESET|FILE",
        default="recommended",
        help="rules of consistency: recommended, as-published, or a YAML file of them "
        "(default: recommended)",
    )
    add_reading(parser)
    add_settings(parser, PropagateSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.labelling.propagate import propagate_labels

    settings = settings_from(options, PropagateSettings)
    label_settings = settings_from(
        argparse.Namespace(settings=options.label_settings), LabelSettings
    )
    rules = _rules(options.rules)
    reference = read(options.labels, options)
    images = [read(path, options) for path in options.images]
    output: Path = options.output
    check_target(output, options.labels, *options.images)
    as_file = output.suffix.lower() in _VOLUMES
    if as_file and len(images) > 1:
        raise InputError(
            f"{len(images)} images give {len(images)} volumes of labels, but {output.name} is "
            "one file; name a folder."
        )

    def propagated(files: list[Path]) -> Propagation:
        return propagate_labels(
            reference, images, settings, label_settings, progress, rules, files
        )  # fmt: skip

    if as_file:
        result = propagated([output])
        stem = output.name.removesuffix(output.suffix).removesuffix(".ome")
        names = [f"{stem}.{name}" for name in _TABLES]
        _write_tables(result, [output.with_name(name) for name in names])
        names = [output.name, *names]
    else:
        files = _file_names(images)
        names = [*files, *_TABLES, "provenance.json"]
        beside = [f"{name}.provenance.json" for name in files]
        check_replaceable(output, [*names, *beside], "provenance.json")
        with atomic_path(output) as folder:
            folder.mkdir()
            result = propagated([folder / name for name in files])
            _write_tables(result, [folder / name for name in _TABLES])
            write_json(folder / "provenance.json", result.made)
    counts = ledger(result.table)
    kept = result.table.loc[result.table["kept"], "label"].nunique()
    return {
        "output": str(output),
        "files": names,
        "states": result.states,
        "n_particles": int(result.table["label"].nunique()),
        "n_kept": int(kept),
        "n_left_out_by_rule": {
            str(rule): int(n) for rule, n in zip(counts["rule"], counts["particles"], strict=True)
        },
        "voxel_size_um": reference.voxel_size_um,
        "voxel_size_source": reference.voxel_size_source,
        "notes": unused_sizes(options, reference, *images) + result.notes,
    }


def _rules(given: str) -> ConsistencySettings:
    if given in _PRESETS:
        return _PRESETS[given]()
    return settings_from(argparse.Namespace(settings=Path(given)), ConsistencySettings)


def _file_names(images: list[Volume]) -> list[str]:
    """One name per image, after its file; numbered where two would be the same."""
    names: list[str] = []
    for k, image in enumerate(images, 1):
        name = f"{image.name}-labels.tif"
        names.append(name if name not in names else f"{image.name}-{k}-labels.tif")
    return names


def _write_tables(result: Propagation, files: list[Path]) -> None:
    from napari_battery.tables import write_table

    for table, file in zip((result.table, result.contacts), files, strict=True):
        write_table(file, table)
