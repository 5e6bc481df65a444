"""``napari-battery inside``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
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
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.volume import Volume

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "what changed inside each particle since the pristine state, voxel by voxel"
    parser = new_step(steps, "inside", _run, text)
    parser.add_argument(
        "labels", metavar="LABELS", type=Path, help="particles of the pristine state"
    )
    parser.add_argument(
        "images", metavar="IMAGE", type=Path, nargs="+", help="pristine scan, then later states"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder for inside.csv, noise.csv and provenance.json",
    )
    parser.add_argument(
        "--label",
        metavar="N",
        type=int,
        action="append",
        default=[],
        help="also draw this particle in all states and its change by depth (may be repeated)",
    )
    parser.add_argument(
        "--axis", choices=("z", "y", "x"), default="z", help="what its slices are across"
    )
    add_reading(parser)
    add_settings(parser, InsideSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.provenance import provenance
    from napari_battery.states.inside_all import inside_all
    from napari_battery.tables import write_table

    settings = settings_from(options, InsideSettings)
    if len(options.images) < 2:
        raise InputError("Give the pristine scan and at least one later state after LABELS.")
    check_target(options.output, options.labels, *options.images)
    figures = _figure_files(options.label)
    files = ["inside.csv", "noise.csv", *figures, "provenance.json"]
    check_replaceable(options.output, files, "provenance.json")
    labels = read(options.labels, options)
    _check_labels(labels, options.label, progress)
    said: list[str] = []
    seen: list[Volume] = []

    def opened() -> Iterator[Volume]:
        for volume in _states(options):
            said.extend(unused_sizes(options, volume))
            seen.append(replace(volume, data=_Shape(volume), region=None))
            yield volume

    found = inside_all(labels, opened(), settings, progress)
    made = provenance("inside", settings, [labels, *seen], said)
    made["noise"] = _noise_told(found.noise)
    with atomic_path(options.output) as folder:
        folder.mkdir()
        write_table(folder / "inside.csv", found.table)
        write_table(folder / "noise.csv", _noise_table(found.noise))
        _draw(folder, options, labels, settings, found, made, progress)
        write_json(folder / "provenance.json", made)
    table = found.table
    compared = table["change_mean"].notna()
    return {
        "folder": str(options.output),
        "files": files,
        "n_particles": int(table["label"].nunique()),
        "n_states": len(found.noise),
        "n_compared": int(compared.sum()),
        "n_not_compared": int((~compared).sum()),
        "noise_sigma_grey": {name: float(n.sigma) for name, n in found.noise.items()},
        "mean_change_grey": {
            str(state): float(rows["change_mean"].mean())
            for state, rows in table[compared].groupby("state", sort=False)
        },
        "notes": said,
    }


class _Shape:
    """Stands for an image's data in what is written down, so that no state stays in memory."""

    def __init__(self, volume: Volume) -> None:
        self.shape, self.dtype = volume.shape, volume.dtype


def _states(options: argparse.Namespace) -> Iterator[Volume]:
    """Each state as it is asked for; named after its file where it has no name of its own."""
    for path in options.images:
        volume = read(path, options)
        state = volume.metadata.get("state") or path.name.removesuffix(path.suffix)
        yield replace(volume, metadata={**volume.metadata, "state": state})


def _check_labels(labels: Volume, wanted: list[int], progress: Progress) -> None:
    """Refuse to go on where a particle that is to be drawn does not exist."""
    if not wanted:
        return
    from napari_battery.registration.particle_boxes import particle_boxes

    missing = set(wanted) - set(particle_boxes(labels, progress).labels.tolist())
    if missing:
        numbers = ", ".join(map(str, sorted(missing)))
        raise InputError(f"There is no particle {numbers} in “{labels.name}” (--label).")


def _figure_files(labels: list[int]) -> list[str]:
    names = [f"particle-{n}{part}" for n in labels for part in ("", "-profile")]
    return [f"{name}.{end}" for name in names for end in ("png", "csv", "png.provenance.json")]


def _noise_told(noise: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "sigma_grey": float(n.sigma),
            "correlation_voxels": n.correlation_voxels,
            "source": n.source,
        }
        for name, n in noise.items()
    }


def _noise_table(noise: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {
            "state": list(noise),
            "change_sigma": [n.sigma for n in noise.values()],
            "correlation_voxels": [n.correlation_voxels for n in noise.values()],
            "source": [n.source for n in noise.values()],
        }
    )


def _draw(
    folder: Path,
    options: argparse.Namespace,
    labels: Volume,
    settings: InsideSettings,
    found: Any,
    made: dict[str, Any],
    progress: Progress,
) -> None:
    """Figures of the particles asked for; only they are held in all states at once."""
    if not options.label:
        return
    from napari_battery.plots import change_profile, inside_slices, save_plot
    from napari_battery.registration.particle_boxes import particle_boxes
    from napari_battery.states.inside import inside_particle

    images = list(_states(options))
    boxes = particle_boxes(labels, progress)
    noise = list(found.noise.values())
    synthetic = "synthetic" if labels.metadata.get("synthetic") else ""
    progress.begin(len(options.label), "Drawing particles")
    for label in options.label:
        one = inside_particle(labels, images, label, settings, boxes=boxes, noise=noise)
        note = "; ".join(filter(None, (synthetic, f"particle {label}")))
        own = {**made, "label": label}
        slices = inside_slices(one, options.axis, note=note)
        save_plot(slices, folder / f"particle-{label}.png", own)
        profile = change_profile(one, assumed=labels.is_assumed, note=note)
        save_plot(profile, folder / f"particle-{label}-profile.png", own)
        progress.advance()
