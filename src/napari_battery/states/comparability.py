"""Whether the grey levels of several scans mean the same: histograms, peaks and their drift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.states.table import GreyScale
from napari_battery.volume import Volume

__all__ = ["count_greys", "grey_peak", "grey_peaks", "grey_scales"]

_BINS = 512
Array = NDArray[np.float64]


def count_greys(
    image: Volume, labels: Volume, state: str, progress: Progress = SILENT
) -> pd.DataFrame:
    """Histogram of a scan's grey levels: of all voxels, of empty space and of particles.

    Parameters
    ----------
    image : Volume
        Grey levels of any number type; NaN and infinite ones are left out, and what is outside
        its region.
    labels : Volume
        On the same grid; 0 outside particles.
    state : str
        Name of the state.
    progress : Progress
        Advanced per plane.

    Returns
    -------
    DataFrame
        ``state, grey, count, empty, solid``, at most 512 rows: 8-bit levels one by one, others
        in bins of equal width, of which ``grey`` is the middle.

    Raises
    ------
    InputError
        If there is no grey level at all.
    """
    rows = range(image.shape[0])
    dtype = image.dtype
    if dtype.kind in "iub" and dtype.itemsize == 1:
        low, width, n = (-128.0 if dtype.kind == "i" else 0.0), 1.0, 256
    else:
        low, high = _extremes(image, progress)
        n = _BINS
        width = (high - low) / (n - 1) if high > low else 1.0
        if dtype.kind in "iu":
            width = max(1.0, float(np.ceil(width)))
    counts = np.zeros((2, n))
    progress.begin(len(rows), f"Counting grey levels, {state}")
    for row in rows:
        grey, inside = _plane(image, row)
        solid = np.asarray(labels.data[row]) != 0
        place = np.rint((grey - low) / width) if width != 1 or low != 0 else grey
        for k, part in enumerate((inside & ~solid, inside & solid)):
            counts[k] += np.bincount(place[part].astype(np.int64), minlength=n)[:n]
        progress.advance()
    if not counts.any():
        raise InputError(f"“{image.name}” has no voxel with a grey level.")
    both = counts.sum(axis=0)
    seen = np.flatnonzero(both)
    some = slice(int(seen[0]), int(seen[-1]) + 1)
    return pd.DataFrame(
        {
            "state": state,
            "grey": low + width * np.arange(n)[some],
            "count": both[some],
            "empty": counts[0, some],
            "solid": counts[1, some],
        }
    )


def _plane(image: Volume, row: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    grey = np.asarray(image.data[row])
    inside = np.isfinite(grey) if grey.dtype.kind == "f" else np.ones(grey.shape, bool)
    if image.region is not None:
        inside &= np.asarray(image.region[row], bool)
    return (grey.astype(np.float64) if grey.dtype.kind == "f" else grey), inside


def _extremes(image: Volume, progress: Progress) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    progress.begin(image.shape[0], "Finding the range of grey levels")
    for row in range(image.shape[0]):
        grey, inside = _plane(image, row)
        if inside.any():
            low = min(low, float(grey[inside].min()))
            high = max(high, float(grey[inside].max()))
        progress.advance()
    if low > high:
        raise InputError(f"“{image.name}” has no voxel with a grey level.")
    return low, high


def grey_peak(grey: Array, count: Array) -> float:
    """Grey level of a histogram's highest peak, to a fraction of a level.

    The highest bin of the smoothed histogram, then the top of a parabola through the
    logarithm of the counts about it that are above half of it: exact for a Gaussian peak.
    NaN where nothing was counted.
    """
    from scipy.ndimage import gaussian_filter1d

    total = float(np.sum(count))
    if total <= 0:
        return float("nan")
    mean = float((grey * count).sum() / total)
    spread = float(np.sqrt(((grey - mean) ** 2 * count).sum() / total))
    step = float(grey[1] - grey[0]) if len(grey) > 1 else 1.0
    # spikes of stretched 8-bit images have empty levels between them
    smooth = np.asarray(gaussian_filter1d(np.asarray(count, float), max(spread / step / 8, 0.8)))
    top = int(np.argmax(smooth))
    low = high = top
    while low > 0 and smooth[low - 1] > 0.5 * smooth[top]:
        low -= 1
    while high + 1 < len(smooth) and smooth[high + 1] > 0.5 * smooth[top]:
        high += 1
    if high - low < 2:
        return float(grey[top])
    x, y = grey[low : high + 1] - grey[top], np.log(smooth[low : high + 1])
    a, b, _ = np.polyfit(x, y, 2, w=np.sqrt(smooth[low : high + 1]))
    if not a < 0:
        return float(grey[top])
    vertex = float(grey[top] - b / (2 * a))
    return float(np.clip(vertex, grey[low], grey[high]))


def grey_peaks(greys: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Peaks of empty space and of solid in each state, and their drift since the first.

    Parameters
    ----------
    greys : DataFrame
        From `count_greys`, of all states.
    names : sequence of str
        The states in their order.

    Returns
    -------
    DataFrame
        ``state, empty_peak, solid_peak, empty_drift, solid_drift, contrast`` (grey levels).
    """
    rows = []
    for name in names:
        here = greys[(greys["state"] == name).to_numpy()]
        grey = here["grey"].to_numpy(np.float64)
        peaks = [grey_peak(grey, here[kind].to_numpy(np.float64)) for kind in ("empty", "solid")]
        rows.append((name, *peaks))
    table = pd.DataFrame(rows, columns=["state", "empty_peak", "solid_peak"])
    for kind in ("empty", "solid"):
        table[f"{kind}_drift"] = table[f"{kind}_peak"] - table[f"{kind}_peak"].iloc[0]
    return table.assign(contrast=table["solid_peak"] - table["empty_peak"])


