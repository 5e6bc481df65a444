"""Dock "Radial profile": grey level from the surface inward, of picked particles and of all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from weakref import WeakSet

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.plots import radial_profile, save_plot
from napari_battery.provenance import provenance
from napari_battery.radial import RadialSettings
from napari_battery.settings import field_specs
from napari_battery.widgets import picking
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.figure_canvas import ask_figure_path
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.profile_plot import ProfilePlot, View, state_names
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.session import Analysis, Session

__all__ = ["ProfileDock"]

_X = {"depth_um": "Depth below the surface", "relative_radius": "Relative radius r/R"}
_Y = {
    "mean": "Mean grey level",
    "normalised_max": "Normalised, (g − g₁) / (max − g₁)",
    "normalised_surface": "Normalised, g / g₁",
}
_EXCLUDE_MS = 40
_EXCLUDE = next(spec for spec in field_specs(RadialSettings) if spec.name == "exclude_layers")


class ProfileDock(QWidget):
    """Radial profile of the picked particles over the population mean ± 2 SE."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        picking.install(session)
        self._ticked: WeakSet[Analysis] = WeakSet()
        self._unticked: WeakSet[Analysis] = WeakSet()
        self._make_controls()
        self.plot = ProfilePlot(session.viewer)
        self.plot.style_changed.connect(self._redraw)
        self.empty = Notice()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.radial_button = QPushButton("Radial analysis …")
        self.radial_button.setToolTip("Open the Radial analysis dock")
        self.radial_button.clicked.connect(lambda: open_dock(session.viewer, "Radial analysis"))
        self.stale, self.hint, self.message = Notice(), Notice(), Notice()
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._arrange()

        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_EXCLUDE_MS)
        self._later.timeout.connect(self._set_exclude)
        listen(self, self._analyses_changed, session.analyses_changed, session.current_changed)
        listen(self, self._table_changed, session.table_changed)
        listen(self, self._selection_changed, session.selection_changed)
        self._analyses_changed()

    def _make_controls(self) -> None:
        self.analysis_box = QComboBox()
        self.analysis_box.setToolTip("Which analysis the plot and the other docks show")
        self.analysis_box.activated.connect(self._choose)
        self.x_box = _box(_X, "profile/x", "What the profile is drawn over")
        self.y_box = _box(
            _Y, "profile/y", "What is drawn: the mean of each layer (g), or it against the surface"
        )
        self.band = QCheckBox("Mean of all particles ± 2 SE")
        self.band.setToolTip("Mean over all particles, in a band of two standard errors")
        self.band.setChecked(remembered().value("profile/population", "true") != "false")
        self.exclude = QSpinBox()
        self.exclude.setRange(int(_EXCLUDE.low or 0), int(_EXCLUDE.high or 1000))
        self.exclude.setSuffix(f" {_EXCLUDE.unit}")
        self.exclude.setToolTip(
            f"{_EXCLUDE.description} Applies to every analysis shown here, its table and maps."
        )
        self.others = QListWidget()
        self.others.setToolTip("Other analyses to draw in the same plot, one colour each")
        self.others.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.others.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.others.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.save_button = QPushButton("Save figure and data …")
        self.save_button.setToolTip("PNG, SVG or PDF; its numbers as CSV beside it")
        for box in (self.analysis_box, self.x_box, self.y_box):
            box.setMinimumContentsLength(8)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.x_box.currentIndexChanged.connect(self._view_changed)
        self.y_box.currentIndexChanged.connect(self._view_changed)
        self.band.toggled.connect(self._view_changed)
        self.exclude.valueChanged.connect(lambda _: self._later.start())
        self.others.itemChanged.connect(self._tick)
        self.save_button.clicked.connect(self._ask_save)

    def _arrange(self) -> None:
        self._form = form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Over", self.x_box)
        form.addRow("Value", self.y_box)
        form.addRow("Exclude outer", self.exclude)
        form.addRow(self.band)
        form.addRow("Also draw", self.others)
        self._shown = QWidget()
        inner = QVBoxLayout(self._shown)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.analysis_box)
        inner.addWidget(self.stale)
        inner.addWidget(self.plot, 1)
        inner.addWidget(self.legend)
        inner.addWidget(self.hint)
        inner.addLayout(form)
        inner.addWidget(self.save_button)
        inner.addWidget(self.message)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.empty)
        layout.addWidget(self.radial_button)
        layout.addWidget(self._shown, 1)
        layout.addStretch(0)
        fill_scrolling(self, content)
        self.setMinimumWidth(260)

    @property
    def view(self) -> View | None:
        """What is drawn; None while there is nothing to draw."""
        current = self._session.current
        if current is None or not len(current.particles):
            return None
        return View(
            self._drawn_analyses(),
            current,
            str(self.x_box.currentData()),
            str(self.y_box.currentData()),
            self.band.isChecked(),
        )

    def _drawn_analyses(self) -> tuple[Analysis, ...]:
        """The current analysis and the ticked ones, in the order they came."""
        session = self._session
        return tuple(a for a in session.analyses if a is session.current or self._is_ticked(a))

    def _is_ticked(self, analysis: Analysis) -> bool:
        """States of one series are drawn together unless the person says otherwise."""
        if analysis in self._ticked or analysis in self._unticked:
            return analysis in self._ticked
        current = self._session.current
        return bool(analysis.state and current is not None and current.state)

    # the session changed

    def _analyses_changed(self) -> None:
        session, box = self._session, self.analysis_box
        if session.current is not None and session.current not in session.analyses:
            return  # it is being replaced: the next signal tells by which
        box.blockSignals(True)
        box.clear()
        box.addItems([analysis.name for analysis in session.analyses])
        if session.current in session.analyses:
            box.setCurrentIndex(session.analyses.index(session.current))
        box.blockSignals(False)
        box.setVisible(len(session.analyses) > 1)
        self._list_others()
        self._redraw()

    def _list_others(self) -> None:
        others = [a for a in self._session.analyses if a is not self._session.current]
        self.others.blockSignals(True)
        self.others.clear()
        for analysis, name in zip(others, state_names(others), strict=True):
            item = QListWidgetItem(name)
            item.setToolTip(analysis.name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            ticked = self._is_ticked(analysis)
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            self.others.addItem(item)
        self.others.blockSignals(False)
        row = self.others.sizeHintForRow(0) if others else 0
        self.others.setFixedHeight(min(len(others), 5) * row + 6)
        self._form.setRowVisible(self.others, bool(others))

    def _table_changed(self, analysis: Analysis) -> None:
        if analysis in self._drawn_analyses():
            self._redraw()

    def _selection_changed(self, source: object) -> None:
        if self.view is not None:
            self.plot.show_picked(self._session.selection)
            self._say()

    # the person changed something here

    def _choose(self, index: int) -> None:
        self._session.look_at(self._session.analyses[index])

    def _view_changed(self) -> None:
        settings = remembered()
        settings.setValue("profile/x", self.x_box.currentData())
        settings.setValue("profile/y", self.y_box.currentData())
        settings.setValue("profile/population", "true" if self.band.isChecked() else "false")
        self._redraw()

    def _tick(self, item: QListWidgetItem) -> None:
        others = [a for a in self._session.analyses if a is not self._session.current]
        analysis = others[self.others.row(item)]
        on, off = self._ticked, self._unticked
        if item.checkState() != Qt.CheckState.Checked:
            on, off = off, on
        on.add(analysis)
        off.discard(analysis)
        self._redraw()

    def _set_exclude(self) -> None:
        wanted = self.exclude.value()  # the first change redraws, with what the others have
        for analysis in self._drawn_analyses():
            self._session.set_exclude_layers(analysis, wanted)

    # showing

    def _redraw(self) -> None:
        view = self.view
        self._shown.setVisible(view is not None)
        self.radial_button.setVisible(self._session.current is None)
        if view is None:
            self.empty.say(_why_empty(self._session.current))
            return
        self.empty.say("")
        if not self._later.isActive():  # the person is not just turning it
            self.exclude.blockSignals(True)
            self.exclude.setValue(view.current.exclude_layers)
            self.exclude.blockSignals(False)
        reasons = sorted({a.stale for a in view.analyses if a.stale})
        self.stale.say(f"Out of date: {'; '.join(reasons)}." if reasons else "", "warning")
        self.plot.show_view(view, self._session.selection)
        self.legend.setMinimumHeight(0)
        self._say()

    def _say(self) -> None:
        view, picked = self.view, self._session.selection
        if view is None:
            return
        if picked:
            self.legend.setText(self.plot.legend(picked))
        else:
            ask = "Click a particle in the image, or select rows of the results table."
            self.legend.setText("<br>".join(filter(None, (self.plot.legend(()), ask))))
        # it never shrinks for the next particle: another size means drawing all anew
        needed = self.legend.heightForWidth(self.legend.width())
        self.legend.setMinimumHeight(max(self.legend.minimumHeight(), needed))
        said = []
        current = view.current
        without = int((current.particles["core_voxels"] == 0).sum())
        if without:
            said.append(
                f"{without:,} of {len(current.particles):,} particles have no core without "
                f"their {current.exclude_layers} outer layers."
            )
        differing = {a.exclude_layers for a in view.analyses}
        if len(differing) > 1:
            numbers = " and ".join(map(str, sorted(differing)))
            said.append(
                f"The analyses exclude different numbers of outer layers ({numbers}); "
                "a number set here is set for all."
            )
        self.hint.say(" ".join(said))

    # saving

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Save the plot, for a paper rather than in the window's colours, and its numbers.

        Parameters
        ----------
        path : path-like
            Ends in .png, .svg or .pdf; CSV and provenance are written beside it.

        Raises
        ------
        InputError
            If there is nothing to save, or it cannot be written there.
        """
        view = self.view
        if view is None:
            raise InputError("There is no profile to save yet.")
        names, picked = state_names(view.analyses), self._session.selection
        plot = radial_profile(
            {n: a.result.layers for n, a in zip(names, view.analyses, strict=True)},
            picked,
            view.x,
            view.y,
            population=view.population,
            exclude_layers=view.current.exclude_layers,
            assumed=view.assumed,
            note=view.note,
        )
        made: dict[str, Any] = provenance("radial profile", None, [])
        made["settings"] = {"x": view.x, "y": view.y, "picked": list(picked)}
        made["analyses"] = {
            name: {
                **a.result.provenance,
                "exclude_layers": a.exclude_layers,
                "stale": a.stale,
                "assumed_voxel_size": a.result.assumed_voxel_size,
            }
            for name, a in zip(names, view.analyses, strict=True)
        }
        return save_plot(plot, path, made)

    def _ask_save(self) -> None:
        path = ask_figure_path(self, "radial-profile")
        if path is None:
            return
        try:
            files = self.save(path)
        except (InputError, OSError) as error:
            self.message.say(str(error), "error")
        else:
            self.message.say(f"Saved {files[0].name} and {files[1].name}.")


def _why_empty(current: Analysis | None) -> str:
    if current is None:
        return "Run a radial analysis, then click a particle."
    return f"“{current.name}” has no particles."


def _box(items: dict[str, str], key: str, tooltip: str) -> QComboBox:
    box = QComboBox()
    box.setToolTip(tooltip)
    for name, title in items.items():
        box.addItem(title, name)
    box.setCurrentIndex(max(0, box.findData(remembered().value(key))))
    return box
