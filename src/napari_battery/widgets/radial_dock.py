"""Dock "Radial analysis": from labels and an image to the particle and layer tables."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels, Layer
from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.radial import RadialResult, RadialSettings
from napari_battery.radial.inputs import share_voxel_size
from napari_battery.volume import Volume
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.highlight import warm_up
from napari_battery.widgets.layers import (
    KEY,
    battery_metadata,
    is_smoothed,
    is_stage,
    made_from,
    volume_from_layer,
)
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.picking import install as install_picking
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.session import Analysis, Session
from napari_battery.widgets.voxel_size import needs_voxel_size

__all__ = ["RadialDock"]

_EDITS = ("paint", "data")
_GRID = ("scale", "units", "translate", "data", "name")


class RadialDock(QWidget):
    """Choose labels and an image, run the radial analysis, and see what it found."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = Session.of(napari_viewer)
        viewer = self._session.viewer
        install_picking(self._session)
        self._watched: list[tuple[Layer, Any, tuple[str, ...]]] = []
        self._described: list[Layer] = []

        self.labels = LayerChooser(
            viewer, Labels, "Labels of the particles; 0 is the background", _is_volume
        )
        self.image = LayerChooser(
            viewer, Image, "Grey levels to measure; best not smoothed", _is_grey
        )
        self.state = QLineEdit()
        self.state.setPlaceholderText("pristine, 4.4 V, …  (optional)")
        self.state.setToolTip("State of charge of the image; names its curves and maps")
        self.about = Notice()
        self.prepare_button = QPushButton("Prepare stack …")
        self.prepare_button.setToolTip("Open the dock that sets the voxel size")
        self.prepare_button.clicked.connect(self._open_prepare)
        self.form = SettingsForm(RadialSettings)
        self.runner = StepRunner(
            "Run radial analysis", "Measure every particle, layer by layer from its surface"
        )
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._busy_changed)
        self.summary = Notice()
        self.notes = QPlainTextEdit()
        self.notes.setReadOnly(True)
        self.notes.setMaximumHeight(110)
        self.notes.setToolTip("What to know about this result")
        self.notes.hide()

        chosen = QFormLayout()
        chosen.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        chosen.addRow("Labels", self.labels)
        chosen.addRow("Image", self.image)
        chosen.addRow("State", self.state)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.addLayout(chosen)
        layout.addWidget(self.about)
        layout.addWidget(self.prepare_button)
        layout.addWidget(self.form)
        layout.addWidget(self.runner)
        layout.addWidget(self.summary)
        layout.addWidget(self.notes)
        layout.addStretch(1)
        self._scroll = fill_scrolling(self, content)
        self.setMinimumSize(260, 260)  # the docks it opens must not squeeze its result away
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(100)
        self._later.timeout.connect(self._show_result)

        self.labels.layer_changed.connect(self._labels_chosen)
        self.image.layer_changed.connect(self._image_chosen)
        # a labels layer may come before its image
        listen(self, self._layers_changed, viewer.layers.events.inserted)
        self.destroyed.connect(self._forget_layers(self._described, self._describe))
        self._by_hand: Layer | None = None
        self._labels_by_hand: Layer | None = None
        self.image.activated.connect(self._image_chosen_by_hand)
        self.labels.activated.connect(self._labels_chosen_by_hand)
        self.labels.choose(viewer.layers.selection.active)
        self._labels_chosen()
        self._image_chosen()

    # choosing

    def _labels_chosen(self) -> None:
        labels = self.labels.layer
        fits = labels is None or _fits(self._by_hand, labels)
        if labels is not None and not (self._by_hand is self.image.layer and fits):
            self.image.choose(_best_image(labels, list(self._session.viewer.layers)))
        self._describe()

    def _image_chosen_by_hand(self, index: int) -> None:
        self._by_hand = self.image.layer

    def _labels_chosen_by_hand(self, index: int) -> None:
        self._labels_by_hand = self.labels.layer

    def _image_chosen(self) -> None:
        image = self.image.layer
        state = "" if image is None else image.metadata.get(KEY, {}).get("state", "")
        self.state.setText(str(state or ""))
        self._describe()

    def _layers_changed(self, event: Any) -> None:
        kept = self._labels_by_hand is not None and self._labels_by_hand is self.labels.layer
        if not kept:  # labels just made are what one goes on with
            self.labels.refresh()
            self.labels.choose(event.value)
        if self._by_hand is None:
            self._labels_chosen()

    def _describe(self, event: Any = None) -> None:
        """Say what the chosen layers are, and what is missing before a run."""
        chosen = [layer for layer in (self.labels.layer, self.image.layer) if layer is not None]
        if self._described != chosen:
            self._forget_layers(self._described, self._describe)()
            self._described[:] = chosen
            for layer in chosen:
                for name in _GRID:
                    getattr(layer.events, name).connect(self._describe)
        text, kind, needs_size = _about(self.labels.layer, self.image.layer)
        self.about.say(text, kind)
        self.prepare_button.setVisible(needs_size)
        self.runner.run_button.setEnabled(len(chosen) == 2 and not self.runner.busy)

    @staticmethod
    def _forget_layers(layers: list[Layer], callback: Any) -> Any:
        def forget() -> None:
            for layer in layers:
                for name in _GRID:
                    getattr(layer.events, name).disconnect(callback)
            layers.clear()

        return forget

    def _open_prepare(self) -> None:
        """Open the dock that sets the voxel size, with the layers ticked that lack one."""
        prepare = open_dock(self._session.viewer, "Prepare stack")
        chosen = [layer for layer in (self.labels.layer, self.image.layer) if layer is not None]
        if prepare is not None:
            prepare.ask_voxel_size([layer for layer in chosen if needs_voxel_size(layer)])

    # running

    def run(self) -> None:
        """Start the analysis of the chosen layers."""
        labels, image = self.labels.layer, self.image.layer
        if labels is None or image is None:
            self.runner.say("Choose a Labels and an Image layer first.", error=True)
            return
        text, _, needs_size = _about(labels, image)
        if needs_size:
            self.runner.say(text, error=True)
            return
        try:
            label_volume, image_volume = volume_from_layer(labels), volume_from_layer(image)
            settings = self.form.value()
        except InputError as error:
            self.runner.say(str(error), error=True)
            return
        state, edits = self.state.text().strip(), list[Any]()
        battery_metadata(image)["state"] = state  # there again when the image is chosen again
        self._watch(labels, edits)
        self.summary.say("")
        self.notes.hide()

        def step(progress: Progress) -> RadialResult:
            from napari_battery.radial import radial_tables

            result = radial_tables(label_volume, image_volume, settings, progress)
            warm_up(label_volume.dtype)  # in this thread, so that the first pick does not wait
            return result

        def done(result: RadialResult) -> None:
            self._add(result, labels, image, state, edited=bool(edits))

        self.runner.start(step, done, "Measuring particles")

    def _watch(self, labels: Labels, edits: list[Any]) -> None:
        """Note edits of the labels while they are measured."""
        for name in _EDITS:
            getattr(labels.events, name).connect(edits.append)
        self._watched.append((labels, edits.append, _EDITS))

    def _busy_changed(self, busy: bool) -> None:
        if not busy:
            for layer, callback, names in self._watched:
                for name in names:
                    getattr(layer.events, name).disconnect(callback)
            self._watched.clear()
            self._describe()

    def _add(
        self, result: RadialResult, labels: Labels, image: Image, state: str, *, edited: bool
    ) -> None:
        session = self._session
        viewer = session.viewer
        if viewer is None:
            return
        gone = [layer.name for layer in (labels, image) if layer not in viewer.layers]
        analysis = Analysis(
            name=_name(session, labels, image, state),
            result=result,
            labels=labels if labels in viewer.layers else None,
            image=image if image in viewer.layers else None,
            state=state,
            stale="labels were edited while they were measured" if edited else "",
        )
        session.add(analysis)
        notes = [f"“{name}” was deleted meanwhile; the tables are kept." for name in gone]
        self.summary.say(_summary(result))
        self._show_notes([*notes, *result.notes])
        if getattr(viewer, "window", None) is not None:
            open_dock(viewer, "Radial profile")
            open_dock(viewer, "Results table")
            # once the new docks have taken their room
            self._later.start()

    def _show_result(self) -> None:
        self._scroll.ensureWidgetVisible(self.summary)
        self._scroll.ensureWidgetVisible(self.runner)

    def _show_notes(self, notes: list[str]) -> None:
        self.notes.setPlainText("\n".join(f"• {note}" for note in notes))
        self.notes.setVisible(bool(notes))


