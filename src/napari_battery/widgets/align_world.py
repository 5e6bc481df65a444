"""From what the viewer shows to the world that a pair of layers shares, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.registration.transform import Unit, common_world
from napari_battery.units import to_um
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.slices import displayed_axes

__all__ = ["PairWorld", "pair_world", "shown_plane"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairWorld:
    """The place of a pair of layers, homogeneous matrices of their number of axes.

    Parameters
    ----------
    fixed, moving : matrix
        From voxels of a layer to the common world, as both layers stand now.
    to_view : matrix
        From the common world to the viewer's coordinates (last axes of ``dims.point``).
    unit : {"um", "voxel"}
        Of the common world.
    """

    fixed: Matrix
    moving: Matrix
    to_view: Matrix
    unit: Unit

    def position(self, view: Any) -> NDArray[np.float64]:
        """World coordinates of a position in the viewer."""
        ndim = len(self.to_view) - 1
        place = np.append(np.asarray(view, np.float64)[-ndim:], 1.0)
        return np.asarray(np.linalg.solve(self.to_view, place)[:-1])

    def in_view(self, world: Any) -> NDArray[np.float64]:
        """Viewer coordinates of a place in the world."""
        return np.asarray((self.to_view @ np.append(world, 1.0))[:-1])

    def slice_index(self, viewer: ViewerModel, axis: int, n: int) -> int:
        """Slice of the fixed layer that is shown along `axis`, not beyond its `n` slices."""
        index = np.linalg.solve(self.fixed, np.append(self.position(viewer.dims.point), 1.0))
        return int(np.clip(round(float(index[axis])), 0, n - 1))


def pair_world(viewer: ViewerModel, fixed: Any, moving: Any) -> PairWorld:
    """Where two layers stand now.

    Raises
    ------
    InputError
        If one is 2-D and the other 3-D, only one voxel size is known, or one is in colours.
    """
    worlds = common_world(volume_from_layer(fixed), volume_from_layer(moving))
    ndim = fixed.ndim
    ends = np.vstack([np.zeros(ndim), np.eye(ndim)])
    placed = np.array([fixed.data_to_world(end) for end in ends])
    shown = np.eye(ndim + 1)
    shown[:-1, -1] = placed[0]
    shown[:-1, :-1] = (placed[1:] - placed[0]).T
    # napari 0.9 shows layers of different units together, but `data_to_world` knows only its own
    units = getattr(viewer.dims, "units", None)
    for axis in range(ndim):
        own = to_um(1.0, str(fixed.units[axis]))
        common = None if units is None else to_um(1.0, str(units[axis - ndim]))
        if own is not None and common is not None:
            shown[axis] *= own / common
    return PairWorld(worlds.fixed, worlds.moving, shown @ np.linalg.inv(worlds.fixed), worlds.unit)


def shown_plane(viewer: ViewerModel, layer: Any) -> tuple[int, ...] | None:
    """Axes of a layer in the slice shown; None where the viewer shows no slice of it."""
    plane = displayed_axes(viewer, layer)
    if viewer.dims.ndisplay != 2 or len(plane) != 2:
        return None
    return plane
