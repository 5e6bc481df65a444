"""Predictions side by side in the picture: napari's grid, whose cells move together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray

from napari_battery.io.lazy import Window
from napari_battery.prepare import crop
from napari_battery.progress import SILENT, Progress
from napari_battery.superres.judge import Judgement
from napari_battery.superres.judge_regions import window_in
from napari_battery.superres.judge_table import CUBIC
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.session import Session

__all__ = ["PredictionViews", "View", "make_views"]

_SAMPLED = 500_000
_SHARE = 0.995
"""Of the differences that lie within the colours' ends."""
_KEPT_GRID = ("enabled", "stride", "shape", "spacing")


@dataclass(frozen=True, eq=False)
class View:
    """A cell of the grid."""

    volume: Volume
    limits: tuple[float, float]
    is_difference: bool = False


def make_views(
    judged: Judgement, low: Volume, high: Volume, progress: Progress = SILENT
) -> list[tuple[View, View]]:
    """What is shown of a judgement, two by two: a picture, and what belongs beside it.

    Parameters
    ----------
    judged : Judgement
        With its predictions.
    low, high : Volume
        What was judged.
    progress : Progress
        Advanced per method.

    Returns
    -------
    list of (View, View)
        Cubic with its grey match and each model, each with its difference to the high scan, all
        on one scale around zero; then the high scan with the low one.
    """
    predictions = {k: v for k, v in judged.predictions.items() if k != CUBIC}
    first = next(iter(predictions.values()))
    whole = tuple(slice(0, n) for n in first.shape)
    high_box = _clipped(window_in(high, first, whole), high.shape)
    low = _as_judged(low, judged)
    low_box = _clipped(window_in(low, first, whole), low.shape)
    truth = _part(high, high_box)
    grey = np.asarray(truth.data, np.float32)
    limits = tuple(float(v) for v in judged.made["data_range_grey"])
    progress.begin(len(predictions), "Comparing")
    predicted, differences = [], []
    for method, volume in predictions.items():
        made = {"made": {**judged.made, "method": method}}
        metadata = {**volume.metadata, **made}
        predicted.append(replace(volume, name=method, metadata=metadata))
        name = f"{method} − high"
        data = volume.data - grey
        difference = replace(volume, data=data, name=name, metadata={**metadata, "kind": "stage"})
        differences.append(difference)
        progress.advance()
    end = _common_end([volume.data for volume in differences])
    made = {"made": {**judged.made, "method": "input"}}
    shown_high = replace(truth, name="high scan", metadata={**truth.metadata, **made})
    part = _part(low, low_box)
    shown_low = replace(part, name="low scan", metadata={**part.metadata, **made})
    scans = (
        View(shown_high, (limits[0], limits[1])),
        View(shown_low, _robust(np.asarray(part.data))),
    )
    return [
        *(
            (View(one, (limits[0], limits[1])), View(two, (-end, end), is_difference=True))
            for one, two in zip(predicted, differences, strict=True)
        ),
        scans,
    ]


