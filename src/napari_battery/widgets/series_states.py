"""The images of a series in their order; the first is where the others go."""

from __future__ import annotations

from napari.layers import Image, Layer
from napari.viewer import ViewerModel

from napari_battery.widgets.layers import KEY
from napari_battery.widgets.track_states import StateList

__all__ = ["RESAMPLED", "SeriesStates"]

RESAMPLED = "resampled onto"
"""Entry of the metadata of images that were made here on the first state's grid."""


class SeriesStates(StateList):
    """Images to tick, drag into order and name by their state of charge.

    All of the first image's number of axes are ticked at first, but what was resampled.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self.setToolTip(
            "States, in order: tick their images, drag rows into order, double-click a state "
            "to name it. The first ticked one stays where it is"
        )

    def _may_be_state(self, layer: Layer) -> bool:
        return False  # grey levels are aligned; labels go along

    def _fits(self, layer: Layer) -> bool:
        first = next((other for other in self._viewer.layers if isinstance(other, Image)), layer)
        return layer.ndim == first.ndim and RESAMPLED not in layer.metadata.get(KEY, {})
