"""Bring the tables of a radial analysis up to date after labels were corrected by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import describe_input
from napari_battery.radial.find import Found, find_particles, find_some
from napari_battery.radial.inputs import match_lazily
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.measure import default_workers, measure_particles
from napari_battery.radial.notes import smoothing_notes, table_notes
from napari_battery.radial.result import RadialResult
from napari_battery.radial.tabulate import layer_table, particle_table, shell_table
from napari_battery.radial.voxels import Voxels
from napari_battery.volume import Volume

__all__ = ["update_tables"]

_BLOCK_BYTES = 1 << 22
"""Small blocks: what has to be copied or resampled is little more than the particles."""


def update_tables(
    result: RadialResult,
    labels: Volume,
    image: Volume,
    changed_labels: Iterable[int],
    progress: Progress = SILENT,
    *,
    boxes: Mapping[int, NDArray[np.int64]] | None = None,
    workers: int | None = None,
) -> RadialResult:
    """Tables after some labels were merged, split, deleted, made or painted over.

    Only the particles named are measured again; the tables are the same, to the last digit,
    as those of `radial_tables` over all of them.

    Parameters
    ----------
    result : RadialResult
        The tables before.
    labels, image : Volume
        The labels as they are now, and the grey levels; on the grids that `result` was
        measured on. Where the image has another than the labels, it is resampled onto
        theirs around what is measured only.
    changed_labels : iterable of int
        Every label that won or lost a voxel, whether or not it was or is there.
    progress : Progress
        Advanced per batch of particles.
    boxes : mapping of int to (ndim, 2) array, optional
        For labels in `changed_labels` that are there now: a box that holds all their voxels
        (first and past-last along each axis). Labels that are not in it are gone. None
        looks through the whole volume.
    workers : int, optional
        Threads; None is one per processor.

    Returns
    -------
    RadialResult
        New tables; notes for all particles; the same provenance, brought up to date.

    Raises
    ------
    InputError
        If the labels lie on another grid than they were measured on, or as `match_inputs`.
    Cancelled
        If the person stopped it.
    """
    changed = _ascending(changed_labels, result.particles["label"])
    as_given = image
    labels, image, notes = match_lazily(labels, image)
    _check_place(result, labels, changed)
    rule = LayerRule(labels.known_voxel_size_um(), result.settings.layer_thickness_um)
    voxels = Voxels(labels, image, _BLOCK_BYTES)
    threads = workers or default_workers()
    found = _find(voxels, changed, boxes, threads, progress)
    settings = result.settings
    measured = measure_particles(voxels, found, rule, settings.centroid_shells, threads, progress)
    layers, reasons = layer_table(found, measured, rule)
    particles = particle_table(labels, found, measured, layers, reasons, settings.exclude_layers)
    shells = shell_table(found, measured, rule)
    particles = _with_rows(result.particles, particles, changed)
    layers = _with_rows(result.layers, layers, changed)
    if shells is not None and result.shells is not None:
        shells = _with_rows(result.shells, shells, changed)
    notes += table_notes(labels, image, particles, layers, settings.exclude_layers)
    notes += smoothing_notes(as_given, voxels, particles, image.data is not as_given.data)
    return replace(
        result,
        particles=particles,
        layers=layers,
        shells=shells,
        notes=tuple(notes),
        provenance=_updated(result.provenance, labels, notes),
    )


def _ascending(changed: Iterable[int], known: pd.Series) -> NDArray[Any]:
    """Labels that changed, ascending, each once, without the background."""
    numbers = sorted({int(label) for label in changed} - {0})
    if numbers and numbers[0] < 0:
        raise InputError(
            f"The label {numbers[0]} is negative; background must be 0 and particles count upwards."
        )
    huge = bool(numbers) and numbers[-1] > np.iinfo(np.int64).max
    return np.array(numbers, np.uint64 if huge or known.dtype == np.uint64 else np.int64)


def _check_place(result: RadialResult, labels: Volume, changed: NDArray[Any]) -> None:
    """Refuse to mix rows measured on different grids."""
    size = labels.known_voxel_size_um()
    rows = result.particles[~np.isin(result.particles["label"].to_numpy(), changed)]
    good = np.allclose(size, result.voxel_size_um, rtol=1e-9, atol=0)
    if good and len(rows):
        back = np.linalg.inv(labels.world_affine())
        world = rows[[f"centroid_{axis}_um" for axis in labels.axes]].to_numpy()
        place = world @ back[:-1, :-1].T + back[:-1, -1]
        low = rows[[f"bbox_{axis}0" for axis in labels.axes]].to_numpy()
        high = rows[[f"bbox_{axis}1" for axis in labels.axes]].to_numpy()
        good = bool(((place > low - 1) & (place < high)).all())
    if not good:
        raise InputError(
            f"The voxel size or the place of “{labels.name}” was changed since its particles were "
            "measured. Run the radial analysis again."
        )


def _find(
    voxels: Voxels,
    changed: NDArray[Any],
    boxes: Mapping[int, NDArray[np.int64]] | None,
    workers: int,
    progress: Progress,
) -> Found:
    if boxes is None:
        found = find_particles(voxels, workers, progress)
        some = np.isin(found.labels, changed)
        return Found(found.labels[some], found.bits[some], found.boxes[some], found.cut[some])
    there = np.array([label in boxes for label in changed.tolist()], bool)
    within = np.zeros((int(there.sum()), 6), np.int64)
    within[:, 3] = 1  # a 2-D image is one plane
    for row, label in zip(within, changed[there].tolist(), strict=True):
        box = np.asarray(boxes[label])
        row[3 - len(box) : 3], row[6 - len(box) :] = box[:, 0], box[:, 1]
    return find_some(voxels, changed[there], within)


def _with_rows(before: pd.DataFrame, new: pd.DataFrame, changed: NDArray[Any]) -> pd.DataFrame:
    """The table with other rows for what changed, in the order of the labels."""
    kept = before[~np.isin(before["label"].to_numpy(), changed)]
    if not len(kept) or not len(new):
        return (kept if len(kept) else new).reset_index(drop=True)
    both = pd.concat([kept, new], ignore_index=True)
    order = np.argsort(both["label"].to_numpy(), kind="stable")
    return both.iloc[order].reset_index(drop=True)


def _updated(made: dict[str, Any], labels: Volume, notes: list[str]) -> dict[str, Any]:
    """How the tables were made, with what is different now."""
    inputs = [dict(entry) for entry in made.get("inputs", [])]
    if inputs:
        unread = replace(labels, path=None)  # the file has not changed; hashing it takes time
        now = describe_input(unread)
        inputs[0] = {**inputs[0], "dtype": now["dtype"], "made": now["made"]}
    return {
        **made,
        "inputs": inputs,
        "notes": notes,
        "updated": datetime.now(UTC).isoformat(timespec="seconds"),
    }
