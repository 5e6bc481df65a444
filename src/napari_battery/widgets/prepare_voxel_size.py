"""Part of the Prepare dock: how large a voxel is."""

from __future__ import annotations

from functools import partial
from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.units import UM_PER_UNIT
from napari_battery.volume import AXES
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.session import Session
from napari_battery.widgets.spin import PlainSpinBox
from napari_battery.widgets.undo import UndoButton
from napari_battery.widgets.voxel_size import (
    disagreement,
    layer_voxel_size_um,
    needs_voxel_size,
    set_voxel_size,
    voxel_size_source,
)

__all__ = ["VoxelSizeForm"]

_UNITS = ("nm", "µm", "mm")


class VoxelSizeForm(QWidget):
    """Edge lengths of a voxel, their unit, whether they are measured; applied to ticked layers.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers; its view follows the new size.
    layers : LayerChecklist
        Which layers.
    """

    def __init__(self, viewer: ViewerModel, layers: LayerChecklist) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self._shown: tuple[tuple[float, ...], str] | None = None
        self.notice = Notice()
        self.linked = QCheckBox("Same along all axes")
        self.linked.setToolTip("The voxels are cubes: one edge length serves z, y and x")
        self.linked.setChecked(True)
        self.edges = {axis: self._edge(axis) for axis in AXES}
        self.unit = QComboBox()
        self.unit.addItems(_UNITS)
        self.unit.setCurrentText(str(remembered().value("voxel size/unit", "µm")))
        self.unit.setToolTip("Unit of the numbers below; layers are always kept in µm")
        self.assumed = QCheckBox("Assumed, not measured")
        self.assumed.setToolTip(
            "Tables, plots and files made from these layers will then say “assumed”"
        )
        self.apply_button = QPushButton("Apply to ticked layers")
        self.apply_button.setToolTip(
            "Set scale, units (µm) and axis labels of every ticked layer; no voxel is changed"
        )
        self.undo_button = UndoButton()
        self.message = Notice()

        top = QHBoxLayout()
        top.addWidget(self.linked, 1)
        top.addWidget(self.unit)
        self._rows = QFormLayout()
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for axis, edge in self.edges.items():
            self._rows.addRow(axis, edge)
        buttons = QHBoxLayout()
        buttons.addWidget(self.apply_button, 2)
        buttons.addWidget(self.undo_button, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.notice)
        layout.addLayout(top)
        layout.addLayout(self._rows)
        layout.addWidget(self.assumed)
        layout.addLayout(buttons)
        layout.addWidget(self.message)

        self.linked.toggled.connect(self._link)
        self.unit.currentTextChanged.connect(self._unit_changed)
        self.edges["x"].valueChanged.connect(self._copy_x)
        self.apply_button.clicked.connect(self.apply)
        layers.changed.connect(self.refresh)
        self._link(True)
        self.refresh()

    def size_um(self) -> tuple[float, float, float]:
        """The numbers of the form, z, y, x in µm."""
        per_unit = UM_PER_UNIT[self.unit.currentText()]
        z, y, x = (self.edges[axis].value() * per_unit for axis in AXES)
        return z, y, x

    def apply(self) -> None:
        """Give the ticked layers this voxel size."""
        layers = self._layers.layers
        if not layers:
            self.message.say("Tick at least one layer in the list above.", "error")
            return
        size = self.size_um()
        edges = size[2:] if self.linked.isChecked() else size
        number = " × ".join(f"{edge:.5g}" for edge in edges)
        source = f"assumed {number} µm" if self.assumed.isChecked() else "typed in"
        restorers = []
        try:
            for layer in layers:
                change = partial(set_voxel_size, layer, size, source)
                restorers.append(self._keeping_slice(change))
        except InputError as problem:
            for restore in reversed(restorers):
                restore()
            self.message.say(str(problem), "error")
            return
        self._layers.refresh()
        session = Session.of(self._viewer)
        for layer in layers:
            session.mark_stale(layer, "the voxel size was changed")
        names = _names(layers)

        def undo() -> None:
            for restore in reversed(restorers):
                self._keeping_slice(restore)
            self._layers.refresh()
            self.message.say(f"The voxel size of {names} is what it was before.")

        self.undo_button.push(f"voxel size of {names}", undo)
        how = "assumed" if self.assumed.isChecked() else "typed in"
        self.message.say(f"Voxels of {names} are now {number} µm ({how}).")

    def refresh(self) -> None:
        """Show what the ticked layers have now, and what is wrong with it."""
        layers = self._layers.layers
        self.apply_button.setEnabled(bool(layers))
        unknown = [layer for layer in layers if needs_voxel_size(layer)]
        differ = disagreement(layers)
        if unknown:
            have = "have" if len(unknown) > 1 else "has"
            self.notice.say(
                f"{_names(unknown)} {have} no voxel size. Type it in, or tick “assumed”: "
                "lengths in µm need it.",
                "warning",
            )
        else:
            self.notice.say(differ, "warning")
        known = [layer for layer in layers if not needs_voxel_size(layer)]
        if known:
            size, source = layer_voxel_size_um(known[0]), voxel_size_source(known[0])
            if size is not None and (size, source) != self._shown:
                self._shown = (size, source)
                self._show_size(size)
                # applied again, or to more layers, it must not pass for measured
                self.assumed.setChecked(source.startswith("assumed"))
        self._rows.setRowVisible(self.edges["z"], self._z_shown())

    def _z_shown(self) -> bool:
        flat = all(layer.ndim == 2 for layer in self._layers.layers)
        return not self.linked.isChecked() and not (flat and bool(self._layers.layers))

    def _show_size(self, size_um: tuple[float, ...]) -> None:
        size_um = (size_um[0],) * (3 - len(size_um)) + size_um
        per_unit = UM_PER_UNIT[self.unit.currentText()]
        equal = max(size_um) - min(size_um) <= 1e-6 * max(size_um)
        self.linked.setChecked(equal)
        for axis, value in zip(AXES, size_um, strict=True):
            self.edges[axis].setValue(value / per_unit)

    def _keeping_slice(self, change: Any) -> Any:
        """Do `change` while the viewer stays on its slices, whose world position moves."""
        steps, extent = self._viewer.dims.current_step, self._extent()
        result = change()
        self._viewer.dims.current_step = steps
        if extent != self._extent():
            self._viewer.reset_view()
        return result

    def _extent(self) -> list[float]:
        return [round(float(v), 9) for v in self._viewer.layers.extent.world.ravel()]

    def _edge(self, axis: str) -> PlainSpinBox:
        spin = PlainSpinBox(1e-6, 1e6, f"Edge length of a voxel along {axis}")
        spin.setValue(1.0)
        spin.setSuffix(" µm")
        return spin

    def _link(self, linked: bool) -> None:
        self._rows.setRowVisible(self.edges["y"], not linked)
        self._rows.setRowVisible(self.edges["z"], self._z_shown())
        self._rows.labelForField(self.edges["x"]).setText("Edge" if linked else "x")
        self._copy_x()

    def _copy_x(self) -> None:
        if self.linked.isChecked():
            for axis in "zy":
                self.edges[axis].setValue(self.edges["x"].value())

    def _unit_changed(self, unit: str) -> None:
        remembered().setValue("voxel size/unit", unit)
        for edge in self.edges.values():
            edge.setSuffix(f" {unit}")


def _names(layers: list[Any]) -> str:
    if len(layers) > 3:
        return f"{len(layers)} layers"
    return " and ".join(f"“{layer.name}”" for layer in layers)