def grey_scales(
    names: Sequence[str], greys: pd.DataFrame | None, normalise: str
) -> tuple[dict[str, GreyScale], list[str]]:
    """Factor and offset that bring each state's greys to those of the reference.

    Parameters
    ----------
    names : sequence of str
        The states in their order.
    greys : DataFrame, optional
        Histograms of all states.
    normalise : {"none", "offset", "gain", "two-point"}
        Offset adds the drift of the peak of empty space; gain multiplies it away; two-point
        maps the peaks of both empty space and solid onto those of the reference.

    Returns
    -------
    scales : dict
        Factor and offset of each state: new grey = factor · grey + offset.
    notes : list of str
        What was done, to be shown and recorded.

    Raises
    ------
    InputError
        If it needs histograms that are not there, or a peak cannot be told.
    """
    unchanged: dict[str, GreyScale] = {name: (1.0, 0.0) for name in names}
    if normalise == "none":
        return unchanged, []
    if greys is None or not len(greys):
        raise InputError(
            "Grey normalisation needs the histograms of all states: give the images, or switch "
            "the normalisation off."
        )
    peaks = grey_peaks(greys, names).set_index("state")
    first = peaks.iloc[0]
    scales: dict[str, GreyScale] = {}
    for name in names:
        empty, solid = peaks.loc[name, ["empty_peak", "solid_peak"]].to_numpy(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            if normalise == "offset":
                factor, offset = 1.0, first["empty_peak"] - empty
            elif normalise == "gain":
                factor, offset = first["empty_peak"] / empty, 0.0
            else:
                factor = first["contrast"] / (solid - empty)
                offset = first["empty_peak"] - factor * empty
        if not (np.isfinite(factor) and np.isfinite(offset) and factor > 0):
            raise InputError(
                f"The greys of “{name}” cannot be normalised by {normalise}: its peaks are at "
                f"{empty:.4g} (empty) and {solid:.4g} (solid), the reference's at "
                f"{first['empty_peak']:.4g} and {first['solid_peak']:.4g}."
            )
        scales[name] = (float(factor), float(offset))
    notes = [
        f"{name}: greys were normalised to those of {names[0]} ({normalise}): "
        f"× {factor:.5g} {offset:+.4g}."
        for name, (factor, offset) in list(scales.items())[1:]
    ]
    if normalise == "two-point":
        notes.append(
            "Two-point normalisation maps the peak of solid onto the reference's, so that the "
            "mean change of all particles is taken away; only differences between particles, or "
            "subsets of them, are left."
        )
    return scales, notes
