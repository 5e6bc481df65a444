"""A Points layer that holds one side of the landmark pairs, with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from napari.layers import Points
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.widgets.highlight import add_quietly
from napari_battery.widgets.layers import battery_metadata
from napari_battery.widgets.slices import camera_of
from napari_battery.widgets.swipe_geometry import placement

__all__ = ["ROLES", "Marks", "Role", "pair_of_marks", "places_in"]

Role = Literal["fixed", "moving"]
ROLES: tuple[Role, ...] = get_args(Role)
Place = NDArray[np.float64]

_KIND = "landmarks"
_COLOUR = {"fixed": "#ff5ad9", "moving": "#5aff73"}
_WRONG = "#ff3326"
_ANCHOR = {"fixed": "upper_left", "moving": "lower_right"}
_SIZE_PX = 26


class Marks:
    """One side of the pairs: numbered rings on the fixed layer's grid.

    The layer remembers where the places are in its own image, in voxels, so that they stay
    right wherever the moving image is moved to.

    Parameters
    ----------
    viewer : ViewerModel
        Where to show them; a layer of the same pair that it has already is used again.
    role : {"fixed", "moving"}
        Which side.
    fixed, moving : Image layers
        The pair.
    changed : callable
        Called when the person added, moved or deleted points with napari's own tools.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        role: Role,
        fixed: Any,
        moving: Any,
        changed: Callable[[Marks], None],
    ) -> None:
        self._viewer, self.role = viewer, role
        self._fixed, self._image = fixed, fixed if role == "fixed" else moving
        self._changed = changed
        self._writing = False
        self._pair = (_name(fixed), _name(moving))
        self.layer: Any = self._find() or self._make(viewer)
        self.layer.events.data.connect(self._edited)

    def _find(self) -> Any:
        for layer in self._viewer.layers:
            if isinstance(layer, Points):
                about = battery_metadata(layer)
                known = (about.get("kind"), about.get("role"), tuple(about.get("pair", ())))
                if known == (_KIND, self.role, self._pair):
                    return layer
        return None

    def _make(self, viewer: ViewerModel) -> Any:
        axes = _columns(self._image.ndim)
        layer = Points(
            np.zeros((0, self._image.ndim)),
            name=f"Landmarks {self.role}: {self._image.name}",
            features=pd.DataFrame({"number": np.zeros(0, int), **{a: np.zeros(0) for a in axes}}),
            text={
                "string": "{number}",
                "size": 13,
                "color": _COLOUR[self.role],
                "anchor": _ANCHOR[self.role],
            },
            face_color="transparent",
            border_color=_COLOUR[self.role],
            border_width=0.12,
            blending="translucent_no_depth",
            **placement(self._fixed, (0,) * self._fixed.ndim),
        )
        try:  # seen, smaller, from the neighbouring slices, too
            layer.projection_mode = "rescale_linear"
        except ValueError:  # before napari 0.9
            layer.out_of_slice_display = True
        battery_metadata(layer).update(kind=_KIND, role=self.role, pair=list(self._pair))
        add_quietly(viewer, layer)
        return layer

    @property
    def is_there(self) -> bool:
        return self.layer in self._viewer.layers

    def remembered(self) -> dict[int, Place]:
        """Number of each mark and its place, in voxels of its image."""
        return places_in(self.layer, self._image.ndim)

    def numbers(self) -> list[int]:
        """Number of each point, in the layer's order; 0 where it has none."""
        table = self.layer.features
        if "number" not in table.columns:
            return [0] * len(self.layer.data)
        return [int(n) if np.isfinite(n) else 0 for n in table["number"].astype(float)]

    def drawn(self) -> list[Place]:
        """Where the points are drawn, in voxels of the fixed image, in the layer's order."""
        return [np.asarray(place, dtype=np.float64) for place in self.layer.data]

    def write(
        self, marks: Mapping[int, Place], to_fixed: NDArray[np.float64], wrong: set[int]
    ) -> None:
        """Show these marks.

        Parameters
        ----------
        marks : mapping of int to array
            Places in voxels of the own image.
        to_fixed : (ndim + 1, ndim + 1) array
            From those voxels to voxels of the fixed image, where the transform puts them.
        wrong : set of int
            Numbers of the pairs that do not agree with the others.
        """
        numbers = sorted(marks)
        ndim = self._image.ndim
        own = np.array([marks[n] for n in numbers]).reshape(-1, ndim)
        layer = self.layer
        with self._silently():
            for name, value in placement(self._fixed, (0,) * ndim).items():
                if not _same(getattr(layer, name), value):
                    setattr(layer, name, value)
            layer.selected_data = set()
            layer.data = own @ to_fixed[:-1, :-1].T + to_fixed[:-1, -1]
            columns = dict(zip(_columns(ndim), own.T, strict=True))
            layer.features = pd.DataFrame({"number": np.array(numbers, int), **columns})
            if numbers:
                colour = _COLOUR[self.role]
                layer.border_color = [_WRONG if n in wrong else colour for n in numbers]
                layer.size = self._size()

    def move(self, marks: Mapping[int, Place], to_fixed: NDArray[np.float64]) -> None:
        """Draw the same marks elsewhere; quick enough for every frame while dragging."""
        own = np.array([marks[n] for n in sorted(marks)])
        if len(own) and len(own) == len(self.layer.data):
            with self._silently():
                self.layer.data = own @ to_fixed[:-1, :-1].T + to_fixed[:-1, -1]

    def close(self) -> None:
        """Listen no more; the layer stays."""
        self.layer.events.data.disconnect(self._edited)

    @contextmanager
    def _silently(self) -> Iterator[None]:
        self._writing = True
        try:
            yield
        finally:
            self._writing = False

    def _edited(self, event: Any) -> None:
        if not self._writing and str(event.action).lower().endswith(
            ("added", "changed", "removed")
        ):
            self._changed(self)

    def _size(self) -> float:
        """Diameter in voxels that is well seen at this zoom, and no giant later."""
        layer = self._fixed
        data = layer.data[0] if layer.multiscale else layer.data
        size = _SIZE_PX / max(float(camera_of(self._viewer).zoom) * float(layer.scale[-1]), 1e-9)
        return float(np.clip(size, 2, 0.1 * max(data.shape)))


def pair_of_marks(layer: Any, images: Sequence[Any]) -> tuple[Role, int, int] | None:
    """Role of a layer of marks, and which two of some images it belongs to; None for others."""
    about = battery_metadata(layer)
    names = [_name(image) for image in images]
    if about.get("kind") != _KIND or not set(about.get("pair", ())) <= set(names):
        return None
    fixed, moving = (names.index(name) for name in about["pair"])
    return about["role"], fixed, moving


def places_in(layer: Any, ndim: int) -> dict[int, Place]:
    """Number of each mark of a layer and its place, in voxels of its image."""
    table, axes = layer.features, _columns(ndim)
    if not {"number", *axes} <= set(table.columns):
        return {}
    places = table[axes].to_numpy(dtype=np.float64)
    return {int(n): place for n, place in zip(table["number"], places, strict=True)}


def _columns(ndim: int) -> list[str]:
    return [f"voxel_{axis}" for axis in "zyx"[-ndim:]]


def _name(layer: Any) -> str:
    """What a layer is known by; its name may change."""
    return str(getattr(layer, "unique_id", layer.name))


def _same(one: Any, other: Any) -> bool:
    matrix = getattr(one, "affine_matrix", None)
    if matrix is not None:
        return np.array_equal(matrix, other)
    return bool(np.all(np.asarray(one) == np.asarray(other)))
