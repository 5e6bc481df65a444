"""The layer of a picture that lies over the slice of another layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.widgets.align_overlay import Grid
from napari_battery.widgets.highlight import add_quietly
from napari_battery.widgets.layers import KEY
from napari_battery.widgets.removal import Removal
from napari_battery.widgets.swipe_geometry import placement

__all__ = ["NAME", "Picture"]

NAME = "Alignment"


class Picture:
    """A picture in colours above all images of a viewer.

    Parameters
    ----------
    viewer : ViewerModel
        Where to show it.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._layers: Any = viewer.layers
        self._viewer = viewer
        self.layer: Any = None
        self._removal = Removal(viewer)

    @property
    def is_removing(self) -> bool:
        """Whether the layer that is just being removed is taken out from here."""
        return self._removal.is_ours

    def put(self, pixels: NDArray[np.uint8], source: Any, grid: Grid) -> None:
        """Show pixels at the places of a grid in voxels of the layer `source`."""
        place = placement(source, grid.start)
        place["scale"] = np.asarray(source.scale) * grid.step
        layer = self.layer
        if layer is None or not all(
            np.array_equal(getattr(layer, name), place[name]) for name in ("rotate", "shear")
        ):
            self.remove()
            self.layer = Image(
                pixels, rgb=True, name=NAME, metadata={KEY: {"overlay": True}}, **place
            )
            add_quietly(self._viewer, self.layer)
            self._raise()
            return
        layer.data = pixels
        for name in ("scale", "translate"):
            if not np.allclose(getattr(layer, name), place[name], rtol=1e-12, atol=0):
                setattr(layer, name, place[name])
        if not np.array_equal(layer.affine.affine_matrix, place["affine"]):
            layer.affine = place["affine"]

    def put_above(self, other: Any) -> None:
        """Bring another layer above the picture."""
        layers = self._layers
        if other is None or self.layer is None:
            return
        if layers.index(other) < layers.index(self.layer):
            layers.move(layers.index(other), layers.index(self.layer) + 1)

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        layer, self.layer = self.layer, None
        self._removal.remove(layer)

    def _raise(self) -> None:
        """Bring the picture above all images, which would cover it."""
        layers = self._layers
        at = layers.index(self.layer)
        images = [i for i, one in enumerate(layers) if isinstance(one, Image) and i != at]
        above = max(images, default=-1) + 1
        if at != above:
            layers.move(at, above)
