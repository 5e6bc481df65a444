"""A viewer without a window, and the tick-list of its layers; tests may have their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.widgets.layer_checklist import LayerChecklist


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layers(viewer: ViewerModel, qtbot: QtBot) -> LayerChecklist:
    widget = LayerChecklist(viewer)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the person's own super-resolution models; no shipped ones are seen."""
    folder, shipped = tmp_path / "models", tmp_path / "shipped"
    folder.mkdir()
    shipped.mkdir()
    monkeypatch.setenv("NAPARI_BATTERY_MODELS", str(folder))
    monkeypatch.setattr("napari_battery.superres.model_files.shipped_folder", lambda: shipped)
    return folder


@pytest.fixture
def write_tiny_model() -> Callable[..., Path]:
    """Write a tiny model that gives back the cubic interpolation, and a little of its slices."""

    def write(path: Path, slices: int = 1, scale: float = 1.0, **card: Any) -> Path:
        import torch

        from napari_battery.superres.card import Card
        from napari_battery.superres.model_files import Model, write_model
        from napari_battery.superres.networks import make_network

        torch.set_num_threads(1)
        torch.manual_seed(0)
        network = make_network("battery", slices=slices, blocks=1, features=4, unshuffle=3)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(scale)
        about: dict[str, Any] = {"title": "Tiny network", "ratio": (3.0, 3.0), **card}
        made = Card(name="", network="battery", slices=slices, halo_px=0, parameters=0, **about)
        write_model(path, Model(network, made))
        return path

    return write
