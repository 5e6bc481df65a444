"""Part of the Super-resolve dock: the result degraded again, compared with its image, as a map."""

from __future__ import annotations

from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_battery.progress import Progress
from napari_battery.superres.card import Card
from napari_battery.superres.round_trip import RoundTrip
from napari_battery.superres.super_resolve import note_round_trip
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.superres_result import place_on
from napari_battery.widgets.superres_words import about_round_trip

__all__ = ["RoundTripButton"]

_SPAN = 4.0
"""Of the colours to either side, in standard deviations of the noise."""


class RoundTripButton(QWidget):
    """A button for the map of the latest result; hidden while there is none.

    Parameters
    ----------
    viewer : ViewerModel
        Where the map is shown.
    runner : StepRunner
        Runs it, and tells what came of it.
    """

    def __init__(self, viewer: ViewerModel, runner: StepRunner) -> None:
        super().__init__()
        self._viewer, self._runner = viewer, runner
        self._of: tuple[Any, Any, Card] | None = None
        self.button = QPushButton("Round-trip map")
        self.button.setToolTip(
            "Degrade the result as the model's card says, and show its difference to the image: "
            "what stands out of the noise was not in the scan"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        self.button.clicked.connect(self.run)
        runner.busy_changed.connect(lambda busy: self.button.setEnabled(not busy))
        listen(self, self._layer_removed, viewer.layers.events.removed)
        self.hide()

    def offer(self, layer: Any, result: Any, card: Card) -> None:
        """Offer the map of this result layer, made from `layer`."""
        if layer in self._viewer.layers:
            self._of = (layer, result, card)
            self.show()

    def forget(self) -> None:
        """There is no result any more to be asked about."""
        self._of = None
        self.hide()

    def run(self) -> None:
        """Make the map and add it as a layer."""
        if self._of is None or self._runner.busy:
            return
        layer, added, card = self._of
        image, result = volume_from_layer(layer), volume_from_layer(added)

        def step(progress: Progress) -> RoundTrip:
            return note_round_trip(image, result, card, progress)

        self._runner.start(step, lambda trip: self._show(layer, image, trip), "Degrading")

    def _show(self, layer: Any, image: Volume, trip: RoundTrip) -> None:
        span = _SPAN * (trip.noise or trip.rms) or 1.0
        added = add_volume(
            self._viewer,
            trip.map,
            colormap="PiYG",
            contrast_limits=(-span, span),
            **place_on(layer, image, trip.map),
        )
        text = about_round_trip(trip.numbers())
        known = "4 × the noise" if trip.noise > 0 else "4 × the difference (rms)"
        self._runner.say(
            f"Made “{added.name}”: {text}. Its colours go to ±{known}, {span:.3g} grey."
            + " ".join(["", *trip.notes])
        )

    def _layer_removed(self, event: Any) -> None:
        if self._of is not None and event.value in self._of[:2]:
            self.forget()
