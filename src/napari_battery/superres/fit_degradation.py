"""How a real low-resolution scan differs from the high-resolution one of the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.registration.pairs import AlignedPair
from napari_battery.superres.area import area_weights, averaged
from napari_battery.superres.cubic import cubic_onto, grid_to_image, planes
from napari_battery.superres.degradation import DegradationSettings
from napari_battery.volume import Volume

__all__ = ["PairFit", "fit_degradation", "fit_pair"]

_MOST_LOW_VOXELS = 1 << 20
_FEWEST_LOW_VOXELS = 500
_PSF_LIMITS = (0.0, 2.0)
_MARGIN = 2
"""Low-resolution voxels at the faces that are left out: beyond them the high scan is mirrored."""
_GIVEN = 0.98
_NOISE_SIDE = 160
"""Sides, in high-resolution voxels, of the part that the high scan's noise is measured in."""
_NOISE_SMOOTHING = 2.5
_FLAT = 0.2
"""Share of the voxels, those of the least slope once smoothed, that count as flat."""


@dataclass(frozen=True)
class PairFit:
    """The low scan as a blurred, averaged and scaled high scan with noise.

    Parameters
    ----------
    psf : float
        Gaussian sigma of the blur that the low scan has and the high one has not, in
        low-resolution voxels; averaging over the voxel comes on top.
    gain, offset : float
        Noise-free grey level of the low scan = gain · grey level of the high one + offset.
    noise : float
        Standard deviation of the low scan's noise, in its grey levels.
    noise_correlation : float
        Weight of each neighbour in it (see `DegradationSettings`).
    high_noise : float
        Standard deviation of the high scan's noise, in its grey levels.
    span : float
        Grey range of the noise-free low scan (.5 % to 99.5 %).
    """

    psf: float
    gain: float
    offset: float
    noise: float
    noise_correlation: float
    high_noise: float
    span: float


def fit_degradation(pair: AlignedPair, progress: Progress = SILENT) -> DegradationSettings:
    """Settings that degrade high-resolution scans as a real pair shows it.

    Ratio, blur, noise, its correlation, gain and offset are measured; blur and noise get
    ranges of ±10 %. The rest keeps its defaults, without rings and gain jitter: what there is of
    them is in the noise.

    Raises
    ------
    InputError
        See `fit_pair`.
    """
    fit = fit_pair(pair, progress)
    noise = fit.noise / fit.span
    return DegradationSettings(
        ratio=max(1.0, float(np.prod(pair.ratios)) ** (1 / len(pair.ratios))),
        psf_smallest=0.9 * fit.psf,
        psf_largest=1.1 * fit.psf,
        noise_smallest=0.9 * noise,
        noise_largest=1.1 * noise,
        noise_correlation=fit.noise_correlation,
        ring=0.0,
        gain_jitter=0.0,
        gain=fit.gain,
        offset=fit.offset,
    )


def fit_pair(pair: AlignedPair, progress: Progress = SILENT) -> PairFit:
    """Fit blur, grey scale and noise of the low scan to the high one of the same place.

    The low scan is regressed on the high one, blurred and averaged to the low voxels; the blur
    is the one that explains most. The high scan's own noise, which would make the slope too
    small, is measured and taken out of its variance.

    Parameters
    ----------
    pair : AlignedPair
        Mended: a shift that is left counts as blur.
    progress : Progress
        Advanced per slab.

    Returns
    -------
    PairFit

    Raises
    ------
    InputError
        If the overlap is too small, or the grey levels do not rise together.
    """
    from scipy.optimize import minimize_scalar

    low, high, first, ratios = _same_axes(pair, progress)
    sigma, weight = _own_noise(high)
    inside = _inside(low, high, ratios, first)
    high[~np.isfinite(high)] = np.nanmean(high)

    def blurred(psf: float) -> NDArray[np.float32]:
        return averaged(high, _weights(low.shape, high.shape, ratios, first, psf), SILENT)

    def explained(psf: float) -> tuple[float, float, float]:
        """Part of the low scan's variance that is explained, gain and offset."""
        f, g = blurred(psf)[inside].astype(np.float64), low[inside].astype(np.float64)
        weights = _weights(low.shape, high.shape, ratios, first, psf)
        spread = f.var() - sigma**2 * _kept(weights, weight)[0]
        if spread <= 0:
            return 0.0, 0.0, 0.0
        both = float(((f - f.mean()) * (g - g.mean())).mean())
        gain = both / spread
        return both * gain, float(gain), float(g.mean() - gain * f.mean())

    if inside.sum() < _FEWEST_LOW_VOXELS:
        raise InputError(
            f"“{pair.low.name}” and “{pair.high.name}” share only {inside.sum()} low-resolution "
            f"voxels away from the faces; {_FEWEST_LOW_VOXELS} are needed to match them."
        )
    progress.begin(1, "Matching the pair")
    found = minimize_scalar(
        lambda psf: -explained(psf)[0], bounds=_PSF_LIMITS, method="bounded",
        options={"xatol": 0.005},
    )  # fmt: skip
    psf = float(found.x)
    power, gain, offset = explained(psf)
    if gain <= 0 or power <= 0:
        raise InputError(
            f"The grey levels of “{pair.low.name}” do not rise with those of “{pair.high.name}” "
            "where they overlap: align the pair first; inverted contrast cannot be matched."
        )
    model = gain * blurred(psf) + offset
    kept = gain**2 * sigma**2 * _kept(_weights(low.shape, high.shape, ratios, first, psf), weight)
    noise, correlation = _noise_left(low, model, inside, kept)
    progress.advance()
    span = float(np.subtract(*np.quantile(model[inside], (0.995, 0.005))))
    return PairFit(psf, gain, offset, noise, correlation, sigma, span)


