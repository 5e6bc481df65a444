from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from napari_battery.labelling import LabelSettings
from napari_battery.widgets.label_form import LabelForm


@pytest.fixture
def form(qtbot: QtBot) -> LabelForm:
    widget = LabelForm()
    qtbot.addWidget(widget)
    widget.show()
    for section in widget.sections.values():
        section.open()
    return widget


def visible(form: LabelForm) -> set[str]:
    return {name for name, row in form.form.rows.items() if row.isVisible()}


def test_every_setting_has_a_place(form: LabelForm) -> None:
    assert form.form.value() == LabelSettings()
    for name, row in form.form.rows.items():
        inside = [t for t, s in form.sections.items() if s.isAncestorOf(row)]
        assert len(inside) == (0 if name == "length_unit" else 1), name


def test_only_what_has_a_meaning_is_shown(form: LabelForm) -> None:
    rows = form.form.rows
    assert "manual_threshold" not in visible(form)
    rows["threshold"].set_value("manual")
    assert "manual_threshold" in visible(form)
    rows["denoise"].set_value("none")
    assert "denoise_size" not in visible(form)
    assert {"marker_depth"} == {"marker_depth", "marker_distance"} & visible(form)
    rows["markers"].set_value("peaks")
    assert {"marker_distance"} == {"marker_depth", "marker_distance"} & visible(form)
    rows["method"].set_value("snow")
    hidden = {"markers", "marker_depth", "marker_distance", "compactness", "distance_smoothing"}
    assert not hidden & visible(form)
    switch = rows["merge_neck"].switch
    assert switch is not None
    switch.setChecked(True)
    assert hidden & visible(form) == {"distance_smoothing"}
    rows["method"].set_value("watershed")
    assert "markers" in visible(form)


def test_a_mask_needs_no_threshold(form: LabelForm) -> None:
    form.set_from_mask(True)
    assert not {"denoise", "particles", "threshold"} & visible(form)
    assert "marker_depth" in visible(form)
    form.set_from_mask(False)
    assert "threshold" in visible(form)


def test_it_is_narrow(form: LabelForm) -> None:
    assert form.minimumSizeHint().width() <= 290  # within a dock of 320 px


def test_merging_starts_with_a_ratio_that_serves(form: LabelForm) -> None:
    assert form.form.value().merge_neck is None
    switch = form.form.rows["merge_neck"].switch
    assert switch is not None
    switch.setChecked(True)
    assert form.form.value().merge_neck == 0.9


def test_a_setting_out_of_range_breaks_nothing(form: LabelForm) -> None:
    form.form.rows["marker_depth"].set_value(0)
    form.set_from_mask(True)
    form.set_from_mask(False)
    form.form.reset()
    assert form.form.value() == LabelSettings()
