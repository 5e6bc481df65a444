"""What speaks for an alignment, and what against it."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.registration.gauss_newton import (
    Samples,
    Trial,
    compare,
    limits_of,
    refine,
    samples_at,
    samples_in_overlap,
)
from napari_battery.registration.metrics import joint_levels
from napari_battery.registration.pyramid import Level
from napari_battery.registration.rotations import turn_and_scale
from napari_battery.registration.settings import RegisterSettings

__all__ = ["assess", "by_chance", "overlap_fraction", "random_shifts", "residual_shifts"]

Array = NDArray[np.floating[Any]]

_SAMPLES = 30_000
_RANDOM = 24
_GRID = 4
_BLOCK_SAMPLES = 5000
_CHANCE = 7.0
"""Standard deviations above random shifts that a search among them reaches by chance: the
largest of 10⁵ normal values is at 4.5, and turning adds to it."""
_FEWEST = 500
"""Samples that a block needs for a shift of its own."""


def assess(
    fixed: Level,
    moving: Level,
    before: Array,
    after: Array,
    unit: str,
    settings: RegisterSettings,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Figures about an alignment, fit for JSON.

    Parameters
    ----------
    fixed, moving : Level
        Both images in the finest resolution compared.
    before, after : (4, 4) arrays
        Maps from the fixed world to the moving one.
    unit : {"um", "voxel"}
        Of the world.
    settings : RegisterSettings
        What it was made with.
    progress : Progress
        Advanced per block of the residual shifts.

    Returns
    -------
    dict
        ``correlation_before/after``, ``mutual_information_before/after`` (nats),
        ``overlap_fraction`` (of the smaller field of view), ``random_correlation_mean/std`` (or
        of the mutual information, if that was the metric) at random shifts, ``above_chance``
        (whether it stands out from them), ``scale``,
        ``rotation_deg``, ``residual_shift_{median,p95}_{um,voxel}`` and ``residual_shifts``, a
        list of rows (centre, shift, correlation) over a grid of blocks, and ``warnings``.
    """
    rng = np.random.default_rng(settings.seed)
    result: dict[str, Any] = {"engine": settings.engine, "metric": settings.metric}
    for name, matrix in (("before", before), ("after", after)):
        samples = samples_in_overlap(fixed, moving, matrix, _SAMPLES, rng)
        both = _both(samples, moving, matrix) if len(samples) else (0.0, 0.0)
        result[f"correlation_{name}"], result[f"mutual_information_{name}"] = both
    result["overlap_fraction"] = overlap_fraction(fixed, moving, after, rng)
    samples = samples_in_overlap(fixed, moving, after, _SAMPLES, rng)
    what = settings.metric.replace("-", "_")
    mean, std = random_shifts(fixed, moving, after, samples, settings.metric, rng)
    result[f"random_{what}_mean"], result[f"random_{what}_std"] = mean, std
    linear = np.linalg.inv(after)[:3, :3]
    ndim = 2 if fixed.data.shape[0] == 1 else 3
    result["scale"] = float(abs(np.linalg.det(linear)) ** (1 / ndim))
    result["rotation_deg"], _ = turn_and_scale(linear)
    rows = residual_shifts(fixed, moving, after, settings, progress)
    result["residual_shifts"] = [
        {
            "centre": [float(v) for v in centre[3 - ndim :]],
            "shift": [float(v) for v in shift[3 - ndim :]],
            "correlation": value,
        }
        for centre, shift, value in rows
    ]
    sizes = [float(np.linalg.norm(shift)) for _, shift, _ in rows]
    result[f"residual_shift_median_{unit}"] = float(np.median(sizes)) if sizes else None
    result[f"residual_shift_p95_{unit}"] = float(np.quantile(sizes, 0.95)) if sizes else None
    result["above_chance"] = std > 0 and result[f"{what}_after"] >= by_chance(what, mean, std)
    result["warnings"] = _warnings(result, what, unit, float(fixed.spacing.max()))
    return result


