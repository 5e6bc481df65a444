"""Corrections of labels: what each changes, worked out before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling.split import parts_at, two_centres
from napari_battery.progress import SILENT, Progress
from napari_battery.widgets.edit_history import Act
from napari_battery.widgets.edit_patch import make_patch, replace_label
from napari_battery.widgets.edit_places import Places

__all__ = [
    "count_voxels",
    "delete_act",
    "in_words",
    "merge_act",
    "picked_in_words",
    "pieces",
    "split_act",
]

_SIZES_TOLD = 3
_COUNTED_VOXELS = 1 << 24
"""Boxes up to this size are looked through for pieces (a tenth of a second)."""


def in_words(labels: Sequence[int], most: int = 4) -> str:
    """Numbers as in a sentence: "3", "3 and 7", "3, 7, 8 and 12 more"."""
    if len(labels) > most + 1:
        return f"{', '.join(map(str, labels[:most]))} and {len(labels) - most} more"
    if len(labels) < 2:
        return "".join(map(str, labels))
    return f"{', '.join(map(str, labels[:-1]))} and {labels[-1]}"


def picked_in_words(data: Any, places: Places, picked: Sequence[int]) -> str:
    """How many particles there are, and which are picked, with the size of a few."""
    text = "1 particle. " if len(places) == 1 else f"{len(places):,} particles. "
    if not picked:
        return text + "Click one to pick it; Ctrl or Shift adds."
    if len(picked) > _SIZES_TOLD:
        return text + f"{len(picked):,} picked: {in_words(picked)}."
    unit = "voxels" if data.ndim == 3 else "pixels"
    sizes = [f"{label} ({count_voxels(data, places, label):,} {unit})" for label in picked]
    return text + f"Picked: {', '.join(sizes)}."


def count_voxels(data: Any, places: Places, label: int) -> int:
    """Number of voxels of a label; 0 where it is not there."""
    box = places.tight(data, label)
    return 0 if box is None else int(np.count_nonzero(np.asarray(data[box]) == label))


def merge_act(data: Any, places: Places, picked: Sequence[int]) -> Act:
    """Make one particle of several; it keeps the number of the largest of them.

    Raises
    ------
    InputError
        If fewer than two of them are there.
    """
    sizes = {label: count_voxels(data, places, label) for label in picked}
    there = [label for label in picked if sizes[label]]
    if len(there) < 2:
        raise InputError("Pick at least two particles to merge (Ctrl or Shift adds to the pick).")
    kept = min(there, key=lambda label: (-sizes[label], label))
    patches = [
        replace_label(data, places.tight(data, label) or (), label, kept)
        for label in there
        if label != kept
    ]
    what = f"Merged {in_words(sorted(there))} into {kept}"
    return Act(what, "merged", [p for p in patches if p], tuple(picked), (kept,))


def delete_act(data: Any, places: Places, picked: Sequence[int]) -> Act:
    """Make background of particles.

    Raises
    ------
    InputError
        If none of them is there.
    """
    boxes = {label: places.tight(data, label) for label in picked}
    patches = [replace_label(data, box, label, 0) for label, box in boxes.items() if box]
    if not patches:
        raise InputError("Pick a particle to delete: click on it.")
    what = f"Deleted {in_words(sorted(label for label, box in boxes.items() if box))}"
    return Act(what, "deleted", [p for p in patches if p], tuple(picked), ())


def split_act(
    data: Any,
    places: Places,
    label: int,
    points: Sequence[Sequence[int]] | None,
    spacing: tuple[float, ...],
    new_label: int,
    progress: Progress = SILENT,
) -> Act:
    """Cut a particle into parts; the largest keeps its number, the others get new ones.

    Parameters
    ----------
    data : integer array
        The labels.
    places : Places
        Where they are.
    label : int
        The particle.
    points : sequence of voxels, optional
        One for each part; None looks for two centres.
    spacing : tuple of float
        Voxel edges in units of the shortest.
    new_label : int
        First of the new numbers.
    progress : Progress
        Advanced while parts grow.

    Raises
    ------
    InputError
        If the particle is gone, a point lies outside it, two are in one voxel, or there is
        only one centre.
    """
    box = places.tight(data, label)
    if box is None:
        raise InputError(f"There is no particle {label} any more.")
    # with a margin, but where the volume ends: there a particle is cut, and has no surface
    box = tuple(
        slice(max(s.start - 1, 0), min(s.stop + 1, n)) for s, n in zip(box, data.shape, strict=True)
    )
    mask = np.asarray(data[box]) == label
    if points is None:
        found = two_centres(mask, spacing, progress)
        if found is None:
            raise InputError(
                f"Particle {label} has only one centre, so there is no neck to cut it at. "
                "Place points to say where its parts are."
            )
        inner = found
    else:
        inner = _in_box(points, box, mask, label)
    parts = parts_at(mask, inner, spacing, progress)
    sizes = np.bincount(parts.ravel(), minlength=len(inner) + 1)[1:]
    kept = int(np.argmax(sizes)) + 1
    others = [part for part in range(1, len(inner) + 1) if part != kept]
    numbers = np.full(len(inner) + 1, label, np.int64)
    numbers[others] = new_label + np.arange(len(others))
    changed = (parts > 0) & (parts != kept)
    patch = make_patch(box, changed, label, numbers[parts[changed]])
    new = tuple(range(new_label, new_label + len(others)))
    what = f"Split {label} into {in_words([label, *new])}"
    return Act(what, "split", [patch] if patch else [], (label,), (label, *new))


def pieces(data: Any, places: Places, label: int) -> int:
    """Number of separate pieces of a particle; 1 where it is too big to look."""
    from scipy.ndimage import label as connected

    box = places.tight(data, label)
    if box is None or np.prod([s.stop - s.start for s in box]) > _COUNTED_VOXELS:
        return 1
    mask = np.asarray(data[box]) == label
    return int(connected(mask, np.ones((3,) * mask.ndim))[1])


def _in_box(
    points: Sequence[Sequence[int]],
    box: tuple[slice, ...],
    mask: NDArray[np.bool_],
    label: int,
) -> NDArray[np.int64]:
    """Points counted from the box's corner."""
    if len(points) < 2:
        raise InputError(f"Place at least two points in particle {label}, one for each part.")
    inner: NDArray[np.int64] = np.array(points, np.int64) - [s.start for s in box]
    for number, point in enumerate(inner, start=1):
        inside = (point >= 0).all() and (point < mask.shape).all() and mask[tuple(point)]
        if not inside:
            raise InputError(f"Point {number} lies outside particle {label}.")
    if len(np.unique(inner, axis=0)) < len(inner):
        raise InputError("Two of the points are in the same voxel; take one away.")
    return inner
