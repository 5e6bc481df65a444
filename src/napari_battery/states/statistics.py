"""Uncertainty of grey levels and of their changes, and the tests between states.

Two errors are told apart, with the names of the GREAT2 paper (section 3.1): the sampling
error SES, from how much the particles differ, and the measurement error SEM, from the
noise of the image. The mean of n particles is uncertain by SES alone: the particles'
spread already holds their noise. The paper's SEM is a root mean square over particles, which
does not fall with n, so that its SE_tot overstates the error of the mean.

References
----------
Jones et al., "Demonstrating faster multi-label grey-level analysis for crack detection in
ex-situ & operando micro-CT images of NMC electrode" (GREAT2), section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError

__all__ = [
    "Alternative",
    "ZTest",
    "paired_z_test",
    "particles_needed",
    "q_values",
    "se_tot",
    "sem_delta",
    "sem_particle",
    "sem_rms",
    "ses",
    "two_sided_p",
    "z_test",
]

Alternative = Literal["two-sided", "less", "greater"]

Array = NDArray[np.float64]


def sem_particle(sigma: ArrayLike, n_voxels: ArrayLike, correlation_voxels: ArrayLike = 1) -> Array:
    """Standard error of one particle's mean grey level by noise (SEM_P): σ·√(V/n).

    Parameters
    ----------
    sigma : float or array
        Standard deviation of the noise in one voxel (σ_bg), grey levels.
    n_voxels : int or array
        Voxels of the core.
    correlation_voxels : float or array
        The noise's correlation volume V in voxels; 1 is white noise, as published.

    Returns
    -------
    array
        Grey levels; NaN where there is no voxel.
    """
    n = np.asarray(n_voxels, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        independent = n / np.asarray(correlation_voxels, np.float64)
        # a core smaller than the correlation volume still holds one independent value
        error = np.asarray(sigma, np.float64) / np.sqrt(np.maximum(independent, 1))
    return np.asarray(np.where(n > 0, error, np.nan))


def sem_delta(before: ArrayLike, after: ArrayLike, floor: float = 0.0) -> Array:
    """Standard error of a particle's change (SEM_ΔP): √(SEM_P0² + SEM_PSoC² + floor²).

    Parameters
    ----------
    before, after : array
        SEM_P in the reference and in the later state, grey levels.
    floor : float
        What a repeated scan differs by beyond noise; 0 as published.
    """
    total = np.square(before) + np.square(after) + floor**2
    return np.asarray(np.sqrt(total))


def sem_rms(sem: ArrayLike) -> float:
    """Measurement error of a mean as published (SEM): root mean square over the particles.

    It is the error of a typical particle, not of the mean of many, whose noise averages out.
    NaN is left out; NaN where nothing is left.
    """
    known = _known(sem)
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")


def ses(values: ArrayLike) -> float:
    """Sampling error of a mean (SES): σ/√n, σ with ddof 1; the calibrated error of the mean.

    NaN is left out; NaN for fewer than two values.
    """
    known = _known(values)
    return float(known.std(ddof=1) / np.sqrt(known.size)) if known.size > 1 else float("nan")


def se_tot(sampling: ArrayLike, measurement: ArrayLike) -> Array:
    """Total error as published (SE_tot): √(SES² + SEM²).

    It overstates the error of a mean: SEM is that of one particle (see `sem_rms`), and the
    spread that SES is made from holds the noise already.
    """
    return np.asarray(np.hypot(sampling, measurement))


def two_sided_p(z: ArrayLike) -> Array:
    """Two-sided p-value of a standard normal z; NaN stays."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(np.asarray(z, np.float64))))


def q_values(p: ArrayLike) -> Array:
    """Benjamini–Hochberg q-values: the smallest false discovery rate that calls each one.

    Parameters
    ----------
    p : (n,) array
        p-values; NaN is no test and stays NaN.

    References
    ----------
    Benjamini & Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B
    57 (1995).
    """
    p = np.asarray(p, np.float64)
    q = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    n = tested.size
    if n:
        order = tested[np.argsort(p[tested], kind="stable")]
        scaled = p[order] * n / np.arange(1, n + 1)
        q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