def _inside(
    low: NDArray[np.float32], high: NDArray[np.float32], ratios: list[float], first: list[float]
) -> NDArray[np.bool_]:
    """Low voxels away from the faces to which the high scan gives nearly all there is."""
    inside = np.isfinite(low)
    for axis, n in enumerate(low.shape):
        if n > 2 * _MARGIN + 1:
            for part in (slice(0, _MARGIN), slice(-_MARGIN, None)):
                inside[_along(axis, part)] = False
    finite = np.isfinite(high)
    if not finite.all():
        weights = _weights(low.shape, high.shape, ratios, first, 1.0)
        inside &= averaged(finite, weights) > _GIVEN
    return inside


def _same_axes(
    pair: AlignedPair, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[float], list[float]]:
    """A middle part of both scans with axes that agree, and how their voxels lie.

    Returns
    -------
    low, high : (z, y, x) float32 arrays
    first : list of float
        Place of the first low voxel in high voxels, per axis.
    ratios : list of float
    """
    low = _middle(pair.low)
    to_high = grid_to_image(low, pair.high)
    linear = to_high[:3, :3]
    if np.abs(linear - np.diag(np.diag(linear))).max() < 1e-9 and (np.diag(linear) > 0).all():
        box = _reach(low, pair.high, to_high)
        high = np.array(planes(pair.high)[box], np.float32)
        if pair.high.region is not None:
            region = np.asarray(pair.high.region).astype(bool).reshape((-1, *pair.high.shape[-2:]))
            high[~region[box]] = np.nan
        first = [float(to_high[a, 3]) - box[a].start for a in range(3)]
        return _grey(low), high, first, [float(v) for v in np.diag(linear)]
    grid, steps = _fine(low, pair.ratios)
    turned = cubic_onto(pair.high, grid, progress)
    high = np.where(turned.valid, turned.data, np.float32(np.nan))
    ratios = [1.0] * (3 - low.ndim) + steps
    return _grey(low), high, [(r - 1) / 2 for r in ratios], ratios


