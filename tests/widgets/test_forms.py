from __future__ import annotations

from typing import Literal

import pytest
from pydantic import model_validator
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel

from napari_battery.labelling import LabelSettings
from napari_battery.radial import RadialSettings
from napari_battery.settings import LENGTH, VOLUME, Settings, length_unit, setting
from napari_battery.widgets.forms import SettingsForm


class Example(Settings):
    """One field of every kind, and a rule between two of them."""

    count: int = setting(5, "How many.", unit="layers", ge=0, le=10)
    size: float | None = setting(None, "How large.", unit="µm", gt=0)
    method: Literal["otsu", "manual"] = setting("otsu", "Which.")
    fill: bool = setting(True, "Whether.")
    name: str = setting("a", "Called what.")

    @model_validator(mode="after")
    def _together(self) -> Example:
        if self.method == "manual" and self.size is None:
            raise ValueError("a manual method needs a size")
        return self


@pytest.fixture
def form(qtbot: QtBot) -> SettingsForm[Example]:
    widget = SettingsForm(Example)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_it_starts_with_the_defaults_and_shows_units(form: SettingsForm[Example]) -> None:
    assert form.value() == Example()
    tips = [label.toolTip() for label in form.findChildren(QLabel) if label.text() == "Count"]
    assert tips == ["How many. (layers)"]


def test_what_is_set_comes_back(form: SettingsForm[Example]) -> None:
    settings = Example(count=3, size=0.125, method="manual", fill=False, name="b")
    form.set_value(settings)
    assert form.value() == settings
    form.reset()
    assert form.value() == Example()


def test_what_is_left_to_the_program_says_so(form: SettingsForm[Example]) -> None:
    row = form.rows["size"]
    assert row.switch is not None
    assert (row.automatic.isVisible(), row.editor.isVisible()) == (True, False)
    assert row.automatic.text() == "automatic"
    row.show_found(2.5)  # greyed: what the program took
    assert (row.automatic.isVisible(), row.editor.isVisible()) == (False, True)
    assert not row.editor.isEnabled()
    assert form.value().size is None
    row.switch.setChecked(True)
    assert form.value().size == 2.5
    row.switch.setChecked(False)
    assert (row.automatic.isVisible(), row.editor.isVisible()) == (True, False)


def test_it_is_remembered(form: SettingsForm[Example], qtbot: QtBot) -> None:
    form.set_value(Example(count=7, size=2))
    again = SettingsForm(Example)
    qtbot.addWidget(again)
    assert again.value() == Example(count=7, size=2)


def test_fields_that_do_not_go_together_are_said_and_not_remembered(
    form: SettingsForm[Example], qtbot: QtBot
) -> None:
    form.rows["method"].set_value("manual")
    said = [label.text() for label in form.findChildren(QLabel) if label.isVisible()]
    assert "a manual method needs a size" in said
    form.rows["method"].set_value("otsu")
    form.rows["size"].set_value(0)
    said = [label.text() for label in form.findChildren(QLabel) if label.isVisible()]
    assert "Size: input should be greater than 0." in said
    form.rows["method"].set_value("manual")
    form.rows["size"].set_value(None)
    again = SettingsForm(Example)
    qtbot.addWidget(again)
    assert again.value() == Example()


def test_the_range_is_the_model_s(form: SettingsForm[Example]) -> None:
    form.rows["count"].set_value(99)
    assert form.value().count == 10


@pytest.mark.parametrize("model", [RadialSettings, LabelSettings])
def test_every_model_has_a_form(model: type[Settings], qtbot: QtBot) -> None:
    form = SettingsForm(model)
    qtbot.addWidget(form)
    assert form.value() == model()


class _Lengths(Settings):
    length_unit: Literal["voxels", "um"] = length_unit()
    radius: float = setting(2.0, "Radius.", unit=LENGTH, ge=0)
    least: float = setting(16.0, "Volume.", unit=VOLUME, ge=0)


def test_lengths_follow_their_unit(qtbot):
    form = SettingsForm(_Lengths)
    qtbot.addWidget(form)
    form.set_voxel_size((0.5, 0.5, 0.5))
    assert form.rows["radius"].editor.suffix() == " voxels"
    form.rows["length_unit"].set_value("um")
    assert form.value() == _Lengths(length_unit="um", radius=1, least=2)
    assert form.rows["radius"].editor.suffix() == " µm"
    assert form.rows["least"].editor.suffix() == " µm³"
    form.rows["length_unit"].set_value("voxels")
    assert form.value() == _Lengths()
    form.set_value(_Lengths(length_unit="um", radius=7))
    assert form.value() == _Lengths(length_unit="um", radius=7)  # shown, not converted
    again = SettingsForm(_Lengths)
    qtbot.addWidget(again)
    assert again.value() == form.value()
    assert again.rows["radius"].editor.suffix() == " µm"


def test_lengths_keep_their_number_while_the_voxel_size_is_unknown(qtbot):
    form = SettingsForm(_Lengths)
    qtbot.addWidget(form)
    form.rows["length_unit"].set_value("um")
    assert form.value() == _Lengths(length_unit="um")


def test_a_part_of_the_form_stands_elsewhere_and_stays_part_of_it(
    form: SettingsForm[Example], qtbot: QtBot
) -> None:
    part = form.part("method", "size")
    qtbot.addWidget(part)
    part.show()
    titles = [label.text() for label in part.findChildren(QLabel)]
    assert titles == ["Method", "Size"]
    assert not {"Method", "Size"} & {label.text() for label in form.findChildren(QLabel)}
    form.show_field("size", False)
    assert not form.rows["size"].isVisible()
    form.show_field("size", True)
    assert form.rows["size"].isVisible()
    with qtbot.waitSignal(form.changed):
        form.set_value(Example(method="manual", size=3))
    again = SettingsForm(Example)
    qtbot.addWidget(again)
    assert again.value() == Example(method="manual", size=3)
    form.reset()
    assert form.value() == Example()
