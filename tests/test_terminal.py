from __future__ import annotations

import os
import signal

import pytest

from napari_battery.progress import Cancelled
from napari_battery.terminal import terminal_progress


def test_a_bar_that_was_cut_short_ends_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with pytest.raises(ValueError), terminal_progress() as progress:
        progress.begin(4, "Measuring")
        raise ValueError
    assert capsys.readouterr().err.endswith("  0%\n")
    with terminal_progress() as progress:
        progress.begin(1, "Measuring")
        progress.advance()
    assert capsys.readouterr().err.endswith("100%\n")
    with terminal_progress(quiet=True) as progress:
        progress.begin(1, "Measuring")
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name == "nt", reason="signals cannot be sent there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_cancel_at_the_next_block(number: int) -> None:
    before = signal.getsignal(number)
    with terminal_progress() as progress:
        signal.raise_signal(number)
        with pytest.raises(Cancelled):
            progress.advance()
    assert signal.getsignal(number) is before
