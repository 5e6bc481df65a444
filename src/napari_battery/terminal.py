"""Progress on a terminal, and Ctrl-C as Cancel."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from napari_battery.progress import CallbackProgress, Progress

__all__ = ["terminal_progress"]

_WIDTH = 30
_EVERY_S = 0.1


@contextmanager
def terminal_progress(quiet: bool = False) -> Iterator[Progress]:
    """Progress drawn as a bar on stderr; Ctrl-C makes the step stop at its next block.

    Nothing is drawn where stderr is no terminal or `quiet` is set. A second Ctrl-C
    interrupts at once. SIGTERM, which ends a job on a cluster, counts as Ctrl-C, so that it
    leaves nothing half-made either.
    """
    draw = not quiet and sys.stderr.isatty()
    stop = False
    last = 0.0
    unended = False

    def report(done: int, total: int, what: str) -> None:
        nonlocal last, unended
        now = time.monotonic()
        if not draw or total <= 0 or (now - last < _EVERY_S and done < total):
            return
        last = now
        share = min(done / total, 1.0)
        bar = "█" * round(share * _WIDTH)
        print(f"\r{what:<28.28} {bar:<{_WIDTH}} {share:4.0%}", end="", file=sys.stderr, flush=True)
        unended = done < total
        if not unended:
            print(file=sys.stderr)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal stop
        if stop:
            raise KeyboardInterrupt
        stop = True

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, on_interrupt) for number in signals]
    try:
        yield CallbackProgress(report, lambda: stop)
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
        if unended:  # what is said next has a line of its own
            print(file=sys.stderr)
