"""Two-point correlation: how likely two points some way apart both lie in a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._checks import binary, edges
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import AXES

__all__ = ["TwoPoint", "two_point_correlation"]


@dataclass(frozen=True, eq=False)
class TwoPoint:
    """Two-point correlation of a phase.

    Parameters
    ----------
    fraction : float
        Volume fraction of the phase.
    radial : DataFrame
        ``distance_um, probability, correlation, pairs``: over all directions. The probability
        S₂ that both ends lie in the phase begins at the fraction φ and tends to φ²; the
        correlation (S₂ - φ²) / (φ - φ²) begins at 1 and tends to 0.
    along : DataFrame
        ``axis, distance_um, probability, correlation``: along each axis alone.
    correlation_length_um : float
        Integral of the correlation up to where it first meets 0; NaN if there is one phase.
    decay_length_um : float
        Where the correlation first falls to 1/e; NaN if it does not.
    surface_per_volume_per_um : float
        From the slope at 0 (Debye, Anderson and Brumberger, J. Appl. Phys. 28, 679 (1957)):
        -4 S₂'(0), in 2-D -π S₂'(0). A check of `surfaces.surface_area`.
    """

    fraction: float
    radial: pd.DataFrame
    along: pd.DataFrame
    correlation_length_um: float
    decay_length_um: float
    surface_per_volume_per_um: float


def two_point_correlation(
    mask: NDArray[Any],
    voxel_size_um: Sequence[float],
    max_distance_um: float | None = None,
    progress: Progress = SILENT,
) -> TwoPoint:
    """Two-point correlation of a phase, by Fourier transform.

    Parameters
    ----------
    mask : (nz, ny, nx) or (ny, nx) bool array
        The phase.
    voxel_size_um : sequence of float
        Voxel edges in µm along the array's axes.
    max_distance_um : float, optional
        Longest distance; by default half the volume's shortest edge.
    progress : Progress
        Four steps; the longest is one Fourier transform.

    Raises
    ------
    InputError
        If the mask is no mask, or the distance below one voxel or above the shortest edge.

    Notes
    -----
    The volume is padded by the longest distance, so that its ends do not meet, and each
    distance is averaged over the pairs of voxels that there are: a finite volume gives an
    unbiased S₂. Memory is about 8 bytes per voxel of the padded volume twice.
    """
    inside = binary(mask)
    size = np.array(edges(voxel_size_um, inside.ndim))
    longest = float(np.min(np.array(inside.shape) * size))
    reach = longest / 2 if max_distance_um is None else float(max_distance_um)
    if not size.min() <= reach <= longest:
        raise InputError(
            f"The longest distance is {reach:g} µm; it must lie between one voxel "
            f"({size.min():g} µm) and the shortest edge of the volume ({longest:g} µm)."
        )
    lags = np.minimum((reach / size).astype(int), np.array(inside.shape) - 1)
    probability, pairs = _probability(inside, lags, progress)
    fraction = float(inside.mean())
    radial = _radial(probability, pairs, size, lags, reach)
    along = _along(probability, size, lags)
    for table in (radial, along):
        with np.errstate(invalid="ignore"):
            table["correlation"] = (table["probability"] - fraction**2) / np.float64(
                fraction - fraction**2
            )
    progress.advance()
    slope = _slope(radial, fraction, float(size.max()))
    return TwoPoint(
        fraction,
        radial[["distance_um", "probability", "correlation", "pairs"]],
        along,
        _integral(radial),
        _decay(radial),
        -slope * (4 if inside.ndim == 3 else np.pi),
    )


def _probability(
    inside: NDArray[np.bool_], lags: NDArray[np.int64], progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """S₂ and pairs of voxels by shift, from -lag to lag along all axes but the last."""
    from scipy import fft

    progress.begin(4, "Correlating")
    shape = [
        fft.next_fast_len(n + int(k), real=True) for n, k in zip(inside.shape, lags, strict=True)
    ]
    spectrum = fft.rfftn(inside.astype(np.float32), shape)
    progress.advance()
    power = spectrum.real**2 + spectrum.imag**2
    del spectrum
    progress.advance()
    counts = fft.irfftn(power, shape)
    del power
    progress.advance()
    pairs = np.ones((1,) * inside.ndim)
    for axis, (n, lag) in enumerate(zip(inside.shape, lags, strict=True)):
        # the mask is real: shifts that differ in sign only give the same
        shifts = np.arange(0 if axis == inside.ndim - 1 else -lag, lag + 1)
        counts = np.take(counts, shifts, axis=axis)
        per_axis = (n - np.abs(shifts)).astype(float)
        pairs = pairs * per_axis.reshape([-1 if k == axis else 1 for k in range(inside.ndim)])
    return np.asarray(np.maximum(counts, 0) / pairs, np.float64), pairs


def _radial(
    probability: NDArray[np.float64],
    pairs: NDArray[np.float64],
    size: NDArray[np.float64],
    lags: NDArray[np.int64],
    reach: float,
) -> pd.DataFrame:
    """Mean over directions in shells one voxel thick; the first is distance 0 alone."""
    squared = np.zeros((1,) * len(size))
    for axis, (edge, lag) in enumerate(zip(size, lags, strict=True)):
        shifts = np.arange(0 if axis == len(size) - 1 else -lag, lag + 1) * edge
        squared = squared + (shifts**2).reshape([-1 if k == axis else 1 for k in range(len(size))])
    distance = np.sqrt(squared)
    inside = distance <= reach
    width = float(size.max())
    shell = np.ceil(distance[inside] / width - 0.5).astype(np.int64)
    shell[distance[inside] > 0] = np.maximum(shell[distance[inside] > 0], 1)
    # at shift 0 along the last axis, shifts and their opposites are both there
    weights = np.broadcast_to(pairs, distance.shape).copy()
    weights[..., 0] /= 2
    weights = weights[inside]
    total = np.bincount(shell, weights)
    some = total > 0
    return pd.DataFrame(
        {
            "distance_um": (np.bincount(shell, weights * distance[inside]) / total)[some],
            "probability": (np.bincount(shell, weights * probability[inside]) / total)[some],
            "pairs": np.ceil(total[some]).astype(np.int64),
        }
    )


def _along(
    probability: NDArray[np.float64], size: NDArray[np.float64], lags: NDArray[np.int64]
) -> pd.DataFrame:
    """S₂ along each axis alone."""
    parts = []
    for axis, (edge, lag) in enumerate(zip(size, lags, strict=True)):
        middle = [0 if k == len(lags) - 1 else int(lags[k]) for k in range(len(lags))]
        start = middle[axis]
        where: list[Any] = list(middle)
        where[axis] = slice(start, start + int(lag) + 1)
        values = probability[tuple(where)]
        parts.append(
            pd.DataFrame(
                {
                    "axis": AXES[-len(lags) :][axis],
                    "distance_um": np.arange(len(values)) * edge,
                    "probability": values,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _slope(radial: pd.DataFrame, fraction: float, edge: float) -> float:
    """Slope of S₂ at 0, by a line through φ at 0 over the next two voxels."""
    near = radial[(radial["distance_um"] > 0) & (radial["distance_um"] <= 2.5 * edge)]
    if near.empty:
        return np.nan
    distance = near["distance_um"].to_numpy()
    return float(distance @ (near["probability"] - fraction) / (distance @ distance))


def _integral(radial: pd.DataFrame) -> float:
    """Integral of the correlation up to its first zero; to the end where it has none."""
    distance = radial["distance_um"].to_numpy()
    value = radial["correlation"].to_numpy()
    if not np.isfinite(value).all():
        return np.nan
    below = np.flatnonzero(value <= 0)
    if below.size:
        k = int(below[0])
        zero = np.interp(0, [value[k], value[k - 1]], [distance[k], distance[k - 1]])
        distance, value = np.append(distance[:k], zero), np.append(value[:k], 0)
    return float(np.trapezoid(value, distance))


def _decay(radial: pd.DataFrame) -> float:
    """Distance at which the correlation first falls to 1/e."""
    distance = radial["distance_um"].to_numpy()
    value = radial["correlation"].to_numpy()
    below = np.flatnonzero(value <= np.exp(-1))
    if not below.size or below[0] == 0:
        return np.nan
    k = int(below[0])
    return float(np.interp(np.exp(-1), value[[k, k - 1]], distance[[k, k - 1]]))
