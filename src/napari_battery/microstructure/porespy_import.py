"""PoreSpy without what its import does to the rest of the program."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

__all__ = ["porespy"]


@contextmanager
def porespy() -> Iterator[ModuleType]:
    """PoreSpy, imported on first use (some seconds, some 360 MB).

    Its import silences numpy's floating-point warnings and puts a handler on the root
    logger; both are as before once the context is left. For comparisons in tests and
    benchmarks: the program itself does not need it.

    Examples
    --------
    >>> with porespy() as ps:  # doctest: +SKIP
    ...     ps.simulations.tortuosity_fd(mask, axis=0)
    """
    root = logging.getLogger()
    handlers, level, errors = root.handlers[:], root.level, np.geterr()
    try:
        import porespy as module

        yield module
    finally:
        np.seterr(**errors)
        root.setLevel(level)
        for handler in root.handlers[:]:
            if handler not in handlers:
                root.removeHandler(handler)
