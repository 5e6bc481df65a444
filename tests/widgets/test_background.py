from __future__ import annotations

import threading
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

from napari_battery.progress import Progress
from napari_battery.widgets.background import Latest


class Asker:
    """A widget with a `Latest`, and what came of its questions."""

    def __init__(self, qtbot: QtBot) -> None:
        self.widget = QWidget()
        qtbot.addWidget(self.widget)
        self.answers: list[Any] = []
        self.errors: list[BaseException] = []
        self.latest = Latest(self.widget, self.errors.append)

    def ask(self, work: Any) -> None:
        self.latest.ask(work, self.answers.append)


@pytest.fixture
def asker(qtbot: QtBot) -> Asker:
    return Asker(qtbot)


def test_it_answers(asker: Asker, qtbot: QtBot) -> None:
    asker.ask(lambda progress: 42)
    qtbot.waitUntil(lambda: asker.answers == [42])
    assert not asker.latest.busy


def test_only_the_newest_of_the_waiting_is_answered(asker: Asker, qtbot: QtBot) -> None:
    gate, started = threading.Event(), []

    def slow(progress: Progress) -> int:
        started.append(0)
        gate.wait(10)
        return 0

    asker.ask(slow)
    for n in range(1, 6):
        asker.ask(lambda progress, n=n: started.append(n) or n)
    gate.set()
    qtbot.waitUntil(lambda: not asker.latest.busy)
    assert asker.answers == [0, 5]
    assert started == [0, 5]


def test_what_is_forgotten_is_not_answered(asker: Asker, qtbot: QtBot) -> None:
    gate = threading.Event()
    asker.ask(lambda progress: gate.wait(10))
    asker.ask(lambda progress: 1)
    asker.latest.forget()
    gate.set()
    qtbot.waitUntil(lambda: not asker.latest.busy)
    assert asker.answers == []
    asker.ask(lambda progress: 2)  # and it goes on answering
    qtbot.waitUntil(lambda: asker.answers == [2])


def test_errors_are_told(asker: Asker, qtbot: QtBot) -> None:
    asker.ask(lambda progress: 1 / 0)
    qtbot.waitUntil(lambda: bool(asker.errors))
    assert isinstance(asker.errors[0], ZeroDivisionError)


def test_a_widget_that_goes_stops_its_question(qtbot: QtBot) -> None:
    widget = QWidget()
    latest, stopped = Latest(widget, print), threading.Event()

    def endless(progress: Progress) -> None:
        try:
            while True:
                progress.begin(1, "Waiting")
                threading.Event().wait(0.005)
        finally:
            stopped.set()

    latest.ask(endless, print)
    del latest
    widget.deleteLater()
    qtbot.waitUntil(stopped.is_set)
