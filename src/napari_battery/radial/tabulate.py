"""Tables of particles and layers from what the kernels measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.crofton import perimeter, surface_area
from napari_battery.radial.batch import Measured
from napari_battery.radial.core import core_table
from napari_battery.radial.find import Found
from napari_battery.radial.layers import LayerRule
from napari_battery.tables import LAYERS, PARTICLES_2D, PARTICLES_3D, SHELLS
from napari_battery.volume import Volume

__all__ = ["layer_table", "particle_table", "shell_table"]


class _Notes:
    """Short remarks per particle, joined by semicolons."""

    def __init__(self, n: int) -> None:
        self.text = np.full(n, "", dtype=object)

    def add(self, which: NDArray[np.bool_], remark: Any) -> None:
        """Add a remark, the same for all or one per particle, where `which` holds."""
        for i in np.flatnonzero(which):
            one = remark if isinstance(remark, str) else remark[i]
            self.text[i] = f"{self.text[i]}; {one}" if self.text[i] else one


def layer_table(
    found: Found, measured: Measured, rule: LayerRule
) -> tuple[pd.DataFrame, list[tuple[NDArray[np.bool_], str]]]:
    """The layers table, and why a normalisation has no meaning for a particle.

    Notes
    -----
    ``normalised_max`` divides by how much the brightest layer exceeds the surface layer.
    That is undefined for a single layer or where the surface is the brightest, and noise
    where the excess is less than twice its standard error s·√(1/n₁ + 1/n_max), s being the
    particle's standard deviation within layers: such a shell is called flat.
    """
    starts = measured.layer_starts
    n_layers = np.diff(starts)
    group = np.repeat(np.arange(n_layers.size), n_layers)
    layer = np.arange(starts[-1]) - starts[:-1][group] + 1
    n, mean, std = measured.layer_counts, measured.layer_means, measured.layer_stds
    reasons: list[tuple[NDArray[np.bool_], str]] = []
    scaled, relative = np.full(mean.size, np.nan), np.full(mean.size, np.nan)
    if n_layers.size:
        begin = starts[:-1]
        first = mean[begin]
        known = np.where(n > 0, mean, -np.inf)
        top = np.maximum.reduceat(known, begin)
        n_top = np.maximum.reduceat(np.where(known == top[group], n, 0), begin)
        within = np.add.reduceat(n * np.nan_to_num(std) ** 2, begin)
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = np.sqrt(within / np.add.reduceat(n, begin) * (1 / n[begin] + 1 / n_top))
            contrast = top - first
        empty = n[begin] == 0
        one = (n_layers == 1) & ~empty
        brightest = ~one & ~empty & (contrast <= 0)
        flat = ~one & ~empty & ~brightest & (contrast < 2 * noise)
        unsafe = ~empty & ~(first > 0)
        reasons = [
            (empty, "no normalisation: the surface layer has no grey level"),
            (one, "no normalised_max: one layer only"),
            (brightest, "no normalised_max: the surface layer is the brightest"),
            (flat, "no normalised_max: no layer is brighter than the surface beyond noise"),
            (unsafe, "no normalised_surface: the surface layer's mean is not above 0"),
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            contrast[empty | one | brightest | flat] = np.nan
            scaled = (mean - first[group]) / contrast[group]
            relative = mean / np.where(unsafe | empty, np.nan, first)[group]
    depth = layer - 0.5
    table = pd.DataFrame(
        {
            "label": found.labels[group],
            "layer": layer,
            "depth_um": depth * rule.thickness_um,
            "relative_radius": 1 - depth / n_layers[group],
            "n_voxels": n,
            "mean": mean,
            "std": std,
            "normalised_max": scaled,
            "normalised_surface": relative,
        },
        columns=list(LAYERS),
    )
    return table, reasons


def shell_table(found: Found, measured: Measured, rule: LayerRule) -> pd.DataFrame | None:
    """The shells table, where shells were measured; shells without voxels are left out."""
    shells = measured.shells
    if shells is None:
        return None
    rows = np.flatnonzero(shells.counts > 0)
    group = np.searchsorted(shells.starts, rows, side="right") - 1
    shell = rows - shells.starts[group] + 1
    return pd.DataFrame(
        {
            "label": found.labels[group],
            "shell": shell,
            "radius_um": (shell - 0.5) * rule.thickness_um,
            "n_voxels": shells.counts[rows],
            "mean": shells.means[rows],
            "std": shells.stds[rows],
        },
        columns=list(SHELLS),
    )


def particle_table(
    labels: Volume,
    found: Found,
    measured: Measured,
    layers: pd.DataFrame,
    reasons: list[tuple[NDArray[np.bool_], str]],
    exclude_layers: int,
) -> pd.DataFrame:
    """The particles table; columns ``tables.PARTICLES_3D`` or ``PARTICLES_2D``."""
    edges = labels.known_voxel_size_um()
    axes = labels.axes
    low, high = found.boxes[:, 3 - labels.ndim : 3], found.boxes[:, 6 - labels.ndim :]
    voxels = measured.moments[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        centres = measured.moments[:, -labels.ndim :] / voxels[:, None] + low
    matrix = labels.world_affine()
    # no matrix product: its last digits depend on how many particles there are
    world = sum(centres[:, [k]] * matrix[:-1, k] for k in range(labels.ndim)) + matrix[:-1, -1]
    size = voxels * float(np.prod(edges))
    columns: dict[str, Any] = {"label": found.labels}
    if labels.ndim == 3:
        area = surface_area(voxels, measured.pairs, edges)  # type: ignore[arg-type]
        columns |= {
            "volume_voxels": voxels,
            "volume_um3": size,
            "equivalent_diameter_um": np.cbrt(6 * size / np.pi),
            "surface_area_um2": area,
            "sphericity": np.cbrt(np.pi) * np.cbrt(6 * size) ** 2 / area,
        }
    else:
        around = perimeter(voxels, measured.pairs, edges)  # type: ignore[arg-type]
        columns |= {
            "area_pixels": voxels,
            "area_um2": size,
            "equivalent_diameter_um": np.sqrt(4 * size / np.pi),
            "perimeter_um": around,
            "circularity": 4 * np.pi * size / around**2,
        }
    for k, axis in enumerate(axes):
        columns[f"centroid_{axis}_um"] = world[:, k]
        columns[f"bbox_{axis}0"], columns[f"bbox_{axis}1"] = low[:, k], high[:, k]
    summary = measured.summary
    columns["n_layers"] = summary[:, 0].astype(np.int64)
    for k, name in enumerate(("mean", "std", "min", "max", "median"), start=2):
        columns[name] = summary[:, k]
    core = core_table(pd.DataFrame({"label": found.labels}), layers, exclude_layers)
    for name in ("core_mean", "core_std", "core_voxels"):
        columns[name] = core[name].to_numpy()
    columns["touches_border"] = found.cut
    notes = _notes(measured, core["core_voxels"].to_numpy(), reasons, exclude_layers)
    columns["note"] = pd.Series(notes, dtype=str)
    return pd.DataFrame(columns, columns=list(PARTICLES_3D if labels.ndim == 3 else PARTICLES_2D))


def _notes(
    measured: Measured,
    core_voxels: NDArray[np.int64],
    reasons: list[tuple[NDArray[np.bool_], str]],
    exclude_layers: int,
) -> NDArray[Any]:
    notes = _Notes(len(core_voxels))
    n_layers = measured.summary[:, 0].astype(np.int64)
    coreless = core_voxels == 0
    has = ["1 layer" if k == 1 else f"{k} layers" for k in n_layers]
    notes.add(coreless, [f"no core: {text}, outer {exclude_layers} excluded" for text in has])
    for which, remark in reasons:
        notes.add(which, remark)
    notes.add(measured.pieces > 1, [f"in {k} separate pieces" for k in measured.pieces])
    missing = measured.moments[:, 0] - measured.summary[:, 1].astype(np.int64)
    notes.add(missing > 0, [f"{k} voxels without a grey level left out" for k in missing])
    return notes.text