def _both(samples: Samples, moving: Level, matrix: Array) -> tuple[float, float]:
    """Correlation and mutual information."""
    trial = compare(samples, moving, matrix)
    here = np.isfinite(trial.values)
    if here.sum() < 2:
        return 0.0, 0.0
    limits = limits_of(samples, moving)
    joint = joint_levels(samples.values[here], trial.values[here], limits)
    return trial.metric, joint.information


def overlap_fraction(fixed: Level, moving: Level, matrix: Array, rng: np.random.Generator) -> float:
    """Share of the smaller field of view (what is masked left out) that lies in the other."""
    n = 20_000
    index = np.stack([rng.integers(0, size, n) for size in fixed.data.shape], axis=1)
    index = index[np.isfinite(fixed.data[tuple(index.T)])]
    if not len(index):
        return 0.0
    to_moving = np.linalg.inv(moving.matrix) @ matrix @ fixed.matrix
    nearest = np.round(index @ to_moving[:3, :3].T + to_moving[:3, 3]).astype(np.int64)
    inside = ((nearest >= 0) & (nearest < moving.data.shape)).all(axis=1)
    shared = np.isfinite(moving.data[tuple(nearest[inside].T)]).sum() / len(index)
    fixed_size = np.isfinite(fixed.data).sum() * abs(np.linalg.det(fixed.matrix))
    moving_to_fixed = np.linalg.inv(matrix) @ moving.matrix
    moving_size = np.isfinite(moving.data).sum() * abs(np.linalg.det(moving_to_fixed))
    return float(min(1.0, shared * fixed_size / min(fixed_size, moving_size)))