@dataclass(frozen=True)
class ZTest:
    """A test of the difference of two means.

    Parameters
    ----------
    difference : float
        Second mean less the first, grey levels.
    standard_error : float
        Of the difference.
    z, p_value : float
        Difference over its error, and its p-value.
    critical : float
        Value that z must pass (for "less": fall below).
    n_first, n_second : int
        Sample sizes.
    alternative : str
        "two-sided", "less" (second mean lower) or "greater".
    is_rejected : bool
        Whether "no difference" is rejected at the critical value.
    paired : bool
        Whether the same particles were compared one by one.
    """

    difference: float
    standard_error: float
    z: float
    p_value: float
    critical: float
    n_first: int
    n_second: int
    alternative: Alternative
    is_rejected: bool
    paired: bool = False


def z_test(
    mean_first: float,
    mean_second: float,
    sd_first: float,
    sd_second: float,
    n_first: int,
    n_second: int,
    n_sigma: float = 5.0,
    alternative: Alternative = "two-sided",
) -> ZTest:
    """Test whether two populations have the same mean (Z of the GREAT2 paper, section 3.1).

    Parameters
    ----------
    mean_first, mean_second : float
        Means; the first is the reference.
    sd_first, sd_second : float
        Standard deviations between particles.
    n_first, n_second : int
        Numbers of particles.
    n_sigma : float
        Critical value in standard deviations.
    alternative : {"two-sided", "less", "greater"}
        "less": the second mean is lower, as in the paper.

    Examples
    --------
    The paper's numbers of 4.0 V against pristine:

    >>> round(z_test(174.41, 173.00, 11.08, 11.27, 3650, 3650, alternative="less").z, 2)
    -5.39
    """
    error = float(np.sqrt(sd_first**2 / n_first + sd_second**2 / n_second))
    return _tested(mean_second - mean_first, error, n_first, n_second, n_sigma, alternative, False)


def paired_z_test(
    changes: ArrayLike, n_sigma: float = 5.0, alternative: Alternative = "two-sided"
) -> ZTest:
    """Test whether the mean change of the same particles is zero: mean over SES.

    Parameters
    ----------
    changes : array
        Change of each particle, grey levels; NaN is left out.
    n_sigma, alternative
        As of `z_test`.
    """
    known = _known(changes)
    n = int(known.size)
    mean = float(known.mean()) if n else float("nan")
    return _tested(mean, ses(known), n, n, n_sigma, alternative, True)


def _tested(
    difference: float,
    error: float,
    n_first: int,
    n_second: int,
    n_sigma: float,
    alternative: Alternative,
    paired: bool,
) -> ZTest:
    from scipy.special import ndtr

    z = difference / error if error > 0 else float("nan")
    if alternative == "less":
        p, critical, rejected = ndtr(z), -n_sigma, z < -n_sigma
    elif alternative == "greater":
        p, critical, rejected = ndtr(-z), n_sigma, z > n_sigma
    else:
        p, critical, rejected = 2 * ndtr(-abs(z)), n_sigma, abs(z) > n_sigma
    return ZTest(
        float(difference), float(error), float(z), float(p), critical, int(n_first), int(n_second),
        alternative, bool(rejected), paired,
    )  # fmt: skip


def particles_needed(
    change: float, sd: float, n_sigma: float = 5.0, sd_second: float | None = None
) -> int:
    """How many particles show a mean change at a number of standard errors.

    Parameters
    ----------
    change : float
        The change to be seen, grey levels.
    sd : float
        Standard deviation between particles: of their changes where the same particles are
        followed, else of the grey levels in one state.
    n_sigma : float
        Standard errors that the change shall be.
    sd_second : float, optional
        Of unmatched populations: standard deviation in the other state; the result counts
        particles per state.

    Raises
    ------
    InputError
        If the change is zero or a standard deviation is not known.

    Notes
    -----
    At this number a true change of this size gives z = n_sigma on average, so every other
    study finds more, every other less.
    """
    variance = sd**2 + (sd_second**2 if sd_second is not None else 0.0)
    if not (np.isfinite(change) and change != 0):
        raise InputError("No number of particles shows a change of 0 grey levels; give another.")
    if not np.isfinite(variance):
        raise InputError(
            "The spread between particles is not known (fewer than two particles are kept); give "
            "a standard deviation."
        )
    return max(2, int(np.ceil(round((n_sigma / change) ** 2 * variance, 9))))


def _known(values: Any) -> Array:
    known = np.asarray(values, np.float64).ravel()
    return known[np.isfinite(known)]
