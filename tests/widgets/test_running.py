from __future__ import annotations

import threading

import pytest
from pytestqt.qtbot import QtBot

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.widgets.running import StepRunner


@pytest.fixture
def runner(qtbot: QtBot) -> StepRunner:
    widget = StepRunner("Run")
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_a_step_runs_in_a_thread_and_ends_in_this_one(runner: StepRunner, qtbot: QtBot) -> None:
    seen: list[threading.Thread] = []

    def step(progress: Progress) -> str:
        seen.append(threading.current_thread())
        progress.begin(4, "Counting")
        progress.advance(4)
        return "result"

    def done(result: str) -> None:
        seen.append(threading.current_thread())
        assert result == "result"

    runner.start(step, done)
    assert runner.busy
    assert not runner.run_button.isEnabled()
    qtbot.waitUntil(lambda: not runner.busy)
    assert seen[0] is not threading.main_thread()
    assert seen[1] is threading.main_thread()
    assert "Done" in runner.message.text()


def test_the_bar_is_determinate(runner: StepRunner, qtbot: QtBot) -> None:
    go = threading.Event()

    def step(progress: Progress) -> None:
        progress.begin(8_000_000_000, "Counting")  # more than Qt's bar can hold
        progress.advance(2_000_000_000)
        go.wait(10)

    runner.start(step, lambda _: None)
    qtbot.waitUntil(lambda: runner.bar.value() == 250)
    assert runner.bar.maximum() == 1000
    assert runner.bar.text() == "Counting: 25 %"
    go.set()
    qtbot.waitUntil(lambda: not runner.busy)


def endless(progress: Progress) -> None:
    progress.begin(10, "Running")
    while True:
        progress.advance(0)


def test_cancel_stops_it_and_nothing_is_delivered(runner: StepRunner, qtbot: QtBot) -> None:
    delivered: list[object] = []
    runner.start(endless, delivered.append)
    qtbot.waitUntil(lambda: runner.bar.maximum() == 1000)
    runner.cancel_button.click()
    qtbot.waitUntil(lambda: not runner.busy)
    assert delivered == []
    assert "Cancelled" in runner.message.text()
    assert runner.run_button.isEnabled()


def test_an_error_for_people_is_shown_as_it_stands(runner: StepRunner, qtbot: QtBot) -> None:
    def step(progress: Progress) -> None:
        raise InputError("“scan” is constant.")

    runner.start(step, lambda _: None)
    qtbot.waitUntil(lambda: not runner.busy)
    assert runner.message.text() == "“scan” is constant."
    assert runner.message.isVisible()


def test_an_unexpected_error_is_shown_and_raised(runner: StepRunner, qtbot: QtBot) -> None:
    def step(progress: Progress) -> None:
        raise ZeroDivisionError("oops")

    with qtbot.captureExceptions() as caught:
        runner.start(step, lambda _: None)
        qtbot.waitUntil(lambda: not runner.busy)
    assert caught[0][0] is ZeroDivisionError
    assert "ZeroDivisionError: oops" in runner.message.text()


def test_a_second_start_meanwhile_does_nothing(runner: StepRunner, qtbot: QtBot) -> None:
    delivered: list[object] = []
    go = threading.Event()
    runner.start(lambda progress: go.wait(10), delivered.append)
    runner.start(lambda progress: "second", delivered.append)
    go.set()
    qtbot.waitUntil(lambda: not runner.busy)
    assert delivered == [True]


def test_deleting_the_widget_stops_the_step(qtbot: QtBot) -> None:
    runner = StepRunner("Run")
    runner.start(endless, lambda _: None)
    thread = next(t for t in threading.enumerate() if t.name == "napari-battery step")
    with qtbot.waitSignal(runner.destroyed):
        runner.deleteLater()
    thread.join(10)
    assert not thread.is_alive()


def test_it_says_how_long_it_takes_and_keeps_to_its_width(
    runner: StepRunner, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("napari_battery.widgets.running.time.monotonic", lambda: now[0])
    go, named = threading.Event(), threading.Event()
    name = "Super-resolving a stack with a very long name of more than a line"

    def step(progress: Progress) -> None:
        progress.begin(4, name)
        named.set()
        go.wait(10)
        progress.advance()
        go.clear()
        go.wait(10)

    runner.resize(300, 80)
    runner.start(step, lambda _: None)
    qtbot.waitUntil(lambda: named.is_set() and runner.bar.text().endswith("0 %"))
    now[0] += 20
    go.set()
    qtbot.waitUntil(lambda: runner.bar.text().endswith("25 %, 60 s left"))
    text = runner.bar.text()
    assert text.startswith("Super")
    assert runner.bar.fontMetrics().horizontalAdvance(text) < runner.bar.width()
    go.set()
    qtbot.waitUntil(lambda: not runner.busy)
