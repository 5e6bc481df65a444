"""The table of the particles' shifts: units, outliers, arrows to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.registration.particle_boxes import Boxes
from napari_battery.volume import Volume

__all__ = ["displacement_vectors", "shift_outliers", "shifts_table"]

_LEAST_SCATTER = 0.1
"""Voxels by which shifts differ from their neighbours' anyhow (Westerweel and Scarano)."""


def shifts_table(
    boxes: Boxes,
    found: NDArray[np.float64],
    turned: NDArray[np.float64] | None,
    fixed: Volume,
    neighbours: int,
    factor: float,
) -> pd.DataFrame:
    """Put what the kernel found into world units, one row per particle.

    Parameters
    ----------
    boxes : Boxes
        The n particles.
    found, turned : (n, N_FOUND) and (n, 9) float64
        What `register_box` fills; no turns without `turned`.
    fixed : Volume
        Whose grid they are on.
    neighbours, factor
        For `shift_outliers`.
    """
    from napari_battery.registration._kernels_particle_fit import DONE

    n, ndim = len(boxes.labels), fixed.ndim
    unit = "voxels" if fixed.voxel_size_um is None else "um"
    if unit == "voxels":
        fixed = fixed.with_voxel_size(1.0, "voxels")
    size = fixed.known_voxel_size_um()
    world = fixed.world_affine()
    centroids = boxes.centroids[:, 3 - ndim :] @ world[:-1, :-1].T + world[:-1, -1]
    # the kernel's lengths are in shortest edges along the axes of the array
    own = world[:-1, :-1] / np.array(size) * min(size)
    done = found[:, 0] == DONE
    shift = np.where(done[:, None], found[:, 4 - ndim : 4], np.nan) @ own.T
    variance = np.where(done[:, None, None], _square(found[:, 4:10]), np.nan)
    sd = np.sqrt(np.diagonal(own @ variance[:, 3 - ndim :, 3 - ndim :] @ own.T, 0, 1, 2))
    columns: dict[str, Any] = {"label": boxes.labels}
    axes = "zyx"[3 - ndim :]
    for name, values in (("centroid", centroids), ("shift", shift), ("shift_sd", sd)):
        columns |= {f"{name}_{axis}_{unit}": values[:, k] for k, axis in enumerate(axes)}
    if turned is not None:
        turn, turn_sd = _turns(np.where(done[:, None], turned, np.nan), own)
        for name, values in (("rotation", turn), ("rotation_sd", turn_sd)):
            kept = range(3) if ndim == 3 else range(1)
            columns |= {f"{name}_{'zyx'[k]}_deg": values[:, k] for k in kept}
    columns["correlation"] = np.where(done, found[:, 10], np.nan)
    columns["overlap"] = found[:, 11]
    excess, outlier = shift_outliers(centroids, shift, neighbours, factor, min(size))
    columns[f"shift_excess_{unit}"] = excess
    columns["outlier"] = outlier
    lowest, highest = boxes.boxes[:, 0, 3 - ndim :], boxes.boxes[:, 1, 3 - ndim :]
    cut = (lowest == 0).any(1) | (highest == np.array(fixed.shape)).any(1)
    columns["touches_border"] = cut if n else np.zeros(0, bool)
    columns["note"] = _notes(found[:, 0])
    return pd.DataFrame(columns)


def _square(upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Symmetric 3 × 3 matrices from their upper triangles."""
    return upper[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3)


def _turns(
    turned: NDArray[np.float64], own: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation vectors and their standard deviation, in degrees, about the world's axes.

    In order z, y, x the axes are left-handed; the sign makes turns right-handed in x, y, z.
    """
    if len(own) == 2:
        own = np.block([[np.eye(1), np.zeros((1, 2))], [np.zeros((2, 1)), own]])
    u, _, v = np.linalg.svd(own)
    axes = u @ v
    axes = -axes * np.linalg.det(axes)
    vectors = turned[:, :3] @ axes.T
    variance = axes @ _square(turned[:, 3:]) @ axes.T
    return np.degrees(vectors), np.degrees(np.sqrt(np.diagonal(variance, 0, 1, 2)))


def _notes(ended: NDArray[np.float64]) -> list[str]:
    from napari_battery.registration._kernels_particle_fit import (
        DONE,
        FLAT,
        LOST,
        NO_DATA,
        UNSETTLED,
    )

    said = {
        DONE: "",
        NO_DATA: "too few voxels with data in both states",
        FLAT: "no grey-level structure to follow",
        LOST: "not found within the largest shift",
        UNSETTLED: "the fit did not settle",
    }
    return [said[int(code)] for code in ended]


def shift_outliers(
    places: NDArray[np.float64],
    shifts: NDArray[np.float64],
    neighbours: int,
    factor: float,
    voxel: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Shifts that are unlike those of the particles around them.

    Parameters
    ----------
    places, shifts : (n, ndim) float64
        Where the particles are and how far they went; NaN where it is not known.
    neighbours : int
        How many around each to compare with.
    factor : float
        Times the neighbours' own median distance from their median, plus a tenth of a voxel,
        that makes an outlier.
    voxel : float
        Shortest voxel edge, in the same unit.

    Returns
    -------
    excess : (n,) float64
        Distance of each shift from the median of its neighbours; NaN where none is known.
    outlier : (n,) bool
        Always False where the shift is not known, or fewer than four neighbours' are.

    Notes
    -----
    The normalised median test of J. Westerweel and F. Scarano, Exp. Fluids 39 (2005) 1096.
    """
    from scipy.spatial import cKDTree

    excess, outlier = np.full(len(shifts), np.nan), np.zeros(len(shifts), bool)
    known = np.flatnonzero(np.isfinite(shifts).all(axis=1))
    if len(known) < 5:
        return excess, outlier
    near = min(neighbours + 1, len(known))
    index = cKDTree(places[known]).query(places[known], near)[1][:, 1:]
    around = shifts[known][index]
    median = np.median(around, axis=1)
    usual = np.median(np.linalg.norm(around - median[:, None], axis=2), axis=1)
    excess[known] = np.linalg.norm(shifts[known] - median, axis=1)
    outlier[known] = excess[known] > factor * (usual + _LEAST_SCATTER * voxel)
    return excess, outlier


def displacement_vectors(
    table: pd.DataFrame, outliers: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Arrows of a displacement field, as a napari Vectors layer takes them.

    Parameters
    ----------
    table : DataFrame
        From `register_particles`.
    outliers : bool
        Whether to keep those marked as outliers.

    Returns
    -------
    vectors : (m, 2, ndim) float64
        Start (the centroid in the fixed state) and displacement, in the world, in µm (voxels
        while the voxel size is unknown). Particles without a shift have no arrow.
    rows : (m,) int64
        Their rows in the table.
    """
    unit = "um" if "shift_x_um" in table else "voxels"
    axes = [axis for axis in "zyx" if f"shift_{axis}_{unit}" in table]
    parts = [table[[f"{name}_{axis}_{unit}" for axis in axes]] for name in ("centroid", "shift")]
    vectors = np.stack([part.to_numpy(np.float64) for part in parts], axis=1)
    kept = np.isfinite(vectors).all(axis=(1, 2))
    if not outliers:
        kept &= ~table["outlier"].to_numpy(bool)
    rows = np.flatnonzero(kept)
    return vectors[rows], rows
