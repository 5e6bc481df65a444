"""A low-resolution CT scan made from a high-resolution one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.settings import Settings, setting
from napari_battery.superres.area import area_weights, averaged
from napari_battery.superres.cubic import planes
from napari_battery.volume import Volume

__all__ = ["DegradationSettings", "Degraded", "correlated_noise", "degrade", "degraded_scan"]

_LOW = "low-resolution voxels"
_RANGE = "of the grey range"


class DegradationSettings(Settings):
    """How a low-resolution scan differs from a high-resolution one; each draw is in these ranges.

    Noise, rings and grey levels are shares of the range between the .5 % and 99.5 % quantiles
    of the noise-free low-resolution image.
    """

    ratio: float = setting(
        3.108,
        "Voxel edge of the low scan over that of the high one (2.3 µm over 0.74 µm).",
        title="Voxel-size ratio",
        ge=1,
        le=32,
    )
    ratio_jitter: float = setting(
        0.03, "Departure from the ratio, either way.", title="Ratio jitter", ge=0, le=0.2
    )
    psf_smallest: float = setting(
        0.4, "Smallest Gaussian sigma of the blur.", title="Smallest PSF", unit=_LOW, ge=0, le=5
    )
    psf_largest: float = setting(
        0.8, "Largest Gaussian sigma of the blur.", title="Largest PSF", unit=_LOW, ge=0, le=5
    )
    noise_smallest: float = setting(
        0.02, "Smallest standard deviation of the noise.", unit=_RANGE, ge=0, le=2
    )
    noise_largest: float = setting(
        0.1, "Largest standard deviation of the noise.", unit=_RANGE, ge=0, le=2
    )
    noise_correlation: float = setting(
        0.25,
        "Weight of each neighbouring voxel, per axis, in the noise of a voxel: reconstruction "
        "correlates neighbours.",
        ge=0,
        le=0.5,
    )
    poisson_share: float = setting(
        0.3,
        "Share of the noise's variance that grows with the grey level, as that of counted photons.",
        title="Poisson share",
        ge=0,
        le=1,
    )
    ring: float = setting(
        0.01,
        "Standard deviation of rings about an axis through the image, another one in each slice.",
        title="Rings",
        unit=_RANGE,
        ge=0,
        le=1,
    )
    gain_jitter: float = setting(
        0.005, "Standard deviation of the gain from slice to slice.", ge=0, le=0.5
    )
    grey_jitter: float = setting(
        0.1,
        "Departure, either way, of contrast and offset of the whole scan.",
        title="Grey jitter",
        ge=0,
        le=0.9,
    )
    gain: float = setting(1.0, "Grey levels of the low scan per grey level of the high one.", gt=0)
    offset: float = setting(
        0.0, "Grey level of the low scan where the high one's is 0.", unit="grey level"
    )


@dataclass(frozen=True, eq=False)
class Degraded:
    """A made-up low-resolution scan.

    Parameters
    ----------
    low : Volume
        float32; its outer corner coincides with the high scan's.
    gain, offset : float
        Grey level of the low scan = gain · grey level of the high scan + offset, but for noise.
    drawn : dict
        What was drawn from the ranges.
    """

    low: Volume
    gain: float
    offset: float
    drawn: dict[str, float]


def degrade(
    high: Volume,
    settings: DegradationSettings = DegradationSettings(),  # noqa: B008
    seed: int = 0,
    progress: Progress = SILENT,
) -> Volume:
    """Make a low-resolution scan of a high-resolution one; see `degraded_scan`."""
    return degraded_scan(high, settings, seed, progress).low


def degraded_scan(
    high: Volume,
    settings: DegradationSettings = DegradationSettings(),  # noqa: B008
    seed: int = 0,
    progress: Progress = SILENT,
) -> Degraded:
    """Make a low-resolution scan of a high-resolution one, and say what was done.

    Gaussian blur and averaging over the larger voxels at the exact ratio, then contrast and
    offset, rings, gain of each slice, and correlated noise. Averaging alone keeps constants and
    (over whole voxels) the mean.

    Parameters
    ----------
    high : Volume
        2-D (then blurred and averaged in the plane only) or 3-D, of known voxel size. Read slab
        by slab.
    settings : DegradationSettings
        Ranges to draw from.
    seed : int
        Start of the random numbers; the same gives the same scan.
    progress : Progress
        Advanced per slab.

    Returns
    -------
    Degraded
        Of as many whole low-resolution voxels as fit; NaN where a voxel that is no number has a
        share.

    Raises
    ------
    InputError
        If the voxel size is unknown, less than one low-resolution voxel fits, the image has no
        contrast, or a smallest value is above the largest.
    """
    rng = np.random.default_rng(seed)
    drawn = _drawn(settings, rng)
    ratios = (1.0,) * (3 - high.ndim) + (drawn["ratio"],) * high.ndim
    shape = (1,) * (3 - high.ndim) + high.shape
    # a rounding error must not cost a voxel
    n_low = [int(n / ratio + 1e-9) for n, ratio in zip(shape, ratios, strict=True)]
    edges = high.known_voxel_size_um()
    if min(n_low) < 1:
        raise InputError(
            f"“{high.name}” has {high.shape} voxels, fewer than the {max(ratios):.3g} that make "
            "one low-resolution voxel."
        )
    # a 2-D image keeps its one slice as it is
    blurs = (0.0,) * (3 - high.ndim) + (drawn["psf"] * drawn["ratio"],) * high.ndim
    weights = [
        area_weights(m, n, ratio, (ratio - 1) / 2, blur)
        for m, n, ratio, blur in zip(n_low, shape, ratios, blurs, strict=True)
    ]
    clean = averaged(planes(high), weights, progress, f"Degrading {high.name}")
    finite = clean[np.isfinite(clean)]
    if finite.size == 0 or finite.min() == finite.max():
        raise InputError(f"“{high.name}” has no contrast; there is nothing to degrade.")
    gain = settings.gain * drawn["contrast"]
    span = float(np.subtract(*np.quantile(finite, (0.995, 0.005))))
    span = max(span, float(np.ptp(finite)) * 1e-3)
    middle = float(np.median(finite))
    # contrast turns about the middle grey level, and the offset is a share of the range
    shift = settings.offset + settings.gain * (middle + drawn["brightness"] * span) - gain * middle
    grey = gain * clean + np.float32(shift)
    grey = _spoilt(grey, gain * span, settings, drawn["noise"], rng)
    data = grey[0] if high.ndim == 2 else grey
    low_edges = tuple(e * r for e, r in zip(edges, ratios[3 - high.ndim :], strict=True))
    made = provenance("degrade", settings, [high], [])
    made.update(seed=seed, drawn=drawn)
    low = high.like(
        data,
        f"{high.name} degraded",
        voxel_size_um=low_edges,
        origin_um=tuple(
            o + (a - b) / 2 for o, a, b in zip(high.origin_um, low_edges, edges, strict=True)
        ),
        region=None,
    )
    low.metadata.update(synthetic=True, kind="image", made=made)
    return Degraded(low, gain, shift, drawn)


def correlated_noise(
    shape: Sequence[int], weight: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Noise of unit variance whose neighbours share `weight`, per axis of more than one voxel."""
    axes = [axis for axis, n in enumerate(shape) if n > 1]
    noise = rng.standard_normal(
        [n + 2 if axis in axes else n for axis, n in enumerate(shape)], dtype=np.float32
    )
    for axis in axes:
        middle, before, after = (
            noise[(slice(None),) * axis + (part,)]
            for part in (slice(1, -1), slice(None, -2), slice(2, None))
        )
        noise = middle + np.float32(weight) * (before + after)
    noise /= np.float32((1 + 2 * weight**2) ** (len(axes) / 2))
    return noise


