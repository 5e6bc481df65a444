"""Maps of all states on one scale, and a slider that steps through the states."""

from __future__ import annotations

from pathlib import Path

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.states.maps import StateMapSettings, state_maps
from napari_battery.widgets.figure_canvas import FigureCanvas, ask_figure_path
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.states_map_layers import StateMapLayers

__all__ = ["MapsPart"]


class MapsPart(QWidget):
    """Choose what is shown and in which colours; step; export all states as one strip."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.layers: StateMapLayers | None = None
        self.form = SettingsForm(StateMapSettings)
        self.show_button = QPushButton("Show maps")
        self.show_button.setToolTip("A map layer per state over its labels; no voxel is copied")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(1)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setTickInterval(1)
        self.slider.setToolTip("Show one state: its image and its map. The camera stays")
        self.state = QLabel()
        self.legend = FigureCanvas(viewer, height=120)
        self.said = Notice()
        self.export_button = QPushButton("Export strip …")
        self.export_button.setToolTip(
            "The shown slice of all states side by side with one colour bar; values as CSV"
        )
        self._lay_out()
        self.show_button.clicked.connect(self.show_maps)
        self.slider.valueChanged.connect(self.step_to)
        self.form.changed.connect(self._recolour)
        self.export_button.clicked.connect(self._ask_export)
        self.legend.style_changed.connect(self._draw_legend)
        self._refresh()

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.addWidget(QLabel("State"))
        line.addWidget(self.slider, 1)
        line.addWidget(self.state)
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_button)
        buttons.addWidget(self.export_button)
        column = QVBoxLayout(self)
        column.addLayout(line)
        column.addWidget(self.legend)
        column.addWidget(self.said)
        column.addLayout(buttons)
        column.addWidget(self.form)

    def follow(self, layers: StateMapLayers | None) -> None:
        """Go on with these maps (they outlive the dock), or with none."""
        self.layers = layers
        if layers is not None:
            self.slider.blockSignals(True)
            self.slider.setRange(0, max(len(layers.states) - 1, 0))
            self.slider.setValue(layers.place)
            self.slider.blockSignals(False)
        self._recolour()

    def show_maps(self) -> None:
        """Add the map layers, and show the last state but one to have changed most."""
        if self.layers is None:
            return
        try:
            maps = state_maps(self.layers.study, self.form.value())
        except InputError as problem:
            self.said.say(str(problem), "warning")
            return
        self.layers.add(maps, self.form.value())
        place = max(self.slider.value(), 1)
        self.slider.setValue(place)
        self.step_to(place)

    def step_to(self, place: int) -> None:
        """Show one state's image and map, and hide those of the others."""
        if self.layers is not None:
            self.layers.step_to(place)
        self._refresh()

    def _recolour(self) -> None:
        layers = self.layers
        if layers is not None and layers.maps:
            try:
                maps = state_maps(layers.study, self.form.value())
            except InputError as problem:
                self.said.say(str(problem), "warning")
                return
            layers.add(maps, self.form.value())
            layers.step_to(self.slider.value())
        self._refresh()

    def _refresh(self) -> None:
        layers = self.layers
        there = layers is not None and bool(layers.maps)
        self.slider.setEnabled(layers is not None)
        self.show_button.setEnabled(layers is not None)
        self.show_button.setVisible(not there)
        self.export_button.setEnabled(there)
        self.legend.setVisible(there)
        self.state.setText("" if layers is None else layers.states[self.slider.value()])
        if layers is not None and there:
            self.said.say(layers.remark(self.slider.value()))
            self._draw_legend()
        else:
            self.said.say("")

    def _draw_legend(self) -> None:
        from napari_battery.plots import map_legend

        layers = self.layers
        if layers is None or not layers.maps:
            return
        shown = layers.maps.get(layers.states[self.slider.value()])
        shown = shown or next(iter(layers.maps.values()))
        map_legend(
            shown, figure=self.legend.figure, style=self.legend.look, assumed=layers.assumed,
            note=layers.note,
        )  # fmt: skip
        self.legend.redraw()

    # --- export

    def _ask_export(self) -> None:
        path = ask_figure_path(self, "maps-of-all-states")
        if path is not None:
            self.export(path)

    def export(self, path: Path) -> None:
        """Write the shown slice of all states as one figure, with data and provenance."""
        from napari_battery.plots import save_plot

        if self.layers is None or not self.layers.maps:
            self.said.say("Show the maps first.", "warning")
            return
        try:
            plot, made = self.layers.strip()
            files = save_plot(plot, path, made)
        except (InputError, OSError) as problem:
            self.said.say(str(problem), "error")
            return
        self.said.say(f"Saved {files[0].name} and {files[1].name}.")