class PredictionViews:
    """Shows views in the cells of the grid, and puts the picture back as it was.

    It belongs to the window, not to a dock: the layers stay when the dock is closed.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = ref(viewer)
        self.layers: list[Any] = []
        self._hidden: list[Any] = []
        self._before: dict[str, Any] = {}
        viewer.layers.events.removed.connect(self._removed)

    @classmethod
    def of(cls, session: Session) -> PredictionViews:
        """Those of a window; made at the first call."""
        if session not in _VIEWS:
            _VIEWS[session] = cls(session.viewer)
        return _VIEWS[session]

    def show(self, views: list[tuple[View, View]]) -> None:
        """Show these in two rows or columns, and hide all other layers meanwhile."""
        viewer = self._viewer()
        if viewer is None:
            return
        self.hide()
        self._hidden = [ref(layer) for layer in viewer.layers if layer.visible]
        for weak in self._hidden:
            weak().visible = False
        grid = _grid_of(viewer)
        self._before = {name: getattr(grid, name) for name in _KEPT_GRID if hasattr(grid, name)}
        first = views[0][0].volume
        is_wide = _is_wide(viewer, first)
        cells = [view for both in views for view in both]
        if not is_wide:
            cells = [view for side in (0, 1) for view in (both[side] for both in views)]
        for view in reversed(cells):  # the topmost layer comes first in the grid
            look = {"colormap": _diverging()} if view.is_difference else {"colormap": "gray"}
            layer = add_volume(viewer, view.volume, contrast_limits=view.limits, **look)
            self.layers.append(layer)
            overlay = getattr(layer, "name_overlay", None)  # since napari 0.7
            if overlay is not None:
                overlay.visible = True
        shape = (len(views), 2) if is_wide else (2, len(views))
        grid.stride, grid.shape, grid.enabled = -1, shape, True
        if "spacing" in self._before:
            grid.spacing = 4
        _look_at(viewer, self.layers[-1])

    def hide(self) -> None:
        """Take the layers away, and show again what was seen before."""
        viewer = self._viewer()
        if viewer is None:
            return
        mine, self.layers = self.layers, []
        for layer in mine:
            if layer in viewer.layers:
                viewer.layers.remove(layer)
        self._put_back()

    def _removed(self, event: Any) -> None:
        if event.value in self.layers:
            self.layers.remove(event.value)
            if not self.layers:  # the person took the last one away
                self._put_back()

    def _put_back(self) -> None:
        viewer = self._viewer()
        if viewer is None or not self._before:
            return
        grid = _grid_of(viewer)
        for name, value in self._before.items():
            setattr(grid, name, value)
        for weak in self._hidden:
            layer = weak()
            if layer is not None and layer in viewer.layers:
                layer.visible = True
        self._before, self._hidden = {}, []


_VIEWS: WeakKeyDictionary[Session, PredictionViews] = WeakKeyDictionary()


def _grid_of(viewer: Any) -> Any:
    """Return the grid, wherever this napari keeps it."""
    canvas = getattr(viewer, "canvas", None)  # napari 0.9 moved it
    return viewer.grid if canvas is None else canvas.grid


def _is_wide(viewer: Any, volume: Volume) -> bool:
    """Whether a volume is wider than high in the view as it is turned now."""
    sizes = np.array(volume.shape) * volume.known_voxel_size_um()
    missing = viewer.dims.ndim - volume.ndim
    down, across = [axis - missing for axis in viewer.dims.displayed[-2:]]
    return bool(down >= 0 and across >= 0 and sizes[across] > sizes[down])


def _look_at(viewer: Any, layer: Any) -> None:
    """Fill the view with a layer, in its middle slice."""
    middle = layer.data_to_world((np.array(layer.data.shape) - 1) / 2)
    missing = viewer.dims.ndim - layer.ndim
    for axis in viewer.dims.not_displayed:
        if axis >= missing:
            viewer.dims.set_point(axis, float(middle[axis - missing]))
    if "layers" in signature(viewer.reset_view).parameters:  # since napari 0.9
        viewer.reset_view(layers=[layer])
    else:
        viewer.reset_view()


def _clipped(window: Window, shape: tuple[int, ...]) -> Window:
    return tuple(slice(max(0, w.start), min(n, w.stop)) for w, n in zip(window, shape, strict=True))


def _as_judged(low: Volume, judged: Judgement) -> Volume:
    """The low scan where mending put it."""
    mended = judged.made["pair"].get("mended")
    if mended is None:
        return low
    moved = np.asarray(mended["low_moved_by"], np.float64)
    if low.affine is not None:
        return replace(low, affine=moved @ low.affine)
    # the turn and shear of a thousandth, which napari cannot slice, are left out of the picture
    matrix, middle = moved @ low.world_affine(), (np.array(low.shape) - 1) / 2
    edges = np.diag(matrix)[:-1]
    origin = (matrix @ [*middle, 1.0])[:-1] - edges * middle
    return replace(low, voxel_size_um=tuple(edges.tolist()), origin_um=tuple(origin.tolist()))


def _part(volume: Volume, window: Window) -> Volume:
    return crop(volume, [(w.start, w.stop) for w in window])


def _common_end(differences: list[NDArray[np.float32]]) -> float:
    """One end of the colours for all, symmetric around zero; two digits."""
    sizes = []
    for data in differences:
        step = max(1, data.size // _SAMPLED)
        values = np.abs(data.ravel()[::step])
        sizes.append(float(np.quantile(values[np.isfinite(values)], _SHARE)))
    end = max(sizes)
    return float(f"{end:.2g}") if end > 0 else 1.0


def _robust(data: NDArray[Any]) -> tuple[float, float]:
    values = data.ravel()[:: max(1, data.size // _SAMPLED)]
    low, high = np.quantile(values[np.isfinite(values)], [0.005, 0.995])
    return (float(low), float(high)) if low < high else (float(low), float(low) + 1.0)


def _diverging() -> Any:
    """Red darker, blue brighter, white unchanged, as the maps of particles have it."""
    from matplotlib import colormaps
    from napari.utils.colormaps import Colormap

    return Colormap(colormaps["RdBu"](np.linspace(0, 1, 256)), name="RdBu")