def _drawn(settings: DegradationSettings, rng: np.random.Generator) -> dict[str, float]:
    """One value from each range, always in the same order."""
    for name in ("psf", "noise"):
        least, most = (getattr(settings, f"{name}_{end}") for end in ("smallest", "largest"))
        if least > most:
            raise InputError(f"The smallest {name}, {least:g}, is above the largest, {most:g}.")
    unit = [float(v) for v in rng.uniform(-1, 1, 3)]
    return {
        "ratio": max(1.0, settings.ratio * (1 + settings.ratio_jitter * unit[0])),
        "psf": float(rng.uniform(settings.psf_smallest, settings.psf_largest)),
        "noise": float(rng.uniform(settings.noise_smallest, settings.noise_largest)),
        "contrast": 1 + settings.grey_jitter * unit[1],
        "brightness": settings.grey_jitter * unit[2],
    }


def _spoilt(
    grey: NDArray[np.float32],
    span: float,
    settings: DegradationSettings,
    noise: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Gain of each slice, rings, and noise; `span` is the grey range."""
    low = np.nanmin(grey)
    # the darkest grey level stays: gain is of what the object adds to it
    factor = 1 + settings.gain_jitter * rng.standard_normal((len(grey), 1, 1)).astype(np.float32)
    spoilt = low + (grey - low) * factor
    if settings.ring > 0:
        spoilt += np.float32(settings.ring * span) * _rings(grey.shape, rng)
    if noise > 0:
        share = settings.poisson_share
        bright = np.clip((grey - low) / np.float32(np.nanmean(grey - low)), 0, None)
        strength = np.sqrt(1 - share + share * bright)
        spoilt += (
            np.float32(noise * span)
            * strength
            * correlated_noise(grey.shape, settings.noise_correlation, rng)
        )
    return np.asarray(spoilt, np.float32)


def _rings(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Rings of unit variance about one axis; each slice is another row of the detector."""
    n_z, n_y, n_x = shape
    centre = rng.uniform(0.25, 0.75, 2) * (n_y, n_x)
    radius = np.hypot(
        *np.meshgrid(np.arange(n_y), np.arange(n_x), indexing="ij") - centre[:, None, None]
    )
    profile = rng.standard_normal((n_z, int(radius.max()) + 2), dtype=np.float32)
    nearest = radius.astype(np.int64)
    between = (radius - nearest).astype(np.float32)
    rings: NDArray[Any] = profile[:, nearest] * (1 - between) + profile[:, nearest + 1] * between
    # halfway between two rings the mean of both has half their variance
    return np.asarray(rings / np.hypot(1 - between, between), np.float32)
