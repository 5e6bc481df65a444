"""Scribbles: a Labels layer to paint examples of each phase on, and the brushes for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_battery.labelling.phases_settings import PHASE_CODES
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume
from napari_battery.widgets.phases_layers import code_colours, colour_of

__all__ = ["SCRIBBLE_CODES", "Brushes", "new_scribbles"]

SCRIBBLE_CODES = {name: PHASE_CODES[name] + 1 for name in ("pore", "binder", "active")}
"""The number that each phase is painted with, see `train_classifier`; 0 is "not painted"."""

_BRUSH = 5
_ERASE = 0
_SWATCH_PX = 14


def new_scribbles(viewer: ViewerModel, image: Volume) -> Labels:
    """Add an empty layer in the image's place, with its brush in hand.

    Parameters
    ----------
    viewer : ViewerModel
        Where.
    image : Volume
        What is painted on.
    """
    from napari.utils.colormaps import CyclicLabelColormap

    # the system hands out the pages of zeros only where something is painted
    volume = image.like(np.zeros(image.shape, np.uint8), f"Scribbles of {image.name}", region=None)
    names = dict(sorted((code, name) for name, code in SCRIBBLE_CODES.items()))
    layer = add_volume(
        viewer,
        volume,
        labels=True,
        colormap=CyclicLabelColormap(colors=code_colours(SCRIBBLE_CODES, with_pore=True)),
        features=pd.DataFrame({"index": [0, *names], "phase": ["", *names.values()]}),
        opacity=0.9,
    )
    layer.metadata[KEY]["kind"] = "scribbles"
    layer.brush_size = _BRUSH
    layer.selected_label = SCRIBBLE_CODES["pore"]
    layer.mode = "paint"
    viewer.layers.selection.active = layer
    return layer


class Brushes(QWidget):
    """One button per phase with its colour, and a rubber; each takes up that brush."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Any = None
        self.buttons: dict[int, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for name, code in [*SCRIBBLE_CODES.items(), ("erase", _ERASE)]:
            button = QPushButton(name.capitalize())
            button.setToolTip("Take scribbles away")
            if code != _ERASE:
                button.setToolTip(f"Paint over voxels that are surely {name}")
                button.setIcon(_swatch(colour_of(name)))
            button.clicked.connect(partial(self.take_up, code))
            self.buttons[code] = button
            row.addWidget(button)
        self.paint_on(None)

    def paint_on(self, layer: Labels | None) -> None:
        """Use the brushes on this layer."""
        self._layer = layer
        self.setEnabled(layer is not None)

    def take_up(self, code: int, checked: bool = False) -> None:
        """Paint with this number from now on; 0: erase."""
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            return
        self._viewer.layers.selection.active = layer
        layer.visible = True
        if code == _ERASE:
            layer.mode = "erase"
        else:
            layer.mode, layer.selected_label = "paint", code


def _swatch(colour: str) -> QIcon:
    square = QPixmap(_SWATCH_PX, _SWATCH_PX)
    square.fill(QColor(colour))
    return QIcon(square)
