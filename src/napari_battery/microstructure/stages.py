"""One bar for many measurements: each reports its own stages, the person sees the whole."""

from __future__ import annotations

from napari_battery.progress import Progress

__all__ = ["Share", "begin"]

_UNITS = 1000


def begin(progress: Progress, measurements: int) -> None:
    """Start the bar of so many measurements."""
    progress.begin(_UNITS * measurements, "Measuring the microstructure")


class Share(Progress):
    """Progress of one measurement, as its share of the bar.

    Nobody knows how many stages a measurement has; each new one gets half of what is left.
    """

    def __init__(self, outer: Progress) -> None:
        self._outer = outer
        self._from, self._to = 0.0, 0.0
        self._done, self._total = 0, 1
        self._reported = 0

    def begin(self, total: int, what: str) -> None:
        self._from = self._to
        self._to += (_UNITS - self._to) / 2
        self._done, self._total = 0, max(total, 1)
        self.advance(0)

    def advance(self, n: int = 1) -> None:
        self._done += n
        share = min(self._done / self._total, 1.0)
        now = int(self._from + (self._to - self._from) * share)
        step, self._reported = now - self._reported, now
        self._outer.advance(step)

    def finish(self) -> None:
        """The measurement is over: its whole share is done."""
        step, self._reported = _UNITS - self._reported, _UNITS
        self._outer.advance(step)
