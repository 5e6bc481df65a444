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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_battery.microstructure import _kernels_conductance as conductance
from napari_battery.microstructure import _kernels_diffusivity as uniform
from napari_battery.microstructure import _kernels_faces as faces
from napari_battery.microstructure import _kernels_phases as phases
from napari_battery.microstructure._slabs import Slabs

__all__ = ["Kernels", "Level", "finest_level", "precondition"]

_DIRECT = 400
"""Voxels of the coarsest level at most."""
_WEAK = 0.3
"""An axis whose conductances are this much weaker than the strongest is not merged yet."""

Array = NDArray[Any]
Weights = tuple[float, float, float]


class Kernels(NamedTuple):
    """The three steps over one kind of operator."""

    apply: Callable[..., float]
    restrict: Callable[..., float]
    smooth: Callable[..., float]


_UNIFORM = Kernels(uniform.apply_uniform, uniform.restrict_uniform, uniform.smooth_uniform)
_PHASES = Kernels(phases.apply_phases, phases.restrict_phases, phases.smooth_phases)
_FACES = Kernels(faces.apply_faces, faces.restrict_faces, faces.smooth_faces)


@dataclass(eq=False)
class Level:
    """One grid: its operator and, below the finest, what the cycle needs to write to."""

    kernels: Kernels
    operator: tuple[Any, ...]
    """What the kernels take: the diagonal, then weights, conductivities or faces."""
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
    def shape(self) -> tuple[int, ...]:
        return tuple(self.operator[0].shape)


def finest_level(medium: Array, nominal: Weights, slabs: Slabs) -> tuple[Level, Array, float]:
    """The finest level with all below it, the ramp's residual and the ramp's dissipation.

    Parameters
    ----------
    medium : array of bool or float32
        One phase, or conductivities.
    """
    shape, one = medium.shape, medium.dtype == bool
    diagonal, residual = np.empty(shape, np.float32), np.empty(shape, np.float32)
    measure = conductance.diagonal_uniform if one else conductance.diagonal_phases
    bits = medium.view(np.uint8) if one else medium
    energy = slabs.run(measure, shape, bits, *nominal, diagonal, residual)
    weights = [np.float32(w) for w in nominal]
    operator = (diagonal, *weights) if one else (diagonal, medium, *weights)
    level = Level(_UNIFORM if one else _PHASES, operator, nominal)
    ends = [2 * weights[0] * medium[k].astype(np.float32) for k in (0, -1)]
    _coarsen(level, ends)
    return level, residual, energy


def precondition(level: Level, r: Array, z: Array, slabs: Slabs, tick: Callable[[], None]) -> float:
    """Put one cycle's answer to ``A z = r`` into z; ``r · z``."""
    if level.coarser is None:
        return _directly(level, r, z)
    coarse, kernels = level.coarser, level.kernels
    slabs.run(kernels.restrict, r.shape, r, *level.operator, coarse.residual, level.by)
    precondition(coarse, coarse.residual, coarse.correction, slabs, tick)
    tick()
    return slabs.run(kernels.smooth, r.shape, r, *level.operator, coarse.correction, level.by, z)


def _directly(level: Level, r: Array, z: Array) -> float:
    if level.inverse is None:
        level.inverse = _inverted(level)
    z.ravel()[:] = level.inverse @ r.ravel()
    return float(np.vdot(r.astype(np.float64), z))


def _inverted(level: Level) -> Array:
    """The operator's inverse; 0 in rows of voxels that do not conduct."""
    n, shape = int(np.prod(level.shape)), level.shape
    matrix = np.zeros((n, n))
    unit, column = np.zeros(shape, np.float32), np.empty(shape, np.float32)
    for k in range(n):
        unit.ravel()[k] = 1
        level.kernels.apply(unit, *level.operator, column, 0, shape[0])
        unit.ravel()[k] = 0
        matrix[:, k] = column.ravel()
    kept = np.ix_(*2 * [np.flatnonzero(level.operator[0].ravel() > 0)])
    inverse = np.zeros((n, n))
    inverse[kept] = np.linalg.inv(matrix[kept])
    return np.asarray(inverse, np.float32)


def _coarsen(level: Level, ends: list[Array]) -> None:
    """Add coarser levels until a direct solution is cheap."""
    merge: dict[Kernels, Callable[..., None]] = {
        _UNIFORM: conductance.coarsen_uniform,
        _PHASES: lambda _, *rest: conductance.coarsen_phases(*rest),
        _FACES: lambda _, *rest: conductance.coarsen_faces(*rest),
    }
    while np.prod(level.shape) > _DIRECT:
        by = level.by = _merged(level)
        shape = tuple(-(-n // c) for n, c in zip(level.shape, by, strict=True))
        fz, fy, fx = (np.zeros(shape, np.float32) for _ in range(3))
        merge[level.kernels](*level.operator, by, fz, fy, fx)
        ends = [_summed(end, by[1], by[2]) / np.float32(by[0]) for end in ends]
        diagonal, residual, correction = (np.empty(shape, np.float32) for _ in range(3))
        conductance.diagonal_faces(ends[0], ends[1], fz, fy, fx, diagonal)
        area = by[0] * by[1] * by[2]
        wz, wy, wx = (w * area / c**2 for w, c in zip(level.nominal, by, strict=True))
        level.coarser = Level(
            _FACES,
            (diagonal, fz, fy, fx),
            (wz, wy, wx),
            residual=residual,
            correction=correction,
        )
        level = level.coarser


def _merged(level: Level) -> tuple[int, int, int]:
    """How many voxels become one, per axis: along strong axes first."""
    strongest = max(w for w, n in zip(level.nominal, level.shape, strict=True) if n > 1)
    cz, cy, cx = (
        2 if n > 1 and w >= _WEAK * strongest else 1
        for n, w in zip(level.shape, level.nominal, strict=True)
    )
    return cz, cy, cx


def _summed(plane: Array, by_y: int, by_x: int) -> Array:
    rows = np.add.reduceat(plane, np.arange(0, plane.shape[0], by_y), axis=0)
    return np.ascontiguousarray(
        np.add.reduceat(rows, np.arange(0, plane.shape[1], by_x), axis=1), np.float32
    )
