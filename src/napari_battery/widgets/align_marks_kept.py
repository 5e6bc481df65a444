"""The landmarks of a window as plain data, to be kept with a sitting, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.viewer import ViewerModel

from napari_battery.errors import InputError
from napari_battery.widgets.align_marks import ROLES, Marks, pair_of_marks, places_in
from napari_battery.widgets.align_world import pair_world

__all__ = ["landmarks_in", "restore_landmarks"]


def landmarks_in(viewer: ViewerModel, kept: Sequence[Any]) -> list[dict[str, Any]]:
    """All pairs of images with landmarks, fit for JSON.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers.
    kept : sequence of Layer
        Layers that are kept; entries count them from 0.

    Returns
    -------
    list of dict
        ``fixed`` and ``moving``, numbers of the images, and ``places``: by role the number of
        each landmark and its place in voxels of its image.
    """
    entries: dict[tuple[int, int], dict[str, Any]] = {}
    for layer in viewer.layers:
        pair = pair_of_marks(layer, kept)
        if pair is None:
            continue
        role, fixed, moving = pair
        places = places_in(layer, kept[moving].ndim)
        if not places:
            continue
        entry = entries.setdefault(
            (fixed, moving), {"fixed": fixed, "moving": moving, "places": {r: {} for r in ROLES}}
        )
        entry["places"][role] = {str(n): place.tolist() for n, place in places.items()}
    return list(entries.values())


def restore_landmarks(
    viewer: ViewerModel, layers: Sequence[Any], entries: Sequence[dict[str, Any]]
) -> list[str]:
    """Add the landmarks that `landmarks_in` told of; returns what could not be brought back."""
    notes = []
    for entry in entries:
        fixed, moving = layers[entry["fixed"]], layers[entry["moving"]]
        if fixed is None or moving is None:
            notes.append("Landmarks of an image that is missing were left out.")
            continue
        try:
            world = pair_world(viewer, fixed, moving)
        except InputError as problem:
            notes.append(f"Landmarks could not be brought back: {problem}")
            continue
        matrix = np.linalg.solve(world.fixed, world.moving)
        to_fixed = {
            "fixed": np.eye(fixed.ndim + 1),
            "moving": np.asarray(matrix, np.float64),
        }
        for role in ROLES:
            marks = Marks(viewer, role, fixed, moving, lambda _: None)
            places = {int(n): np.array(place) for n, place in entry["places"][role].items()}
            marks.write(places, to_fixed[role], set())
            marks.close()
    return notes
