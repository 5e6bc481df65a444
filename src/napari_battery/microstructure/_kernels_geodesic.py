"""Compiled: fast marching through a phase, in portions, so that it can be cancelled."""

from __future__ import annotations

import numpy as np

from napari_battery.microstructure._jit import F32, F64, I64, U8, jit

__all__ = ["FAR", "INSIDE", "KNOWN", "OUTSIDE", "march"]

OUTSIDE, INSIDE, KNOWN = 0, 1, 2
FAR = np.float32(3.0e38)


@jit
def _push(keys: F32, at: I64, size: int, key: float, voxel: int) -> None:
    child = size
    while child > 0:
        parent = (child - 1) // 2
        if keys[parent] <= key:
            break
        keys[child] = keys[parent]
        at[child] = at[parent]
        child = parent
    keys[child] = key
    at[child] = voxel


@jit
def _pop(keys: F32, at: I64, size: int) -> None:
    # The last entry sinks from the top; the caller has read the first.
    last = size - 1
    key, voxel = keys[last], at[last]
    here = 0
    while True:
        child = 2 * here + 1
        if child >= last:
            break
        if child + 1 < last and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[here] = keys[child]
        at[here] = at[child]
        here = child
    keys[here] = key
    at[here] = voxel


@jit
def _upwind(
    state: U8, distance: F32, voxel: int, place: int, n: int, step: int, edge: float, out: F64
) -> bool:
    """Nearest known neighbour along an axis: its value and weight (Sethian, second order)."""
    best, beyond, found = np.float64(FAR), np.float64(FAR), False
    for side in range(2):
        forward = side == 1
        if (place + 1 >= n) if forward else (place < 1):
            continue
        there = voxel + step if forward else voxel - step
        if state[there] != KNOWN or distance[there] >= best:
            continue
        best, beyond, found = np.float64(distance[there]), np.float64(FAR), True
        if (place + 2 < n) if forward else (place >= 2):
            next_one = there + step if forward else there - step
            if state[next_one] == KNOWN and distance[next_one] <= best:
                beyond = np.float64(distance[next_one])
    if not found:
        return False
    if beyond < np.float64(FAR):
        out[0] = (4.0 * best - beyond) / 3.0
        out[1] = 9.0 / (4.0 * edge * edge)
    else:
        out[0] = best
        out[1] = 1.0 / (edge * edge)
    out[2] = best
    return True


@jit
def _arrival(terms: F64, n: int) -> float:
    """Smallest T with ``sum weight × (T - value)² = 1`` over the terms it comes after."""
    while True:
        a, b, c, latest = 0.0, 0.0, -1.0, 0
        for k in range(n):
            value, weight = terms[k, 0], terms[k, 1]
            a += weight
            b += weight * value
            c += weight * value * value
            if terms[k, 2] > terms[latest, 2]:
                latest = k
        inside = b * b - a * c
        if inside >= 0.0:
            time = (b + np.sqrt(inside)) / a
            if time >= terms[latest, 2] or n == 1:
                return float(time)
        elif n == 1:
            return float(terms[0, 0] + 1.0 / np.sqrt(terms[0, 1]))
        # the farthest neighbour comes too late to help
        for m in range(3):
            terms[latest, m] = terms[n - 1, m]
        n -= 1


@jit
def march(
    state: U8, distance: F32, shape: I64, edges: F64, keys: F32, at: I64, heap: I64, most: int
) -> int:
    """Settle the nearest voxels of the front, `most` of them, and renew their neighbours.

    Parameters
    ----------
    state, distance
        Flat, C-ordered: `OUTSIDE`, `INSIDE` or `KNOWN`; µm, `FAR` where not reached.
    shape, edges
        Three each.
    keys, at, heap
        The front, a binary heap of tentative distances and voxels; ``heap[0]`` is its size.
        Voxels may be in it more than once: the first time counts.
    most
        Voxels to settle. Stops before, where the heap has no more room for six.

    Returns
    -------
    int
        Voxels settled.
    """
    ny, nx = shape[1], shape[2]
    steps = np.array([ny * nx, nx, 1])
    terms = np.empty((3, 3))
    place = np.empty(3, np.int64)
    done = 0
    while heap[0] > 0 and done < most and heap[0] + 6 <= keys.size:
        voxel = at[0]
        _pop(keys, at, heap[0])
        heap[0] -= 1
        if state[voxel] == KNOWN:
            continue
        state[voxel] = KNOWN
        done += 1
        for axis in range(3):
            for side in range(-1, 2, 2):
                here = voxel // steps[axis] % shape[axis] + side
                if here < 0 or here >= shape[axis]:
                    continue
                other = voxel + side * steps[axis]
                if state[other] != INSIDE:
                    continue
                place[0] = other // steps[0]
                place[1] = other // nx % ny
                place[2] = other % nx
                n = 0
                for k in range(3):
                    if _upwind(
                        state, distance, other, place[k], shape[k], steps[k], edges[k], terms[n]
                    ):
                        n += 1
                time = np.float32(_arrival(terms, n))
                if time < distance[other]:
                    distance[other] = time
                    _push(keys, at, heap[0], distance[other], other)
                    heap[0] += 1
    return done
