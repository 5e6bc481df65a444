"""How the kernels of microstructure are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit
from numpy.typing import NDArray

__all__ = ["F32", "F64", "I64", "U8", "B", "jit", "jit_fast"]

# What an array in a kernel holds, for readers. To mypy it is Any: numba mixes number
# types by rules of its own.
B = NDArray[Any]
U8 = NDArray[Any]
I64 = NDArray[Any]
F32 = NDArray[Any]
F64 = NDArray[Any]

P = ParamSpec("P")
R = TypeVar("R")


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first use, keep the code on disk, and run without Python's lock."""
    return cast(Callable[P, R], njit(cache=True, nogil=True, error_model="numpy")(function))


def jit_fast(function: Callable[P, R]) -> Callable[P, R]:
    """As `jit`, where sums may be reordered into vectors; nothing in it is infinite."""
    fast = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
    return cast(Callable[P, R], fast(function))
