"""Inside all particles: how much of each core changed since the pristine state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.lengths import in_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.radial.layers import LayerRule
from napari_battery.registration.particle_boxes import Boxes, particle_boxes
from napari_battery.registration.particle_crops import Crops, Group
from napari_battery.states.inside_follow import each_particle, follow_all, of_rows
from napari_battery.states.inside_grey import (
    Smoothing,
    layer_rule,
    layers_of,
    smoothed_pair,
    wider,
)
from napari_battery.states.inside_noise import Noise, estimate_noise
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.states.inside_table import (
    NO_CORE,
    Change,
    add_name,
    change_of,
    crops_of_states,
    inside_table,
    not_moved,
)
from napari_battery.volume import Volume

__all__ = ["InsideAll", "inside_all"]

_SAMPLE = 64
"""Particles that tell the noise of a state."""

_Core = tuple[NDArray[np.float32], NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class InsideAll:
    """What changed inside every particle.

    Parameters
    ----------
    table : DataFrame
        One row per later state and label; columns `tables.INSIDE`.
    noise : dict
        Noise of the smoothed differences, by state.
    """

    table: pd.DataFrame
    noise: dict[str, Noise]


def inside_all(
    labels: Volume,
    images: Iterable[Volume],
    settings: InsideSettings | None = None,
    progress: Progress = SILENT,
) -> InsideAll:
    """Compare every particle with its pristine self, voxel by voxel.

    Each particle is registered anew and smoothed as by `inside_particle`. What its core
    changed by is summed up, and how much of it fell or rose by more than k times the noise:
    to be compared with the share that noise alone would take there.

    Parameters
    ----------
    labels : Volume
        Particles of the pristine state, on its grid.
    images : iterable of Volume
        The pristine state, then the later ones, aligned; taken one at a time, so that a
        generator need not hold them all.
    settings : InsideSettings, optional
    progress : Progress
        Advanced per particle.

    Returns
    -------
    InsideAll
        Particles that were not found, or have no core, have no numbers but a note.

    Raises
    ------
    InputError
        If the volumes do not fit together, or there is no later state.
    Cancelled
        If the person stopped it.

    Notes
    -----
    The noise is one number per state, from up to 64 of its larger particles; see
    `inside_noise.estimate_noise`. Grey levels are taken as they are: an offset between the
    scans moves all changes, and shares with them. The pristine scan's noise is in the
    differences of all states: these are not independent of each other.
    """
    settings = InsideSettings() if settings is None else settings
    states = iter(images)
    pristine = next(states, None)
    if pristine is None:
        raise InputError("The pristine state and at least one later state are needed.")
    lengths = in_voxels(settings, pristine)
    boxes = particle_boxes(labels, progress)
    names: list[str] = []
    add_name(names, pristine)
    tables, noises = [], {}
    for image in states:
        name = add_name(names, image)
        crops = crops_of_states(labels, pristine, image, lengths)
        found = _found(crops, boxes, settings, name, progress)
        look = _Look(crops, boxes, found, Smoothing.of(lengths.smoothing, pristine), settings)
        noise = look.noise(progress, name)
        changes = look.changes(noise, progress, name)
        tables.append(inside_table(boxes, found, pristine, name, settings, changes, noise))
        noises[name] = noise
    if not tables:
        raise InputError("The pristine state and at least one later state are needed.")
    return InsideAll(pd.concat(tables, ignore_index=True), noises)


def _found(
    crops: Crops, boxes: Boxes, settings: InsideSettings, name: str, progress: Progress
) -> NDArray[np.float64]:
    if not settings.register_again:
        return not_moved(len(boxes.labels))
    progress.begin(len(boxes.labels), f"Registering particles, {name}")
    return follow_all(crops, boxes, progress)


class _Look:
    """The cores of one state."""

    def __init__(
        self,
        crops: Crops,
        boxes: Boxes,
        found: NDArray[np.float64],
        smoothing: Smoothing,
        settings: InsideSettings,
    ) -> None:
        self._crops = wider(crops, smoothing)
        self._boxes, self._found = boxes, found
        self._smoothing, self._settings = smoothing, settings
        self._rule: LayerRule = layer_rule(crops.fixed)

    def noise(self, progress: Progress, name: str) -> Noise:
        """Of the smoothed difference, from some of the larger particles."""
        from napari_battery.registration._kernels_particle_fit import DONE

        done = np.flatnonzero(self._found[:, 0] == DONE)
        larger = done[np.argsort(-self._boxes.volumes[done], kind="stable")][: 4 * _SAMPLE]
        if len(larger) > _SAMPLE:
            larger = larger[np.linspace(0, len(larger) - 1, _SAMPLE).astype(int)]
        some = of_rows(self._boxes, larger)
        cores: list[_Core | None] = [None] * len(larger)

        def work(group: Group, row: int) -> _Core | None:
            return self._core(some, self._found[larger[row]], group, row)

        progress.begin(len(larger), f"Measuring the noise, {name}")
        each_particle(self._crops, some, work, partial(_put, cores), progress)
        held = (core for core in cores if core is not None)
        return estimate_noise(held, self._smoothing).given(self._settings.noise)

    def changes(self, noise: Noise, progress: Progress, name: str) -> list[Change]:
        """What changed in each core."""
        changes = [NO_CORE] * len(self._boxes.labels)
        k_sigma = self._settings.k_sigma

        def work(group: Group, row: int) -> Change:
            core = self._core(self._boxes, self._found[row], group, row)
            return NO_CORE if core is None else change_of(*core, noise, k_sigma)

        progress.begin(len(changes), f"Comparing particles, {name}")
        each_particle(self._crops, self._boxes, work, partial(_put, changes), progress)
        return changes

    def _core(
        self, boxes: Boxes, found: NDArray[np.float64], group: Group, row: int
    ) -> _Core | None:
        """Smoothed difference around the core of a particle; None where it has none."""
        from napari_battery.registration._kernels_particle_fit import DONE

        box = boxes.boxes[row]
        layers = layers_of(self._crops, group, box, int(boxes.labels[row]), self._rule)
        core = layers > self._settings.exclude_layers
        if not core.any():
            return None
        window = _extent(core)
        core = core[tuple(map(slice, *window))]
        if found[0] != DONE:
            return np.full(core.shape, np.nan, np.float32), core.view(np.uint8)
        shift = found[1:4] / self._crops.spacing
        fixed, moving = smoothed_pair(self._crops, group, box[0] + window, shift, self._smoothing)
        return moving - fixed, np.ascontiguousarray(core).view(np.uint8)


def _put(results: list[Any], row: int, result: Any) -> None:
    results[row] = result


def _extent(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First voxel and one past the last along each axis."""
    ends = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        places = np.flatnonzero(mask.any(axis=others))
        ends.append((places[0], places[-1] + 1))
    return np.array(ends, np.int64).T
