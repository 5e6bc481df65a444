"""Part of the Segment phases dock: a classifier that learns the phases from scribbles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.labelling.classifier_settings import ClassifierSettings
from napari_battery.progress import Progress
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.layers import KEY, volume_from_layer
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scribbles import Brushes, new_scribbles
from napari_battery.widgets.section import Section

if TYPE_CHECKING:
    from napari_battery.labelling.classifier import PixelClassifier

__all__ = ["ClassifierPage", "describe"]

_ENDING = ".safetensors"
_MODEL_FILES = f"Classifier (*{_ENDING})"
_MOST_NAMED = 3
_DRAWN = ("paint", "labels_update", "data")


class ClassifierPage(QWidget):
    """Scribble, train, look, scribble more; or load what was trained before.

    Parameters
    ----------
    viewer : ViewerModel
        Where scribbles are drawn.
    image : LayerChooser
        The image that is learned from.
    """

    classifier_changed = Signal()
    """Another classifier is in use."""

    def __init__(self, viewer: ViewerModel, image: LayerChooser) -> None:
        super().__init__()
        self._viewer, self._image = viewer, image
        self.classifier: PixelClassifier | None = None
        self.scribbles = LayerChooser(
            viewer, Labels, "Labels layer with the examples of each phase", self._is_fit
        )
        self.new_button = QPushButton("New scribbles")
        self.new_button.setToolTip("Add a layer to paint on, with the brush in hand")
        self.brushes = Brushes(viewer)
        self.form = SettingsForm(ClassifierSettings)
        self.advanced = Section(
            "Features and trees",
            self.form,
            tooltip="What the classifier looks at around each voxel, and how it learns",
            key="Segment phases/Features and trees",
        )
        self.runner = StepRunner("Train", "Learn the phases from the scribbles")
        self.learned = Notice()
        self.save_button = QPushButton("Save model…")
        self.save_button.setToolTip("Write the trained classifier to a file, for other images")
        self.load_button = QPushButton("Load model…")
        self.load_button.setToolTip("Use a classifier that was trained and saved before")
        self._followed: Labels | None = None
        self._lay_out()

        image.layer_changed.connect(self._image_changed)
        self.scribbles.layer_changed.connect(self._scribbles_changed)
        self.new_button.clicked.connect(self.start_scribbles)
        self.runner.clicked.connect(self.train)
        self.save_button.clicked.connect(self._choose_saved)
        self.load_button.clicked.connect(self._choose_loaded)
        self.destroyed.connect(lambda: self._follow(None))
        self._scribbles_changed()
        self._show_classifier()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Scribbles", self.scribbles)
        column.addLayout(rows)
        files = QHBoxLayout()
        files.addWidget(self.save_button)
        files.addWidget(self.load_button)
        for widget in (self.new_button, self.brushes, self.advanced, self.runner, self.learned):
            column.addWidget(widget)
        column.addLayout(files)

    # --- scribbles

    def start_scribbles(self) -> None:
        """Add an empty layer to scribble on."""
        layer = self._image.layer
        if layer is None:
            self.runner.say("Open an image first (File ▸ Open Sample has some).", error=True)
            return
        try:
            made = new_scribbles(self._viewer, volume_from_layer(layer))
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        self.scribbles.choose(made)
        self.runner.say("Paint some strokes of each phase, edges too; then train.")

    def _is_fit(self, layer: Any) -> bool:
        image = self._image.layer
        made_as = layer.metadata.get(KEY, {}).get("kind")
        return (
            image is not None
            and made_as in (None, "scribbles")
            and tuple(layer.data.shape) == tuple(image.data.shape)
        )

    def _image_changed(self) -> None:
        self.scribbles.refresh()

    def _scribbles_changed(self) -> None:
        self._follow(self.scribbles.layer)
        self.brushes.paint_on(self.scribbles.layer)

    def _follow(self, layer: Labels | None) -> None:
        """Notice from now on when this layer is drawn on."""
        before, self._followed = self._followed, layer
        for name in _DRAWN:
            if before is not None:
                getattr(before.events, name).disconnect(self._drawn)
            if layer is not None:
                getattr(layer.events, name).connect(self._drawn)

    def _drawn(self, event: Any = None) -> None:
        if self.classifier is not None and not self.runner.busy:
            self.runner.say("The scribbles have changed: train again to use them.")

    # --- learning

    def train(self) -> None:
        """Learn from the chosen scribbles."""
        layer, drawn = self._image.layer, self.scribbles.layer
        if layer is None or drawn is None:
            what = "Open an image" if layer is None else "Press “New scribbles” and paint examples"
            self.runner.say(f"{what} first.", error=True)
            return
        try:
            image, settings = volume_from_layer(layer), self.form.value()
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return
        data = drawn.data

        def step(progress: Progress) -> PixelClassifier:
            from napari_battery.labelling.classifier import train_classifier

            return train_classifier(image, data, settings, progress)

        self.runner.start(step, self._trained, "Training")

    def _trained(self, classifier: PixelClassifier) -> None:
        self._use(classifier)
        self.runner.say("Trained. Scribble where the preview is wrong, and train again.")

    def _use(self, classifier: PixelClassifier) -> None:
        self.classifier = classifier
        self._show_classifier()
        self.classifier_changed.emit()

    def _show_classifier(self) -> None:
        known = self.classifier is not None
        self.save_button.setEnabled(known)
        self.learned.say("" if self.classifier is None else describe(self.classifier))

    # --- files

    def save(self, path: Path) -> None:
        """Write the classifier to a file."""
        from napari_battery.labelling.classifier_file import save_classifier

        if self.classifier is None:
            return
        try:
            save_classifier(path, self.classifier)
        except (InputError, OSError) as problem:
            self.runner.say(str(problem), error=True)
            return
        self.runner.say(f"Saved as {path}.")

    def load(self, path: Path) -> None:
        """Use the classifier in a file."""
        from napari_battery.labelling.classifier_file import load_classifier

        try:
            classifier = load_classifier(path)
        except (InputError, OSError) as problem:
            self.runner.say(str(problem), error=True)
            return
        self._use(classifier)
        self.runner.say(f"Loaded {path.name}.")

    def _choose_saved(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the classifier", f"phases{_ENDING}", _MODEL_FILES
        )
        if path:
            self.save(Path(path).with_suffix(_ENDING))

    def _choose_loaded(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a classifier", "", _MODEL_FILES)
        if path:
            self.load(Path(path))


def describe(classifier: PixelClassifier) -> str:
    """What a classifier learned from, how well it did, and what helped it most."""
    voxels = ", ".join(f"{name} {n:,}" for name, n in classifier.training_voxels.items())
    text = f"Learned from {voxels} voxels. "
    if classifier.accuracy is None:
        text += "Too few trees to tell the accuracy. "
    else:
        text += (
            f"Out-of-bag accuracy {100 * classifier.accuracy:.1f} % of the scribbles; elsewhere "
            "it is lower: look at the preview. "
        )
    best = sorted(classifier.importances.items(), key=lambda item: -item[1])[:_MOST_NAMED]
    most = ", ".join(f"{name} ({100 * share:.0f} %)" for name, share in best)
    return f"{text}Most useful: {most}."
