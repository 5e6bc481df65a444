"""Kernels over slabs of planes, in threads; sums do not depend on how many there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["Slabs", "usable_threads"]

_PLANES = 16
"""Planes of a slab; even, so that no coarse plane belongs to two."""
_SMALL = 40**3
"""Voxels below which handing slabs to threads costs more than it saves."""


def usable_threads(most: int | None = None) -> int:
    """Cores that this process may use, `most` at most."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(usable or 1, most or 1024))


class Slabs:
    """Runs kernels that take a first and a last plane as their last two arguments.

    Use it as a context manager; its threads end with it.
    """

    def __init__(self, threads: int | None = None) -> None:
        n = usable_threads(threads)
        self._pool = ThreadPoolExecutor(n, "napari-battery slab") if n > 1 else None

    def __enter__(self) -> Slabs:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, kernel: Callable[..., float], shape: tuple[int, ...], *arguments: Any) -> float:
        """Call `kernel` on every slab of an array of `shape`; the sum of what it returns."""
        planes = shape[0]
        if self._pool is None or planes * shape[1] * shape[2] < _SMALL:
            starts = range(0, planes, _PLANES)
            return sum(kernel(*arguments, k, min(k + _PLANES, planes)) for k in starts)
        jobs = [
            self._pool.submit(kernel, *arguments, k, min(k + _PLANES, planes))
            for k in range(0, planes, _PLANES)
        ]
        return sum(job.result() for job in jobs)
