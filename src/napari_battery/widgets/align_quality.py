"""How well two stacks agree once they are aligned: figures, warnings, curve and residual map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_battery.plots.style import dress
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.notice import Notice

__all__ = ["MetricCurve", "QualityPanel", "figures_html"]

_UNITS = {"um": "µm", "voxel": "voxels"}
_NUMBERS = {
    "correlation": "Correlation",
    "mutual_information": "Mutual information",
}


class MetricCurve(FigureCanvas):
    """The metric at each step, drawn while the alignment runs; a line where a level begins."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(viewer, 150, parent)
        self._steps: list[tuple[int, float]] = []
        self._name = ""
        self.setToolTip("Metric at each step; a vertical line where a finer resolution begins")
        self.style_changed.connect(self._draw)

    def show_steps(self, steps: Sequence[tuple[int, float]], name: str) -> None:
        """Draw (level, metric) of all steps so far."""
        self._steps, self._name = list(steps), name
        self._draw()

    def _draw(self) -> None:
        if not self._steps:
            return
        figure = self.figure
        figure.clear()
        axes = figure.add_subplot()
        levels = np.array([level for level, _ in self._steps])
        values = np.array([value for _, value in self._steps])
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, values, ".-", color=self.look.colour(0), linewidth=1, markersize=4)
        for at in np.flatnonzero(np.diff(levels)):
            axes.axvline(at + 1.5, color=self.look.foreground, linewidth=0.5, alpha=0.6)
        axes.set_xlabel("Step")
        axes.set_ylabel(self._name)
        dress(axes, self.look)
        self.redraw()


class _ResidualMap(FigureCanvas):
    """Arrows of what is left between both stacks, one per sub-block, seen along one axis."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(viewer, 200, parent)
        self._at = self._shifts = np.empty((0, 3))
        self._unit = ""
        self.setToolTip(
            "Residual shift of each block, seen along the first axis; colour is its length "
            "in all axes, arrows are enlarged as written"
        )
        self.style_changed.connect(self._draw)

    def show_shifts(self, at: NDArray[np.float64], shifts: NDArray[np.float64], unit: str) -> None:
        """Draw the shifts (n, ndim) of blocks whose centres are `at` (n, ndim)."""
        self._at, self._shifts, self._unit = at, shifts, unit
        self._draw()

    def _draw(self) -> None:
        if not len(self._at):
            return
        figure = self.figure
        figure.clear()
        axes = figure.add_subplot()
        length = np.linalg.norm(self._shifts, axis=1)
        y, x = self._at[:, -2], self._at[:, -1]
        spread = max(float(np.ptp(y)), float(np.ptp(x)), 1e-9)
        times = _nice(0.2 * spread / max(float(length.max()), 1e-12))
        axes.plot(x, y, ".", color=self.look.muted, markersize=3)
        arrows = axes.quiver(
            x,
            y,
            self._shifts[:, -1] * times,
            self._shifts[:, -2] * times,
            length,
            angles="xy",
            scale_units="xy",
            scale=1,
            cmap="viridis",
            width=0.01,
        )
        axes.margins(0.25)
        axes.set_aspect("equal", adjustable="datalim")
        axes.invert_yaxis()
        axes.set_xlabel(f"x ({self._unit}), arrows ×{times:g}")
        axes.set_ylabel(f"y ({self._unit})")
        dress(axes, self.look)
        bar = figure.colorbar(arrows, ax=axes)
        size = self.look.font_size
        bar.set_label(f"Shift ({self._unit})", color=self.look.foreground, fontsize=size)
        bar.ax.tick_params(colors=self.look.foreground, labelsize=size - 1)
        bar.outline.set_edgecolor(self.look.foreground)
        self.redraw()


class QualityPanel(QWidget):
    """What an alignment came to, in figures before and after, and what looks wrong."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QLabel()
        self.table.setTextFormat(Qt.TextFormat.RichText)
        self.table.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table.setToolTip("Over the voxels that both stacks have; before and after the run")
        self.table.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.warnings = Notice()
        self.notes = Notice()
        self.residuals = _ResidualMap(viewer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.warnings, self.table, self.residuals, self.notes):
            column.addWidget(part)
        self.forget()

    def forget(self) -> None:
        """Show nothing: the quality is not known."""
        self.warnings.say("")
        self.notes.say("")
        self.table.hide()
        self.residuals.hide()

    def show_quality(
        self, quality: Mapping[str, Any], notes: Sequence[str] = (), unit: str = "um"
    ) -> None:
        """Show what `napari_battery.registration.quality.assess` found."""
        warnings = [str(text) for text in quality.get("warnings", ())]
        self.warnings.say("\n".join(f"⚠ {text}" for text in warnings), "warning")
        self.notes.say("\n".join(notes))
        self.table.setText(figures_html(quality, unit))
        self.table.show()
        rows = quality.get("residual_shifts") or []
        self.residuals.setVisible(bool(rows))
        if rows:
            at = np.array([row["centre"] for row in rows])
            shifts = np.array([row["shift"] for row in rows])
            self.residuals.show_shifts(at, shifts, _UNITS[unit])


def figures_html(quality: Mapping[str, Any], unit: str = "um") -> str:
    """The figures of an alignment as a small table; those that are missing are left out."""
    rows = []
    for name, title in _NUMBERS.items():
        before, after = quality.get(f"{name}_before"), quality.get(f"{name}_after")
        if after is not None:
            begins = "" if before is None else f"{before:.3f}"
            rows.append((title, begins, f"{after:.3f}"))
    metric = str(quality.get("metric", "")).replace("-", "_")
    mean, std = (quality.get(f"random_{metric}_{of}") for of in ("mean", "std"))
    if mean is not None and std is not None:
        rows.append(("At random shifts", "", f"{mean:.2f}&nbsp;±&nbsp;{std:.2f}"))
    if quality.get("overlap_fraction") is not None:
        rows.append(("Overlap", "", f"{quality['overlap_fraction']:.2f}"))
    for of, title in (("median", "Residual, median"), ("p95", "Residual, 95 %")):
        value = quality.get(f"residual_shift_{of}_{unit}")
        if value is not None:
            rows.append((title, "", f"{value:.3g} {_UNITS[unit]}"))
    cells = "".join(
        f"<tr><td>{title}</td><td align='right'>{before}</td><td align='right'>{after}</td></tr>"
        for title, before, after in rows
    )
    head = "<tr><td></td><td align='right'>before&nbsp;</td><td align='right'>after</td></tr>"
    return f"<table cellpadding='2'>{head}{cells}</table>".replace(">-", ">−")


def _nice(value: float) -> float:
    """The largest of 1, 2, 5, 10, … that is not above `value`; 1 at least."""
    power = 10.0 ** np.floor(np.log10(max(value, 1.0)))
    return float(power * max(step for step in (1, 2, 5) if step * power <= max(value, 1.0)))