def _middle(low: Volume) -> Volume:
    """At most a million voxels about the middle."""
    from napari_battery.prepare import crop

    share = min(1.0, (_MOST_LOW_VOXELS / float(np.prod(low.shape))) ** (1 / low.ndim))
    sides = [max(1, int(n * share)) for n in low.shape]
    starts = [(n - side) // 2 for n, side in zip(low.shape, sides, strict=True)]
    return crop(low, [(a, a + side) for a, side in zip(starts, sides, strict=True)])


def _grey(low: Volume) -> NDArray[np.float32]:
    grey = np.array(planes(low), np.float32)
    if low.region is not None:
        grey[~np.asarray(low.region).astype(bool).reshape(grey.shape)] = np.nan
    return grey


def _reach(low: Volume, high: Volume, to_high: NDArray[np.float64]) -> tuple[slice, ...]:
    """Box of the high scan that the low voxels and their blur take part in."""
    box = []
    shapes = [(1,) * (3 - v.ndim) + v.shape for v in (low, high)]
    for axis, (n_low, n_high) in enumerate(zip(*shapes, strict=True)):
        step, at = to_high[axis, axis], to_high[axis, 3]
        margin = 0.5 * step + 5 * _PSF_LIMITS[1] * step
        start, stop = int(at - margin), int(np.ceil(at + step * (n_low - 1) + margin)) + 1
        box.append(slice(max(0, start), max(1, min(n_high, stop))))
    return tuple(box)


def _fine(low: Volume, ratios: tuple[float, ...]) -> tuple[Volume, list[float]]:
    """A grid along the low scan's axes with whole voxels of about the high scan's size."""
    steps = [float(max(1, round(r))) for r in ratios]
    edges = low.known_voxel_size_um()
    small = tuple(e / s for e, s in zip(edges, steps, strict=True))
    shape = tuple(int(n * s) for n, s in zip(low.shape, steps, strict=True))
    empty = np.broadcast_to(np.uint8(0), shape)
    origin = tuple(o + (f - e) / 2 for o, f, e in zip(low.origin_um, small, edges, strict=True))
    grid = low.like(empty, "fine grid", voxel_size_um=small, origin_um=origin, region=None)
    return grid, steps


def _weights(
    low: tuple[int, ...], high: tuple[int, ...], ratios: list[float], first: list[float], psf: float
) -> list[Any]:
    # a single slice is neither blurred nor averaged along z
    return [
        area_weights(m, n, max(r, 1.0), f, 0.0 if m == n == 1 else psf * r)
        for m, n, r, f in zip(low, high, ratios, first, strict=True)
    ]


def _own_noise(high: NDArray[np.float32]) -> tuple[float, float]:
    """Standard deviation of an image's noise, and the weight of each neighbour in it.

    From the differences of nearest voxels and of those two apart, where the object is flattest:
    of noise with weights w, 1, w they are σ²(1 − ρ₁) and σ²(1 − ρ₂), half their squares.
    """
    from scipy.ndimage import gaussian_filter

    middle = tuple(
        slice((n - m) // 2, (n - m) // 2 + m)
        for n, m in ((n, min(n, _NOISE_SIDE)) for n in high.shape)
    )
    grey = high[middle].astype(np.float64)
    axes = [axis for axis, n in enumerate(grey.shape) if n > 4]
    filled = np.where(np.isfinite(grey), grey, np.nanmean(grey))
    smooth = gaussian_filter(filled, [_NOISE_SMOOTHING if n > 4 else 0 for n in grey.shape])
    slope = np.zeros(grey.shape)
    for axis in axes:
        slope += np.gradient(smooth, axis=axis) ** 2
    slope[~np.isfinite(grey)] = np.inf
    flat = slope <= np.quantile(slope, _FLAT)

    def half_square(lag: int) -> float:
        total, count = 0.0, 0
        for axis in axes:
            at, on = (_along(axis, part) for part in (slice(None, -lag), slice(lag, None)))
            both = flat[at] & flat[on]
            total += float(((grey[on] - grey[at])[both] ** 2).sum()) / 2
            count += int(both.sum())
        return total / max(count, 1)

    near, far = half_square(1), half_square(2)
    if far == 0:
        return 0.0, 0.0
    # near / far = (1 − 2w + 2w²) / (1 + w²), solved for w
    q = float(np.clip(near / far, 0.4, 1.0))
    weight = float((1 - np.sqrt(1 - (2 - q) * (1 - q))) / (2 - q))
    return float(np.sqrt(far * (1 + 2 * weight**2) / (1 + weight**2))), weight


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, part)


def _weight_of(correlation: float) -> float:
    """Weight w of either neighbour from the correlation of nearest voxels, 2w / (1 + 2w²)."""
    rho = float(np.clip(correlation, 0.0, 2 / 3))
    return 0.0 if rho == 0 else float((1 - np.sqrt(1 - 2 * rho**2)) / (2 * rho))


def _kept(weights: list[Any], weight: float) -> NDArray[np.float64]:
    """What averaging leaves of the variance of unit noise, then its covariance one voxel on.

    Returns
    -------
    (4,) array
        The variance, and the covariances along z, y and x.
    """
    same, next_ = np.ones(3), np.ones(3)
    for axis, matrix in enumerate(weights):
        dense = matrix[matrix.shape[0] // 2 : matrix.shape[0] // 2 + 2].toarray()
        if matrix.shape[1] == 1:
            next_[axis] = 0
            continue
        shared = dense + weight * (np.roll(dense, 1, axis=1) + np.roll(dense, -1, axis=1))
        shared /= np.sqrt(1 + 2 * weight**2)
        same[axis] = shared[0] @ shared[0]
        next_[axis] = shared[0] @ shared[-1] if len(shared) > 1 else 0.0
    return np.array([same.prod(), *(same.prod() / same * next_)])


def _noise_left(
    low: NDArray[np.float32],
    model: NDArray[np.float32],
    inside: NDArray[np.bool_],
    kept: NDArray[np.float64],
) -> tuple[float, float]:
    """Noise of the low scan and its neighbours' weight, where the object is flat."""
    left = (low - model).astype(np.float64)
    slope = np.zeros(low.shape)
    axes = [axis for axis, n in enumerate(low.shape) if n > 2]
    for axis in axes:
        slope += np.gradient(model.astype(np.float64), axis=axis) ** 2
    good = inside & np.isfinite(left) & np.isfinite(slope)
    flat = good & (slope <= np.median(slope[good]))
    left -= left[flat].mean()
    variance = max(float((left[flat] ** 2).mean()) - kept[0], 0.0)
    if variance == 0:
        return 0.0, 0.0
    shares = []
    for axis in axes:
        at, on = (_along(axis, part) for part in (slice(None, -1), slice(1, None)))
        both = flat[at] & flat[on]
        if both.any():
            product = float((left[at] * left[on])[both].mean())
            shares.append((product - kept[1 + axis]) / variance)
    return float(np.sqrt(variance)), _weight_of(float(np.mean(shares)) if shares else 0.0)
