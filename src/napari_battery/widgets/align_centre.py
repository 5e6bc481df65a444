"""A cross in the view where the person has put the centre to turn about."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.widgets.align_world import PairWorld
from napari_battery.widgets.highlight import add_quietly
from napari_battery.widgets.layers import KEY
from napari_battery.widgets.removal import Removal
from napari_battery.widgets.slices import camera_of, hidden_axis
from napari_battery.widgets.swipe_geometry import placement

__all__ = ["NAME", "CentreMark"]

NAME = "Centre to turn about"
_SIZE_PX = 24
_COLOUR = "#ffd400"


class CentreMark:
    """A cross in whichever slice is shown: it turns about an axis through all of them.

    Parameters
    ----------
    viewer : ViewerModel
        Where to show it.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._removal = Removal(viewer)
        self.layer: Points | None = None

    def show(self, fixed: Any, world: PairWorld, centre: NDArray[np.float64]) -> None:
        """Show the mark.

        Parameters
        ----------
        fixed : Image
            On whose grid; a slice of it is shown.
        world : PairWorld
            Of the pair.
        centre : (ndim,) array
            In the world of the pair.
        """
        place = np.linalg.solve(world.fixed, np.append(centre, 1.0))[:-1]
        axis = hidden_axis(self._viewer, fixed)
        if axis is not None and self._viewer.dims.ndisplay == 2:
            data = fixed.data[0] if fixed.multiscale else fixed.data
            place[axis] = world.slice_index(self._viewer, axis, data.shape[axis])
        layer = self.layer
        if layer is not None and layer in self._viewer.layers:
            layer.data = place[None]
            return
        voxel_px = float(camera_of(self._viewer).zoom) * float(fixed.scale[-1])
        self.layer = Points(
            place[None],
            name=NAME,
            symbol="cross",
            size=max(_SIZE_PX / max(voxel_px, 1e-9), 1.0),
            face_color=_COLOUR,
            border_color="black",
            border_width=0.08,
            blending="translucent_no_depth",
            metadata={KEY: {"overlay": True}},
            **placement(fixed, (0,) * fixed.ndim),
        )
        add_quietly(self._viewer, self.layer)
        self.layer.editable = False  # it is put elsewhere by a click

    def hide(self) -> None:
        """Take the mark away."""
        layer, self.layer = self.layer, None
        self._removal.remove(layer)
