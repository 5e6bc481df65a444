from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QDialog

from napari_battery.io.raw import RawSettings
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.raw_form import RawForm, ask_raw_settings, raw_bytes

DATA = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
RIGHT = RawSettings(width=6, height=5, depth=4, header_bytes=7, voxel_size_um=0.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "stack.raw"
    file.write_bytes(b"1234567" + DATA.tobytes())
    return file


@pytest.fixture
def form(qtbot: QtBot) -> RawForm:
    widget = RawForm(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_bytes_are_counted(path: Path) -> None:
    assert raw_bytes(RIGHT) == path.stat().st_size


def test_it_opens_only_what_fits(form: RawForm, path: Path) -> None:
    form.path.setText(str(path))
    assert not form.open_button.isEnabled()
    assert "247 bytes" in form.fields.fit.text()
    form.fields.form.set_value(RIGHT)
    assert form.open_button.isEnabled()
    form.open_button.click()
    (layer,) = form._viewer.layers
    np.testing.assert_array_equal(layer.data, DATA)
    assert volume_from_layer(layer).voxel_size_um == (0.5,) * 3
    form.fields.form.set_value(RIGHT.model_copy(update={"depth": 5}))
    assert not form.open_button.isEnabled()
    assert "60 too few" in form.fields.fit.text()


def test_a_missing_file_is_named(form: RawForm, tmp_path: Path) -> None:
    form.path.setText(str(tmp_path / "nowhere.raw"))
    assert "nowhere.raw" in form.fields.fit.text()
    assert not form.open_button.isEnabled()
    form.path.setText(str(tmp_path))
    assert not form.open_button.isEnabled()


def test_a_file_that_changes_before_it_is_opened(form: RawForm, path: Path) -> None:
    form.path.setText(str(path))
    form.fields.form.set_value(RIGHT)
    path.write_bytes(b"short")
    form.open_button.click()
    assert "5 bytes" in form.message.text()
    assert not form._viewer.layers


@pytest.mark.parametrize("accept", [True, False])
def test_the_dialog(qtbot: QtBot, path: Path, form: RawForm, accept: bool) -> None:
    form.fields.form.set_value(RIGHT)  # remembered: the dialog starts with it

    def press() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        dialog.accept() if accept else dialog.reject()

    QTimer.singleShot(100, press)
    assert ask_raw_settings(path) == (RIGHT if accept else None)
