"""What every test can count on: no settings of this machine, no thread left behind."""

from __future__ import annotations

import threading
import time

import pytest


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """Docks remember settings per user; tests start with none and leave none."""
    if "widgets" not in str(request.path) and "viewer" not in request.keywords:
        yield
        return
    from qtpy.QtCore import QSettings

    folder = tmp_path_factory.mktemp("settings")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
        for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
            QSettings.setPath(form, scope, str(folder))
    yield


@pytest.fixture(autouse=True)
def _no_stray_step():
    """A step's thread must end with its test: closing a dock stops what it started."""
    yield
    deadline = time.monotonic() + 20
    while any(t.name == "napari-battery step" for t in threading.enumerate()):
        if time.monotonic() > deadline:
            pytest.fail("a step is still running in a thread")
        time.sleep(0.01)
