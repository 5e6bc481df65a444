"""Dock "Inside a particle": click it, and see what changed in it from state to state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.states.inside import InsideParticle
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.widgets import picking
from napari_battery.widgets.background import Latest
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.figure_canvas import ask_figure_path
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.inside_all_part import AllParticles, Inputs
from napari_battery.widgets.inside_layers import add_crops, open_crops
from napari_battery.widgets.inside_results import LAST
from napari_battery.widgets.inside_states import InsideStates
from napari_battery.widgets.inside_view import InsideView
from napari_battery.widgets.label_layers import label_at
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.series_companions import companions
from napari_battery.widgets.session import Session

__all__ = ["InsideDock"]

_SETTLED_MS = 30
_MOST_LABEL = 2**31 - 1


class InsideDock(QWidget):
    """One particle's crops in every state, re-registered, and their change since pristine."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        picking.install(session)
        self.latest = Latest(self, self._failed)
        self._asked: object = None
        self._boxes: tuple[Any, Any] = (None, None)
        self._made: dict[str, Any] = {}
        self._by_hand = False
        self._make_controls()
        self._arrange()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_SETTLED_MS)
        self._later.timeout.connect(self.look)
        self.states.changed.connect(self._states_changed)
        for signal in (self.labels.layer_changed, self.form.changed):
            signal.connect(self._inputs_changed)
        self.labels.activated.connect(self._chosen_by_hand)
        self.label_box.valueChanged.connect(lambda _: self._later.start())
        self.all_particles.finished.connect(self.look)
        listen(self, self._selection_changed, session.selection_changed)
        listen(self, self._take_clicks, session.analyses_changed, session.editing_changed)
        self._seen = Seen(self)
        self._seen.changed.connect(self._take_clicks)
        self.destroyed.connect(_releaser(session, self.click))
        self._states_changed()
        self._selection_changed()

    def _make_controls(self) -> None:
        viewer = self._session.viewer
        self.states = InsideStates(viewer)
        self.labels = LayerChooser(
            viewer, Labels, "Particles of the pristine state, on the grid of its image"
        )
        self.form = SettingsForm(InsideSettings)
        self.label_box = QSpinBox()
        self.label_box.setRange(0, _MOST_LABEL)
        self.label_box.setSpecialValueText("click one")
        self.label_box.setKeyboardTracking(False)
        self.label_box.setToolTip("The particle shown: click it in the image, or type its number")
        self.view = InsideView(viewer)
        self.about, self.message = Notice(), Notice()
        self.window_button = QPushButton("Crops in a window")
        self.window_button.setToolTip(
            "All states' crops and changes side by side in a napari window of their own, moved "
            "and zoomed together"
        )
        self.layers_button = QPushButton("Crops as layers")
        self.layers_button.setToolTip("Add the crops and changes to this viewer, where they lie")
        self.save_button = QPushButton("Save figures and data…")
        self.save_button.setToolTip("PNG, SVG or PDF; their numbers as CSV beside them")
        self.window_button.clicked.connect(self._open_crops)
        self.layers_button.clicked.connect(self._add_crops)
        self.save_button.clicked.connect(self._ask_and_save)
        self.all_particles = AllParticles(self._session, self._inputs)

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.states)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Labels", self.labels)
        top.addRow("Particle", self.label_box)
        column.addLayout(top)
        how = QWidget()
        QVBoxLayout(how).addWidget(self.form)
        column.addWidget(
            Section("How it is compared", how, tooltip="Smoothing, outer layers, threshold, …")
        )
        column.addWidget(self.message)
        self._shown = QWidget()
        inner = QVBoxLayout(self._shown)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.view)
        inner.addWidget(self.about)
        buttons = QHBoxLayout()
        buttons.addWidget(self.window_button)
        buttons.addWidget(self.layers_button)
        inner.addLayout(buttons)
        inner.addWidget(self.save_button)
        column.addWidget(self._shown)
        column.addWidget(
            Section(
                "All particles",
                self.all_particles,
                tooltip="How much of each core fell or rose, in every state",
                key="inside all",
            )
        )
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumSize(300, 260)

    # --- choosing

    def _inputs(self) -> Inputs:
        """What is chosen; raises ValueError where something is missing."""
        if self.labels.layer is None:
            raise InputError("Label the particles of the pristine state first.")
        images = self.states.volumes()
        labels = volume_from_layer(self.labels.layer)
        return self.labels.layer, self.states.states, labels, images, self.form.value()

    def _chosen_by_hand(self, index: int) -> None:
        self._by_hand = True

    def _states_changed(self, *_: Any) -> None:
        states = self.states.states
        if states and not self._by_hand:
            self._choose_labels(states[0][1])
        self._inputs_changed()

    def _choose_labels(self, first: Any) -> None:
        """Those of the first state."""
        try:
            along = companions(self._session.viewer, first, volume_from_layer(first))
        except InputError:  # said once it is to be compared
            return
        own = [layer for layer in along if isinstance(layer, Labels)]
        if own and self.labels.layer not in own:
            self.labels.choose(own[0])

    def _inputs_changed(self, *_: Any) -> None:
        states = self.states.states
        try:
            size = volume_from_layer(states[0][1]).voxel_size_um if states else None
        except InputError:
            size = None
        self.form.set_voxel_size(size)
        self._take_clicks()
        self._later.start()

    def _selection_changed(self, source: object = None) -> None:
        picked = self._session.selection
        if picked and picked[0] != self.label_box.value():
            self.label_box.setValue(picked[0])

    def _take_clicks(self, *_: Any) -> None:
        """Without an analysis of the labels nobody else picks their particles."""
        session, layer = self._session, self.labels.layer
        others = any(a.labels is layer for a in session.analyses) or session.editing is not None
        wanted = self._seen.now and layer is not None and not others
        if wanted and session.click_taker is None:
            session.click_taker = self.click
        elif not wanted and session.click_taker == self.click:
            session.click_taker = None

    def click(self, event: Any) -> None:
        """Take the particle under the mouse."""
        layer = self.labels.layer
        if layer is None:
            return
        label = label_at(layer, event.position, event.view_direction, event.dims_displayed)
        if label:
            self.label_box.setValue(label)

    # --- one particle

    def look(self) -> None:
        """Compare the chosen particle; what was asked before is dropped."""
        label = self.label_box.value()
        self.all_particles.runner.run_button.setEnabled(
            self.labels.layer is not None
            and len(self.states.states) > 1
            and not self.all_particles.runner.busy
        )
        if not label:
            self._show_nothing("Click a particle in the image.")
            return
        try:
            layer, states, labels, images, settings = self._inputs()
        except ValueError as problem:  # InputError, or settings that do not go together
            self._show_nothing(str(problem))
            return
        key = (layer, layer.data, self._session.history(layer).version)
        known = self._boxes[1] if self._boxes[0] == key else None
        noise = self._noise(layer, states, settings)
        self._asked = asked = object()

        def work(progress: Progress) -> Any:
            from napari_battery.provenance import provenance
            from napari_battery.registration.particle_boxes import particle_boxes
            from napari_battery.states.inside import inside_particle

            boxes = particle_boxes(labels, progress) if known is None else known
            found = inside_particle(labels, images, label, settings, boxes=boxes, noise=noise)
            return boxes, found, {**provenance("inside", settings, [labels, *images])}

        def done(answer: Any) -> None:
            self._boxes = key, answer[0]
            if asked is self._asked:
                synthetic = any(image.metadata.get("synthetic") for image in images)
                self._show(answer[1], answer[2], synthetic, labels.is_assumed)

        if self.view.particle is None:
            self.message.say("Comparing …")
        self.latest.ask(work, done)

    def _noise(self, layer: Any, states: list[tuple[str, Any]], settings: InsideSettings) -> Any:
        """That of many particles, where all were looked into in the same way."""
        looked = LAST.get(self._session)
        if looked is None or looked.settings != settings or looked.stale(self._session):
            return None
        chosen = (layer, *(image for _, image in states))
        same = [weak() for weak in looked.layers] == list(chosen)
        return list(looked.found.noise.values()) if same else None

    def _show_nothing(self, why: str) -> None:
        self._asked = None
        self.latest.forget()
        self.view.clear()
        self._shown.hide()
        self.message.say(why)

    def _failed(self, error: BaseException) -> None:
        self._show_nothing("")
        if isinstance(error, InputError):
            self.message.say(str(error), "error")
            return
        self.message.say(f"Failed: {type(error).__name__}: {error}", "error")
        raise error

    def _show(
        self, found: InsideParticle, made: dict[str, Any], synthetic: bool, assumed: bool
    ) -> None:
        self._made = {**made, "label": found.label}
        self._shown.show()
        self.message.say("")
        parts = (f"particle {found.label}", "synthetic" if synthetic else "")
        self.view.show_particle(found, ", ".join(filter(None, parts)), assumed=assumed)
        self.about.say(_in_words(found, self.form.value().k_sigma))

    # --- what is done with it

    def _limit(self) -> float | None:
        return self.view.limit.value() or None

    def _open_crops(self) -> None:
        if self.view.particle is not None:
            open_crops(self.view.particle, self._limit())

    def _add_crops(self) -> None:
        if self.view.particle is not None:
            add_crops(self._session.viewer, self.view.particle, self._limit())

    def _ask_and_save(self) -> None:
        found = self.view.particle
        path = ask_figure_path(self, f"particle-{found.label}") if found is not None else None
        if path is not None:
            self.save(path)

    def save(self, path: Path) -> None:
        """Save both figures and their numbers."""
        try:
            files = self.view.save(path, self._made)
        except (InputError, OSError) as error:
            self.about.say(str(error), "error")
        else:
            self.about.say(f"Saved {' and '.join(f.name for f in files[::3])}, with their data.")


