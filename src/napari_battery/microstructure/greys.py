"""Distributions of grey levels of several images on common bins, and how far they moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["grey_distributions"]

_BINS = 256


def grey_distributions(
    images: Sequence[Volume], progress: Progress = SILENT, bins: int = _BINS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Normalised frequencies of grey levels, and shifts from the first image.

    Parameters
    ----------
    images : sequence of Volume
        Grey images, read plane by plane; of one with a region only that counts. NaN is left
        out.
    progress : Progress
        Advanced per plane.
    bins : int
        Of equal width, over all images together.

    Returns
    -------
    greys : DataFrame
        ``volume, grey_from, grey_to, fraction``; fractions add up to 1 per image.
    shifts : DataFrame
        ``volume, voxels, mean, sd, median, peak, shift_mean, shift_median, shift_peak,
        distance``. Median and peak are bins' middles. ``distance`` is Wasserstein's, the mean
        grey distance that voxels must move to turn one distribution into the other.

    Raises
    ------
    InputError
        If an image holds labels, phases, or no number at all.

    Notes
    -----
    Grey levels of two scans are comparable only if gain and offset are the same, or were
    matched: a shift may be the material's or the scanner's.
    """
    _check(images)
    progress.begin(2 * sum(image.shape[0] for image in images), "Counting grey levels")
    ends = [_ends(image, progress) for image in images]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    if all(image.dtype.kind in "iub" for image in images) and high - low < bins:
        bins, low, high = int(high - low) + 1, low - 0.5, high + 0.5  # a bin per level
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    greys, rows = [], list[dict[str, float]]()
    for image in images:
        counts, mean, sd = _counted(image, edges, progress)
        share = counts / counts.sum()
        columns = {"grey_from": edges[:-1], "grey_to": edges[1:], "fraction": share}
        greys.append(pd.DataFrame({"volume": image.name, **columns}))
        rows.append({"voxels": int(counts.sum()), "mean": mean, "sd": sd} | _middle(share, edges))
    cumulative = [np.cumsum(one["fraction"]) for one in greys]
    width = float(edges[1] - edges[0])
    for row, total in zip(rows, cumulative, strict=True):
        for name in ("mean", "median", "peak"):
            row[f"shift_{name}"] = row[name] - rows[0][name]
        row["distance"] = float(np.abs(total - cumulative[0]).sum() * width)
    shifts = pd.DataFrame(rows)
    shifts.insert(0, "volume", [image.name for image in images])
    return pd.concat(greys, ignore_index=True), shifts


def _check(images: Sequence[Volume]) -> None:
    if not images:
        raise InputError("No image was given: there are no grey levels to count.")
    for image in images:
        kind = image.metadata.get("kind")
        if kind in ("labels", "phases", "region") or image.dtype == np.bool_:
            raise InputError(f"“{image.name}” holds {kind or 'a mask'}, no grey levels.")
    names = [image.name for image in images]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Two images are called “{twice}”: rename one.")


def _planes(image: Volume) -> Iterator[NDArray[np.float64]]:
    for k in range(image.shape[0]):
        plane: NDArray[Any] = np.asarray(image.data[k])
        if image.region is not None:
            plane = plane[np.asarray(image.region[k], np.bool_)]
        grey = plane.ravel().astype(np.float64)
        yield grey[np.isfinite(grey)]


def _ends(image: Volume, progress: Progress) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for grey in _planes(image):
        if grey.size:
            low, high = min(low, float(grey.min())), max(high, float(grey.max()))
        progress.advance()
    if low > high:
        raise InputError(f"“{image.name}” has no voxel with a grey level in its region.")
    return low, high


def _counted(
    image: Volume, edges: NDArray[np.float64], progress: Progress
) -> tuple[NDArray[np.int64], float, float]:
    counts = np.zeros(len(edges) - 1, np.int64)
    total, squares, middle = 0.0, 0.0, float(edges.mean())
    for grey in _planes(image):
        counts += np.histogram(grey, edges)[0]
        total += float((grey - middle).sum())
        squares += float(((grey - middle) ** 2).sum())
        progress.advance()
    n = int(counts.sum())
    off = total / n
    return counts, middle + off, float(np.sqrt(max(squares / n - off**2, 0.0)))


def _middle(share: NDArray[np.float64], edges: NDArray[np.float64]) -> dict[str, float]:
    middles = (edges[1:] + edges[:-1]) / 2
    return {
        "median": float(middles[np.searchsorted(np.cumsum(share), 0.5 - 1e-12)]),
        "peak": float(middles[np.argmax(share)]),
    }
