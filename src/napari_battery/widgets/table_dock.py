"""Dock "Results table": the tables of an analysis, and picking particles in them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.files import write_json
from napari_battery.tables import write_table
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.highlight import PICK_COLOURS
from napari_battery.widgets.listening import listen
from napari_battery.widgets.microstructure_holder import MicrostructureHolder
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.picking import install as install_picking
from napari_battery.widgets.session import Analysis, Session
from napari_battery.widgets.table_page import TablePage

__all__ = ["TableDock"]

_PARTICLES_FIRST = (
    "label",
    "equivalent_diameter_um",
    "core_mean",
    "sphericity",
    "circularity",
    "touches_border",
)
_MARKED = 100
"""Picked particles up to which each shows its colour in the table."""
_PARTICLES_HIDDEN = tuple(f"bbox_{axis}{end}" for axis in "zyx" for end in "01")


class TableDock(QWidget):
    """The particle, layer and shell tables of one analysis, and compared microstructures."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = Session.of(napari_viewer)
        self._compared = MicrostructureHolder.of(self._session.viewer)
        install_picking(self._session)
        self._shown: tuple[TablePage | None, pd.DataFrame | None, tuple[int, ...]]
        self._shown = (None, None, ())

        self.analysis_box = QComboBox()
        self.analysis_box.setToolTip("Which analysis the table shows")
        self.analysis_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.analysis_box.setMinimumContentsLength(10)
        self.analysis_box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.analysis_box.activated.connect(self._choose)
        self.remove_button = QToolButton()
        self.remove_button.setText("✕")
        self.remove_button.setToolTip("Forget this analysis (its layers stay)")
        self.remove_button.clicked.connect(self._forget)
        top = QHBoxLayout()
        top.addWidget(self.analysis_box, 1)
        top.addWidget(self.remove_button)

        self.stale = Notice()
        self.again_button = QPushButton("Run again …")
        self.again_button.setToolTip("Open the Radial analysis dock")
        self.again_button.clicked.connect(self._open_radial)
        old = QHBoxLayout()
        old.addWidget(self.stale, 1)
        old.addWidget(self.again_button)
        self.about = Notice()

        self.particles = TablePage(
            "particles", "volume_um3 > 50", _PARTICLES_FIRST, _PARTICLES_HIDDEN
        )
        self.layers = TablePage("layers", "depth_um < 5")
        self.shells = TablePage("shells", "radius_um < 5")
        self.microstructure = TablePage("microstructure", "metric == 'volume_fraction'")
        self._pages = self.particles, self.layers, self.shells, self.microstructure
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.addTab(self.particles, "Particles")
        self.tabs.addTab(self.layers, "Layers")
        self.tabs.addTab(self.shells, "Shells")
        self.tabs.addTab(self.microstructure, "Microstructure")
        self.tabs.setTabToolTip(1, "Radial layers of the picked particles; of all if none is")
        self.tabs.setTabToolTip(2, "Shells from the centroid of the picked particles")
        self.tabs.currentChanged.connect(self._refresh)

        self.count = Notice()
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy the selected rows, or all that are shown (Ctrl+C)")
        self.copy_button.clicked.connect(lambda: self.page.view.copy())
        self.export_button = QPushButton("Export CSV")
        self.export_button.setToolTip("Write the table, and beside it how it was made")
        menu = QMenu(self.export_button)
        menu.addAction("All rows …").triggered.connect(lambda: self._ask_export(False))
        menu.addAction("Rows shown …").triggered.connect(lambda: self._ask_export(True))
        self.export_button.setMenu(menu)
        bottom = QHBoxLayout()
        bottom.addWidget(self.count, 1)
        bottom.addWidget(self.copy_button)
        bottom.addWidget(self.export_button)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addLayout(top)
        layout.addLayout(old)
        layout.addWidget(self.about)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(bottom)
        layout.addStretch(0)  # takes the room while there is no table
        self.setMinimumWidth(260)

        for page in self._pages:
            page.rows_changed.connect(self._rows_changed)
        self.particles.view.rows_picked.connect(self._picked_here)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._show_picked)

        session = self._session
        listen(self, self._analyses_changed, session.analyses_changed, session.current_changed)
        listen(self, self._refresh, session.editing_changed)
        listen(self, self._table_changed, session.table_changed)
        listen(self, self._selection_changed, session.selection_changed)
        listen(self, self._refresh, self._compared.changed)
        self._analyses_changed()

    @property
    def page(self) -> TablePage:
        """The table in front."""
        return self._pages[self.tabs.currentIndex()]

    def show_microstructure(self) -> None:
        """Bring the compared microstructures to the front."""
        self.tabs.setCurrentWidget(self.microstructure)

    @property
    def analysis(self) -> Analysis | None:
        """The analysis shown."""
        return self._session.current

    # the session changed

    def _analyses_changed(self) -> None:
        box, session = self.analysis_box, self._session
        box.blockSignals(True)
        box.clear()
        for analysis in session.analyses:
            box.addItem(analysis.name)
            box.setItemData(box.count() - 1, _origin(analysis), Qt.ItemDataRole.ToolTipRole)
        box.setCurrentIndex(-1)
        if session.current in session.analyses:
            box.setCurrentIndex(session.analyses.index(session.current))
        box.blockSignals(False)
        self._refresh()
        self._mark_picked()  # another analysis may not have all that was picked

    def _table_changed(self, analysis: Analysis) -> None:
        if analysis is self.analysis:
            self._refresh()

    def _selection_changed(self, source: object) -> None:
        if self.page is not self.particles:
            self._refresh()
        if source is not self.particles:
            self._show_picked()
        self._mark_picked()
        self._count()

    def _choose(self, index: int) -> None:
        self._session.look_at(self._session.analyses[index])

    def _forget(self) -> None:
        if self.analysis is not None:
            self._session.remove(self.analysis)

    def _open_radial(self) -> None:
        open_dock(self._session.viewer, "Radial analysis")

    # showing

    def _refresh(self) -> None:
        """Bring the notices and the page in front up to date."""
        analysis = self.analysis
        has, compared = analysis is not None, self._compared.comparison
        for widget in (self.tabs, self.copy_button, self.export_button, self.count):
            widget.setVisible(has or compared is not None)
        self._show_tabs()
        self.analysis_box.setVisible(bool(self._session.analyses))
        self.remove_button.setVisible(has)
        self.again_button.setVisible(not has or bool(analysis and analysis.stale))
        if analysis is None:
            self.stale.say("")
            layer = self._session.picked_layer
            none = "No results" if layer is None else f"“{layer.name}” has no results"
            self.about.say(f"{none} yet: a radial analysis fills this table.")
            self.again_button.setText("Radial analysis …")
            if compared is not None:
                self._show_page()
            return
        self.again_button.setText("Run again …")
        self.stale.say(f"Out of date: {analysis.stale}." if analysis.stale else "", "warning")
        self.about.say(_about(analysis))
        self._show_page()

    def _show_tabs(self) -> None:
        """Show the tabs for which there is a table."""
        analysis, compared = self.analysis, self._compared.comparison
        shells = analysis is not None and analysis.result.shells is not None
        has = (analysis is not None, analysis is not None, shells, compared is not None)
        for index, shown in enumerate(has):
            self.tabs.setTabVisible(index, shown)
        if not has[self.tabs.currentIndex()] and any(has):
            self.tabs.setCurrentIndex(has.index(True))

    def _show_page(self) -> None:
        """Bring the page in front up to date."""
        if self.page is self.microstructure and self._compared.stale:
            self.about.say(f"Out of date: {self._compared.stale}.", "warning")
        table = self._table()
        by_label = self.page in (self.layers, self.shells)
        picked = self._session.selection if by_label else ()
        before, self._shown = self._shown, (self.page, table, picked)
        if before[0] is not self.page or before[1] is not table or before[2] != picked:
            table = table[table["label"].isin(picked)] if picked else table
            self.page.show_table(table, assumed=self._is_assumed)
        self._count()

    def _table(self) -> pd.DataFrame:
        """The whole table of the page in front."""
        analysis, compared = self.analysis, self._compared.comparison
        if self.page is self.microstructure and compared is not None:
            return compared.table
        if analysis is None:
            return pd.DataFrame()
        if self.page is self.layers:
            return analysis.result.layers
        if self.page is self.shells and analysis.result.shells is not None:
            return analysis.result.shells
        return analysis.particles

    @property
    def _is_assumed(self) -> bool:
        """Whether the page in front rests on an assumed voxel size."""
        analysis, compared = self.analysis, self._compared.comparison
        if self.page is self.microstructure:
            return compared is not None and compared.assumed_voxel_size
        return analysis is not None and analysis.result.assumed_voxel_size

    def _rows_changed(self) -> None:
        self._count()
        self._later.start()  # once the view has laid out its rows again

    def _show_picked(self) -> None:
        view = self.particles.view
        view.pick_rows(view.table.rows(self._session.selection))

    def _mark_picked(self) -> None:
        """Show the colours of the canvas and of the profiles beside the labels."""
        picked = self._session.selection
        few = picked if len(picked) <= _MARKED else ()
        self.particles.view.table.mark({n: _colour(i) for i, n in enumerate(few)})

    def _count(self) -> None:
        if self.analysis is None and self.page is not self.microstructure:
            return
        model, n_picked = self.page.view.table, len(self._session.selection)
        what = self.page.name
        if self.page is self.microstructure:
            what, n_picked = "rows", 0
        shown, total = model.rowCount(), model.n_all
        text = f"{total} {what}" if shown == total else f"Shown {shown} of {total}"
        if self.page is not self.particles and n_picked:
            text += f" of {n_picked} picked"
        elif n_picked:
            text += f" · {n_picked} picked"
        self.count.say(text)

    # the person picked rows

    def _picked_here(self) -> None:
        view, session = self.particles.view, self._session
        rows = view.picked_rows()
        labels = [int(label) for label in view.table.labels(rows)]
        # those picked before keep their place, and so their colour
        chosen = set(labels)
        kept = [label for label in session.selection if label in chosen]
        before = set(kept)
        session.select([*kept, *(x for x in labels if x not in before)], self.particles)
        row = view.currentIndex().row()
        if row in rows:
            session.focus_requested.emit(int(view.table.labels(np.array([row]))[0]))

    # export

    def export(self, path: str | os.PathLike[str], *, only_shown: bool) -> None:
        """Write the table in front as CSV, and beside it how it was made.

        Parameters
        ----------
        path : path-like
            The CSV file; ``FILE.provenance.json`` is written beside it.
        only_shown : bool
            Whether to write only the rows shown, in their order. All columns are written.

        Raises
        ------
        InputError
            If nothing can be written there.
        """
        from napari_battery.io.write import provenance_path

        analysis, model = self.analysis, self.page.view.table
        compared, whole = self._compared.comparison, self._table()
        table = model.shown()[list(whole.columns)] if only_shown else whole
        about = {
            "table": self.page.name,
            "rows": len(table),
            "of_rows": len(whole),
            "condition": model.condition if only_shown else "",
        }
        if self.page is self.microstructure and compared is not None:
            made = {**compared.made, **about}
        elif analysis is not None:
            made = {
                **analysis.result.provenance,
                **about,
                "of_picked_labels": list(self._shown[2]) if only_shown else [],
                "exclude_layers": analysis.exclude_layers,
                "stale": analysis.stale,
                "assumed_voxel_size": analysis.result.assumed_voxel_size,
            }
        else:
            raise InputError("There is no table to export yet.")
        write_table(path, table)
        write_json(provenance_path(Path(path)), made)

    def _ask_export(self, only_shown: bool) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export table", f"{self.page.name}.csv", "Tables (*.csv)"
        )
        if not path:
            return
        path = path if path.lower().endswith(".csv") else f"{path}.csv"
        try:
            self.export(path, only_shown=only_shown)
        except (InputError, OSError) as error:
            self.count.say(str(error), "error")
        else:
            self.count.say(f"Saved {Path(path).name}.")


def _colour(number: int) -> QColor:
    return QColor.fromRgbF(*map(float, PICK_COLOURS[number % len(PICK_COLOURS)]))


def _origin(analysis: Analysis) -> str:
    names = {
        "Labels": "(deleted)" if analysis.labels is None else analysis.labels.name,
        "Image": "(deleted)" if analysis.image is None else analysis.image.name,
        "State": analysis.state or "not given",
    }
    return "\n".join(f"{what}: {name}" for what, name in names.items())


def _about(analysis: Analysis) -> str:
    """What must be known about all numbers of the table."""
    said = []
    result = analysis.result
    if any(entry.get("synthetic") for entry in result.provenance.get("inputs", [])):
        said.append("Synthetic data.")
    if result.assumed_voxel_size:
        size = " × ".join(f"{edge:g}" for edge in result.voxel_size_um)
        said.append(f"Voxel size assumed ({size} µm).")
    if analysis.labels is None:
        said.append("Its labels layer was deleted: rows cannot be shown in the view.")
    return " ".join(said)