def random_shifts(
    fixed: Level,
    moving: Level,
    matrix: Array,
    samples: Samples,
    metric: str,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Mean and standard deviation of the metric at random shifts from a map.

    The shifts are up to a quarter of the overlap along each axis and keep half of it; what an
    alignment is worth shows in how far it stands above them.
    """
    limits = limits_of(samples, moving) if metric == "mutual-information" else None
    if not len(samples):
        return 0.0, 0.0
    size = np.ptp(samples.points, axis=0)
    full = compare(samples, moving, matrix).overlap
    found: list[float] = []
    for _ in range(4 * _RANDOM):
        shift = rng.uniform(-0.25, 0.25, 3) * size
        # a shift by less than a few voxels would still be half aligned
        if np.linalg.norm(shift / fixed.spacing) < 4:
            continue
        moved = matrix.copy()
        moved[:3, 3] += matrix[:3, :3] @ shift
        trial = compare(samples, moving, moved, limits)
        if trial.overlap >= 0.5 * full and np.isfinite(trial.values).sum() > 100:
            found.append(trial.metric)
        if len(found) == _RANDOM:
            break
    return (float(np.mean(found)), float(np.std(found))) if len(found) > 2 else (0.0, 0.0)


def by_chance(metric: str, mean: float, std: float) -> float:
    """What a search among random shifts may reach, from the mean and spread of some of them."""
    chance = mean + _CHANCE * std
    if metric == "correlation":
        # it ends at 1, before which its spread shrinks: Fisher's z
        chance = float(np.tanh(np.arctanh(mean) + _CHANCE * std / (1 - mean**2)))
    return max(chance, mean + 0.02)


def residual_shifts(
    fixed: Level,
    moving: Level,
    matrix: Array,
    settings: RegisterSettings,
    progress: Progress = SILENT,
) -> list[tuple[Array, Array, float]]:
    """What shift is left in each block of a grid over the overlap.

    Returns
    -------
    list of (centre, shift, correlation)
        World coordinates of the block's centre; where the moved image's detail lies relative
        to the fixed one's; the correlation (or mutual information) with that shift taken out.
        Blocks that are flat, or whose shift does not settle within two voxels, are left out.
    """
    low, high = _overlap_box(fixed, moving, matrix)
    cells = [
        np.linspace(a, b, min(_GRID, max(1, (b - a) // 12)) + 1).astype(int)
        for a, b in zip(low, high, strict=True)
    ]
    blocks = list(product(*[range(len(cell) - 1) for cell in cells]))
    progress.begin(len(blocks), "Looking for residual shifts")
    rng = np.random.default_rng(settings.seed)
    found = []
    for block in blocks:
        window = tuple(slice(c[i], c[i + 1]) for c, i in zip(cells, block, strict=True))
        trial, samples = _block_shift(fixed, moving, matrix, window, settings, rng)
        progress.advance()
        if trial is None:
            continue
        change = np.linalg.solve(matrix[:3, :3], trial.matrix[:3, 3] - matrix[:3, 3])
        if np.linalg.norm(change / fixed.spacing) <= 2:
            found.append((samples.centre, change, trial.metric))
    return found


def _overlap_box(fixed: Level, moving: Level, matrix: Array) -> tuple[Array, Array]:
    """Box of the fixed image's voxels that the moving image reaches: first, one past last."""
    every = tuple(max(1, n // 32) for n in fixed.data.shape)
    index = np.indices(tuple(-(-n // e) for n, e in zip(fixed.data.shape, every, strict=True)))
    index = index.reshape(3, -1).T * every
    to_moving = np.linalg.inv(moving.matrix) @ matrix @ fixed.matrix
    where = index @ to_moving[:3, :3].T + to_moving[:3, 3]
    inside = ((where >= -0.5) & (where <= np.array(moving.data.shape) - 0.5)).all(axis=1)
    if not inside.any():
        return np.zeros(3, int), np.zeros(3, int)
    index = index[inside]
    return index.min(axis=0), np.minimum(index.max(axis=0) + every, fixed.data.shape)


def _block_shift(
    fixed: Level, moving: Level, matrix: Array, window: tuple[slice, ...],
    settings: RegisterSettings, rng: np.random.Generator,
) -> tuple[Trial | None, Samples]:  # fmt: skip
    good = np.argwhere(np.isfinite(fixed.data[window])) + [w.start for w in window]
    if len(good) > _BLOCK_SAMPLES:
        good = good[np.sort(rng.choice(len(good), _BLOCK_SAMPLES, replace=False))]
    samples = samples_at(fixed, good, rng)
    if len(samples) < _FEWEST:
        return None, samples
    first = compare(samples, moving, matrix)
    if first.overlap * len(samples) < _FEWEST or samples.values.std() == 0:
        return None, samples
    trial = refine(
        samples, moving, matrix, "translation", settings.metric, 10,
        0.005 * float(fixed.spacing.max()),
    )  # fmt: skip
    return trial, samples


def _warnings(result: dict[str, Any], what: str, unit: str, spacing: float) -> list[str]:
    """What a person should look at before trusting the alignment."""
    found = []
    value = result[f"{what}_after"]
    mean, std = result[f"random_{what}_mean"], result[f"random_{what}_std"]
    name = what.replace("_", " ")
    if std == 0:
        found.append(
            "The overlap is too small to compare the alignment with random shifts: look at it."
        )
    elif not result["above_chance"]:
        found.append(
            f"The {name} ({value:.3f}) is hardly above that of random shifts ({mean:.3f} ± "
            f"{std:.3f}): the images are probably not aligned. Start from landmarks; mirrored "
            "data cannot be aligned by turning."
        )
    if unit == "um" and abs(result["scale"] - 1) > 0.05:
        found.append(
            f"A magnification of {result['scale']:.3f} was found, 1 is what the voxel sizes say: "
            "check both voxel sizes."
        )
    if result["overlap_fraction"] < 0.25:
        found.append(
            f"Only {result['overlap_fraction']:.2f} of the smaller field of view overlaps."
        )
    p95 = result[f"residual_shift_p95_{unit}"]
    if p95 is not None and p95 > spacing:
        symbol = "µm" if unit == "um" else "voxels"
        found.append(
            f"Blocks are still shifted by up to {p95:.3g} {symbol} (95th percentile), more than "
            f"the {spacing:.3g} {symbol} of a compared voxel: the images differ by more than "
            "this kind of transform, or one has edges of its own (zeros outside a circle, say) "
            "that want a mask."
        )
    return found
