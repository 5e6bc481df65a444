"""The same solution with torch, for a graphics card: conjugate gradients, Jacobi."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._solution import (
    MOST_ITERATIONS,
    Ends,
    Solution,
    Watch,
    not_converged,
    straight,
)

__all__ = ["has_card", "solve_with_torch"]

_MORE = 10
"""Times as many iterations as with multigrid are allowed."""


def has_card() -> bool:
    """Whether torch can use a graphics card.

    torch takes seconds and some 200 MB to import: not before there is a driver.
    """
    if not any(map(_loads, ("libcuda.so.1", "nvcuda.dll"))):
        return False
    import torch

    return bool(torch.cuda.is_available())


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def solve_with_torch(
    medium: NDArray[Any],
    nominal: tuple[float, float, float],
    watch: Watch,
    device: str,
) -> Solution:
    """As `_solution.solve`, on a torch device.

    Raises
    ------
    InputError
        If torch has no such device, it has too little memory, or nothing converges.
    """
    if device.startswith("cuda") and not has_card():
        raise InputError("There is no graphics card that torch can use: choose auto or cpu.")
    import torch

    try:
        return _solved(torch, medium, nominal, watch, device)
    except torch.cuda.OutOfMemoryError:
        raise InputError(
            f"The graphics card has too little memory for {medium.size} voxels: choose cpu."
        ) from None


def _solved(
    torch: Any,
    medium: NDArray[Any],
    nominal: tuple[float, float, float],
    watch: Watch,
    device: str,
) -> Solution:
    c = torch.from_numpy(np.asarray(medium, np.float32)).to(device)
    n = c.shape[0]
    faces = [w * _joined(c, axis) for axis, w in enumerate(nominal)]
    diagonal = _spread(torch, c, faces)
    diagonal[0] += 2 * nominal[0] * c[0]
    diagonal[-1] += 2 * nominal[0] * c[-1]
    r, energy = _ramp(torch, c, faces[0], nominal[0])
    inverse = torch.where(c > 0, 1 / diagonal.clamp_min(1e-30), torch.zeros_like(c))
    del c
    ends = Ends(medium[0], medium[-1], nominal[0], n)
    to_relative = n / (medium.shape[1] * medium.shape[2])
    start = math.sqrt(_dot(torch, r, r))
    if straight(start, energy):
        return Solution(energy * to_relative, 0, 0.0, ends.imbalance())
    z = inverse * r
    p, rz = z.clone(), _dot(torch, r, z)
    for iteration in range(1, _MORE * MOST_ITERATIONS + 1):
        q = _balance(p, diagonal, faces)
        alpha = rz / _dot(torch, p, q)
        ends.add(alpha, p[0].cpu().numpy(), p[-1].cpu().numpy())
        energy -= alpha * rz
        r -= alpha * q
        residual = math.sqrt(_dot(torch, r, r)) / start
        if watch.done(residual, ends.imbalance()):
            return Solution(energy * to_relative, iteration, residual, ends.imbalance())
        torch.mul(inverse, r, out=z)
        last, rz = rz, _dot(torch, r, z)
        p.mul_(rz / last).add_(z)
    raise not_converged(watch.tolerance, iteration, residual, ends.imbalance())


def _dot(torch: Any, a: Any, b: Any) -> float:
    """Sum in float64, plane by plane: a whole copy in float64 would be too large."""
    return float((a * b).sum(dim=(1, 2), dtype=torch.float64).sum())


def _joined(c: Any, axis: int) -> Any:
    """Conductance of the faces between neighbours along an axis: half of each in series."""
    below, above = c.narrow(axis, 0, c.shape[axis] - 1), c.narrow(axis, 1, c.shape[axis] - 1)
    return 2 * below * above / (below + above).clamp_min(1e-30)


def _spread(torch: Any, c: Any, faces: list[Any]) -> Any:
    """Sum of a voxel's inner faces."""
    total = torch.zeros_like(c)
    for axis, face in enumerate(faces):
        total.narrow(axis, 0, face.shape[axis]).add_(face)
        total.narrow(axis, 1, face.shape[axis]).add_(face)
    return total


def _ramp(torch: Any, c: Any, face: Any, weight: float) -> tuple[Any, float]:
    """Residual and dissipation of a straight ramp."""
    step = 1 / c.shape[0]
    r = torch.zeros_like(c)
    r[1:] += face
    r[:-1] -= face
    r[0] += weight * c[0]
    r[-1] -= weight * c[-1]
    ends = weight / 2 * float((c[0] + c[-1]).sum(dtype=torch.float64))
    return r * step, (float(face.sum(dtype=torch.float64)) + ends) * step**2


def _balance(p: Any, diagonal: Any, faces: list[Any]) -> Any:
    q = diagonal * p
    for axis, face in enumerate(faces):
        n = face.shape[axis]
        q.narrow(axis, 0, n).addcmul_(face, p.narrow(axis, 1, n), value=-1)
        q.narrow(axis, 1, n).addcmul_(face, p.narrow(axis, 0, n), value=-1)
    return q
