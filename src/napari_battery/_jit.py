"""How most kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit
from numpy.typing import NDArray

__all__ = ["F64", "I32", "I64", "U8", "U16", "U64", "jit"]

# What an array in a kernel holds, for readers. To mypy it is Any: numba mixes number
# types by rules of its own.
U8 = NDArray[Any]
U16 = NDArray[Any]
U64 = NDArray[Any]
I32 = NDArray[Any]
I64 = NDArray[Any]
F64 = NDArray[Any]

P = ParamSpec("P")
R = TypeVar("R")


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first use, keep the code on disk, and run without Python's lock."""
    return cast(Callable[P, R], njit(cache=True, nogil=True, error_model="numpy")(function))
