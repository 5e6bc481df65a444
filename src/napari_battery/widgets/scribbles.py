"""Scribbles: a Labels layer to paint examples of each phase on, and the brushes for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume
from napari_battery.widgets.phases_layers import code_colours, colour_of

__all__ = ["Brushes", "count_scribbles", "is_scribbles", "new_scribbles"]

_BRUSH = 5
_ERASE = 0


def new_scribbles(viewer: ViewerModel, image: Volume, codes: Mapping[str, int]) -> Labels:
    """Add an empty layer in the image's place, with its brush in hand.

    Parameters
    ----------
    viewer : ViewerModel
        Where.
    image : Volume
        What is painted on.
    codes : mapping of str to int
        The number that each phase is painted with; 0 is "not painted".
    """
    from napari.utils.colormaps import CyclicLabelColormap

    # the system hands out the pages of zeros only where something is painted
    volume = image.like(np.zeros(image.shape, np.uint8), f"Scribbles of {image.name}", region=None)
    names = {code: name for name, code in codes.items()}
    features = pd.DataFrame(
        {"index": [0, *sorted(names)], "phase": ["", *(names[c] for c in sorted(names))]}
    )
    layer = add_volume(
        viewer,
        volume,
        labels=True,
        colormap=CyclicLabelColormap(colors=code_colours(codes, codes)),
        features=features,
        opacity=0.9,
    )
    layer.metadata[KEY]["kind"] = "scribbles"
    layer.metadata[KEY]["codes"] = dict(codes)
    layer.brush_size = _BRUSH
    layer.selected_label = min(codes.values())
    layer.mode = "paint"
    viewer.layers.selection.active = layer
    return layer


def is_scribbles(layer: Any) -> bool:
    """Whether a layer was made to be scribbled on."""
    return bool(layer.metadata.get(KEY, {}).get("kind") == "scribbles")


def count_scribbles(layer: Labels, codes: Mapping[str, int]) -> dict[str, int]:
    """How many voxels of each phase are painted."""
    counts = np.zeros(256, np.int64)
    data = layer.data
    for part in [data] if data.ndim == 2 else data:
        counts += np.bincount(np.ravel(part), minlength=256)[:256]
    return {name: int(counts[code]) for name, code in codes.items()}


class Brushes(QWidget):
    """One button per phase in its colour, and a rubber; each takes up that brush."""

    picked = Signal()

    def __init__(self, viewer: ViewerModel, codes: Mapping[str, int]) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Any = None
        self.buttons: dict[int, QPushButton] = {}
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for name, code in [*codes.items(), ("erase", _ERASE)]:
            button = QPushButton(name.capitalize())
            button.setCheckable(True)
            if code == _ERASE:
                button.setToolTip("Take scribbles away")
            else:
                colour = colour_of(name)
                button.setToolTip(f"Paint over some voxels that are surely {name}")
                button.setStyleSheet(
                    f"QPushButton {{ border-left: 10px solid {colour} }}"
                    f"QPushButton:checked {{ background: {colour}; color: black }}"
                )
            button.clicked.connect(lambda _=False, code=code: self.take_up(code))
            self._group.addButton(button)
            self.buttons[code] = button
            layout.addWidget(button)
        self.paint_on(None)

    def paint_on(self, layer: Labels | None) -> None:
        """Use the brushes on this layer."""
        self._layer = layer
        for button in self.buttons.values():
            button.setEnabled(layer is not None)

    def take_up(self, code: int) -> None:
        """Paint phase `code` (0: erase) from now on."""
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            return
        self._viewer.layers.selection.active = layer
        layer.visible = True
        if code == _ERASE:
            layer.mode = "erase"
        else:
            layer.mode, layer.selected_label = "paint", code
        self.buttons[code].setChecked(True)
        self.picked.emit()
