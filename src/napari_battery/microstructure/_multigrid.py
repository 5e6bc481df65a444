"""A preconditioner for diffusion through a microstructure: one multigrid cycle.

Two voxels are merged into one along each axis, level by level, down to some hundred, which
are solved directly. The conductance between two coarse voxels is that of the fine faces
between them over the longer way between their centres (Wesseling, An Introduction to
Multigrid Methods, 1992, cell-centred): whatever joins two pores on the fine grid joins them
on every coarser one. Before and after, one damped Jacobi sweep smooths; the cycle is
symmetric, as conjugate gradients need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.microstructure import _kernels_conductance as conductance
from napari_battery.microstructure import _kernels_diffusivity as kernels
from napari_battery.microstructure._slabs import Slabs

__all__ = ["Level", "faces_level", "precondition", "uniform_level"]

_DIRECT = 400
"""Voxels of the coarsest level at most."""
_WEAK = 0.3
"""An axis whose conductances are this much weaker than the strongest is not merged yet."""

Array = NDArray[Any]
Weights = tuple[float, float, float]


@dataclass(eq=False)
class Level:
    """One grid: its operator and, below the finest, what the cycle needs to write to."""

    diagonal: Array
    weights: tuple[Any, Any, Any]
    """Three numbers, or three arrays of one conductance per face."""
    nominal: Weights
    """Conductance per axis where everything conducts; only ratios count."""
    by: tuple[int, int, int] = (1, 1, 1)
    """Voxels of this level in one of the next, per axis."""
    residual: Array = field(default_factory=lambda: np.empty(0, np.float32))
    correction: Array = field(default_factory=lambda: np.empty(0, np.float32))
    coarser: Level | None = None
    inverse: Array | None = None
    """Of the coarsest level: its operator, inverted."""

    @property
    def uniform(self) -> bool:
        return not isinstance(self.weights[0], np.ndarray)

    @property
    def operator(self) -> tuple[Any, ...]:
        return (self.diagonal, *self.weights)


def uniform_level(mask: Array, nominal: Weights, slabs: Slabs) -> tuple[Level, Array, float]:
    """The finest level of one phase, the ramp's residual and the ramp's dissipation."""
    diagonal, residual = np.empty(mask.shape, np.float32), np.empty(mask.shape, np.float32)
    bits = mask.view(np.uint8)
    energy = slabs.run(conductance.diagonal_uniform, mask.shape, bits, *nominal, diagonal, residual)
    weights = tuple(np.float32(w) for w in nominal)
    level = Level(diagonal, (weights[0], weights[1], weights[2]), nominal)
    ends = [2 * nominal[0] * mask[k].astype(np.float32) for k in (0, -1)]
    _coarsen(level, ends)
    return level, residual, energy


def faces_level(c: Array, nominal: Weights, slabs: Slabs) -> tuple[Level, Array, float]:
    """As `uniform_level`, of conductivities (float32, 0 where nothing conducts)."""
    made = [np.empty(c.shape, np.float32) for _ in range(5)]
    fz, fy, fx, diagonal, residual = made
    slabs.run(conductance.faces, c.shape, c, *nominal, fz, fy, fx)
    ends = [2 * np.float32(nominal[0]) * c[k] for k in (0, -1)]
    energy = slabs.run(conductance.diagonal_faces, c.shape, *ends, fz, fy, fx, diagonal, residual)
    level = Level(diagonal, (fz, fy, fx), nominal)
    _coarsen(level, ends)
    return level, residual, energy


def precondition(level: Level, r: Array, z: Array, slabs: Slabs, tick: Callable[[], None]) -> float:
    """Put one cycle's answer to ``A z = r`` into z; ``r · z``."""
    if level.coarser is None:
        return _directly(level, r, z)
    coarse = level.coarser
    restrict = kernels.restrict_uniform if level.uniform else kernels.restrict_faces
    smooth = kernels.smooth_uniform if level.uniform else kernels.smooth_faces
    slabs.run(restrict, r.shape, r, *level.operator, coarse.residual, level.by)
    precondition(coarse, coarse.residual, coarse.correction, slabs, tick)
    tick()
    return slabs.run(smooth, r.shape, r, *level.operator, coarse.correction, level.by, z)


def _directly(level: Level, r: Array, z: Array) -> float:
    if level.inverse is None:
        level.inverse = _inverted(level)
    z.ravel()[:] = level.inverse @ r.ravel()
    return float(np.vdot(r.astype(np.float64), z))


def _inverted(level: Level) -> Array:
    """The operator's inverse; 0 in rows of voxels that do not conduct."""
    n = level.diagonal.size
    numbers = np.arange(n).reshape(level.diagonal.shape)
    matrix = np.zeros((n, n))
    matrix[numbers.ravel(), numbers.ravel()] = level.diagonal.ravel()
    for axis, weight in enumerate(level.weights):
        here = np.moveaxis(numbers, axis, 0)[1:].ravel()
        there = np.moveaxis(numbers, axis, 0)[:-1].ravel()
        if level.uniform:
            conducts = level.diagonal.ravel() > 0
            between = np.where(conducts[here] & conducts[there], weight, 0.0)
        else:
            between = np.moveaxis(weight, axis, 0)[1:].ravel()
        matrix[here, there] = matrix[there, here] = -between
    kept = np.flatnonzero(level.diagonal.ravel() > 0)
    inverse = np.zeros((n, n))
    inverse[np.ix_(kept, kept)] = np.linalg.inv(matrix[np.ix_(kept, kept)])
    return np.asarray(inverse, np.float32)


def _coarsen(level: Level, ends: list[Array]) -> None:
    """Add coarser levels until a direct solution is cheap."""
    while level.diagonal.size > _DIRECT:
        strongest = max(level.nominal)
        by = tuple(
            2 if n > 1 and w >= _WEAK * strongest else 1
            for n, w in zip(level.diagonal.shape, level.nominal, strict=True)
        )
        if by == (1, 1, 1):  # the strong axes are used up
            by = tuple(2 if n > 1 else 1 for n in level.diagonal.shape)
        level.by = (by[0], by[1], by[2])
        shape = tuple(-(-n // c) for n, c in zip(level.diagonal.shape, by, strict=True))
        fz, fy, fx = (np.zeros(shape, np.float32) for _ in range(3))
        if level.uniform:
            conductance.coarsen_uniform(level.diagonal, *level.weights, level.by, fz, fy, fx)
        else:
            conductance.coarsen_faces(*level.weights, level.by, fz, fy, fx)
        ends = [_summed(end, by[1], by[2]) / np.float32(by[0]) for end in ends]
        made = [np.empty(shape, np.float32) for _ in range(3)]
        diagonal, residual, correction = made
        conductance.diagonal_faces(ends[0], ends[1], fz, fy, fx, diagonal, residual, 0, shape[0])
        area = by[0] * by[1] * by[2]
        nominal = tuple(w * area / c**2 for w, c in zip(level.nominal, by, strict=True))
        level.coarser = Level(
            diagonal,
            (fz, fy, fx),
            (nominal[0], nominal[1], nominal[2]),
            residual=residual,
            correction=correction,
        )
        level = level.coarser


def _summed(plane: Array, by_y: int, by_x: int) -> Array:
    rows = np.add.reduceat(plane, np.arange(0, plane.shape[0], by_y), axis=0)
    return np.ascontiguousarray(
        np.add.reduceat(rows, np.arange(0, plane.shape[1], by_x), axis=1), np.float32
    )
