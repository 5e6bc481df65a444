"""Particles one by one between two aligned states: displacements as arrows and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import pandas as pd
from napari.layers import Image, Labels
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.files import write_json
from napari_battery.progress import Progress
from napari_battery.provenance import provenance
from napari_battery.registration.particles import ParticleShiftSettings, register_particles
from napari_battery.tables import write_table
from napari_battery.volume import Volume
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.layers import is_stage, volume_from_layer
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.section import Section
from napari_battery.widgets.series_companions import companions
from napari_battery.widgets.series_legend import FieldLegend
from napari_battery.widgets.series_vectors import (
    OUTLIER,
    Field,
    VectorLook,
    add_field,
    field_of,
    show_field,
)
from napari_battery.widgets.session import Session
from napari_battery.widgets.slices import camera_of
from napari_battery.widgets.spin import PlainSpinBox
from napari_battery.widgets.table_view import TableView

__all__ = ["ParticlesPart"]

_FIRST = ("label", "shift_x", "shift_y", "shift_z", "outlier", "note")
"""Beginnings of the names of columns that are shown first."""
_HIDDEN = ("centroid_z_um", "centroid_y_um", "centroid_x_um")


@dataclass(eq=False)
class _Followed:
    """The particles last followed in a window; they outlive the dock."""

    table: pd.DataFrame
    field: Field
    layer: Any
    """Weak reference to the Vectors layer, which may be deleted."""
    made: dict[str, Any]
    assumed: bool
    names: tuple[str, str]


_LAST: WeakKeyDictionary[Session, _Followed] = WeakKeyDictionary()


class ParticlesPart(QWidget):
    """Register each particle's box between two states, and show where it went."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        viewer = session.viewer
        self.labels = LayerChooser(
            viewer, Labels, "Particles, on the grid of the image they are followed from"
        )
        self.fixed = LayerChooser(viewer, Image, "State that the labels belong to", _is_scan)
        self.moving = LayerChooser(
            viewer, Image, "Later state, aligned: where it lies now counts", _is_scan
        )
        self.form = SettingsForm(ParticleShiftSettings)
        self.runner = StepRunner(
            "Follow particles", "Make a Vectors layer of displacements; no image is changed"
        )
        self.summary = Notice()
        self.scale_factor = PlainSpinBox(0.01, 1000, "Length of the arrows over the true length")
        self.scale_factor.setPrefix("× ")
        self.scale_factor.setValue(1)
        self.without_common = QCheckBox("Without what all share")
        self.without_common.setToolTip(
            "Take the median displacement off: what is left is swelling and drift of their own"
        )
        self.outliers = QCheckBox("Outliers")
        self.outliers.setToolTip("Show those that go elsewhere than their neighbours, in pink")
        self.outliers.setChecked(True)
        self.legend = FieldLegend()
        self.view = TableView("particle shifts", _HIDDEN)
        self.view.setToolTip("Select a row to go to its particle; a pink spot marks outliers")
        self.save_button = QPushButton("Save table…")
        self.save_button.setToolTip("Displacements as CSV, with what made them beside it")
        self._results = QWidget()
        self._lay_out()

        self.labels.layer_changed.connect(self._describe)
        self.fixed.layer_changed.connect(self._describe)
        self.moving.layer_changed.connect(self._describe)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._describe)
        self.scale_factor.valueChanged.connect(self._draw)
        self.without_common.toggled.connect(self._draw)
        self.outliers.toggled.connect(self._draw)
        self.view.rows_picked.connect(self._go_to)
        self.save_button.clicked.connect(self._ask_and_save)
        self._choose_next_image()
        self._describe()
        self._show()

    def _lay_out(self) -> None:
        grow = QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        column = QVBoxLayout(self)
        top = QFormLayout()
        top.setFieldGrowthPolicy(grow)
        top.addRow("Labels", self.labels)
        top.addRow("From", self.fixed)
        top.addRow("To", self.moving)
        column.addLayout(top)
        how = QWidget()
        QVBoxLayout(how).addWidget(self.form)
        column.addWidget(
            Section("How particles are followed", how, tooltip="Largest shift, outliers, …")
        )
        column.addWidget(self.runner)
        column.addWidget(self.summary)
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        look = QFormLayout()
        look.setFieldGrowthPolicy(grow)
        look.addRow("Arrows", self.scale_factor)
        look.addRow(self.without_common)
        look.addRow(self.outliers)
        results.addLayout(look)
        results.addWidget(self.legend)
        results.addWidget(self.view)
        results.addWidget(self.save_button)
        column.addWidget(self._results)

    # --- choosing

    def choose(self, fixed: Any, moving: Any) -> None:
        """Choose the two states, say those that were just aligned, and the first one's labels."""
        self.fixed.choose(fixed)
        self.moving.choose(moving)
        if self.fixed.layer is not fixed:
            return  # it was deleted
        try:
            along = companions(self._session.viewer, fixed, volume_from_layer(fixed))
        except InputError:  # said once it is to be run
            return
        own = [layer for layer in along if isinstance(layer, Labels)]
        if own and self.labels.layer not in own:
            self.labels.choose(own[0])

    def _choose_next_image(self) -> None:
        """Two different images to begin with."""
        images = [x for x in self._session.viewer.layers if isinstance(x, Image) and _is_scan(x)]
        if self.moving.layer is self.fixed.layer and len(images) > 1:
            self.choose(images[0], images[1])

    def _describe(self, *_: Any) -> None:
        layers = (self.labels.layer, self.fixed.layer, self.moving.layer)
        if self.fixed.layer is not None:
            try:
                self.form.set_voxel_size(volume_from_layer(self.fixed.layer).voxel_size_um)
            except InputError:
                self.form.set_voxel_size(None)
        ready = None not in layers and layers[1] is not layers[2]
        self.runner.run_button.setEnabled(ready and not self.runner.busy)

    # --- the step

    def run(self) -> None:
        """Follow the particles from one state to the other."""
        layers = (self.labels.layer, self.fixed.layer, self.moving.layer)
        if None in layers or layers[1] is layers[2]:
            self.runner.say("Choose labels and two different images.", error=True)
            return
        try:
            labels, fixed, moving = (volume_from_layer(layer) for layer in layers)
            settings = self.form.value()
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return

        def step(progress: Progress) -> tuple[pd.DataFrame, dict[str, Any]]:
            table = register_particles(labels, fixed, moving, settings, progress)
            made = provenance("register-particles", settings, [labels, fixed, moving])
            return table, made

        self.runner.start(
            step,
            lambda result: self._followed(result[0], result[1], fixed, moving),
            "Following particles",
        )

    def _followed(
        self, table: pd.DataFrame, made: dict[str, Any], fixed: Volume, moving: Volume
    ) -> None:
        viewer = self._session.viewer
        if viewer is None:
            return
        field = field_of(table, fixed)
        if field is None:
            raise InputError(
                f"None of {len(table):,} particles could be followed from “{fixed.name}” to "
                f"“{moving.name}”; the table's notes would say: {_commonest(table)}"
            )
        self._enlarge(field)
        name = f"displacements, {fixed.name} to {moving.name}"
        synthetic = bool(fixed.metadata.get("synthetic") or moving.metadata.get("synthetic"))
        layer = add_field(
            viewer,
            field,
            self._look(),
            name,
            {
                "made": made,
                "kind": "displacements",
                "synthetic": synthetic,
                "voxel_size_source": fixed.voxel_size_source,
            },
        )
        _LAST[self._session] = _Followed(
            table, field, ref(layer), made, fixed.is_assumed, (fixed.name, moving.name)
        )
        self._show()

    def _enlarge(self, field: Field) -> None:
        """Set the arrows' length so that they are seen; the person may change it."""
        self.scale_factor.blockSignals(True)
        self.scale_factor.setValue(field.clear_factor(self._look()))
        self.scale_factor.blockSignals(False)

    # --- results

    def _look(self) -> VectorLook:
        return VectorLook(
            self.scale_factor.value(), self.without_common.isChecked(), self.outliers.isChecked()
        )

    def _show(self) -> None:
        followed = _LAST.get(self._session)
        self._results.setVisible(followed is not None)
        if followed is None:
            return
        names = [str(name) for name in followed.table.columns]
        first = [name for name in names if name.startswith(_FIRST)]
        rest = [name for name in names if name not in first]
        self.view.show_table(followed.table[[*first, *rest]], assumed=followed.assumed)
        marked = followed.table.loc[followed.table["outlier"].astype(bool), "label"]
        self.view.table.mark({int(label): QColor(OUTLIER) for label in marked})
        self.summary.say(_in_words(followed))
        self._show_legend(followed)

    def _show_legend(self, followed: _Followed) -> None:
        unit = "voxels" if followed.field.unit == "pixel" else "µm"
        unit += " (assumed)" if followed.assumed else ""
        top = followed.field.top(self._look())
        self.legend.show_range(top, unit, int(followed.field.is_outlier.sum()))

    def _draw(self, *_: Any) -> None:
        followed, viewer = _LAST.get(self._session), self._session.viewer
        if followed is None or viewer is None:
            return
        self._show_legend(followed)
        layer = followed.layer()
        if layer is not None and layer in viewer.layers:
            show_field(layer, followed.field, self._look())

    def _go_to(self) -> None:
        followed, viewer = _LAST.get(self._session), self._session.viewer
        picked = self.view.table.labels(self.view.picked_rows()[:1])
        if followed is None or viewer is None or not len(picked):
            return
        at = np.flatnonzero(followed.field.features["label"].to_numpy() == picked[0])
        if not len(at):
            return  # it could not be followed
        point = followed.field.vectors[at[0], 0]
        axes = range(viewer.dims.ndim - len(point), viewer.dims.ndim)
        place = dict(zip(axes, point.tolist(), strict=True))
        for axis in viewer.dims.not_displayed:
            if axis in place:
                viewer.dims.set_point(axis, place[axis])
        camera = camera_of(viewer)
        middle = np.array(camera.center, np.float64)
        shown = [axis for axis in viewer.dims.displayed if axis in place]
        middle[-len(shown) :] = [place[axis] for axis in shown]
        camera.center = tuple(middle)

    # --- saving

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the displacements", "particle_shifts.csv", "CSV (*.csv)"
        )
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the table, and what made it beside it."""
        followed = _LAST[self._session]
        try:
            write_table(path, followed.table)
            write_json(path.with_name(f"{path.name}.provenance.json"), followed.made)
        except (InputError, OSError) as error:
            self.runner.say(f"Cannot write {path}: {error}", error=True)
            return
        self.runner.say(f"Saved {path.name}, with what made it beside it.")


def _is_scan(layer: Any) -> bool:
    return layer.ndim in (2, 3) and not layer.rgb and not is_stage(layer)


def _in_words(followed: _Followed) -> str:
    table, field = followed.table, followed.field
    n, found = len(table), len(field.vectors)
    lengths = np.linalg.norm(field.vectors[:, 1], axis=1)
    own = np.linalg.norm(field.vectors[:, 1] - field.common, axis=1)
    unit = "voxels" if field.unit == "pixel" else "µm"
    lost = f" {n - found:,} could not be followed; the table says why." if found < n else ""
    return (
        f"{found:,} of {n:,} particles followed, “{followed.names[0]}” to “{followed.names[1]}”: "
        f"median displacement {np.median(lengths):.3g} {unit}, {np.median(own):.3g} {unit} beyond "
        f"what all share.{lost}"
    )


def _commonest(table: pd.DataFrame) -> str:
    notes = table["note"][table["note"] != ""]
    return f"“{notes.mode().iloc[0]}”." if len(notes) else "nothing."
