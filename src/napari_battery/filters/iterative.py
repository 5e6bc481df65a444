"""Iterative filters: anisotropic diffusion (Perona and Malik) and total variation (Chambolle).

A step reaches one voxel further each time, so blocks carry a margin of as many voxels as
there are steps; the number is fixed, so that every block takes the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, working_dtype
from napari_battery.filters.filter import (
    Filter,
    Findings,
    per_slice_setting,
)
from napari_battery.filters.noise import find_noise, noise_setting
from napari_battery.io.lazy import Window
from napari_battery.lengths import spacing_voxels
from napari_battery.settings import Settings, setting
from napari_battery.volume import Volume

__all__ = ["DIFFUSION", "TOTAL_VARIATION", "DiffusionSettings", "TotalVariationSettings"]


class DiffusionSettings(Settings):
    """Grey levels even out where they differ little."""

    iterations: int = setting(5, "Time steps; more smooth further.", ge=1, le=100)
    strength: float = setting(
        1.5,
        "Difference between neighbours that half stops the exchange, over the noise's standard "
        "deviation.",
        gt=0,
        le=20,
        step=0.1,
    )
    noise: float | None = noise_setting()
    per_slice: bool = per_slice_setting()


class TotalVariationSettings(Settings):
    """Grey levels as even as may be while staying near those of the image."""

    strength: float = setting(
        0.7,
        "Weight of evenness, over the noise's standard deviation.",
        gt=0,
        le=20,
        step=0.1,
    )
    iterations: int = setting(
        20, "Steps towards the solution; with more, memory and time grow.", ge=2, le=100
    )
    noise: float | None = noise_setting()
    per_slice: bool = per_slice_setting()


def _diffusion(image: Volume, settings: DiffusionSettings, found: Findings) -> BlockStep:
    from napari_battery.filters._kernels_diffusion import diffuse

    edge = settings.strength * found.numbers["noise_sigma"]
    halo, three_d = _halo(image, settings.iterations, settings.per_slice)
    edges = _edges(image)
    # explicit steps are stable up to 1 / (2 Σ 1/edge²)
    time = 1 / (1 + 2 * sum(1 / e**2 for e in edges[0 if three_d else 1 :]))

    def run(grey: NDArray[Any], window: Window) -> NDArray[Any]:
        one = grey.dtype.type
        rows, shape, inner = _as_rows(grey, window, halo, image.shape)
        per_edge2 = tuple(one(1 / (edge * e) ** 2) for e in edges)
        share = tuple(one(time / e**2) for e in edges)
        change, done = np.empty(rows.shape[1], rows.dtype), rows.copy()
        for _step in range(settings.iterations):
            diffuse(rows, shape[-1], three_d, per_edge2, share, change, done)
            rows, done = done, rows
        return rows.reshape(shape)[inner]

    return BlockStep(run, halo, working_dtype(image.dtype))


def _total_variation(image: Volume, settings: TotalVariationSettings, found: Findings) -> BlockStep:
    from napari_battery.filters._kernels_diffusion import project_dual, subtract_divergence

    weight = settings.strength * found.numbers["noise_sigma"]
    halo, three_d = _halo(image, settings.iterations, settings.per_slice)
    edges = _edges(image)
    step = 1 / (2 * sum(1 / e**2 for e in edges[0 if three_d else 1 :]))

    def run(grey: NDArray[Any], window: Window) -> NDArray[Any]:
        one = grey.dtype.type
        rows, shape, inner = _as_rows(grey, window, halo, image.shape)
        per_edge = tuple(one(1 / e) for e in edges)
        dual = np.zeros((3, *rows.shape), rows.dtype)
        slopes = np.empty((3, rows.shape[1]), rows.dtype)
        scale = np.empty(rows.shape[1], rows.dtype)
        done = rows.copy()
        for _step in range(settings.iterations - 1):
            project_dual(
                done,
                shape[-1],
                three_d,
                per_edge,
                one(step),
                one(step / weight),
                slopes,
                scale,
                dual,
            )
            subtract_divergence(rows, dual, shape[-1], three_d, per_edge, done)
        return done.reshape(shape)[inner]

    return BlockStep(run, halo, working_dtype(image.dtype), 2**23)


def _halo(image: Volume, iterations: int, per_slice: bool) -> tuple[tuple[int, ...], bool]:
    """Margin, and whether slices exchange anything."""
    if image.ndim == 2:
        return (iterations, iterations), False
    three_d = not per_slice and image.shape[0] > 1
    return (iterations if three_d else 0, iterations, iterations), three_d


def _edges(image: Volume) -> tuple[float, ...]:
    """Voxel edges along z, y, x in units of the shortest."""
    return (1.0,) * (3 - image.ndim) + spacing_voxels(image)


def _as_rows(
    grey: NDArray[Any], window: Window, halo: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[NDArray[Any], tuple[int, ...], tuple[slice, ...]]:
    """A block as (z, y · x), its true shape, and where in it the window lies.

    What lies beyond the volume's faces is dropped but for one layer, made missing: nothing
    flows through the faces, whatever is mirrored there.
    """
    kept: list[slice] = []
    inner: list[slice] = []
    faces: list[Any] = []
    for axis, (w, h, n) in enumerate(zip(window, halo, shape, strict=True)):
        before, after = max(h - w.start, 0), max(w.stop + h - n, 0)
        kept.append(slice(max(before - 1, 0), grey.shape[axis] - max(after - 1, 0)))
        inner.append(slice(h - kept[-1].start, h - kept[-1].start + w.stop - w.start))
        here = (slice(None),) * axis
        faces += [(*here, 0)] * (before > 0) + [(*here, -1)] * (after > 0)
    block = np.ascontiguousarray(grey[tuple(kept)])
    for face in faces:
        block[face] = np.nan
    depth = 1 if block.ndim == 2 else len(block)
    return block.reshape(depth, -1), block.shape, tuple(inner)


DIFFUSION = Filter(
    "anisotropic-diffusion",
    "Anisotropic diffusion",
    DiffusionSettings,
    "Smooths within particles and pores, little across their edges.",
    _diffusion,
    find_noise,
    ("noise",),
)
TOTAL_VARIATION = Filter(
    "total-variation",
    "Total variation",
    TotalVariationSettings,
    "Makes flat areas flat and keeps edges steep; fine texture is lost.",
    _total_variation,
    find_noise,
    ("noise",),
)
