"""The numbers of subsets stand side by side in State plots, and go out as they are."""

from __future__ import annotations

import json

import electrode_tables as tables
import pandas as pd
import pytest
from qtpy.QtWidgets import QApplication

from napari_battery.states.by_subset import compare_by_subset, states_by_subset
from napari_battery.states.frames import Frames
from napari_battery.states.recipes import Recipe, all_parts
from napari_battery.tables import STATES_BY_SUBSET, TESTS_BY_SUBSET
from napari_battery.widgets.states_plots_dock import StatePlotsDock
from napari_battery.widgets.study_holder import StudyHolder


@pytest.fixture
def study():
    return tables.study(120)


@pytest.fixture
def dock(qtbot, viewer, study):
    dock = StatePlotsDock(viewer)
    qtbot.addWidget(dock)
    StudyHolder.of(viewer).study = study
    dock.subsets.add(all_parts(Recipe("part", column="volume_um3", n=2)))
    dock.redraw()
    return dock


def cells(table):
    return [
        [table.topLevelItem(r).text(c) for c in range(table.columnCount())]
        for r in range(table.topLevelItemCount())
    ]


def test_numbers_are_those_of_the_ticked_subsets(dock, study, tmp_path):
    numbers, frames = dock.numbers, Frames.of(study)
    assert numbers.states is None  # nobody looks
    numbers.work_out()
    subsets = dock.subsets.subsets
    states = states_by_subset(study, frames, subsets, change=1)
    tests = compare_by_subset(study, frames, subsets, [("pristine", "2.5 V")])
    pd.testing.assert_frame_equal(numbers.states, states)
    pd.testing.assert_frame_equal(numbers.tests, tests)
    shown = cells(numbers.states_table)
    assert [row[:2] for row in shown[:2]] == [["pristine", one.name] for one in subsets]
    assert shown[-1][2] == str(states["n"].iloc[-1])
    assert len(cells(numbers.tests_table)) == 4

    files = numbers.save(tmp_path / "numbers")
    assert [file.name for file in files] == [
        "numbers.csv", "numbers-tests.csv", "numbers.csv.provenance.json",
    ]  # fmt: skip
    assert list(pd.read_csv(files[0])) == list(STATES_BY_SUBSET)
    assert list(pd.read_csv(files[1])) == list(TESTS_BY_SUBSET)
    assert len(json.loads(files[2].read_text())["subsets"]) == 2
    numbers.copy()
    text = QApplication.clipboard().text()
    assert text.count("\n") == 2 + len(states) + len(tests) + 1


def test_what_is_asked_is_answered(dock):
    numbers = dock.numbers
    numbers.work_out()
    before = numbers.states["particles_needed"].dropna()
    numbers.ask.change.setValue(0.5)
    numbers.ask.sigmas.setValue(2.5)
    numbers.ask.alternative.setCurrentIndex(numbers.ask.alternative.findData("less"))
    numbers.work_out()
    after = numbers.states["particles_needed"].dropna()
    assert ((after - before).abs() <= 1).all()  # (5/1)² is (2.5/0.5)²
    assert (numbers.tests["critical"] == -2.5).all()
    numbers.ask.first.setCurrentText("2.5 V")
    numbers.work_out()
    assert numbers.tests is None
    assert "two different states" in numbers.said.text()


def test_numbers_follow_once_they_are_seen(qtbot, dock):
    dock.show()
    dock.numbers.parentWidget().open()
    qtbot.waitUntil(lambda: dock.numbers.states is not None)
    dock.subsets.list.item(0).setCheckState(dock.subsets.list.item(1).checkState())
    qtbot.waitUntil(lambda: dock.numbers.states["subset"].nunique() == 3)
