"""The Segment phases dock: pore, binder and active material, by grey level or by example."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.labelling.phases import segment_phases
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.label_input import looked_at
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.phases_classifier import ClassifierPage
from napari_battery.widgets.phases_form import PhasesForm
from napari_battery.widgets.phases_layers import add_phases
from napari_battery.widgets.phases_look import PhasesLook
from napari_battery.widgets.phases_words import say_fractions
from napari_battery.widgets.result_file import ResultFile
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.session import Session

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["PhasesDock"]


class PhasesDock(QWidget):
    """Segment phases: levels or a classifier, previewed; then a Labels layer of phases."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._viewer = viewer = Session.of(napari_viewer).viewer
        self.image = LayerChooser(viewer, Image, "Grey-level image that is parted into phases")
        self.image.choose(looked_at(viewer))
        self.image.follow_selection()
        self.settings = PhasesForm()
        self.form = self.settings.form
        self.look = PhasesLook(viewer, self.image, self.settings)
        self.classifier = ClassifierPage(viewer, self.image)
        self.out = ResultFile("phases")
        self.reset_button = QPushButton("Defaults")
        self.reset_button.setToolTip("Put every setting back to its default")
        self.runner = StepRunner(
            "Segment phases", "Make a new Labels layer; existing ones stay as they are"
        )
        self.next_button = QPushButton("Label particles…")
        self.next_button.setToolTip("Go on: one number for each particle of the active material")
        self.next_button.hide()
        self._made: Any = None
        self._lay_out()

        self.image.layer_changed.connect(self._image_changed)
        self.look.looked.connect(self.fit_lengths)
        self.form.changed.connect(self._method_changed)
        self.classifier.classifier_changed.connect(
            lambda: self.look.use(self.classifier.classifier)
        )
        self.reset_button.clicked.connect(self.form.reset)
        self.reset_button.clicked.connect(self.classifier.form.reset)
        self.runner.clicked.connect(self.run)
        self.next_button.clicked.connect(self._label_particles)
        self.fit_lengths()
        self._method_changed()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Image", self.image)
        column.addLayout(top)
        for widget in (
            self.settings.method,
            self.look,
            self.classifier,
            self.settings,
            self.reset_button,
        ):
            column.addWidget(widget)
        target = QFormLayout()
        target.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        target.addRow("Result", self.out)
        column.addLayout(target)
        column.addWidget(self.runner)
        column.addWidget(self.next_button)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    def _image_changed(self) -> None:
        """What the last run said is of another image."""
        if not self.runner.busy:
            self.runner.say("")
            self.next_button.hide()
        self.fit_lengths()

    def fit_lengths(self) -> None:
        """Convert lengths by the voxel size that the chosen image now has."""
        layer, size = self.image.layer, None
        if layer is not None:
            with suppress(InputError):  # the histogram says it
                size = volume_from_layer(layer).voxel_size_um
        self.form.set_voxel_size(size)
        self.classifier.form.set_voxel_size(size)

    def _method_changed(self) -> None:
        self.classifier.setVisible(self.form.value().method == "classifier")

    def run(self) -> None:
        """Segment the chosen image with the settings of the form."""
        layer = self.image.layer
        if layer is None:
            self.runner.say("Open an image first (File ▸ Open Sample has some).", error=True)
            return
        try:
            image, settings = volume_from_layer(layer), self.form.value()
            out = self.out.paths([image], np.uint8)[0]
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return

        classifier = self.classifier.classifier

        def step(progress: Progress) -> tuple[Volume, dict[str, float]]:
            phases = segment_phases(image, settings, progress, out, classifier=classifier)
            return phases, _fractions(phases)

        self.next_button.hide()
        self.runner.start(step, lambda done: self._segmented(layer, *done), "Segmenting")

    def _segmented(self, layer: Any, phases: Volume, fractions: dict[str, float]) -> None:
        if layer not in self._viewer.layers:
            self.runner.say("The image was deleted meanwhile; its phases were dropped.", error=True)
            return
        self.look.untick()  # the phases would lie under it
        named = replace(phases, name=f"Phases of {layer.name}")
        self._made = add_phases(self._viewer, named)
        said = [f"{say_fractions(fractions).capitalize()}.", phases.metadata.get("note", "")]
        if phases.path is not None:
            said.append(f"Written to {phases.path}.")
        self.runner.say(" ".join(text for text in said if text))
        self.next_button.setVisible(hasattr(self._viewer, "window"))

    def _label_particles(self) -> None:
        """Open the Label particles dock on the phases that were just made."""
        dock = open_dock(self._viewer, "Label particles")
        if dock is not None and self._made in self._viewer.layers:
            dock.input.take_mask(self._made)


def _fractions(phases: Volume) -> dict[str, float]:
    """Share of each phase, within the region."""
    counts, inside = np.zeros(256, np.int64), 0
    for k in range(phases.shape[0]):
        plane = np.asarray(phases.data[k])
        if phases.region is not None:
            plane = plane[np.asarray(phases.region[k], bool)]
        counts += np.bincount(plane.ravel(), minlength=256)
        inside += plane.size
    names: dict[str, int] = phases.metadata["phases"]
    return {name: float(counts[code] / max(inside, 1)) for name, code in names.items()}
