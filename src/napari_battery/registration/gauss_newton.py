"""Gauss–Newton steps on sampled voxels, from coarse to fine.

The fixed image f is compared at points x with the moving image m at P(x), P the map from the
fixed world to the moving one. A step changes P to P∘δ, δ near the identity about the points'
centre (inverse-free "forward compositional" form; Baker & Matthews 2004).

*Correlation*: m(P(x)) ≈ a f(x) + b is fitted by least squares, gain and offset with it. The
gradient is the mean of both images' (efficient second-order minimisation; Benhimane & Malis
2004), which reaches farther and converges in fewer steps than either alone.

*Mutual information*: the likelihood of m given f under their joint histogram is increased;
the Hessian is the sum of the outer products of the scores (Berndt, Hall, Hall & Hausman 1974).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.registration.metrics import correlation, joint_levels
from napari_battery.registration.pyramid import Level
from napari_battery.registration.transform import Kind

__all__ = [
    "Samples",
    "Trial",
    "compare",
    "directions",
    "exponential",
    "limits_of",
    "refine",
    "samples_at",
    "samples_in_overlap",
]

Array = NDArray[np.floating[Any]]
Metric = Literal["correlation", "mutual-information"]

_FIRST_DAMPING = 1e-3
_LARGEST_DAMPING = 1e6


@dataclass(frozen=True, eq=False)
class Samples:
    """Places in the fixed image to compare.

    Parameters
    ----------
    points : (n, 3) array
        World coordinates less `centre`.
    values : (n,) array
        Grey levels.
    gradients : (n, 3) array
        Derivatives of the grey level in world coordinates.
    centre : (3,) array
        Mean of the points' world coordinates.
    reach : float
        Root mean square distance of the points from the centre.
    """

    points: Array
    values: Array
    gradients: Array
    centre: Array
    reach: float

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Trial:
    """How well the images agree at one map.

    Parameters
    ----------
    matrix : (4, 4) array
        From the fixed world to the moving one.
    metric : float
        Correlation, or mutual information in nats.
    overlap : float
        Share of the samples where the moving image has a grey level.
    values : (n,) array
        Its grey levels, NaN elsewhere.
    gradients : (n, 3) array
        Their derivatives in the fixed world.
    """

    matrix: Array
    metric: float
    overlap: float
    values: Array
    gradients: Array


def directions(kind: Kind, flat: bool) -> Array:
    """What may change: (12, p), columns of 3 of shift and 9 of a linear map, row by row."""
    axes = (1, 2) if flat else (0, 1, 2)
    columns = []

    def add(*entries: tuple[int, float]) -> None:
        column = np.zeros(12)
        for place, value in entries:
            column[place] = value
        columns.append(column)

    for a in axes:
        add((a, 1.0))
    if kind == "affine":
        for a in axes:
            for b in axes:
                add((3 + 3 * a + b, 1.0))
    elif kind != "translation":
        for a in axes:
            for b in axes:
                if a < b:
                    add((3 + 3 * a + b, 1.0), (3 + 3 * b + a, -1.0))
        if kind == "similarity":
            add(*[(3 + 4 * a, 1.0) for a in axes])
    return np.array(columns).T


def samples_in_overlap(
    fixed: Level, moving: Level, matrix: Array, number: int, rng: np.random.Generator
) -> Samples:
    """Choose voxels of the fixed image that lie in the moving one, or up to a tenth outside.

    Parameters
    ----------
    fixed, moving : Level
        Both images in one resolution.
    matrix : (4, 4) array
        From the fixed world to the moving one.
    number : int
        About how many; all where there are fewer.
    rng : Generator
        Source of randomness.
    """
    to_moving = np.linalg.inv(moving.matrix) @ matrix @ fixed.matrix
    size = np.array(moving.data.shape)
    margin = 0.1 * size
    index = _candidates(fixed.data.shape, np.linalg.inv(to_moving), size, margin, number, rng)
    where = index @ to_moving[:3, :3].T + to_moving[:3, 3]
    near = ((where > -0.5 - margin) & (where < size - 0.5 + margin)).all(axis=1)
    index = index[near & np.isfinite(fixed.data[tuple(index.T)])]
    if len(index) > number:
        index = index[np.sort(rng.permutation(len(index))[:number])]
    return samples_at(fixed, index, rng)


def _candidates(
    shape: tuple[int, ...], to_fixed: Array, size: Array, margin: Array, number: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """Voxels, in the order of memory, of the box in the fixed image that holds the moving one."""
    ends = np.array(
        np.meshgrid(*[(-0.5 - m, n - 0.5 + m) for n, m in zip(size, margin, strict=True)])
    )
    reach = to_fixed[:3, :3] @ ends.reshape(3, -1) + to_fixed[:3, 3:]
    low = np.clip(np.floor(reach.min(axis=1)), 0, np.array(shape)).astype(np.int64)
    high = np.clip(np.ceil(reach.max(axis=1)) + 1, 0, np.array(shape)).astype(np.int64)
    box = np.maximum(high - low, 0)
    total = int(np.prod(box))
    # about a third of a rotated box may be outside; masks may take more
    wanted = 3 * number
    if total <= wanted:
        flat = np.arange(total)
    else:
        # one in each of as many equal parts
        flat = ((np.arange(wanted) + rng.random(wanted)) * (total / wanted)).astype(np.int64)
    return np.stack(np.unravel_index(flat, box), axis=1) + low if total else np.empty((0, 3), int)


def samples_at(fixed: Level, index: NDArray[np.int64], rng: np.random.Generator) -> Samples:
    """Samples at random places within voxels of the fixed image; (n, 3) indices.

    Both images are then interpolated at all places between their voxels alike. On the voxels
    themselves the fixed one would not be, and noise that interpolation takes off the moving one
    would draw the alignment towards half voxels.
    """
    from napari_battery.registration._kernels_samples import sample

    jitter = rng.uniform(-0.5, 0.5, index.shape)
    if fixed.data.shape[0] == 1:
        jitter[:, 0] = 0
    place = index + jitter
    inside = ((place >= 0) & (place <= np.array(fixed.data.shape) - 1)).all(axis=1)
    world = place[inside] @ fixed.matrix[:3, :3].T + fixed.matrix[:3, 3]
    values, gradients = np.empty(len(world)), np.zeros((len(world), 3))
    to_index = np.ascontiguousarray(np.linalg.inv(fixed.matrix)[:3])
    sample(fixed.data, to_index, world, values, gradients)
    good = np.isfinite(values)
    if not good.all():
        world, values, gradients = world[good], values[good], gradients[good]
    centre = world.mean(axis=0) if len(world) else np.zeros(3)
    points = world - centre
    reach = float(np.sqrt((points**2).sum(axis=1).mean())) if len(points) else 1.0
    return Samples(points, values, gradients, centre, reach or 1.0)


Limits = tuple[float, float, float, float]


def limits_of(samples: Samples, moving: Level) -> Limits:
    """Range of grey levels for joint histograms, without the last thousandth on either side."""
    every = max(1, moving.data.size // 100_000)
    levels = moving.data.ravel()[::every]
    ends: list[float] = []
    for values in (samples.values, levels[np.isfinite(levels)]):
        ends += [float(v) for v in np.quantile(values, (0.001, 0.999))] if len(values) else [0, 1]
    return ends[0], ends[1], ends[2], ends[3]


def compare(samples: Samples, moving: Level, matrix: Array, limits: Limits | None = None) -> Trial:
    """How well the images agree at one map.

    Parameters
    ----------
    samples : Samples
        Of the fixed image.
    moving : Level
        The moving image.
    matrix : (4, 4) array
        From the fixed world to the moving one.
    limits : tuple of float, optional
        Range of grey levels for the mutual information; the correlation where not given.
    """
    from napari_battery.registration._kernels_samples import sample

    about_centre = np.eye(4)
    about_centre[:3, 3] = samples.centre
    to_index = np.ascontiguousarray((np.linalg.inv(moving.matrix) @ matrix @ about_centre)[:3])
    values = np.empty(len(samples))
    gradients = np.zeros((len(samples), 3))
    found = sample(moving.data, to_index, samples.points, values, gradients)
    overlap = found / max(1, len(samples))
    if limits is None:
        metric = correlation(samples.values, values)
    else:
        here = np.isfinite(values)
        metric = joint_levels(samples.values[here], values[here], limits).information
    return Trial(matrix, metric, overlap, values, gradients)


def refine(
    samples: Samples,
    moving: Level,
    matrix: Array,
    kind: Kind,
    metric: Metric,
    iterations: int,
    tolerance: float,
    progress: Progress = SILENT,
    watch: Callable[[int, Trial], None] | None = None,
    least_overlap: float = 0.5,
) -> Trial:
    """Improve a map until its steps no longer matter.

    Parameters
    ----------
    samples : Samples
        Of the fixed image.
    moving : Level
        The moving image, in the same resolution.
    matrix : (4, 4) array
        From the fixed world to the moving one, to start from.
    kind : {"translation", "rigid", "similarity", "affine"}
        What may change.
    metric : {"correlation", "mutual-information"}
        What is to grow.
    iterations : int
        Largest number of steps.
    tolerance : float
        Stop once a step moves the samples by less, in world units.
    progress : Progress
        Advanced per step.
    watch : callable, optional
        Called as ``watch(iteration, trial)`` after each step that was taken.
    least_overlap : float
        Share of the overlap at the start that must remain.

    Returns
    -------
    Trial
        The best one; that of the start where no step improves it.
    """
    limits = limits_of(samples, moving) if metric == "mutual-information" else None
    basis = directions(kind, moving.data.shape[0] == 1)
    best = compare(samples, moving, matrix, limits)
    least = least_overlap * best.overlap
    if watch is not None:
        watch(0, best)
    if best.overlap == 0:
        return best
    damping = _FIRST_DAMPING
    for iteration in range(1, iterations + 1):
        progress.advance()
        hessian, slope = _equations(samples, best, basis, limits)
        moved = 0.0
        while damping < _LARGEST_DAMPING:
            step = _solve(hessian, slope, damping)
            moved = _moved(basis, step, samples.reach)
            trial = compare(samples, moving, _stepped(best.matrix, basis, step, samples), limits)
            if trial.metric > best.metric and trial.overlap >= least:
                best = trial
                damping = max(damping / 10, 1e-9)
                if watch is not None:
                    watch(iteration, best)
                break
            damping *= 10
            if moved < tolerance:
                break
        else:
            return best
        if moved < tolerance:
            return best
    return best


def _equations(
    samples: Samples, trial: Trial, basis: Array, limits: Limits | None
) -> tuple[Array, Array]:
    """Hessian and slope of the cost in the directions allowed (and gain and offset)."""
    from napari_battery.registration._kernels_samples import COLUMNS, moments, normal_equations

    weight = np.ones(len(samples))
    gradients = trial.gradients
    if limits is None:
        _, f, m, spread, _, both = moments(samples.values, trial.values)
        gain = both / max(spread, 1e-300)
        error = trial.values - m - gain * (samples.values - f)
        gradients = 0.5 * (gradients + gain * samples.gradients)
    else:
        here = np.isfinite(trial.values)
        error = np.full(len(samples), np.nan)
        score = joint_levels(samples.values[here], trial.values[here], limits).scores()
        error[here] = -score
        weight[here] = score**2
    matrix, right = np.empty((COLUMNS, COLUMNS)), np.empty(COLUMNS)
    normal_equations(samples.points, gradients, samples.values, error, weight, matrix, right)
    if limits is not None:
        return basis.T @ matrix[:12, :12] @ basis, basis.T @ right[:12]
    columns = np.zeros((COLUMNS, basis.shape[1] + 2))
    columns[:12, :-2] = basis
    columns[12, -2] = columns[13, -1] = 1
    hessian, slope = columns.T @ matrix @ columns, columns.T @ right
    # gain and offset are eliminated: they are free, whatever the damping
    p = basis.shape[1]
    share = hessian[:p, p:] @ np.linalg.pinv(hessian[p:, p:])
    return hessian[:p, :p] - share @ hessian[p:, :p], slope[:p] - share @ slope[p:]


def _solve(hessian: Array, slope: Array, damping: float) -> Array:
    size = np.sqrt(np.maximum(np.diag(hessian), 0))
    size[size <= 1e-12 * size.max()] = np.inf  # a direction that nothing depends on stays
    if not np.isfinite(size).any():
        return np.zeros_like(slope)
    scaled = hessian / np.outer(size, size) + damping * np.eye(len(size))
    return np.asarray(-np.linalg.lstsq(scaled, slope / size, rcond=1e-12)[0] / size)


def exponential(generator: Array) -> Array:
    """Exponential of a small matrix, by its series.

    scipy's wakes a thread per core for a matrix of 4 × 4, which takes 50 times the CPU time.
    """
    halvings = max(0, int(np.ceil(np.log2(max(np.abs(generator).sum(), 1e-30)))) + 2)
    part = generator / 2**halvings
    total, term = np.eye(len(generator)), np.eye(len(generator))
    for k in range(1, 14):
        term = term @ part / k
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return np.asarray(total)


def _moved(basis: Array, step: Array, reach: float) -> float:
    """About how far a step moves the samples, in world units."""
    change = basis @ step
    return float(np.linalg.norm(change[:3]) + reach * np.linalg.norm(change[3:]))


def _stepped(matrix: Array, basis: Array, step: Array, samples: Samples) -> Array:
    """P∘δ, δ the exponential of the step, so that rotations stay rotations."""
    change = basis @ step
    generator = np.zeros((4, 4))
    generator[:3, 3] = change[:3]
    generator[:3, :3] = change[3:].reshape(3, 3)
    to_centre, back = np.eye(4), np.eye(4)
    to_centre[:3, 3], back[:3, 3] = -samples.centre, samples.centre
    return np.asarray(matrix @ back @ exponential(generator) @ to_centre)
