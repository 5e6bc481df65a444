"""The figures of one particle in all its states: linked slices, and the change by depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_battery.states.inside import InsideParticle
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.spin import PlainSpinBox

__all__ = ["InsideView"]

_AXES = {"z": "Slices across z", "y": "Slices across y", "x": "Slices across x"}
_OVER = {"depth": "Change over depth", "relative_radius": "Change over r/R"}
_ROW_PX, _EDGE_PX = 2.1, 70
"""Height of the slices' figure: this many panel widths, and what titles take."""


class InsideView(QWidget):
    """Slices of every state, moved together, and the profiles of their change."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._particle: InsideParticle | None = None
        self._note, self._assumed = "", False
        self.axis = _combo(_AXES, "inside/axis", "Which way the crops are cut")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("Slice of all crops at once")
        self.number = QLabel()
        self.limit = PlainSpinBox(0, 1e6, "End of the scale of all changes (grey levels)")
        self.limit.setSpecialValueText("automatic")
        self.limit.setPrefix("± ")
        self.whole = QCheckBox("Outer layers, too")
        self.whole.setToolTip("Draw the changes outside the core, where rims and edges are")
        self.over = _combo(_OVER, "inside/over", "What the profiles are drawn over")
        self.slices = FigureCanvas(viewer, height=230)
        self.profile = FigureCanvas(viewer, height=230)
        self._arrange()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._draw_slices)
        self.axis.currentIndexChanged.connect(self._axis_chosen)
        self.slider.valueChanged.connect(self._moved)
        self.limit.valueChanged.connect(lambda _: self._later.start())
        self.whole.toggled.connect(lambda _: self._later.start())
        self.over.currentIndexChanged.connect(self._draw_profile)
        self.slices.style_changed.connect(self._draw_slices)
        self.profile.style_changed.connect(self._draw_profile)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        where, how = QHBoxLayout(), QHBoxLayout()
        where.addWidget(self.axis)
        where.addWidget(self.slider, 1)
        where.addWidget(self.number)
        how.addWidget(QLabel("Scale"))
        how.addWidget(self.limit, 1)
        how.addWidget(self.whole)
        column.addLayout(where)
        column.addWidget(self.slices)
        column.addLayout(how)
        column.addWidget(self.over)
        column.addWidget(self.profile)

    @property
    def particle(self) -> InsideParticle | None:
        """What is shown."""
        return self._particle

    def show_particle(self, particle: InsideParticle, note: str, *, assumed: bool) -> None:
        """Draw a particle; another one than before from its middle."""
        before = self._particle
        self._particle, self._note, self._assumed = particle, note, assumed
        self.axis.setEnabled(particle.layers.ndim == 3)
        self.slider.setEnabled(particle.layers.ndim == 3)
        self._set_slices(
            stay=before is not None
            and before.label == particle.label
            and before.layers.shape == particle.layers.shape
        )
        self._draw_slices()
        self._draw_profile()

    def clear(self) -> None:
        """Forget the particle."""
        self._particle = None

    def plots(self) -> dict[str, Any]:
        """The figures as for a paper, by the end of their name."""
        from napari_battery.plots import change_profile, inside_slices

        assert self._particle is not None
        slices = inside_slices(self._particle, note=self._note, **self._cut())
        profile = change_profile(
            self._particle, self._over(), assumed=self._assumed, note=self._note
        )
        return {"": slices, "-profile": profile}

    def save(self, path: Path, made: dict[str, Any]) -> list[Path]:
        """Save both figures with their numbers; the profile's name has ``-profile`` behind it.

        Raises
        ------
        InputError, OSError
            If they cannot be written there.
        """
        from napari_battery.plots import save_plot

        files: list[Path] = []
        for end, plot in self.plots().items():
            files += save_plot(plot, path.with_name(f"{path.stem}{end}{path.suffix}"), made)
        return files

    def _cut(self) -> dict[str, Any]:
        return {
            "axis": str(self.axis.currentData()),
            "index": self.slider.value(),
            "limit": self.limit.value() or None,
            "whole": self.whole.isChecked(),
        }

    def _over(self) -> Literal["depth", "relative_radius"]:
        return cast("Literal['depth', 'relative_radius']", self.over.currentData())

    def _set_slices(self, *, stay: bool = False) -> None:
        from napari_battery.plots.inside_particle import middle_slice

        particle = self._particle
        if particle is None:
            return
        axis = self.axis.currentData()
        flat = particle.layers.ndim == 2
        n = 1 if flat else particle.layers.shape["zyx".index(axis)]
        self.slider.blockSignals(True)
        self.slider.setRange(0, n - 1)
        if not stay:
            self.slider.setValue(middle_slice(particle, axis))
        self.slider.blockSignals(False)
        self._say_number()

    def _say_number(self) -> None:
        self.number.setText(f"{self.slider.value() + 1}/{self.slider.maximum() + 1}")

    def _axis_chosen(self) -> None:
        self._set_slices()
        self._later.start()

    def _moved(self) -> None:
        self._say_number()
        self._later.start()

    def _draw_slices(self) -> None:
        if self._particle is None:
            return
        from napari_battery.plots import inside_slices

        self.slices.setMinimumHeight(self._height())
        inside_slices(
            self._particle, figure=self.slices.figure, style=self.slices.look, note=self._note,
            **self._cut(),
        )  # fmt: skip
        self.slices.redraw()

    def _height(self) -> int:
        """So that panels fill the width, within reason."""
        assert self._particle is not None
        wide = max(self.width(), 300) / len(self._particle.names)
        return int(min(max(_ROW_PX * wide + _EDGE_PX, 200), 460))

    def _draw_profile(self) -> None:
        if self._particle is None:
            return
        from napari_battery.plots import change_profile

        self.profile.setMinimumHeight(210 + 15 * len(self._particle.names))
        change_profile(
            self._particle, self._over(), figure=self.profile.figure, style=self.profile.look,
            assumed=self._assumed, note=self._note,
        )  # fmt: skip
        self.profile.redraw()


def _combo(items: dict[str, str], key: str, tooltip: str) -> QComboBox:
    """A drop-down whose choice is remembered."""
    box = QComboBox()
    for name, title in items.items():
        box.addItem(title, name)
    box.setToolTip(tooltip)
    box.setCurrentIndex(max(box.findData(str(remembered().value(key, ""))), 0))
    box.currentIndexChanged.connect(lambda: remembered().setValue(key, box.currentData()))
    return box
