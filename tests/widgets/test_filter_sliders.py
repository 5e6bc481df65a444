from __future__ import annotations

from typing import Literal

import pytest
from pytestqt.qtbot import QtBot

from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.widgets.filter_sliders import add_sliders
from napari_battery.widgets.forms import SettingsForm


class SlidSettings(Settings):
    radius: float = setting(1.0, "Reach.", unit=LENGTH, gt=0, le=10, step=1)
    amount: float = setting(0.6, "Share.", ge=0, le=1)
    rounds: int = setting(10, "How often.", ge=1, le=21)
    noise: float | None = setting(None, "Scatter.", gt=0, le=5)
    unbounded: float = setting(2.0, "Any.", ge=0)
    per_slice: bool = setting(False, "Flat.")
    length_unit: Literal["voxels", "um"] = length_unit()


@pytest.fixture
def form(qtbot: QtBot) -> SettingsForm[SlidSettings]:
    form: SettingsForm[SlidSettings] = SettingsForm(SlidSettings)
    qtbot.addWidget(form)
    return form


def test_numbers_with_a_range_have_one(form: SettingsForm[SlidSettings]) -> None:
    assert set(add_sliders(form)) == {"radius", "amount", "rounds"}


def test_slider_and_number_follow_each_other(form: SettingsForm[SlidSettings]) -> None:
    sliders = add_sliders(form)
    sliders["amount"].setValue(250)
    assert form.value().amount == pytest.approx(0.25)
    sliders["rounds"].setValue(500)
    assert form.value().rounds == 11
    form.rows["rounds"].set_value(21)
    assert sliders["rounds"].value() == 1000
    assert form.value().rounds == 21
    # lengths go in their steps, and never to a zero that is not allowed
    sliders["radius"].setValue(1000)
    assert form.value().radius == 10
    sliders["radius"].setValue(0)
    assert form.value().radius == 1
    form.rows["radius"].set_value(1.5)  # typed: kept as it is
    assert form.value().radius == 1.5


def test_a_length_in_um_reaches_as_far_as_in_voxels(form: SettingsForm[SlidSettings]) -> None:
    form.set_voxel_size((0.5, 0.25, 0.25))
    sliders = add_sliders(form)
    form.rows["radius"].set_value(3)
    before = sliders["radius"].value()
    form.rows["length_unit"].set_value("um")
    assert form.value().radius == pytest.approx(0.75)
    assert sliders["radius"].value() == pytest.approx(before, abs=1)
    sliders["radius"].setValue(1000)
    assert form.value().radius == pytest.approx(2.5)
