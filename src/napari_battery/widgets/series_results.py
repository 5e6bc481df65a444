"""What the alignment of a series came to: rows for the table, words, files."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_battery.files import write_json
from napari_battery.tables import write_table
from napari_battery.volume import Volume
from napari_battery.widgets.series_table import StateRow

if TYPE_CHECKING:
    from napari_battery.registration.series import Series
    from napari_battery.registration.transform import Transform

__all__ = ["save_series", "state_rows", "warnings_html"]


def warnings_html(rows: Sequence[StateRow], notes: Sequence[str]) -> str:
    """Failures and warnings by state, then notes, as rich text."""
    lines = []
    for row in rows:
        if row.failure:
            lines.append(_line(f"{row.state}: {row.failure}", "#e05c5c"))
        for text in row.warnings:
            lines.append(_line(f"{row.state}: {text}", "#c47f00"))
    failures = tuple(row.failure for row in rows if row.failure)
    lines += [_line(note) for note in notes if not note.endswith(failures)]
    return "".join(lines)


def _line(text: str, colour: str = "") -> str:
    style = f"color: {colour}; " if colour else ""
    return f'<p style="{style}margin: 2px 0">{html.escape(text)}</p>'


def _shift(transform: Transform, volume: Volume) -> str:
    """How far the middle of a stack is moved, with its unit."""
    grid = volume if transform.unit == "um" else volume.with_voxel_size(1.0, "voxels")
    middle = np.append((np.array(volume.shape) - 1) / 2, 1)
    world = (grid.world_affine() @ middle)[:-1]
    length = float(np.linalg.norm(transform.apply_points(world[None])[0] - world))
    unit = "µm" if transform.unit == "um" else "vox"
    return f"{length:.3g} {unit}"


def state_rows(series: Series, volumes: Sequence[Volume]) -> list[StateRow]:
    """One row per state, the first being where the others went.

    Parameters
    ----------
    series : Series
    volumes : sequence of Volume
        The states, in the same order, as they were.
    """
    rows = []
    said = [str(note) for note in series.table["note"]]
    for volume, transform, note in zip(volumes, series.transforms, said, strict=True):
        state = str(volume.metadata["state"])
        if transform is None:
            rows.append(StateRow(state, failure=note))
            continue
        quality = transform.quality
        if "correlation_after" not in quality:
            rows.append(StateRow(state, is_fixed=True))
            continue
        rows.append(
            StateRow(
                state,
                before=quality.get("correlation_before"),
                after=quality.get("correlation_after"),
                overlap=quality.get("overlap_fraction"),
                shift=_shift(transform, volume),
                turn_deg=quality.get("rotation_deg"),
                warnings=list(quality.get("warnings", [])),
            )
        )
    return rows


def save_series(path: Path, series: Series, states: Sequence[str], made: dict[str, Any]) -> int:
    """Write the table to `path`, and beside it what made it and every transform.

    Returns
    -------
    int
        How many transforms were written: ``NAME_STATE.json``.
    """
    from napari_battery.registration.transform_files import write_transform

    write_table(path, series.table)
    write_json(path.with_name(f"{path.name}.provenance.json"), made)
    names: set[str] = set()
    for state, transform in zip(states, series.transforms, strict=True):
        if transform is None:
            continue
        name = f"{path.stem}_{re.sub(r'[^0-9A-Za-z.+-]+', '_', state).strip('_') or 'state'}"
        while name in names:
            name += "_"
        names.add(name)
        write_transform(path.with_name(f"{name}.json"), transform)
    return len(names)
