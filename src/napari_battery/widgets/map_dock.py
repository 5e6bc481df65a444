"""Dock "Particle map": particles in the colours of one of their values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
from napari.viewer import ViewerModel
from pydantic import ValidationError
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.maps import MapSettings, ValueMap
from napari_battery.plots import map_legend, save_plot
from napari_battery.plots.value_map import remarks
from napari_battery.widgets import picking
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.figure_canvas import FigureCanvas, ask_figure_path
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.label_layers import label_at
from napari_battery.widgets.listening import listen
from napari_battery.widgets.map_choices import MapChoices
from napari_battery.widgets.map_export import shown_slice, values_writer
from napari_battery.widgets.map_layers import LiveMap, MapLayers, make_map
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.profile_plot import is_synthetic
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Analysis, Session

__all__ = ["MapDock"]

_DEBOUNCE_MS = 60


class MapDock(QWidget):
    """Choose a value, its range and colours; show it as a layer; save it."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        self._maps = MapLayers.of(session)
        picking.install(session)
        self._live: LiveMap | None = None
        self._shown: ValueMap | None = None
        self._make_controls()
        self._arrange()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_DEBOUNCE_MS)
        self._later.timeout.connect(self.refresh)
        listen(self, self._analyses_changed, session.analyses_changed, session.current_changed)
        listen(self, self._table_changed, session.table_changed)
        layers = session.viewer.layers
        listen(self, self._layer_removed, layers.events.removed)
        listen(self, self._layer_chosen, layers.selection.events.active)
        self._watch_mouse()
        self._analyses_changed()

    # building

    def _make_controls(self) -> None:
        self.choices = MapChoices(self._session)
        self.form = SettingsForm(MapSettings)
        # ends typed for another column or sitting would hide everything
        self.form.set_value(self.form.value().model_copy(update={"low": None, "high": None}))
        self.empty, self.stale, self.about = Notice(), Notice(), Notice()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.radial_button = QPushButton("Radial analysis …")
        self.radial_button.setToolTip("Open the Radial analysis dock")
        self.legend = FigureCanvas(self._session.viewer, height=130)
        self.legend.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.under_mouse = Notice(" ")
        self.under_mouse.setToolTip("The particle under the mouse, and its value")
        self.show_button = QPushButton("Show map")
        self.show_button.setToolTip("Add the map as a layer over the labels; no voxel is copied")
        self.another_button = QPushButton("Another map")
        self.another_button.setToolTip("Keep this map as it is and add one that this dock changes")
        self.picture_button = QPushButton("Save slice and colour bar …")
        self.picture_button.setToolTip(
            "The shown slice as PNG, SVG or PDF; its values as CSV beside it"
        )
        self.runner = StepRunner(
            "Save values as TIFF …", "Each voxel its particle's value (float32); NaN elsewhere"
        )
        self.choices.column_chosen.connect(self._column_chosen)
        self.choices.reference_chosen.connect(self.refresh)
        self.form.changed.connect(lambda: self._later.start())
        self.legend.style_changed.connect(self._draw_legend)
        self.radial_button.clicked.connect(
            lambda: open_dock(self._session.viewer, "Radial analysis")
        )
        self.show_button.clicked.connect(lambda: self.show_map())
        self.another_button.clicked.connect(lambda: self.show_map(another=True))
        self.picture_button.clicked.connect(self._ask_picture)
        self.runner.clicked.connect(self._ask_values)

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_button, 1)
        buttons.addWidget(self.another_button, 1)
        colours = QWidget()
        QVBoxLayout(colours).addWidget(self.form)
        saving = QWidget()
        inner = QVBoxLayout(saving)
        inner.addWidget(self.picture_button)
        inner.addWidget(self.runner)
        self._content = QWidget()
        body = QVBoxLayout(self._content)
        body.setContentsMargins(0, 0, 0, 0)
        body.addWidget(self.choices)
        body.addWidget(self.stale)
        body.addWidget(self.legend)
        body.addWidget(self.under_mouse)
        body.addWidget(self.about)
        body.addLayout(buttons)
        body.addWidget(Section("Range and colours", colours, is_open=True))
        body.addWidget(Section("Save the map", saving, is_open=True))
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.empty)
        layout.addWidget(self.radial_button)
        layout.addWidget(self._content)
        layout.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(260)

    # what is chosen

    @property
    def live(self) -> LiveMap | None:
        """The map layer that this dock changes; None before one is shown."""
        return self._live

    @property
    def shown(self) -> ValueMap | None:
        """Values and colours as chosen now."""
        return self._shown

    # the session changed

    def _analyses_changed(self) -> None:
        current = self._session.current
        if current is not None and current not in self._session.analyses:
            return  # it is being replaced: the next signal tells by which
        self.choices.refresh()
        has = current is not None
        self._content.setVisible(has)
        self.radial_button.setVisible(not has)
        self.empty.say("" if has else "Run a radial analysis, then colour its particles.")
        self._take_up(self._map_of(current))
        self.refresh()

    def _map_of(self, current: Analysis | None) -> LiveMap | None:
        """The map of an analysis to go on with: the one at hand, else its newest."""
        maps = [live for live in self._maps.maps if live.analysis is current]
        return self._live if self._live in maps else maps[-1] if maps else None

    def _take_up(self, live: LiveMap | None) -> None:
        """Go on changing this map: show its choices."""
        known = self._session.analyses
        if live is not None and live.reference is not None and live.reference not in known:
            live = None  # its earlier state is gone: it stays as it is, marked
        self._live = live
        if live is None:
            return
        self.choices.show_map(live)
        self.form.set_value(live.settings)
        self._later.stop()

    def _layer_chosen(self, event: Any) -> None:
        """A map that the person selects in the layer list is the one to change."""
        live = next((m for m in self._maps.maps if m.layer is event.value), None)
        if live is None or live is self._live or live.analysis not in self._session.analyses:
            return
        self._live = live
        if live.analysis is not self._session.current:
            self._session.look_at(live.analysis)
        self._take_up(live)
        self.refresh()

    def _table_changed(self, analysis: Analysis) -> None:
        if analysis in (self._session.current, self.choices.reference):
            self.refresh()

    def _layer_removed(self, event: Any) -> None:
        if self._live is not None and event.value is self._live.layer:
            self._live = None
            self._say_buttons()

    # the person chose something

    def _column_chosen(self) -> None:
        # ends typed for other values do not fit these
        self.form.set_value(self.form.value().model_copy(update={"low": None, "high": None}))
        self._later.stop()
        self.refresh()

    def show_map(self, *, another: bool = False) -> LiveMap | None:
        """Add the map as a layer; the one that is there serves unless `another` is wanted."""
        current, shown, live = self._session.current, self._shown, self._live
        if current is None or shown is None:
            return None
        try:
            if live is None or another:
                settings, reference = self.form.value(), self.choices.reference
                live = self._maps.add(current, shown.column, settings, reference)
        except InputError as error:
            self.about.say(str(error), "error")
            return None
        live.layer.visible = True
        self._live = live
        self._say_buttons()
        return live

    # showing

    def refresh(self) -> None:
        """Compute values and colours as chosen; recolour the layer and the colour bar."""
        current, column = self._session.current, self.choices.column
        if current is None or column is None:
            self._shown = None
            return
        reference, live = self.choices.reference, self._live
        try:
            settings = self.form.value()
            shown = make_map(current, column, settings, reference)
            if live is not None and not _shows(live, current, reference, shown):
                self._maps.update(live, current, column, settings, reference)
        except ValidationError:
            return  # the form says why
        except InputError as error:
            self.about.say(str(error), "error")
            return
        self._shown = shown
        self._fill_automatic_ends(settings, shown)
        self._draw_legend()
        self.about.say(self._remarks(current, reference, shown))
        stale = {a.stale for a in (current, reference) if a is not None}
        stale.add("" if live is None else live.stale)
        said = "; ".join(sorted(stale - {""}))
        self.stale.say(f"Out of date: {said}." if said else "", "warning")
        self._say_buttons()

    def _fill_automatic_ends(self, settings: MapSettings, shown: ValueMap) -> None:
        """Show the ends that were found, so that fixing one starts from there."""
        for name, value in (("low", shown.low), ("high", shown.high)):
            if getattr(settings, name) is None and np.isfinite(value):
                self.form.rows[name].show_found(float(f"{value:.4g}"))

    def _remarks(self, current: Analysis, reference: Analysis | None, shown: ValueMap) -> str:
        said = [text for text in [remarks(shown)] if text]
        if reference is not None:
            here, there = set(current.particles["label"]), set(reference.particles["label"])
            both = len(here & there)
            with_value = int(np.isfinite(shown.values).sum())
            said.append(
                f"{both:,} particles in both states, {with_value:,} of them with a core in both; "
                f"{len(here - there):,} only now, {len(there - here):,} only before"
            )
            if current.exclude_layers != reference.exclude_layers:
                said.append(
                    f"outer layers excluded: {current.exclude_layers} now, "
                    f"{reference.exclude_layers} before; set one number for both"
                )
        return ". ".join(text[0].upper() + text[1:] for text in said) + ("." if said else "")

    def _draw_legend(self) -> None:
        current, shown = self._session.current, self._shown
        if current is None or shown is None:
            return
        assumed = current.result.assumed_voxel_size
        note = "synthetic data" if is_synthetic(current) else ""
        map_legend(
            shown, figure=self.legend.figure, style=self.legend.look, assumed=assumed, note=note
        )
        self.legend.redraw()

    def _say_buttons(self) -> None:
        has = self._live is not None
        self.show_button.setVisible(not has)
        self.another_button.setVisible(has)

    # under the mouse

    def _watch_mouse(self) -> None:
        viewer, me = self._session.viewer, ref(self)

        def moved(viewer: Any, event: Any) -> None:
            dock = me()
            if dock is not None:
                dock._say_under_mouse(event)

        viewer.mouse_move_callbacks.append(moved)
        callbacks = viewer.mouse_move_callbacks
        self.destroyed.connect(lambda: callbacks.remove(moved))

    def _say_under_mouse(self, event: Any) -> None:
        maps = {live.layer: live for live in self._maps.maps}
        for layer in reversed(list(self._session.viewer.layers)):
            if layer not in maps or not layer.visible:
                continue
            label = label_at(layer, event.position, event.view_direction, event.dims_displayed)
            self.under_mouse.say(maps[layer].shown.text(label) if label else " ")
            return

    # saving

    def save_picture(self, path: str | os.PathLike[str]) -> list[Path]:
        """Save the shown slice of the map over its image, with colour bar and scale bar.

        Parameters
        ----------
        path : path-like
            Ends in .png, .svg or .pdf; CSV and provenance are written beside it.

        Raises
        ------
        InputError
            If there is no map layer, or it cannot be written there.
        """
        if self._live is None:
            raise InputError("Show the map first; then its slice can be saved.")
        plot, made = shown_slice(self._session.viewer, self._live)
        return save_plot(plot, path, made)

    def save_values(self, path: str | os.PathLike[str]) -> None:
        """Write the values as a float32 TIFF or OME-Zarr, in a thread.

        Parameters
        ----------
        path : path-like
            Ends in .tif, .tiff or .zarr.
        """
        if self._live is None:
            self.runner.say("Show the map first; then its values can be saved.", error=True)
            return
        step = values_writer(self._live, Path(path))
        self.runner.start(step, lambda done: self.runner.say(f"Saved {done.name}."), "Mapping")

    def _ask_picture(self) -> None:
        path = ask_figure_path(self, "map")
        if path is None:
            return
        try:
            files = self.save_picture(path)
        except (InputError, OSError) as error:
            self.runner.say(str(error), error=True)
        else:
            self.runner.say(f"Saved {files[0].name} and {files[1].name}.")

    def _ask_values(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save values", "map.tif", "TIFF (*.tif *.tiff);;OME-Zarr (*.zarr)"
        )
        if path:
            self.save_values(path if Path(path).suffix else f"{path}.tif")


def _shows(live: LiveMap, analysis: Analysis, reference: Analysis | None, shown: ValueMap) -> bool:
    """Whether a map layer has these values in these colours already."""
    before = live.shown
    return (
        (live.analysis, live.reference) == (analysis, reference)
        and before.column == shown.column
        and before.colour_map == shown.colour_map
        and np.array_equal([before.low, before.high], [shown.low, shown.high], equal_nan=True)
        and np.array_equal(before.labels, shown.labels)
        and np.array_equal(before.values, shown.values, equal_nan=True)
    )
