"""Does the image look smoothed? GREAT2 wants grey levels as they were reconstructed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.radial.voxels import Voxels

__all__ = ["looks_smoothed", "noise_signs"]

_WHITENESS = 0.24
_SUSPECT_WHITENESS = 0.5
_TIES = 1.25

_PARTICLES = 16
_EDGE = 28
_LAG = 2
_MARGIN = 2
_FEWEST = 200


def looks_smoothed(voxels: Voxels, particles: pd.DataFrame) -> bool:
    """Whether the noise inside particles has the marks of a smoothing filter.

    Called smoothed is a whiteness (see `noise_signs`) below 0.24, or below 0.5 with 1.25
    times as many ties as unfiltered noise has. For comparison, measured: independent noise
    1.00, the sand tomogram as reconstructed 0.27, noise interpolated by half a voxel 0.32;
    after a Gaussian of sigma 1 voxel 0.07 to 0.13, after a 3³ median 0.19 to 0.44 with 1.4 to
    1.7 times the ties. A filter that leaves part of each voxel's own noise (weak non-local
    means) shows neither mark and is not found.
    """
    signs = noise_signs(voxels, particles)
    if signs is None:
        return False
    whiteness, ties = signs
    return whiteness < _WHITENESS or (whiteness < _SUSPECT_WHITENESS and ties > _TIES)


def noise_signs(voxels: Voxels, particles: pd.DataFrame) -> tuple[float, float] | None:
    """How white the noise is inside particles, and how often neighbours are equal.

    Returns
    -------
    whiteness : float
        Mean square of second differences between next neighbours over that at a distance of
        2 voxels: 1 for independent noise. Second differences, so that slow changes of grey
        level hardly count; voxels away from the surface, so that the rim does not.
    ties : float
        Equal neighbours, over how many Gaussian noise of that spread and grey-level step
        would make equal. A median filter copies levels and makes more.

    Both are medians over up to 16 of the larger particles, so that a few cracked ones do not
    matter. None where too few voxels lie deep enough, or they have no noise.
    """
    ndim = 2 if voxels.is_flat else 3
    deep = particles[particles["n_layers"] > _LAG + _MARGIN].nlargest(4 * _PARTICLES, "n_layers")
    if len(deep) > _PARTICLES:
        deep = deep.iloc[np.linspace(0, len(deep) - 1, _PARTICLES).astype(int)]
    signs = []
    for row in deep.itertuples():
        box = [slice(0, 1)] if ndim == 2 else []
        for axis in "zyx"[-ndim:]:
            low, high = int(getattr(row, f"bbox_{axis}0")), int(getattr(row, f"bbox_{axis}1"))
            begin = max(low, (low + high - _EDGE) // 2)
            box.append(slice(begin, min(high, begin + _EDGE)))
        where = (box[0], box[1], box[2])
        labels = voxels.read_labels(where)
        inside = labels == np.array(row.label).astype(labels.dtype)
        sign = _signs(inside, voxels.read_levels(where))
        if sign is not None:
            signs.append(sign)
    if not signs:
        return None
    whiteness, ties = np.median(signs, axis=0)
    return float(whiteness), float(ties)


def _signs(inside: NDArray[np.bool_], grey: NDArray[np.float64]) -> tuple[float, float] | None:
    """Whiteness and ties of one particle, from all axes."""
    reach = _LAG + _MARGIN
    near, far, steps = [], [], []
    for axis, size in enumerate(inside.shape):
        if size < 2 * reach + 1:
            continue
        levels, mask = np.moveaxis(grey, axis, 0), np.moveaxis(inside, axis, 0)
        shifted = [levels[reach + k : size - reach + k] for k in range(-_LAG, _LAG + 1)]
        good = np.all([mask[k : size - 2 * reach + k] for k in range(2 * reach + 1)], axis=0)
        good &= np.all(np.isfinite(shifted), axis=0)
        line = np.array([level[good] for level in shifted])
        near.append(line[_LAG - 1] + line[_LAG + 1] - 2 * line[_LAG])
        far.append(line[0] + line[-1] - 2 * line[_LAG])
        steps.append(line[_LAG + 1] - line[_LAG])
    if not near or np.concatenate(near).size < _FEWEST:
        return None
    whole = float(np.mean(np.concatenate(far) ** 2))
    step = np.concatenate(steps)
    size_of_step = np.abs(step[step != 0]).min(initial=np.inf)
    if whole == 0 or not np.isfinite(size_of_step):
        return None
    expected = min(1.0, float(size_of_step / (np.sqrt(2 * np.pi) * step.std())))
    ties = float(np.mean(step == 0)) / expected
    return float(np.mean(np.concatenate(near) ** 2)) / whole, ties
