"""How exactly, how surely and how fast single particles are followed; on made-up electrodes.

    python benchmarks/bench_particles.py [--seeds 21 22 23 24] [--size 160]

Packed synthetic particles of rough shape that touch (contrast 74 grey levels, correlated noise,
blur, a phase-contrast rim), scanned twice with noise of its own each: moved together by 1.5
voxel and each by a drift of its own; in some cases grown by 2 % and darkened by 3 grey levels.
Counted are the particles that no face cuts.

bound: the Cramér–Rao bound of the same particles' shifts, with grey level, gain and growth unknown,
from the noise-free image and the true covariance of the noise, over all voxels of the mask
that hold no other particle: what an unbiased method can reach at best while both images are
noisy, if the neighbours stood still. As a median length, for every sixth particle.

z: error over its stated standard deviation; the robust (median) standard deviation over all
seeds, and the smallest and largest of one seed.

SimpleITK: translation, correlation within the mask that ours uses, all its voxels, regular-step
gradient descent from no shift, both images smoothed, gradient filters off (faster and more exact
than the defaults); for every sixth particle, beside ours of the same. Its CPU time is that of
smoothing and registration alone, a whole particle's; ours is the whole table's, over all of its
particles, those that a face cuts included, which are smaller.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import SimpleITK
from scipy import ndimage

from napari_battery.progress import SILENT
from napari_battery.registration.particles import register_particles
from napari_battery.synthetic import ElectrodeSettings
from napari_battery.synthetic.particles import pristine_particles
from napari_battery.synthetic.scan import scan
from napari_battery.volume import Volume

MARGIN = 3  # voxels around a particle that count, as in the settings' defaults
MEDIAN_LENGTH = 1.538  # of three normal numbers, over their standard deviation
EVERY = 6

CASES = tuple(
    (noise, drift, growth)
    for noise in (7.0, 14.0, 30.0)
    for drift, growth in ((0.3, 0.0), (0.3, 0.02), (1.0, 0.0))
)


@dataclass(frozen=True)
class Pair:
    """Two scans and each label's true shift, in voxels."""

    labels: Volume
    fixed: Volume
    moving: Volume
    true: np.ndarray
    settings: ElectrodeSettings


def pair(seed: int, n: int, noise: float, drift: float, growth: float) -> Pair:
    made = ElectrodeSettings(size_z=n, size_y=n, size_x=n, seed=seed, noise=noise)
    rng = np.random.default_rng(seed)
    before = pristine_particles(made, (n, n, n), rng, SILENT)
    true = drift * rng.standard_normal(before.centres.shape) + np.array([1.0, -0.5, 1.0])
    darker = 3.0 if growth else 0.0
    after = replace(
        before,
        centres=before.centres + true,
        radii=before.radii * (1 + growth),
        greys=before.greys - darker,
    )
    (fixed, labels, *_), (moving, *_) = (
        scan(made, particles, (n, n, n), state, SILENT)
        for state, particles in enumerate((before, after))
    )
    return Pair(*(Volume(a, name="synthetic") for a in (labels, fixed, moving)), true, made)


def windows(labels: np.ndarray, numbers: np.ndarray, apart: int):
    """Each label's window, and the voxels of it that count, `apart` from any other particle."""
    boxes = ndimage.find_objects(labels)
    for number in numbers:
        window = tuple(
            slice(max(s.start - 2 * MARGIN, 0), min(s.stop + 2 * MARGIN, n))
            for s, n in zip(boxes[number - 1], labels.shape, strict=True)
        )
        own = labels[window] == number
        mask = ndimage.binary_dilation(own, np.ones((2 * MARGIN + 1,) * 3))
        others = (labels[window] != 0) & ~own
        if apart:
            others = ndimage.binary_dilation(others, np.ones((2 * apart + 1,) * 3))
        yield window, mask & ~others


def bound(grey: np.ndarray, mask: np.ndarray, correlation: float) -> float:
    """Cramér–Rao bound of the shift per axis (rms), per grey level of noise in each image."""
    kernel = np.convolve(*[[correlation, 1, correlation]] * 2) / (1 + 2 * correlation**2)

    def covariance(rows: np.ndarray) -> np.ndarray:
        for axis in (1, 2, 3):
            rows = ndimage.correlate1d(rows, kernel, axis, mode="constant")
        return rows * mask

    gradient = np.stack(np.gradient(grey))
    away = np.indices(grey.shape) - np.array(grey.shape).reshape(3, 1, 1, 1) / 2
    rows = [*gradient, np.ones_like(grey), grey - grey[mask].mean(), (away * gradient).sum(0)]
    rows = np.stack(rows) * mask
    size = np.sqrt((rows**2).sum((1, 2, 3)))
    rows /= size[:, None, None, None]
    # conjugate gradients, one system per row
    solved, left, step = np.zeros_like(rows), rows.copy(), rows.copy()
    square = (left**2).sum((1, 2, 3))
    for _ in range(200):
        ahead = covariance(step)
        far = (square / (step * ahead).sum((1, 2, 3)))[:, None, None, None]
        solved += far * step
        left -= far * ahead
        square, last = (left**2).sum((1, 2, 3)), square
        if square.max() < 1e-8:
            break
        step = left + (square / last)[:, None, None, None] * step
    information = np.einsum("azyx,bzyx->ab", rows, solved)
    variance = np.diag(np.linalg.inv(information))[:3] / size[:3] ** 2
    return float(np.sqrt(2 * variance.mean()))  # twice: both images are noisy


