"""The figures of a comparison in a dock: bars, distributions, grey levels, error bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.viewer import ViewerModel
from qtpy.QtWidgets import QComboBox, QFormLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.microstructure.comparison import Comparison
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.notice import Notice

__all__ = ["CompareFigures"]

_BARS = "bars/"
_CURVES = "curves/"


class CompareFigures(QWidget):
    """Draws one figure of a comparison at a time."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.kind = QComboBox()
        self.kind.setToolTip("What the figure shows")
        self.kind.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.kind.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.canvas = FigureCanvas(viewer, height=280)
        self.problem = Notice()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Figure", self.kind)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.canvas)
        column.addWidget(self.problem)
        self._shown: Comparison | None = None
        self.kind.currentIndexChanged.connect(self._draw)
        self.canvas.style_changed.connect(self._draw)

    @property
    def name(self) -> str:
        """Of the shown figure, fit for a file."""
        return _file(str(self.kind.currentData() or ""))

    def show_comparison(self, found: Comparison) -> None:
        """Offer the figures for which there are numbers, and draw one."""
        before = self.kind.currentData()
        self._shown = found
        self.kind.blockSignals(True)
        self.kind.clear()
        for key, title in _offered(found).items():
            self.kind.addItem(title, key)
        self.kind.setCurrentIndex(max(0, self.kind.findData(before)))
        self.kind.blockSignals(False)
        self._draw()

    def save(self, path: Path) -> list[Path]:
        """Save the shown figure as for a paper, its numbers and its provenance beside it.

        Raises
        ------
        InputError, OSError
            If there is none, or it cannot be written there.
        """
        from napari_battery.plots import save_plot

        if self._shown is None or not self.kind.count():
            raise InputError("There is no figure yet: run the comparison first.")
        key = str(self.kind.currentData())
        return save_plot(draw(self._shown, key), path, self._shown.made)

    def save_all(self, folder: Path) -> None:
        """Save every figure on offer into a folder, as PNG."""
        from napari_battery.plots import save_plot

        assert self._shown is not None
        for key in _offered(self._shown):
            plot = draw(self._shown, key)
            save_plot(plot, folder / f"{_file(key)}.png", self._shown.made)

    def _draw(self, *_: object) -> None:
        if self._shown is None or not self.kind.count():
            return
        key = str(self.kind.currentData())
        try:
            draw(self._shown, key, figure=self.canvas.figure, style=self.canvas.look)
        except InputError as error:
            self.problem.say(str(error), "warning")
            return
        self.problem.say("")
        rows = -(-max(1, len(self.canvas.figure.axes)) // 3)
        n_lines = (
            len(self.canvas.figure.legends[0].get_texts()) if self.canvas.figure.legends else 0
        )
        self.canvas.setMinimumHeight(200 * rows + 16 * n_lines + 60)
        self.canvas.redraw()


def _file(key: str) -> str:
    """A figure's key as part of a file's name."""
    return "_".join(filter(None, key.replace(" ", "").split("/")))


def _offered(found: Comparison) -> dict[str, str]:
    """Figures by key and title."""
    finite = found.table[np.isfinite(found.table["value"])]
    titles = found.measured.titles
    named = {f"{_BARS}{m}": titles.get(m, m) for m in dict.fromkeys(finite["metric"])}
    for name, data in found.measured.curves.items():
        finite = data[np.isfinite(data.iloc[:, 4].to_numpy(np.float64))]
        for phase, axis in dict.fromkeys(zip(finite["phase"], finite["axis"], strict=True)):
            where = " ".join(filter(None, (phase, f"along {axis}" if axis else "")))
            title = f"{name.replace('_', ' ').capitalize()}{', ' if where else ''}{where}"
            named[f"{_CURVES}{name}/{phase}/{axis}"] = title
    if found.greys is not None:
        named["grey_levels"] = "Grey levels and their shift"
    if (found.measured.representative.get("relative_sd", pd.Series(dtype=float)) > 0).any():
        named["representative"] = "Spread by size of sub-region"
    if len(found.measured.thresholds):
        named["thresholds"] = "Answers by threshold"
    return named


def draw(found: Comparison, key: str, **where: Any) -> Any:
    """One figure of a comparison; `where` is a figure and a style."""
    from napari_battery.plots.microstructure_bars import microstructure_bars
    from napari_battery.plots.microstructure_curves import curves_overlaid
    from napari_battery.plots.microstructure_error_bars import representative_plot, threshold_plot
    from napari_battery.plots.microstructure_greys import grey_shift_plot

    measured = found.measured
    where["note"] = _note(found)
    if key.startswith(_BARS):
        return microstructure_bars(found.table, [key.removeprefix(_BARS)], measured.titles, **where)
    if key.startswith(_CURVES):
        name, phase, axis = key.removeprefix(_CURVES).split("/")
        curve = measured.curves[name]
        one = curve[(curve["phase"] == phase) & (curve["axis"] == axis)]
        return curves_overlaid(_by_group(one, found.groups), **where)
    if key == "grey_levels" and found.greys is not None:
        return grey_shift_plot(*found.greys, **where)
    if key == "representative":
        return representative_plot(measured.representative, measured.titles, **where)
    return threshold_plot(measured.thresholds, measured.table, measured.titles, **where)


def _by_group(curve: pd.DataFrame, groups: dict[str, str]) -> pd.DataFrame:
    """Lines called after their group, with the volume's name where a group has several."""
    several = list(groups.values())
    names = {
        volume: group if several.count(group) == 1 else f"{group}: {volume}"
        for volume, group in groups.items()
    }
    return curve.assign(volume=[names.get(v, v) for v in curve["volume"]])


def _note(found: Comparison) -> str:
    inputs = found.made.get("inputs", [])
    words = []
    if any(told.get("synthetic") for told in inputs):
        words.append("synthetic")
    if found.assumed_voxel_size:
        words.append("voxel size assumed")
    return "; ".join(words)
