"""Keeping the memory of a network's features between its layers (Linux with glibc).

glibc hands blocks over 32 MB back to the system as soon as they are freed, and a thread's
whole 64 MB heaps with them. A network frees such blocks after every layer, and the system then
gives, and clears, each page anew: that alone took 40 to 50 % of the time of the paper's CNN.
While `kept` lasts, freed memory stays with the process; a second after the last use it goes
back to the system, and the settings return to where glibc's own adjustment leaves them. Blocks
of over 64 MB, such as a volume made meanwhile in another thread, are not touched. Elsewhere
nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

__all__ = ["kept", "largest_kept"]

_MB = 2**20
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_HEAP = 64 * _MB
"""The most that a thread's heap can hold of one piece (HEAP_MAX_SIZE)."""
_OLD_LIMIT = 32 * _MB
"""The highest threshold that older versions of glibc take."""
_ROOM = 4 * _MB
"""For the heap's own book-keeping and alignment."""

_LINGER_S = 1.0
"""Tiles follow one another within less; giving back and fetching again between them costs 6 %."""

_lock = threading.Lock()
_users = 0
_giving_back: threading.Timer | None = None


@contextmanager
def kept() -> Iterator[None]:
    """Keep freed memory with the process for as long as one such context is open."""
    global _users, _giving_back
    with _lock:
        _users += 1
        if _giving_back is not None:
            _giving_back.cancel()
            _giving_back = None
        elif _users == 1:
            _keep()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _giving_back = threading.Timer(_LINGER_S, _give_back_if_unused)
                _giving_back.daemon = True
                _giving_back.start()


@cache
def largest_kept() -> int:
    """Bytes of the largest block that stays with the process between two uses."""
    libc = _glibc()
    if libc is None:
        return _HEAP - _ROOM
    with kept():
        return (_HEAP if libc.mallopt(_MMAP_THRESHOLD, _HEAP) else _OLD_LIMIT) - _ROOM


def _keep() -> None:
    libc = _glibc()
    if libc is not None:
        if not libc.mallopt(_MMAP_THRESHOLD, _HEAP):
            libc.mallopt(_MMAP_THRESHOLD, _OLD_LIMIT)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_TOP_PAD, _HEAP)  # a thread's empty heap is kept too


def _give_back_if_unused() -> None:
    global _giving_back
    with _lock:
        if _users == 0 and _giving_back is not None:
            _giving_back = None
            _give_back()


def _give_back() -> None:
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_MMAP_THRESHOLD, 32 * _MB)
        libc.mallopt(_TRIM_THRESHOLD, 64 * _MB)
        libc.mallopt(_TOP_PAD, _MB // 8)
        libc.malloc_trim(0)


@cache
def _glibc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