def _is_volume(layer: Layer) -> bool:
    return layer.ndim in (2, 3)


def _is_grey(layer: Layer) -> bool:
    return not layer.rgb and _is_volume(layer)


def _shape(layer: Layer) -> tuple[int, ...]:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(data.shape)


def _fits(image: Layer | None, labels: Labels) -> bool:
    return image is not None and _shape(image) == _shape(labels)


def _best_image(labels: Labels, layers: list[Layer]) -> Layer | None:
    """The image that the labels were made from, else the newest one of the same shape.

    Of a scan and what a filter smoothed it to, it is the scan: smoothing carries the grey
    levels of what is around a particle into its outer layers.
    """
    sources = made_from(labels)
    images = [layer for layer in layers if isinstance(layer, Image) and _is_grey(layer)]
    ranks = [
        (
            _fits(image, labels),
            image.name in sources,
            not (is_smoothed(image) or is_stage(image)),
        )
        for image in images
    ]
    best = max(range(len(images)), key=lambda i: (ranks[i], i), default=None)
    return None if best is None else images[best]


def _about(labels: Layer | None, image: Layer | None) -> tuple[str, Any, bool]:
    """What to say about the chosen layers, how, and whether a voxel size is missing."""
    if labels is None or image is None:
        missing = [name for name, layer in (("Labels", labels), ("Image", image)) if layer is None]
        return f"Open or make {' and '.join(missing)} first.", "plain", False
    try:
        volumes = [volume_from_layer(labels), volume_from_layer(image)]
    except InputError as error:
        return str(error), "error", False
    for volume in volumes:
        if volume.voxel_size_um is None:
            text = (
                f"The voxel size of “{volume.name}” is unknown. Set it, or say that it is "
                "assumed, in Prepare stack."
            )
            return text, "warning", True
    return _grid_text(*volumes), "plain", False


def _grid_text(labels: Volume, image: Volume) -> str:
    labels, image, notes = share_voxel_size(labels, image)
    edges = labels.known_voxel_size_um()
    size = f"{edges[0]:.4g}" if len(set(edges)) == 1 else " × ".join(f"{e:.4g}" for e in edges)
    source = labels.voxel_size_source
    text = f"{' × '.join(map(str, labels.shape))} voxels of {size} µm ({source})."
    text = " ".join([text, *notes])
    if not labels.same_grid(image):
        text += " The image is on another grid; it is resampled onto that of the labels."
    return text


def _name(session: Session, labels: Labels, image: Layer, state: str) -> str:
    name = str(image.name)
    if state and state.casefold() not in name.casefold():
        name = f"{name} ({state})"
    others = [a for a in session.analyses if a.labels is not labels or a.image is not image]
    return f"{name} / {labels.name}" if any(a.name == name for a in others) else name


def _summary(result: RadialResult) -> str:
    particles = result.particles
    n, without = len(particles), int(particles["core_mean"].isna().sum())
    cut = int(particles["touches_border"].astype(bool).sum())
    return (
        f"{n} particles, {without} without core ({result.settings.exclude_layers} outer layers "
        f"left out), {cut} cut by the border."
    )
