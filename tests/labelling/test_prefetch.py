"""The hint to the processor: without it, the same results."""

import importlib.util
import sys

import llvmlite
import numba
import numpy as np

from napari_battery.labelling import _prefetch


def doubled(prefetch):
    @numba.njit
    def double(values):
        result = np.empty_like(values)
        for i in range(len(values)):
            prefetch(values, i + 16)
            result[i] = 2 * values[i]
        return result

    return double(np.arange(50)).tolist()


def test_without_intrinsics_nothing_changes(monkeypatch):
    spec = importlib.util.spec_from_file_location("without_intrinsics", _prefetch.__file__)
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as without:
        without.delattr(llvmlite, "ir")
        without.setitem(sys.modules, "llvmlite.ir", None)
        spec.loader.exec_module(module)
    assert module.prefetch is module._nothing
    monkeypatch.setitem(sys.modules, "without_intrinsics", module)
    assert doubled(module.prefetch) == list(range(0, 100, 2))


def test_an_llvmlite_of_other_pointers_does_no_harm(monkeypatch):
    def refuse(*args, **kwargs):
        raise AttributeError("no such pointer")

    assert doubled(_prefetch.prefetch) == list(range(0, 100, 2))
    monkeypatch.setattr(llvmlite.ir.Module, "declare_intrinsic", refuse)
    # (numba asks for other intrinsics, too, in code of its own that this loop has none of)
    assert doubled(_prefetch.prefetch) == list(range(0, 100, 2))
