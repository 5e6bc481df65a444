"""What a comparison found, in a dock: table, figures, notes, and saving them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtWidgets import QFileDialog, QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.microstructure.comparison import Comparison
from napari_battery.widgets.compare_figures import CompareFigures
from napari_battery.widgets.figure_canvas import ask_figure_path
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.table_page import TablePage

__all__ = ["CompareResult", "write_comparison"]

_FOLDER = "folders/comparisons"
_HIDDEN = ("method", "n_regions")
_FIRST = ("volume", "metric", "phase", "axis", "value", "sd", "unit", "region")


class CompareResult(QWidget):
    """Table and figures of the comparison shown.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._shown: Comparison | None = None
        self.about, self.stale = Notice(), Notice()
        self.table = TablePage("microstructure", "metric == 'volume_fraction'", _FIRST, _HIDDEN)
        self.table.view.setMinimumHeight(220)
        self.figures = CompareFigures(viewer)
        self.notes = Notice()
        self.said = Notice()
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        self.buttons: dict[str, QPushButton] = {}
        for place, (name, tip, act) in enumerate(self._acts()):
            button = QPushButton(name)
            button.setToolTip(tip)
            button.clicked.connect(act)
            grid.addWidget(button, place // 2, place % 2)
            self.buttons[name] = button
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.stale, self.about, self.table, self.figures):
            column.addWidget(part)
        column.addLayout(grid)
        column.addWidget(self.said)
        column.addWidget(self.notes)

    def _acts(self) -> list[tuple[str, str, Callable[[], None]]]:
        return [
            ("Save table…", "All rows as CSV, and beside it how they were made", self._ask_table),
            ("Save figure…", "The figure above as PNG, SVG or PDF, with its numbers",
             self._ask_figure),
            ("Save everything…", "Every table and figure, and how they were made, to a new folder",
             self._ask_folder),
            ("BPX…", "Thickness, porosity, transport, radius and surface area of a volume in a BPX "
             "file, as PyBaMM reads it", self._ask_bpx),
            ("Results table", "Show the table in the dock “Results table”", self._open_table),
        ]  # fmt: skip

    def show_comparison(self, found: Comparison) -> None:
        """Show this comparison."""
        self._shown = found
        groups = list(dict.fromkeys(found.groups.values()))
        volumes = len(found.groups)
        self.about.say(
            f"{volumes} volume{'s' * (volumes != 1)} in {len(groups)} "
            f"group{'s' * (len(groups) != 1)}: {', '.join(groups)}."
        )
        self.table.show_table(found.table, assumed=found.assumed_voxel_size)
        self.figures.show_comparison(found)
        self.notes.say("\n".join(f"• {note}" for note in found.notes))
        self.said.say("")

    def save_table(self, path: Path) -> None:
        """Write the table as CSV, and its provenance beside it."""
        from napari_battery.files import write_json
        from napari_battery.io.write import provenance_path
        from napari_battery.tables import write_table

        if self._shown is not None:
            write_table(path, self._shown.table)
            write_json(provenance_path(path), self._shown.made)

    def _ask_table(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the table", _suggested("microstructure.csv"), "CSV (*.csv)"
        )
        if path:
            path = path if path.lower().endswith(".csv") else f"{path}.csv"
            self._try(lambda: self.save_table(Path(path)), Path(path))

    def _ask_figure(self) -> None:
        path = ask_figure_path(self, f"microstructure_{self.figures.name}")
        if path is not None:
            self._try(lambda: self.figures.save(path), path)

    def _ask_folder(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save everything to a new folder", _suggested("microstructures")
        )
        if path and self._shown is not None:
            shown = self._shown
            self._try(lambda: write_comparison(Path(path), shown, self.figures), Path(path))

    def _ask_bpx(self) -> None:
        from napari_battery.widgets.compare_bpx import BpxDialog

        if self._shown is None:
            return
        dialog = BpxDialog(self._shown, self)
        dialog.exec()
        if dialog.saved is not None:
            self.said.say(f"Saved {dialog.saved.name}.")

    def _open_table(self) -> None:
        dock = open_dock(self._viewer, "Results table")
        if dock is not None:
            dock.show_microstructure()

    def _try(self, act: Callable[[], Any], path: Path) -> None:
        try:
            act()
        except (InputError, OSError) as error:
            self.said.say(f"Cannot write {path.name}: {error}", "error")
        else:
            remembered().setValue(_FOLDER, str(path.parent))
            self.said.say(f"Saved {path.name}.")


def write_comparison(folder: Path, found: Comparison, figures: CompareFigures) -> None:
    """Write every table and figure, and the provenance; all or nothing.

    Raises
    ------
    InputError
        If the folder is there already.
    """
    from napari_battery.files import atomic_path, write_json
    from napari_battery.tables import write_table

    if folder.exists():
        raise InputError("it is there already: choose a new name.")
    measured = found.measured
    tables = {
        "microstructure": found.table,
        "volumes": measured.table,
        "regions": measured.regions,
        "representative": measured.representative,
        "thresholds": measured.thresholds,
        "expanded_particles": found.particles,
        **measured.curves,
    }
    if found.greys is not None:
        tables["grey_shifts"] = found.greys[1]
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        figures.save_all(temporary)
        for name, table in tables.items():  # after the figures: whole tables, not what is drawn
            if len(table):
                write_table(temporary / f"{name}.csv", table)
        write_json(temporary / "provenance.json", found.made)


def _suggested(name: str) -> str:
    return str(Path(str(remembered().value(_FOLDER, "") or "")) / name)