def bounds(seed: int, n: int) -> np.ndarray:
    clean = pair(seed, n, 0.0, 0.0, 0.0)
    labels = clean.labels.data
    numbers = whole(labels)[::EVERY]
    return np.array(
        [
            bound(clean.fixed.data[w].astype(float), mask, clean.settings.noise_correlation)
            for w, mask in windows(labels, numbers, 0)
        ]
    )


def whole(labels: np.ndarray) -> np.ndarray:
    inside = np.unique(labels)[1:]
    faces = [labels.take(at, axis).ravel() for axis in range(3) for at in (0, -1)]
    return np.setdiff1d(inside, np.concatenate(faces))


def with_simpleitk(data: Pair, numbers: np.ndarray) -> tuple[np.ndarray, float]:
    """Shifts, and the CPU seconds spent."""
    found, spent = [], 0.0
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    for window, mask in windows(data.labels.data, numbers, 1):
        begun = time.process_time()
        fixed, moving = (
            SimpleITK.DiscreteGaussian(
                SimpleITK.GetImageFromArray(v.data[window].astype(np.float32)), 0.5
            )
            for v in (data.fixed, data.moving)
        )
        method = SimpleITK.ImageRegistrationMethod()
        method.SetMetricAsCorrelation()
        method.SetMetricFixedMask(SimpleITK.GetImageFromArray(mask.astype(np.uint8)))
        method.SetMetricUseFixedImageGradientFilter(False)
        method.SetMetricUseMovingImageGradientFilter(False)
        method.SetInterpolator(SimpleITK.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-2, 100, 0.3, 1e-8)
        method.SetInitialTransform(SimpleITK.TranslationTransform(3))
        found.append(method.Execute(fixed, moving).GetParameters()[::-1])
        spent += time.process_time() - begun
    return np.array(found), spent


def ours(data: Pair) -> pd.DataFrame:
    table = register_particles(data.labels, data.fixed, data.moving)
    return table[~table["touches_border"]].set_index("label")


def measure(seeds: list[int], n: int, noise: float, drift: float, growth: float) -> None:
    errors, scores, theirs, shared = [], [], [], []
    spent = spent_theirs = 0.0
    many = lost = 0
    for seed in seeds:
        data = pair(seed, n, noise, drift, growth)
        begun = time.process_time()
        table = ours(data)
        spent += time.process_time() - begun
        many += len(np.unique(data.labels.data)) - 1
        found, sd = (
            table[[f"{name}_{a}_voxels" for a in "zyx"]].to_numpy()
            for name in ("shift", "shift_sd")
        )
        error = found - data.true[table.index - 1]
        kept = np.isfinite(error).all(1)
        lost += int((~kept).sum())
        errors.append(np.linalg.norm(error[kept], axis=1))
        scores.append((error / sd)[kept].ravel())
        if drift < 1 and not growth:
            some = table.index[::EVERY].to_numpy()
            shifts, took = with_simpleitk(data, some)
            spent_theirs += took
            theirs.append(np.linalg.norm(shifts - data.true[some - 1], axis=1))
            shared.append(np.linalg.norm(error[::EVERY], axis=1))
    length = np.concatenate(errors)
    each = [robust_sd(z) for z in scores]
    line = (
        f"| {noise:g} | {drift:g} | {100 * growth:g} % | {len(length)} | "
        f"{np.median(length):.3f} | {np.quantile(length, 0.95):.3f} | {lost} | "
        f"{robust_sd(np.concatenate(scores)):.2f} ({min(each):.2f}–{max(each):.2f}) | "
        f"{1e3 * spent / many:.1f} |"
    )
    if theirs:
        theirs_all, same = np.concatenate(theirs), np.concatenate(shared)
        line += (
            f" SimpleITK {np.median(theirs_all):.3f} / {np.quantile(theirs_all, 0.95):.3f}, "
            f"{1e3 * spent_theirs / len(theirs_all):.0f} ms; ours of the same "
            f"{np.nanmedian(same):.3f} / {np.nanquantile(same, 0.95):.3f}"
        )
    print(line, flush=True)


def robust_sd(values: np.ndarray) -> float:
    return float(1.4826 * np.median(np.abs(values)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23, 24])
    parser.add_argument("--size", type=int, default=160)
    options = parser.parse_args()
    ours(pair(1, 96, 7.0, 0.0, 0.0))  # compiles
    best = np.concatenate([bounds(seed, options.size) for seed in options.seeds])
    for noise in sorted({case[0] for case in CASES}):
        print(f"bound at noise {noise:g}: {np.median(best) * MEDIAN_LENGTH * noise:.3f} voxel")
    print("| noise | drift | growth | particles | median | 95 % | lost | z | CPU ms | SimpleITK")
    for case in CASES:
        measure(options.seeds, options.size, *case)


if __name__ == "__main__":
    main()
