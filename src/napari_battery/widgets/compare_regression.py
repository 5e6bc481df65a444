"""Explain a column of a table by others: coefficients, plane, and what speaks against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.widgets.background import Latest
from napari_battery.widgets.figure_canvas import FigureCanvas, ask_figure_path
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.table_view import TableView
from napari_battery.widgets.tick_list import Tick, TickList

__all__ = ["RegressionPanel"]

_NAMES = ("sample", "group", "state", "volume", "name", "electrode")
_ROWS_SHOWN = 5
_TABLE_2 = "nmc811_expansion/table2.csv"


class RegressionPanel(QWidget):
    """Choose a table, a target and what explains it; fit, look, save.

    Parameters
    ----------
    viewer : ViewerModel
        Whose theme the figure follows.
    """

    fitted = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._table = pd.DataFrame()
        self._name = ""
        self.model: Any = None
        """The `microstructure.regression.Regression` shown; None while there is none."""
        self.open_button = QPushButton("Open CSV…")
        self.open_button.setToolTip("Any table with a row per sample and numbers in its columns")
        self.sample_button = QPushButton("Paper's Table 2")
        self.sample_button.setToolTip(
            "Porosity, tortuosity and expansion of four electrodes, as the super-resolution paper "
            "prints them"
        )
        self.about = Notice("Compare several volumes, or open a table.")
        self.target = QComboBox()
        self.target.setToolTip("The column that is to be explained")
        self.target.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.predictors = TickList(_ROWS_SHOWN)
        self.predictors.setToolTip("Columns that explain it; with two a plane is drawn")
        self.fit_button = QPushButton("Fit")
        self.fit_button.setToolTip("Ordinary least squares")
        self.problem, self.warning, self.summary = Notice(), Notice(), Notice()
        self.coefficients = TableView("regression")
        self.canvas = FigureCanvas(viewer, height=260)
        self.save_button = QPushButton("Save figure…")
        self.save_button.setToolTip("PNG, SVG or PDF, with its numbers beside it")
        self.result = QWidget()
        self._latest = Latest(self, self._failed)
        self._lay_out()
        self.result.hide()
        self.open_button.clicked.connect(self._ask_for_table)
        self.sample_button.clicked.connect(self._open_sample)
        self.target.currentIndexChanged.connect(self._target_chosen)
        self.fit_button.clicked.connect(self.fit)
        self.save_button.clicked.connect(self._ask_and_save)
        self.canvas.style_changed.connect(self._draw)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.open_button)
        row.addWidget(self.sample_button)
        column.addLayout(row)
        column.addWidget(self.about)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Explain", self.target)
        form.addRow("by", self.predictors)
        column.addLayout(form)
        column.addWidget(self.fit_button)
        column.addWidget(self.problem)
        lines = QVBoxLayout(self.result)
        lines.setContentsMargins(0, 0, 0, 0)
        self.coefficients.setMinimumHeight(140)
        self.coefficients.setMaximumHeight(170)
        for part in (self.warning, self.summary, self.coefficients, self.canvas, self.save_button):
            lines.addWidget(part)
        column.addWidget(self.result)

    @property
    def chosen(self) -> list[str]:
        """The ticked predictors."""
        return [name for name in self.predictors.ticked if name != self.target.currentText()]

    def show_table(self, table: pd.DataFrame, name: str) -> None:
        """Offer the columns of a table that hold numbers."""
        self._table, self._name = table, name
        columns = [
            str(column)
            for column in table.columns
            if column not in _NAMES and pd.to_numeric(table[column], errors="coerce").notna().any()
        ]
        self.about.say(f"{name}: {len(table)} rows, {len(columns)} columns of numbers.")
        before, ticked = self.target.currentText(), self.chosen
        self.target.blockSignals(True)
        self.target.clear()
        self.target.addItems(columns)
        wanted = before if before in columns else "expansion"
        self.target.setCurrentIndex(max(0, self.target.findText(wanted)))
        self.target.blockSignals(False)
        few = [c for c in columns if c != self.target.currentText()][:2]
        ticked = [c for c in ticked if c in columns] or (few if len(columns) <= 4 else [])
        self.predictors.fill(Tick(c, c, ticked=c in ticked) for c in columns)
        self._target_chosen()
        self.fit_button.setEnabled(bool(columns))

    def choose(self, target: str, predictors: list[str]) -> None:
        """Choose columns."""
        self.target.setCurrentText(target)
        self.predictors.tick(predictors)

    def fit(self) -> None:
        """Fit in the background: the statistics library takes a second to load."""
        table, name = self._table, self._name
        target, predictors = self.target.currentText(), self.chosen
        self.problem.say("Fitting …")

        def work(_: Any) -> Any:
            from napari_battery.microstructure.regression import regress

            return regress(table, target, predictors, name=name)

        self._latest.ask(work, self._show)

    def open_table(self, path: Path) -> None:
        """Read a CSV.

        Raises
        ------
        InputError
            If it is no table.
        """
        from napari_battery.tables import read_table

        self.show_table(read_table(path), path.name)

    def _target_chosen(self, *_: object) -> None:
        self.predictors.hide_one(self.target.currentText())

    def _show(self, model: Any) -> None:
        self.model = model
        self.problem.say("")
        self.warning.say("\n".join(f"• {w}" for w in model.warnings), "warning")
        share = f"{model.confidence:.0%}"
        self.summary.say(
            f"{model.equation}\nR² {model.r2:.4g}, MSE {model.mse:.3g}, {model.n} samples, "
            f"{model.residual_dof} residual degrees of freedom; leave-one-out Q² "
            f"{model.q2:.3g}; intervals of {share}." + "".join(f"\n{note}" for note in model.notes)
        )
        self.coefficients.show_table(model.coefficients)
        self.result.show()
        self._draw()
        self.fitted.emit()

    def _draw(self, *_: object) -> None:
        if self.model is None:
            return
        self._plot(figure=self.canvas.figure, style=self.canvas.look)
        self.canvas.redraw()

    def _plot(self, **where: Any) -> Any:
        from napari_battery.plots import regression_plot

        model = self.model
        return regression_plot(
            model.rows, model.coefficients, model.target, model.predictors, **where
        )

    def _ask_and_save(self) -> None:
        path = ask_figure_path(self, "regression")
        if path is None or self.model is None:
            return
        from napari_battery import __version__
        from napari_battery.plots import save_plot

        made = {
            "step": "regress", "version": __version__, "table": self._name,
            "target": self.model.target, "on": self.model.predictors,
            "warnings": self.model.warnings,
        }  # fmt: skip
        try:
            files = save_plot(self._plot(), path, made)
        except (InputError, OSError) as error:
            self.problem.say(str(error), "error")
        else:
            self.problem.say(f"Saved {files[0].name} and {files[1].name}.")

    def _ask_for_table(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a table", "", "Tables (*.csv)")
        if not path:
            return
        try:
            self.open_table(Path(path))
        except (InputError, OSError) as error:
            self.problem.say(str(error), "error")

    def _open_sample(self) -> None:
        from napari_battery.samples import sample_path

        self.open_table(sample_path(_TABLE_2))
        self.choose("expansion", ["porosity", "tortuosity"])

    def _failed(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        self.problem.say(text, "error")
