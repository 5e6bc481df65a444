"""Transforms from pairs of landmarks, with their residuals and without their outliers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError
from napari_battery.registration.transform import KINDS, Kind, Transform, Unit

__all__ = ["LandmarkFit", "fewest_pairs", "fit_landmarks"]

_ON_A_LINE = 1e-3
"""Points narrower than this part of their length do not say how to turn about it."""
_MOST_TRIALS = 2000
_MIRRORED = 4.0
"""A mirrored fit this many times closer than the best unmirrored one is no accident."""

Points = NDArray[np.float64]


class LandmarkFit(NamedTuple):
    """What `fit_landmarks` found."""

    transform: Transform
    residuals_um: NDArray[np.float64]
    """Distance of each fixed point from its moved partner, outliers included."""
    inliers: NDArray[np.bool_]
    """The pairs that the transform was fitted to."""


def fewest_pairs(kind: Kind, ndim: int) -> int:
    """How many pairs a transform of a kind needs at least."""
    needs = {"translation": 1, "rigid": ndim, "similarity": ndim, "affine": ndim + 1}
    return needs[kind]


def fit_landmarks(
    fixed_points: ArrayLike,
    moving_points: ArrayLike,
    kind: Kind = "rigid",
    ransac: float | None = None,
    seed: int = 0,
    unit: Unit = "um",
) -> LandmarkFit:
    """Fit the transform that brings moving landmarks onto fixed ones, by least squares.

    Parameters
    ----------
    fixed_points, moving_points : (n, ndim) array
        World coordinates in µm, z, y, x; row i of both is one pair.
    kind : {"translation", "rigid", "similarity", "affine"}
    ransac : float, optional
        Largest distance, in µm, of a pair that agrees; the transform is that of the most
        pairs that agree, and the others are left out. All pairs count by default.
    seed : int
        Chooses the subsets that are tried where there are too many for all.
    unit : {"um", "voxel"}
        "voxel" where both voxel sizes of the pair are unknown: then every length given and
        found counts voxels.

    Returns
    -------
    LandmarkFit
        The transform's quality holds ``landmarks``, ``landmarks_left_out``,
        ``rms_residual_um`` (of those fitted) and ``warnings``.

    Raises
    ------
    InputError
        For lists of different length, coordinates that are not finite, fewer pairs than
        the kind needs, points too close to one point, line or plane, mirrored pairs, or
        no pairs that agree.

    Notes
    -----
    Rigid and similarity: Umeyama (1991), doi:10.1109/34.88573. Outliers: Fischler and
    Bolles (1981), doi:10.1145/358669.358692; every smallest subset is tried where there
    are at most 2000.
    """
    fixed, moving = _checked(fixed_points, moving_points, kind)
    n = len(fixed)
    chosen = np.ones(n, bool)
    if ransac is not None:
        chosen = _agreeing(fixed, moving, kind, ransac, seed, unit)
    matrix = _fit(fixed[chosen], moving[chosen], kind)
    if matrix is None:
        raise InputError(_degenerate(kind, fixed.shape[1], int(chosen.sum())))
    residuals = _residuals(matrix, fixed, moving)
    rms = _rms(residuals[chosen])
    _refuse_mirrored(fixed[chosen], moving[chosen], kind, rms)
    warnings = []
    if chosen.sum() <= fewest_pairs(kind, fixed.shape[1]):
        warnings.append(
            f"{chosen.sum()} pairs are just enough for a transform of the kind “{kind}”: the "
            "residuals say nothing. Add pairs."
        )
    quality = {
        "landmarks": n,
        "landmarks_left_out": int(n - chosen.sum()),
        "rms_residual_um": rms,
        "warnings": warnings,
    }
    return LandmarkFit(Transform(matrix, kind, quality=quality, unit=unit), residuals, chosen)


def _checked(fixed: ArrayLike, moving: ArrayLike, kind: str) -> tuple[Points, Points]:
    if kind not in KINDS:
        raise InputError(f"“{kind}” is no kind of transform; these are: {', '.join(KINDS)}.")
    pair = []
    for name, given in (("fixed", fixed), ("moving", moving)):
        points = np.asarray(given, np.float64)
        if points.ndim != 2 or points.shape[1] not in (2, 3):
            raise InputError(
                f"The {name} landmarks have shape {points.shape}; n × 3 coordinates are needed, "
                "n × 2 in 2-D."
            )
        bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(bad):
            raise InputError(
                f"Coordinates of the {name} landmark {bad[0] + 1} are not finite: "
                f"{points[bad[0]].tolist()}. Place it again."
            )
        pair.append(points)
    one, other = pair
    if one.shape[1] != other.shape[1]:
        raise InputError(
            f"The fixed landmarks have {one.shape[1]} axes and the moving ones "
            f"{other.shape[1]}; both must be 2-D or both 3-D."
        )
    if len(one) != len(other):
        raise InputError(
            f"There are {len(one)} fixed landmarks and {len(other)} moving ones; "
            "each needs its partner. Remove those that have none."
        )
    needed = fewest_pairs(kind, one.shape[1])
    if len(one) < needed:
        raise InputError(
            f"{len(one)} pairs of landmarks are too few: a transform of the kind “{kind}” needs "
            f"at least {needed} in {one.shape[1]}-D. Add pairs or choose another kind."
        )
    return one, other


def _degenerate(kind: Kind, ndim: int, n: int) -> str:
    rank = _rank(kind, ndim)
    on = {1: "on one point", 2: "on one line", 3: "in one plane"}[rank]
    return (
        f"The {n} landmarks lie too nearly {on} for a transform of the kind “{kind}”. "
        "Add pairs away from it, or choose another kind."
    )


def _rank(kind: Kind, ndim: int) -> int:
    """How many directions the points must spread in."""
    return {"translation": 0, "rigid": ndim - 1, "similarity": ndim - 1, "affine": ndim}[kind]


def _spread(points: Points, rank: int) -> bool:
    """Whether points spread in `rank` directions at least."""
    if rank == 0:
        return True
    centred = points - points.mean(axis=0)
    widths = np.zeros(points.shape[1])
    found = np.linalg.svd(centred, compute_uv=False)
    widths[: len(found)] = found
    # what rounding of the coordinates themselves leaves is no spread
    floor = 1e-9 * max(float(np.abs(points).max()), np.finfo(float).tiny)
    return bool(widths[rank - 1] > max(_ON_A_LINE * widths[0], floor))


def _fit(fixed: Points, moving: Points, kind: Kind, mirror: bool = False) -> Points | None:
    """Least-squares matrix; None where the points do not determine it."""
    ndim = fixed.shape[1]
    rank = _rank(kind, ndim)
    if not (_spread(fixed, rank) and _spread(moving, rank)):
        return None
    to, by = fixed.mean(axis=0), moving.mean(axis=0)
    a, b = fixed - to, moving - by
    matrix = np.eye(ndim + 1)
    if kind == "affine":
        matrix[:-1, :-1] = np.linalg.lstsq(b, a, rcond=None)[0].T
    elif kind != "translation":
        u, widths, v = np.linalg.svd(a.T @ b)
        signs = np.ones(ndim)
        if (np.linalg.det(u @ v) < 0) != mirror:
            signs[-1] = -1
        matrix[:-1, :-1] = u @ np.diag(signs) @ v
        if kind == "similarity":
            scale = float(widths @ signs) / float((b**2).sum())
            if scale <= 0:
                return None
            matrix[:-1, :-1] *= scale
    matrix[:-1, -1] = to - matrix[:-1, :-1] @ by
    return matrix


def _residuals(matrix: Points, fixed: Points, moving: Points) -> NDArray[np.float64]:
    away = fixed - (moving @ matrix[:-1, :-1].T + matrix[:-1, -1])
    return np.asarray(np.linalg.norm(away, axis=1), np.float64)


def _rms(residuals: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(residuals**2)))


def _refuse_mirrored(fixed: Points, moving: Points, kind: Kind, rms: float) -> None:
    """Say that one image is mirrored where the pairs leave no doubt; a turn cannot undo it."""
    if kind == "translation":
        return
    if kind == "affine":
        fitted = _fit(fixed, moving, kind)
        mirrored = fitted is not None and float(np.linalg.det(fitted[:-1, :-1])) < 0
    else:
        other = _fit(fixed, moving, kind, mirror=True)
        size = float(np.abs(fixed - fixed.mean(axis=0)).max())
        mirrored = (
            other is not None
            and _MIRRORED * _rms(_residuals(other, fixed, moving)) < rms
            and rms > 0.01 * size
            and _spread(fixed, fixed.shape[1])
        )
    if mirrored:
        raise InputError(
            "The landmarks fit only if one image is mirrored, as happens where slices are read "
            "in reverse order. Flip one axis of an image, or check the pairs."
        )


def _subsets(n: int, size: int, seed: int) -> Iterator[tuple[int, ...]]:
    if math.comb(n, size) <= _MOST_TRIALS:
        yield from combinations(range(n), size)
        return
    random = np.random.default_rng(seed)
    for _ in range(_MOST_TRIALS):
        yield tuple(random.choice(n, size, replace=False))


def _agreeing(
    fixed: Points, moving: Points, kind: Kind, limit: float, seed: int, unit: Unit
) -> NDArray[np.bool_]:
    """The most pairs that one transform brings to within `limit` of each other."""
    length = "µm" if unit == "um" else "voxels"
    if not (math.isfinite(limit) and limit > 0):
        raise InputError(f"The largest residual is {limit} {length}; it must be above 0.")
    n, ndim = fixed.shape
    needed = fewest_pairs(kind, ndim)
    best, best_worth = np.zeros(n, bool), (0, -math.inf)
    for subset in _subsets(n, needed, seed):
        rows = list(subset)
        matrix = _fit(fixed[rows], moving[rows], kind)
        # the wider set may agree better than the few it was grown from
        for _ in range(10):
            if matrix is None:
                break
            residuals = _residuals(matrix, fixed, moving)
            agree = residuals <= limit
            worth = (int(agree.sum()), -float((residuals[agree] ** 2).sum()))
            if worth <= best_worth or agree.sum() < needed:
                break
            best, best_worth = agree, worth
            matrix = _fit(fixed[agree], moving[agree], kind)
    if best.sum() <= needed:
        raise InputError(
            f"No {needed + 1} of the {n} pairs of landmarks agree to within {limit:g} {length} on "
            f"a transform of the kind “{kind}”. Check the pairs, allow a larger residual, or add "
            "pairs."
        )
    return best
