"""Conjugate gradients with a multigrid preconditioner, for `diffusivity`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure.settings import TransportSettings
from napari_battery.progress import Progress

__all__ = [
    "MOST_ITERATIONS",
    "Ends",
    "Solution",
    "Watch",
    "not_converged",
    "solve",
    "straight",
]

MOST_ITERATIONS = 1000
_STEPS = 100
_ROUNDING = 1e-8
"""Residual, against the start, below which single precision cannot bring the flows nearer."""
_STRAIGHT = 1e-6
"""Residual of the ramp, against its current, below which the ramp is the answer."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Solution:
    """What a solver hands back; see `diffusivity.Diffusivity`."""

    relative_diffusivity: float
    iterations: int
    residual: float
    imbalance: float


class Ends:
    """What flows in and out, from the two end planes alone: nothing else is kept."""

    def __init__(self, first: Array, last: Array, weight: float, planes: int) -> None:
        self._conducts = [2 * weight * first.astype(np.float64), 2 * weight * last.astype(float)]
        self._change = [np.zeros(first.shape), np.zeros(last.shape)]
        self._half = 0.5 / planes

    def add(self, alpha: float, first: Array, last: Array) -> None:
        """Follow the concentration: it changes by alpha times the direction."""
        for change, plane in zip(self._change, (first, last), strict=True):
            change += alpha * plane

    def imbalance(self) -> float:
        """Difference of the two flows, against their mean."""
        flow_in = float((self._conducts[0] * (self._half - self._change[0])).sum())
        flow_out = float((self._conducts[1] * (self._half + self._change[1])).sum())
        mean = (flow_in + flow_out) / 2
        return abs(flow_in - flow_out) / mean if mean > 0 else math.inf


def solve(
    medium: Array,
    nominal: tuple[float, float, float],
    settings: TransportSettings,
    progress: Progress,
) -> Solution:
    """Solve along the first axis.

    Parameters
    ----------
    medium : (Z, Y, X) array of bool or float32
        The phase, or conductivities; all of it percolates.
    nominal : tuple of float
        Conductance of a face between two voxels of conductivity 1, per axis.

    Raises
    ------
    InputError
        If it does not converge, or the device cannot be used.
    """
    from napari_battery.microstructure import _torch_solution as with_torch
    from napari_battery.microstructure._slabs import Slabs

    watch = Watch(settings.tolerance, progress)
    if settings.device == "cuda" or (settings.device == "auto" and with_torch.has_card()):
        return with_torch.solve_with_torch(medium, nominal, watch, "cuda")
    with Slabs() as slabs:
        return _on_processor(medium, nominal, watch, slabs)


def straight(start: float, energy: float) -> bool:
    """Whether the ramp's residual is so small that the ramp is the answer."""
    return start <= _STRAIGHT * energy


def _on_processor(
    medium: Array, nominal: tuple[float, float, float], watch: Watch, slabs: Any
) -> Solution:
    from napari_battery.microstructure import _kernels_diffusivity as kernels
    from napari_battery.microstructure import _multigrid as multigrid

    level, r, energy = multigrid.finest_level(medium, nominal, slabs)
    shape = r.shape
    ends = Ends(medium[0], medium[-1], nominal[0], shape[0])
    to_relative = shape[0] / (shape[1] * shape[2])
    start = math.sqrt(float(np.vdot(r, r)))
    if straight(start, energy):
        return Solution(energy * to_relative, 0, 0.0, ends.imbalance())
    p, q = np.zeros(shape, np.float32), np.empty(shape, np.float32)
    beta, rz = 0.0, multigrid.precondition(level, r, q, slabs, watch.tick)
    for iteration in range(1, MOST_ITERATIONS + 1):
        slabs.run(kernels.direct, shape, q, p, beta)
        watch.tick()
        alpha = rz / slabs.run(level.kernels.apply, shape, p, *level.operator, q)
        ends.add(alpha, p[0], p[-1])
        energy -= alpha * rz
        residual = math.sqrt(slabs.run(kernels.advance, shape, p, q, r, alpha)) / start
        if watch.done(residual, ends.imbalance()):
            return Solution(energy * to_relative, iteration, residual, ends.imbalance())
        if residual < _ROUNDING:
            break
        last, rz = rz, multigrid.precondition(level, r, q, slabs, watch.tick)
        beta = rz / last
    raise not_converged(watch.tolerance, iteration, residual, ends.imbalance())


class Watch:
    """Progress by how far the residual has fallen on the way to the tolerance."""

    def __init__(self, tolerance: float, progress: Progress) -> None:
        self.tolerance, self._progress, self._shown = tolerance, progress, 0
        progress.begin(_STEPS, "Solving diffusion")

    def tick(self) -> None:
        """Let the person cancel."""
        self._progress.advance(0)

    def done(self, residual: float, imbalance: float) -> bool:
        """Whether both are below the tolerance."""
        left = max(residual, imbalance, self.tolerance)
        share = min(1.0, math.log(min(left, 1.0)) / math.log(self.tolerance))
        step = max(self._shown, int(_STEPS * share))
        self._progress.advance(step - self._shown)
        self._shown = step
        return residual <= self.tolerance and imbalance <= self.tolerance


def not_converged(
    tolerance: float, iterations: int, residual: float, imbalance: float
) -> InputError:
    """What to say when the most iterations did not do."""
    return InputError(
        f"Diffusion is not solved after {iterations} iterations: residual {residual:.1e}, "
        f"flow in against out {imbalance:.1e}, asked {tolerance:.1e}. Allow a larger tolerance, "
        "or give 0 to what conducts less than a millionth of the best."
    )
