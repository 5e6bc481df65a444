"""Compiled: where phases change between neighbours, and the corners of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery._jit import I64, U8, jit

__all__ = ["count_cells", "count_changes"]


@jit
def _count_row(a: U8, b: U8, counts: I64) -> None:
    for x in range(a.size):
        if a[x] != b[x]:
            counts[a[x], b[x]] += 1


@jit
def count_changes(phases: U8, z0: int, z1: int, counts: I64) -> None:
    """Count pairs of unlike neighbours that begin in planes z0 to z1.

    Parameters
    ----------
    phases : (nz, ny, nx) uint8
        Phases, numbered from 0.
    counts : (7, n_phases, n_phases) int64
        Added to: pairs along x, y, z, xy, xz, yz and xyz; the order of phases in a pair is
        that of no direction.
    """
    nz, ny, nx = phases.shape
    for z in range(z0, z1):
        for y in range(ny):
            row = phases[z, y]
            _count_row(row[: nx - 1], row[1:], counts[0])
            if y + 1 < ny:
                down = phases[z, y + 1]
                _count_row(row, down, counts[1])
                _count_row(row[: nx - 1], down[1:], counts[3])
                _count_row(row[1:], down[: nx - 1], counts[3])
            if z + 1 == nz:
                continue
            behind = phases[z + 1, y]
            _count_row(row, behind, counts[2])
            _count_row(row[: nx - 1], behind[1:], counts[4])
            _count_row(row[1:], behind[: nx - 1], counts[4])
            for step in (-1, 1):
                if 0 <= y + step < ny:
                    corner = phases[z + 1, y + step]
                    _count_row(row, corner, counts[5])
                    _count_row(row[: nx - 1], corner[1:], counts[6])
                    _count_row(row[1:], corner[: nx - 1], counts[6])


@jit
def count_cells(mask: NDArray[Any], z0: int, z1: int, counts: I64) -> None:
    """Count cells of eight voxels by which of them are inside, for cells z0 to z1.

    Bit 4·dz + 2·dy + dx of a cell's kind tells of the voxel at that corner.
    """
    _, ny, nx = mask.shape
    for z in range(z0, z1):
        for y in range(ny - 1):
            a, b = mask[z, y], mask[z, y + 1]
            c, d = mask[z + 1, y], mask[z + 1, y + 1]
            before = a[0] + 4 * b[0] + 16 * c[0] + 64 * d[0]
            for x in range(1, nx):
                after = a[x] + 4 * b[x] + 16 * c[x] + 64 * d[x]
                counts[np.int64(before) + 2 * np.int64(after)] += 1
                before = after
