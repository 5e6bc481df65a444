"""How a long step reports how far it is, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["SILENT", "CallbackProgress", "Cancelled", "Progress"]


class Cancelled(Exception):
    """Raised inside a step, by `Progress.advance`, once the person asked it to stop."""


class Progress:
    """Progress that nobody watches and nobody stops; base class of the others.

    A step calls ``begin(total, what)`` at the start of each of its stages and
    ``advance()`` after every block of work, from the thread that runs the step.
    Both may raise `Cancelled`; a step lets it pass, after cleaning up what it made.
    """

    def begin(self, total: int, what: str) -> None:
        """Start a stage of `total` units of work, named `what` ("Measuring particles")."""

    def advance(self, n: int = 1) -> None:
        """Report `n` more finished units of the current stage."""


SILENT = Progress()


class CallbackProgress(Progress):
    """Progress that calls back, and asks back whether to go on.

    Parameters
    ----------
    report : callable
        Called as ``report(done, total, what)`` after each change.
    cancelled : callable
        Returns True once the step should stop.
    """

    def __init__(
        self,
        report: Callable[[int, int, str], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._report = report
        self._cancelled = cancelled
        self._done, self._total, self._what = 0, 0, ""

    def begin(self, total: int, what: str) -> None:
        self._done, self._total, self._what = 0, total, what
        self.advance(0)

    def advance(self, n: int = 1) -> None:
        if self._cancelled():
            raise Cancelled
        self._done += n
        self._report(self._done, self._total, self._what)
