import pytest

from napari_battery.progress import SILENT, CallbackProgress, Cancelled


def test_reports_add_up_and_start_anew_per_stage() -> None:
    seen = []
    progress = CallbackProgress(lambda done, total, what: seen.append((done, total, what)))
    progress.begin(3, "a")
    progress.advance()
    progress.advance(2)
    progress.begin(1, "b")
    assert seen == [(0, 3, "a"), (1, 3, "a"), (3, 3, "a"), (0, 1, "b")]


def test_cancel_is_raised_where_the_step_stands() -> None:
    progress = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        progress.begin(3, "a")
    with pytest.raises(Cancelled):
        progress.advance()


def test_silent_never_stops() -> None:
    SILENT.begin(1, "a")
    SILENT.advance()
