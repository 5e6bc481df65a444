"""Grey levels that part the classes of an image, found from its histogram."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling.grey_histogram import grey_histogram
from napari_battery.volume import Volume

__all__ = ["Method", "levels_of_histogram", "threshold_levels"]

Method = Literal["otsu", "multi-otsu", "li", "yen", "triangle", "minimum"]

_FEW_BINS = 256
"""Bins for methods that follow the histogram's shape, not its sums."""

Array = NDArray[np.float64]


def threshold_levels(
    image: Volume, method: Method = "otsu", n_classes: int = 2
) -> tuple[float, ...]:
    """Find the grey levels that part an image into classes.

    Parameters
    ----------
    image : Volume
        Grey levels of any type; only its region counts, NaN and infinity do not.
    method : str
        ``otsu`` and ``multi-otsu`` (the same criterion: the classes' spread is smallest),
        ``li`` (minimum cross entropy), ``yen`` (maximum correlation), ``triangle`` (one peak
        with a long tail), ``minimum`` (the valley between two peaks).
    n_classes : int
        2, or with Otsu's methods more.

    Returns
    -------
    tuple of float
        ``n_classes - 1`` rising levels. A voxel above a level is of the brighter class; but
        for Li's, a level lies midway between the two grey levels that it parts.

    Raises
    ------
    InputError
        If the image has no contrast, or the method cannot part its histogram.

    Notes
    -----
    8- and 16-bit images are parted as by scikit-image's functions of the same names, from
    all their levels. Floating-point images are counted in 65,536 bins for ``otsu``,
    ``multi-otsu`` and ``li`` and, as scikit-image does, in 256 for the others. Multi-Otsu is
    exact on any number of levels. ``minimum`` smooths at most 256 bins: on more it would
    find no two peaks.
    """
    values, counts = grey_histogram(image)
    try:
        return levels_of_histogram(values, counts, method, n_classes, _is_exact(image, values))
    except InputError as error:
        raise InputError(f"“{image.name}”: {error}") from None


def levels_of_histogram(
    values: Array, counts: Array, method: Method, n_classes: int = 2, exact: bool = True
) -> tuple[float, ...]:
    """Find the levels from a histogram, see `threshold_levels`.

    Parameters
    ----------
    values, counts : (n,) float64 array
        From `grey_histogram`.
    method, n_classes
        As in `threshold_levels`.
    exact : bool
        Whether `values` are all the grey levels there are, not centres of bins.
    """
    if method not in get_args(Method):
        raise InputError(
            f"There is no threshold “{method}”; choose of {', '.join(get_args(Method))}."
        )
    if len(values) < 2:
        raise InputError(
            f"it has the one grey level {values[0]:g} everywhere; "
            "a threshold needs an image with contrast."
        )
    if method in ("otsu", "multi-otsu"):
        return _otsu(values, counts, n_classes)
    if n_classes != 2:
        raise InputError(
            f"the method {method} parts two classes, not {n_classes}; choose multi-otsu."
        )
    if method == "li":
        return (_li(values, counts),)
    if not exact or method == "minimum":
        values, counts = _fewer_bins(values, counts)
    find = {"yen": _yen, "triangle": _triangle, "minimum": _minimum}[method]
    return (_midway(values, counts, find(counts)),)


def _is_exact(image: Volume, values: Array) -> bool:
    kind, n_bytes = image.dtype.kind, image.dtype.itemsize
    return kind in "iub" and (n_bytes <= 2 or bool(len(values) < 2 or values[1] - values[0] == 1))


def _otsu(values: Array, counts: Array, n_classes: int) -> tuple[float, ...]:
    """Otsu (1979) for any number of classes: exact, in n log n steps per class.

    Otsu's criterion is the k-means of the grey levels along a line, whose best cuts move in
    one direction only as the range grows; so each half is searched within the bounds found
    for the other.
    """
    from napari_battery.labelling._histogram import best_cuts

    occurring = counts > 0
    values, counts = values[occurring], counts[occurring]
    if not 2 <= n_classes <= len(values):
        raise InputError(
            f"it has {len(values)} grey levels, which cannot be parted into {n_classes} classes."
        )
    weights = counts / counts.sum()
    centred = values - weights @ values
    zero = np.zeros(1)
    cuts = best_cuts(
        np.concatenate([zero, np.cumsum(weights)]),
        np.concatenate([zero, np.cumsum(weights * centred)]),
        n_classes,
    )
    return tuple(float(values[cut - 1] + values[cut]) / 2 for cut in cuts)


def _li(values: Array, counts: Array) -> float:
    """Li and Tam's iteration (1998) from the mean, on levels counted from the lowest."""
    levels = values - values[0]
    enough = 0.5 * (levels[1] - levels[0])
    weighted = levels * counts
    level, last = weighted.sum() / counts.sum(), -np.inf
    while abs(level - last) > enough:
        last = level
        bright = levels > last
        above = weighted[bright].sum() / counts[bright].sum()
        below = weighted[~bright].sum() / counts[~bright].sum()
        if below == 0:
            break
        level = (below - above) / (np.log(below) - np.log(above))
    return float(level + values[0])


def _yen(counts: Array) -> int:
    """Yen, Chang and Chang (1995): the split of largest correlation."""
    share = counts / counts.sum()
    below = np.cumsum(share)[:-1]
    squares = np.cumsum(share**2)
    squares_above = np.cumsum(share[::-1] ** 2)[::-1]
    with np.errstate(divide="ignore"):
        criterion = 2 * np.log(below * (1 - below)) - np.log(squares[:-1] * squares_above[1:])
    return int(np.argmax(criterion))


def _triangle(counts: Array) -> int:
    """Zack, Rogers and Latt (1977): farthest below the line from the peak to the tail's end."""
    peak = int(np.argmax(counts))
    flip = peak < len(counts) - 1 - peak
    if flip:
        counts, peak = counts[::-1], len(counts) - 1 - peak
    height = counts[peak]
    along = np.arange(peak)
    split = int(np.argmax(height * along - peak * counts[:peak])) if peak else 0
    return len(counts) - 1 - split if flip else split


def _minimum(counts: Array) -> int:
    """Prewitt and Mendelsohn (1966): the valley, once smoothing has left two peaks."""
    from skimage.filters import threshold_minimum

    try:
        split = threshold_minimum(hist=(counts, np.arange(len(counts))))
    except RuntimeError:
        raise InputError(
            "its histogram does not show two peaks, which the method minimum needs; "
            "denoise the image or choose another method."
        ) from None
    return int(split)


def _fewer_bins(values: Array, counts: Array) -> tuple[Array, Array]:
    """At most 256 bins, each of the same whole number of the given ones."""
    per_bin = -(-len(values) // _FEW_BINS)
    if per_bin == 1:
        return values, counts
    n = -(-len(values) // per_bin)
    padded = np.zeros(n * per_bin)
    padded[: len(counts)] = counts
    width = values[1] - values[0]
    centres = values[0] + width * (np.arange(n) * per_bin + (per_bin - 1) / 2)
    return centres, padded.reshape(n, per_bin).sum(axis=1)


def _midway(values: Array, counts: Array, split: int) -> float:
    """Level midway between the occurring levels on both sides of a split."""
    occurring = np.flatnonzero(counts)
    after = int(np.searchsorted(occurring, split, side="right"))
    after = min(max(after, 1), len(occurring) - 1)
    return float(values[occurring[after - 1]] + values[occurring[after]]) / 2
