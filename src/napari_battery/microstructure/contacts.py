"""Contacts between labelled particles, their areas, and coordination numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.crofton import area_per_crossing, length_per_crossing
from napari_battery.errors import InputError
from napari_battery.microstructure._volumes import label_volume, volume_edges
from napari_battery.microstructure.shapes import label_sizes
from napari_battery.progress import SILENT, Progress

__all__ = ["Contacts", "contacts"]

_SLAB_VOXELS = 1 << 22
# neighbours by kind, in the order of `crofton`: x, y, z, xy, xz, yz, xyz
_STEPS = (
    (0, (0, 0, 1)), (1, (0, 1, 0)), (2, (1, 0, 0)),
    (3, (0, 1, 1)), (3, (0, 1, -1)), (4, (1, 0, 1)), (4, (1, 0, -1)),
    (5, (1, 1, 0)), (5, (1, -1, 0)),
    (6, (1, 1, 1)), (6, (1, 1, -1)), (6, (1, -1, 1)), (6, (1, -1, -1)),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Contacts:
    """Which particles touch.

    Parameters
    ----------
    pairs : DataFrame
        Each contact once, ``label < neighbour``: ``label, neighbour, contact_faces`` (voxel
        faces they share; pixel edges in 2-D) and ``contact_area_um2`` (in 2-D
        ``contact_length_um``) by Crofton's formula, which does not count the steps of slanted
        contacts as voxel faces do.
    particles : DataFrame
        One row per label: ``label, coordination`` (particles it touches),
        ``contact_area_um2`` (``contact_length_um``), ``touches_border``.
    """

    pairs: pd.DataFrame
    particles: pd.DataFrame

    @property
    def mean_coordination(self) -> float:
        """Mean number of contacts of particles that no face cuts; NaN if there are none.

        Of particles that a face cuts, some contacts lie outside.
        """
        whole = self.particles[~self.particles["touches_border"]]
        return float(whole["coordination"].mean()) if len(whole) else np.nan


def contacts(
    labels: NDArray[Any], voxel_size_um: Sequence[float], progress: Progress = SILENT
) -> Contacts:
    """Find the particles that share voxel faces.

    Parameters
    ----------
    labels : (nz, ny, nx) or (ny, nx) integer array
        0 outside particles. Watershed labels meet without a line between them.
    voxel_size_um : sequence of float
        Voxel edges in µm along the array's axes.
    progress : Progress
        Two stages, "Finding particles" and "Finding contacts".

    Raises
    ------
    InputError
        If they are no labels, or a label does not fit into 32 bits.
    """
    ndim = np.ndim(labels)
    size = volume_edges(voxel_size_um, ndim)
    sizes = label_sizes(labels, voxel_size_um, progress)
    if sizes["label"].max() >= 1 << 32:
        raise InputError(f"Label {sizes['label'].max()} is too large; renumber the labels.")
    changes = _changes(label_volume(labels), ndim, progress)
    faces = [0, 1] if ndim == 2 else [0, 1, 2]
    per_change = np.zeros(7)
    per_change[[0, 1, 3] if ndim == 2 else slice(None)] = (
        length_per_crossing(size[1:]) if ndim == 2 else area_per_crossing(size)
    )
    measure = "contact_length_um" if ndim == 2 else "contact_area_um2"
    pairs = pd.DataFrame(
        {
            "label": changes.index.to_numpy() >> 32,
            "neighbour": changes.index.to_numpy() & 0xFFFFFFFF,
            "contact_faces": changes[faces].sum(axis=1).to_numpy().astype(np.int64),
            measure: changes.to_numpy() @ per_change,
        }
    )
    # meeting at edges only is no contact
    pairs = pairs[pairs["contact_faces"] > 0].reset_index(drop=True)
    return Contacts(pairs, _per_particle(pairs, sizes, measure))


def _changes(volume: NDArray[Any], ndim: int, progress: Progress) -> pd.DataFrame:
    """Neighbouring voxels of two labels: a row per pair, a column per kind of neighbour."""
    nz, ny, nx = volume.shape
    step = max(1, _SLAB_VOXELS // (ny * nx))
    parts = []
    progress.begin(-(-nz // step), "Finding contacts")
    for z in range(0, nz, step):
        # one plane more: pairs belong to the block that they begin in
        slab = volume[z : z + step + 1]
        for kind, way in _STEPS:
            if ndim == 3 or way[0] == 0:
                parts.append(_count(slab, min(step, nz - z), kind, way))
        progress.advance()
    table = pd.concat(parts) if parts else pd.DataFrame({"pair": [], "kind": [], "n": []})
    counts = table.groupby(["pair", "kind"])["n"].sum().unstack(fill_value=0)
    return counts.reindex(columns=range(7), fill_value=0)


def _count(slab: NDArray[Any], planes: int, kind: int, way: tuple[int, int, int]) -> pd.DataFrame:
    """Pairs of unlike labels one step apart, that begin in the first `planes` planes."""
    begin = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(way, slab.shape, strict=True))
    end = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(way, slab.shape, strict=True))
    a, b = slab[begin][:planes], slab[end][:planes]
    unlike = np.flatnonzero((a != b) & (a != 0) & (b != 0))
    first = a.reshape(-1)[unlike].astype(np.int64)
    second = b.reshape(-1)[unlike].astype(np.int64)
    pairs, n = np.unique(
        np.minimum(first, second) << 32 | np.maximum(first, second), return_counts=True
    )
    return pd.DataFrame({"pair": pairs, "kind": kind, "n": n})


def _per_particle(pairs: pd.DataFrame, sizes: pd.DataFrame, measure: str) -> pd.DataFrame:
    both = pd.concat([pairs, pairs.rename(columns={"label": "neighbour", "neighbour": "label"})])
    groups = both.groupby("label")[measure].agg(["size", "sum"])
    groups = groups.reindex(sizes["label"], fill_value=0)
    return pd.DataFrame(
        {
            "label": sizes["label"],
            "coordination": groups["size"].to_numpy(np.int64),
            measure: groups["sum"].to_numpy(float),
            "touches_border": sizes["touches_border"],
        }
    )
