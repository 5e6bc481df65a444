"""The states whose crops are compared, in order; the first is the pristine one."""

from __future__ import annotations

from dataclasses import replace

from napari.viewer import ViewerModel

from napari_battery.errors import InputError
from napari_battery.volume import Volume
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.series_states import SeriesStates

__all__ = ["InsideStates"]


class InsideStates(SeriesStates):
    """Images to tick, drag into order and name by their state of charge."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self.setToolTip(
            "States, in order: tick their images, drag rows into order, double-click a state to "
            "name it. All are compared with the first ticked one, whose labels are chosen below"
        )

    def volumes(self) -> list[Volume]:
        """The ticked states, each with its name.

        Raises
        ------
        InputError
            If there are fewer than two.
        """
        states = self.states
        if len(states) < 2:
            raise InputError("Tick the pristine image and at least one later state.")
        volumes = []
        for name, layer in states:
            volume = volume_from_layer(layer)
            volumes.append(replace(volume, metadata={**volume.metadata, "state": name}))
        return volumes
