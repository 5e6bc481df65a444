"""The settings that the shown figure heeds, and where the current collector is."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points
from napari.viewer import ViewerModel
from pydantic import ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.plots.states_figures import FIGURES
from napari_battery.plots.states_means import collector_plane
from napari_battery.plots.states_scatter import scatter_columns
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import Plane, fitted_plane
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.listening import listen
from napari_battery.widgets.states_plots_add import fill_columns, fill_states

__all__ = ["FigureSettingsPanel"]

_SCATTER = ("scatter_x", "scatter_y", "scatter_state")


class FigureSettingsPanel(QWidget):
    """Form of the figure settings; only rows that the shown figure heeds are seen."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.form = SettingsForm(StatesFigureSettings)
        self.x, self.y, self.state = QComboBox(), QComboBox(), QComboBox()
        self.points = LayerChooser(
            viewer,
            Points,
            "Points layer with at least three points on the current collector: a plane is "
            "fitted to them",
            none="the face set above",
        )
        self._own = QFormLayout()
        self._own.setContentsMargins(0, 0, 0, 0)
        self._own.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        fields = StatesFigureSettings.model_fields
        for name, box in zip(_SCATTER, (self.x, self.y, self.state), strict=True):
            box.setToolTip(str(fields[name].description))
            box.setMinimumContentsLength(8)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.currentIndexChanged.connect(self.changed)
            self._own.addRow(str(fields[name].title), box)
        self._own.addRow("Collector", self.points)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addLayout(self._own)
        self.form.changed.connect(self.changed)
        self.points.layer_changed.connect(self._points_chosen)
        self._followed: Any = None
        listen(self, self._points_gone, viewer.layers.events.removed)
        self.destroyed.connect(lambda: None)

    def set_study(self, frames: Frames) -> None:
        """Offer the columns and states of this study."""
        try:
            x, y, state = scatter_columns(frames, StatesFigureSettings())
        except InputError:
            x, y, state = "core_mean", "core_mean", frames.states[-1]
        fresh = self.state.count() == 0
        fill_columns(self.x, frames, x)
        fill_columns(self.y, frames, y)
        fill_states(self.state, frames)
        if fresh:
            self.state.blockSignals(True)
            self.state.setCurrentIndex(self.state.findData(state))
            self.state.blockSignals(False)

    def show_for(self, figure: str) -> None:
        """Show what this figure heeds."""
        kind = FIGURES[figure]
        for name in StatesFigureSettings.model_fields:
            self.form.show_field(name, name in kind.settings and name not in _SCATTER)
        for box in (self.x, self.y, self.state):
            self._own.setRowVisible(box, figure == "scatter")
        self._own.setRowVisible(self.points, kind.has_plane)

    def value(self) -> StatesFigureSettings | None:
        """The settings as shown; None while they do not go together (the form says why)."""
        try:
            settings = self.form.value()
        except ValidationError:
            return None
        boxes = (self.x, self.y, self.state)
        chosen = {n: str(b.currentData() or "") for n, b in zip(_SCATTER, boxes, strict=True)}
        return settings.model_copy(update=chosen)

    def plane(self, frames: Frames) -> Plane:
        """The current collector.

        Raises
        ------
        InputError
            If too few points are marked, or there are no positions.
        """
        settings, layer = self.value() or StatesFigureSettings(), self.points.layer
        face = collector_plane(frames, settings)
        if layer is None:
            return face
        points = np.array([layer.data_to_world(point) for point in np.asarray(layer.data)])
        ndim = len(face.point)
        points = points.reshape(-1, layer.ndim)[:, -ndim:]
        names = [n for n in ("z", "y", "x")][-ndim:]
        unit = "um" if frames.length_unit == "µm" else "voxels"
        middle = [np.nanmean(frames.first(f"centroid_{n}_{unit}")) for n in names]
        return fitted_plane(points, middle)

    def _points_chosen(self) -> None:
        self._follow(self.points.layer)
        self.changed.emit()

    def _follow(self, layer: Any) -> None:
        """Redraw when points are added or moved."""
        if self._followed is not None:
            self._followed.events.data.disconnect(self._points_moved)
        self._followed = layer
        if layer is not None:
            listen(self, self._points_moved, layer.events.data)

    def _points_moved(self, event: Any = None) -> None:
        if not str(getattr(event, "action", "")).lower().endswith("ing"):
            self.changed.emit()

    def _points_gone(self, event: Any) -> None:
        if event.value is self._followed:
            self._follow(None)
