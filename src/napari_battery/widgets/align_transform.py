"""The transform at hand: save, load, invert, put others behind it, apply it to other layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Layer
from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.registration.rotations import turn_and_scale
from napari_battery.registration.transform import Transform
from napari_battery.widgets.align_step import place_with_companions
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.undo import UndoButton

__all__ = ["TransformPanel", "in_words"]

_FILES = "JSON, with units and quality (*.json);;ITK (*.tfm)"
_FOLDER = "folders/transforms"
_UNITS = {"um": "µm", "voxel": "voxels"}


def in_words(transform: Transform) -> str:
    """What a transform does, for the person: kind, shift, rotation, magnification."""
    shift = ", ".join(
        f"{axis} {value:.4g}"
        for axis, value in zip("zyx"[-transform.ndim :], transform.matrix[:-1, -1], strict=True)
    )
    words = [f"{transform.kind}; shift {shift} {_UNITS[str(transform.unit)]}"]
    turn, scale = turn_and_scale(transform.linear)
    if transform.kind != "translation":
        words.append(f"rotation {turn:.3g}°")
    if transform.kind in ("similarity", "affine"):
        words.append(f"magnification {scale:.5g}")
    return "; ".join(words).replace("-", "−") + "."


class TransformPanel(QWidget):
    """Save, load, invert and compose a transform; move any layer by it.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers it may be applied to.
    undo : UndoButton
        Which takes an application back.
    """

    applied = Signal()
    """A layer was moved."""

    def __init__(self, viewer: ViewerModel, undo: UndoButton) -> None:
        super().__init__()
        self._viewer, self._undo = viewer, undo
        self.transform: Transform | None = None
        self.words = Notice()
        self.layer = LayerChooser(
            viewer,
            Layer,
            "Image (with what was made from it), labels or points to be moved; nothing is "
            "resampled. From their original place: doing it twice is doing it once",
        )
        self.save_button = _button("Save…", "Write it to a .json or .tfm file", self._ask_save)
        self.load_button = _button("Load…", "Read one from a .json or .tfm file", self._ask_load)
        self.invert_button = _button("Invert", "Swap fixed and moving", self.invert)
        self.compose_button = _button(
            "Then…", "Read another one that follows after this one: both become one", self._ask_then
        )
        self.apply_button = _button("Apply", "Move the chosen layer by it", self.apply)
        self.message = Notice()
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        buttons = (self.load_button, self.save_button, self.invert_button, self.compose_button)
        for column, button in enumerate(buttons):
            grid.addWidget(button, 0, column)
        grid.addWidget(self.layer, 1, 0, 1, 3)
        grid.addWidget(self.apply_button, 1, 3)
        lines = QVBoxLayout(self)
        lines.addWidget(self.words)
        lines.addLayout(grid)
        lines.addWidget(self.message)
        self.take(None)

    def take(self, transform: Transform | None) -> None:
        """Have another transform at hand, or none."""
        self.transform = transform
        if transform is None:
            self.words.say("No transform yet: align two stacks, or load one.")
        else:
            self.words.say(in_words(transform))
        for button in (
            self.save_button,
            self.invert_button,
            self.compose_button,
            self.apply_button,
        ):
            button.setEnabled(transform is not None)
        self.message.say("")

    def invert(self) -> None:
        """Take the inverse in its place."""
        if self.transform is not None:
            self.take(self.transform.invert())

    def apply(self) -> None:
        """Bring the chosen layer to where the transform takes it; one step of undo."""
        layer, transform = self.layer.layer, self.transform
        if layer is None or transform is None:
            return
        try:
            unit = str(transform.unit)
            restore = place_with_companions(self._viewer, layer, transform.matrix, unit)
        except InputError as problem:
            self.message.say(str(problem), "error")
            return
        self._undo.push(f"“{layer.name}” moved by the transform", restore)
        self.message.say(f"Moved “{layer.name}”; nothing was resampled.")
        self.applied.emit()

    def save(self, path: Path) -> None:
        """Write the transform; the file's ending says as what."""
        from napari_battery.registration.transform_files import write_transform

        if self.transform is None:
            return
        try:
            write_transform(path, self.transform)
        except (InputError, OSError) as problem:
            self.message.say(str(problem), "error")
            return
        self.message.say(f"Saved {path.name}.")

    def load(self, path: Path) -> None:
        """Read a transform and have it at hand; no layer is moved yet."""
        loaded = self._read(path)
        if loaded is not None:
            self.take(loaded)
            self.message.say(f"Read {path.name}. Apply moves the layer chosen here.")

    def then(self, path: Path) -> None:
        """Put the transform of a file behind the one at hand."""
        loaded = self._read(path)
        if loaded is None or self.transform is None:
            return
        try:
            self.take(loaded.compose(self.transform))
        except InputError as problem:
            self.message.say(str(problem), "error")

    def _read(self, path: Path) -> Transform | None:
        from napari_battery.registration.transform_files import read_transform

        try:
            return read_transform(path)
        except (InputError, OSError) as problem:
            self.message.say(str(problem), "error")
            return None

    def _ask_save(self) -> None:
        folder = Path(str(remembered().value(_FOLDER, "")))
        chosen, kind = QFileDialog.getSaveFileName(
            self, "Save the transform", str(folder / "transform.json"), _FILES
        )
        if chosen:
            path = Path(chosen)
            if not path.suffix:
                path = path.with_suffix(".tfm" if "tfm" in kind else ".json")
            remembered().setValue(_FOLDER, str(path.parent))
            self.save(path)

    def _ask_load(self) -> None:
        path = self._ask_open()
        if path is not None:
            self.load(path)

    def _ask_then(self) -> None:
        path = self._ask_open()
        if path is not None:
            self.then(path)

    def _ask_open(self) -> Path | None:
        folder = str(remembered().value(_FOLDER, ""))
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Open a transform", folder, "Transforms (*.json *.tfm)"
        )
        if not chosen:
            return None
        remembered().setValue(_FOLDER, str(Path(chosen).parent))
        return Path(chosen)


def _button(text: str, tooltip: str, call: Any) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.clicked.connect(lambda: call())
    return button