def _releaser(session: Session, click: Any) -> Any:
    """Gives the clicks back once the dock is gone; holds the dock's method, not the widget."""

    def release() -> None:
        if session.click_taker == click:
            session.click_taker = None

    return release


def _in_words(found: InsideParticle, k_sigma: float) -> str:
    """Shift, change and shares of each state, in a line each."""
    lines = []
    unit = "um" if "shift_x_um" in found.table else "voxels"
    shown = "µm" if unit == "um" else "voxels"
    for row in found.table.to_dict("records"):
        if row["note"]:
            lines.append(f"{row['state']}: {row['note']}.")
            continue
        shift = [row[f"shift_{a}_{unit}"] for a in "zyx" if f"shift_{a}_{unit}" in row]
        length = sum(s * s for s in shift) ** 0.5
        change = _signed(row["change_mean"])
        lines.append(
            f"{row['state']}: changed by {change} ± {row['change_se']:.2f} grey levels; of the "
            f"core {row['fell_share']:.1%} fell and {row['rose_share']:.1%} rose "
            f"by more than {k_sigma:g} σ (noise alone: {row['expected_share']:.2%}); "
            f"moved by {length:.2g} {shown}."
        )
    sources = sorted({noise.source for noise in found.noise})
    sigma = ", ".join(f"{noise.sigma:.2f}" for noise in found.noise)
    lines.append(f"Noise σ {sigma} grey levels: {'; '.join(sources)}.")
    return "\n".join(lines)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
