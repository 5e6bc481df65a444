"""Inside one particle: what changed since the pristine state, voxel by voxel."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.lengths import in_voxels
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.measure import default_workers
from napari_battery.registration.particle_boxes import Boxes, particle_boxes
from napari_battery.registration.particle_crops import Crops
from napari_battery.states.inside_follow import follow_one, lone_group, of_rows
from napari_battery.states.inside_grey import (
    Smoothing,
    layer_rule,
    layers_of,
    smoothed_pair,
    wider,
)
from napari_battery.states.inside_noise import Noise, estimate_noise, independent_voxels
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.states.inside_table import (
    Change,
    change_of,
    crops_of_states,
    inside_table,
    not_moved,
    state_names,
)
from napari_battery.volume import Volume

__all__ = ["InsideParticle", "inside_particle"]


@dataclass(frozen=True, eq=False)
class InsideParticle:
    """One particle's crops in every state on the pristine grid, and what changed in them.

    Parameters
    ----------
    label : int
        Its number.
    names : tuple of str
        The states, the pristine one first.
    layers : Volume
        uint16; GREAT2's radial layer of each voxel, from 1 at the surface; 0 outside.
    greys : tuple of Volume
        float32; the smoothed grey levels of every state where the particle is in it, pristine
        first. NaN where there is no data. A state in which the particle was not found is
        shown where it lies.
    differences : tuple of Volume
        float32; later states less the pristine one, one fewer than `greys`. NaN where there
        is no data, and everywhere where the particle was not found.
    table : DataFrame
        One row per later state; columns `tables.INSIDE`.
    profile : DataFrame
        One row per later state and layer; columns `tables.INSIDE_PROFILE`.
    noise : tuple of Noise
        Of each difference.
    exclude_layers : int
        Outer layers that are not core.
    """

    label: int
    names: tuple[str, ...]
    layers: Volume
    greys: tuple[Volume, ...]
    differences: tuple[Volume, ...]
    table: pd.DataFrame
    profile: pd.DataFrame
    noise: tuple[Noise, ...]
    exclude_layers: int

    @property
    def core(self) -> NDArray[np.bool_]:
        """Voxels that are left without the outer layers."""
        return np.asarray(self.layers.data > self.exclude_layers)

    @property
    def limit(self) -> float:
        """End of the one scale, symmetric about zero, that suits the differences of all states.

        The 99.5th percentile of the changes in the core, or of the whole particle where it
        has none; at least a thousandth, so that there is a scale.
        """
        where = self.core if self.core.any() else np.asarray(self.layers.data > 0)
        every = np.concatenate([np.abs(d.data[where]) for d in self.differences])
        every = every[np.isfinite(every)]
        return max(float(np.percentile(every, 99.5)) if len(every) else 0.0, 1e-3)


def inside_particle(
    labels: Volume,
    images: Sequence[Volume],
    label: int,
    settings: InsideSettings | None = None,
    *,
    boxes: Boxes | None = None,
    noise: Sequence[Noise] | None = None,
) -> InsideParticle:
    """Bring one particle's crops of all states onto its pristine one, and subtract that.

    Its crop of each state is registered anew (translation, to a small part of a voxel; see
    `registration.particles.register_particles`), looked up there by cubic interpolation and
    smoothed by a Gaussian in one go, as the pristine crop is (GREAT2 paper, figure 11).

    Parameters
    ----------
    labels : Volume
        Particles of the pristine state, on its grid.
    images : sequence of Volume
        The pristine state, then the later ones, aligned; their grids may be others. Only what
        lies around the particle is read.
    label : int
        Which particle.
    settings : InsideSettings, optional
    boxes : Boxes, optional
        Where the particles are (`particle_boxes`), if that is known: otherwise all labels are
        read.
    noise : sequence of Noise, optional
        Of each difference, say as `inside_all` found it from many particles; otherwise it is
        estimated from this particle's own core.

    Returns
    -------
    InsideParticle

    Raises
    ------
    InputError
        If there is no such particle, or the volumes do not fit together.
    """
    settings = InsideSettings() if settings is None else settings
    if len(images) < 2:
        raise InputError("The pristine state and at least one later state are needed.")
    pristine, later = images[0], images[1:]
    lengths = in_voxels(settings, pristine)
    boxes = particle_boxes(labels) if boxes is None else boxes
    row = int(np.searchsorted(boxes.labels, label))
    if row == len(boxes.labels) or boxes.labels[row] != label:
        raise InputError(f"There is no particle {label} in “{labels.name}”.")
    smoothing = Smoothing.of(lengths.smoothing, pristine)
    rule = layer_rule(pristine)

    def look(k: int, image: Volume) -> _Part:
        crops = crops_of_states(labels, pristine, image, lengths)
        found = follow_one(crops, boxes, row) if settings.register_again else not_moved(1)[0]
        given = None if noise is None else noise[k]
        return _part(crops, boxes, row, found, smoothing, rule, settings, given)

    with ThreadPoolExecutor(default_workers(), "napari-battery inside") as pool:
        parts = list(pool.map(look, range(len(later)), later))
    names = state_names(images)
    first = parts[0]
    table = pd.concat(
        [
            inside_table(
                of_rows(boxes, [row]),
                part.found[None],
                pristine,
                name,
                settings,
                [part.change],
                part.noise,
            )
            for part, name in zip(parts, names[1:], strict=True)
        ],
        ignore_index=True,
    )
    profile = pd.concat(
        [
            _profile(part, label, rule, name, pristine, settings)
            for part, name in zip(parts, names[1:], strict=True)
        ],
        ignore_index=True,
    )
    return InsideParticle(
        label=int(label),
        names=tuple(names),
        layers=_placed(first.layers, first.window, pristine, f"layers of {label}"),
        greys=tuple(
            _placed(grey, first.window, pristine, f"{name}, particle {label}", name)
            for grey, name in zip([first.pristine, *[p.state for p in parts]], names, strict=True)
        ),
        differences=tuple(
            _placed(p.difference, first.window, pristine, f"{name}, change in {label}", name)
            for p, name in zip(parts, names[1:], strict=True)
        ),
        table=table,
        profile=profile,
        noise=tuple(part.noise for part in parts),
        exclude_layers=settings.exclude_layers,
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """One later state of the particle; arrays z, y, x on the window."""

    window: NDArray[np.int64]
    layers: NDArray[np.uint16]
    pristine: NDArray[np.float32]
    state: NDArray[np.float32]
    difference: NDArray[np.float32]
    found: NDArray[np.float64]
    noise: Noise
    change: Change


def _part(
    crops: Crops,
    boxes: Boxes,
    row: int,
    found: NDArray[np.float64],
    smoothing: Smoothing,
    rule: LayerRule,
    settings: InsideSettings,
    given: Noise | None,
) -> _Part:
    from napari_battery.registration._kernels_particle_fit import DONE

    box = boxes.boxes[row]
    shape = (1,) * (3 - crops.fixed.ndim) + crops.fixed.shape
    window = np.clip(box + np.stack([-crops.margin, crops.margin]), 0, shape)
    crops = wider(crops, smoothing)
    group = lone_group(crops, boxes, row)
    before, after = box[0] - window[0], window[1] - box[1]
    own = layers_of(crops, group, box, int(boxes.labels[row]), rule)
    layers = np.pad(own, np.stack([before, after], axis=1))
    is_found = found[0] == DONE
    shift = found[1:4] / crops.spacing if is_found else np.zeros(3)
    pristine, state = smoothed_pair(crops, group, window, shift, smoothing)
    difference = state - pristine if is_found else np.full_like(state, np.nan)
    core = (layers > settings.exclude_layers).astype(np.uint8)
    noise = given or estimate_noise([(difference, core)], smoothing)
    noise = noise.given(settings.noise)
    change = change_of(difference, core, noise, settings.k_sigma)
    return _Part(window, layers, pristine, state, difference, found, noise, change)


def _profile(
    part: _Part,
    label: int,
    rule: LayerRule,
    name: str,
    pristine: Volume,
    settings: InsideSettings,
) -> pd.DataFrame:
    """Mean change of each layer, with the standard error that the noise gives it."""
    layers = part.layers
    n_layers = int(layers.max())
    group = np.where(np.isfinite(part.difference), layers, 0).astype(np.uint16)
    flat = group.ravel()
    n = np.bincount(flat, minlength=n_layers + 1)
    values = np.where(flat > 0, part.difference.ravel(), 0.0)
    independent = independent_voxels(group, n, part.noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(flat, values, n_layers + 1) / n
        std = np.sqrt(np.bincount(flat, (values - mean[flat]) ** 2, n_layers + 1) / n)
        se = np.where(n > 0, part.noise.sigma / np.sqrt(independent), np.nan)
    layer = np.arange(1, n_layers + 1)
    unit = "voxels" if pristine.voxel_size_um is None else "um"
    return pd.DataFrame(
        {
            "label": np.full(n_layers, label),
            "state": name,
            "layer": layer,
            f"depth_{unit}": (layer - 0.5) * rule.thickness_um,
            "relative_radius": 1 - (layer - 0.5) / max(n_layers, 1),
            "is_core": layer > settings.exclude_layers,
            "change_voxels": n[1:],
            "change_mean": mean[1:],
            "change_se": se[1:],
            "change_std": std[1:],
        }
    )


def _placed(
    data: NDArray[Any], window: NDArray[np.int64], pristine: Volume, name: str, state: str = ""
) -> Volume:
    """A crop in its place in the world."""
    ndim = pristine.ndim
    size = pristine.voxel_size_um or (1.0,) * ndim
    starts = window[0, 3 - ndim :]
    origin = tuple(o + s * int(a) for o, s, a in zip(pristine.origin_um, size, starts, strict=True))
    crop = replace(pristine, data=np.zeros((1,) * ndim), region=None)
    data = np.ascontiguousarray(data if ndim == 3 else data[0])
    placed = crop.like(data, name, origin_um=origin)
    return replace(placed, metadata={**placed.metadata, "state": state}) if state else placed
