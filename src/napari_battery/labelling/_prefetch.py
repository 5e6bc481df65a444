"""A hint to the processor that memory will be needed soon, for compiled code.

Only a hint: where numba or llvmlite cannot make it, code is as right and a little slower.
"""

# mypy: disallow-untyped-calls=False, disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
from numba import types

try:
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba.extending import intrinsic
except ImportError:
    ir = None

__all__ = ["prefetch"]

_WRITE, _KEEP, _DATA = 1, 3, 1


def _prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    """Begin to load ``array[index]`` into the cache; an index outside does no harm."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        try:
            struct = context.make_array(signature.args[0])(context, builder, arguments[0])
            pointer = builder.gep(struct.data, [arguments[1]])
            pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
            i32 = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
            hint = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
            builder.call(hint, [pointer, i32(_WRITE), i32(_KEEP), i32(_DATA)])
        except (AttributeError, NotImplementedError, TypeError):
            pass  # pointers of another llvmlite: what was built so far is unused, and dropped
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@numba.njit(cache=True, nogil=True)
def _nothing(array: Any, index: Any) -> None:
    """Stand in for `prefetch` where there are no intrinsics."""


prefetch: Any = _nothing if ir is None else intrinsic(_prefetch)
