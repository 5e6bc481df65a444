from __future__ import annotations

import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_battery.widgets.condition_line import ConditionLine
from napari_battery.widgets.table_page import TablePage


@pytest.fixture
def line(qtbot):
    widget = ConditionLine("volume_um3 > 50")
    qtbot.addWidget(widget)
    widget.set_names(["label", "volume_um3", "volume_voxels"])
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def test_tab_completes_the_word_at_the_cursor(line, qtbot):
    qtbot.keyClicks(line.line, "label > 3 and volume_u")
    popup = line._completer.popup()
    assert popup.isVisible()
    qtbot.keyClick(popup, Qt.Key.Key_Tab)
    assert line.text == "label > 3 and volume_um3"
    assert not popup.isVisible()
    qtbot.keyClicks(line.line, " > 5")
    assert line.text == "label > 3 and volume_um3 > 5"


def test_nothing_is_offered_for_a_whole_name_or_a_number(line, qtbot):
    qtbot.keyClicks(line.line, "label")
    assert not line._completer.popup().isVisible()
    qtbot.keyClicks(line.line, " > 12")
    assert not line._completer.popup().isVisible()


def test_a_condition_is_told_after_a_pause_or_at_once_on_return(line, qtbot):
    with qtbot.waitSignal(line.condition_changed) as told:
        qtbot.keyClicks(line.line, "label > 3")
    assert told.args == ["label > 3"]
    heard = []
    line.condition_changed.connect(heard.append)
    qtbot.keyClicks(line.line, "0")
    qtbot.keyClick(line.line, Qt.Key.Key_Return)
    assert heard == ["label > 30"]
    line.line.clear()
    qtbot.keyClick(line.line, Qt.Key.Key_Return)
    assert heard == ["label > 30", ""]


def test_a_flat_table_has_a_flat_example(qtbot):
    page = TablePage("particles", "volume_um3 > 50")
    qtbot.addWidget(page)
    page.show_table(pd.DataFrame({"label": [1], "area_um2": [2.0]}))
    assert page.condition.line.placeholderText().endswith("area_um2 > 50")
    page.show_table(pd.DataFrame({"label": [1], "volume_um3": [2.0]}))
    assert page.condition.line.placeholderText().endswith("volume_um3 > 50")
