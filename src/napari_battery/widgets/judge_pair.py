"""The two scans that models are judged on, and how well they lie on one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.align_cut import pair_in_words
from napari_battery.widgets.background import Latest
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.layers import KEY, is_overlay, volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.series_companions import SCAN_PAIR

if TYPE_CHECKING:
    from napari_battery.registration.pairs import AlignedPair

__all__ = ["ScanPair", "is_scan", "pair_meant"]

_PREDICTED = ("evaluate", "super-resolve")
_PLACE = ("data", "scale", "translate", "rotate", "shear", "affine", "units")
_REST_MS = 200


class ScanPair(QWidget):
    """Choose a low- and a high-resolution scan; says what shift is left between them.

    Parameters
    ----------
    viewer : ViewerModel
        Whose images.
    """

    changed = Signal()
    """Another layer is chosen, or one of the two lies elsewhere or has other voxels."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.low = LayerChooser(
            viewer, Image, "The coarser scan, from which networks predict", is_scan
        )
        self.high = LayerChooser(
            viewer,
            Image,
            "The finer scan of the same place, aligned to the other one: the truth here",
            is_scan,
        )
        self.words, self.notice = Notice(), Notice()
        self.residual_voxels: float | None = None
        """Shift left between the two, in voxels of the high one; None while it is not known."""
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Low scan", self.low)
        form.addRow("High scan", self.high)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.words)
        column.addWidget(self.notice)
        self._mends = self._is_shifted = False
        self._by_hand = False
        self._followed: list[Any] = []
        self._latest = Latest(self, self._failed)
        self._timer, self._listed = QTimer(self), QTimer(self)
        for timer, ms, call in (
            (self._timer, _REST_MS, self._measure),
            (self._listed, 0, self._layers_listed),
        ):
            timer.setSingleShot(True)
            timer.setInterval(ms)
            timer.timeout.connect(call)
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)
        for chooser in (self.low, self.high):
            chooser.layer_changed.connect(self._pair_changed)
            chooser.activated.connect(self._chosen_by_hand)
        events = viewer.layers.events
        listen(self, self._listed_anew, events.inserted, events.removed)
        followed, changed = self._followed, self._layer_changed
        self.destroyed.connect(lambda: _unfollow(followed, changed))
        self._layers_listed()
        self._pair_changed()

    def volumes(self) -> tuple[Volume, Volume]:
        """The low- and the high-resolution scan as they lie now.

        Raises
        ------
        InputError
            If a layer is missing, both are the same, or one cannot be judged on.
        """
        low, high = self.low.layer, self.high.layer
        if low is None or high is None:
            raise InputError(
                "Open a low- and a high-resolution scan of the same place first (File ▸ Open "
                "Sample has a pair of sandstone)."
            )
        if low is high:
            raise InputError(
                f"“{low.name}” is chosen twice: judging needs a coarser and a finer scan."
            )
        volumes = volume_from_layer(low), volume_from_layer(high)
        for volume in volumes:
            if volume.ndim != 3:
                raise InputError(
                    f"“{volume.name}” has {volume.ndim} axes; models are judged on volumes of "
                    "three."
                )
            volume.known_voxel_size_um()
        return volumes

    def set_mends(self, mends: bool) -> None:
        """Tell whether the shift is going to be taken out."""
        self._mends = mends
        self._warn()

    def rest(self) -> None:
        """Measure nothing more for now: the processors are needed."""
        self._timer.stop()
        self._latest.forget()

    def measure_later(self, event: Any = None) -> None:
        """Measure the shift once the choice has rested a moment."""
        self._timer.start()

    def _chosen_by_hand(self, index: int) -> None:
        self._by_hand = True

    def _listed_anew(self, event: Any = None) -> None:
        self._listed.start()  # several layers may come or go together

    def _layers_listed(self) -> None:
        """Choose the two that are most likely meant, unless the person has chosen."""
        if self._by_hand and self.low.layer is not None and self.high.layer is not None:
            return
        meant = pair_meant(self._viewer)
        if meant is not None:
            self.low.choose(meant[0])
            self.high.choose(meant[1])

    def _pair_changed(self) -> None:
        _unfollow(self._followed, self._layer_changed)
        for layer in (self.low.layer, self.high.layer):
            if layer is not None:
                self._followed += [getattr(layer.events, name) for name in _PLACE]
        for emitter in self._followed:
            emitter.connect(self._layer_changed)
        self._layer_changed()

    def _layer_changed(self, event: Any = None) -> None:
        self.residual_voxels = None
        self._latest.forget()
        self._is_shifted = False
        self.words.say("")
        self.notice.say("")
        self.changed.emit()
        self.measure_later()

    def _measure(self) -> None:
        if not self._on_screen.now or self.residual_voxels is not None or not self.isEnabled():
            return
        if self.low.layer is None or self.high.layer is None:
            self.notice.say("Open a low- and a high-resolution scan of the same place first.")
            return
        try:
            low, high = self.volumes()
        except InputError as problem:
            self.notice.say(str(problem), "warning")
            return

        def work(progress: Progress) -> AlignedPair:
            from napari_battery.registration.pairs import cut_to_overlap

            return cut_to_overlap(low, high, progress)

        self.words.say("Measuring how well the two agree …")
        self._latest.ask(work, self._show)

    def _show(self, pair: AlignedPair) -> None:
        self.residual_voxels = pair.residual_voxels
        self._is_shifted = pair.residual_voxels > 1 or (pair.block_residual_voxels or (0,))[0] > 1
        self.words.say(pair_in_words(pair))
        self._warn()
        self.changed.emit()

    def _warn(self) -> None:
        if self.residual_voxels is None:
            return
        is_wrong = self._is_shifted and not self._mends
        self.notice.say(
            "A shift of more than a voxel costs every method: tick “Mend the residual shift”, or "
            "align the two again."
            if is_wrong
            else "",
            "warning",
        )

    def _failed(self, error: BaseException) -> None:
        self.words.say("")
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        self.notice.say(text, "error")

    def _came_or_went(self, seen: bool) -> None:
        if seen:
            self.measure_later()
        else:
            self.rest()


def is_scan(layer: Any) -> bool:
    """Whether an image is a scan, not what a network or a judgement made of one."""
    made = layer.metadata.get(KEY, {}).get("made")
    return not (isinstance(made, dict) and str(made.get("step")) in _PREDICTED)


def pair_meant(viewer: ViewerModel) -> tuple[Any, Any] | None:
    """The low- and the high-resolution scan that the person most likely means.

    A pair that was cut for super-resolution; else, of the topmost two images of different
    voxel sizes, the coarser and the finer one.
    """
    images = [
        layer
        for layer in reversed(list(viewer.layers))
        if isinstance(layer, Image) and not is_overlay(layer) and is_scan(layer)
    ]
    roles: dict[str, Any] = {}
    for layer in images:
        role = (layer.metadata.get(KEY, {}).get(SCAN_PAIR) or {}).get("role")
        roles.setdefault(str(role), layer)
    if "low" in roles and "high" in roles:
        return roles["low"], roles["high"]
    sized = [(size, layer) for layer in images if (size := _voxel_um(layer)) is not None]
    for size, layer in sized[1:]:
        first, top = sized[0]
        if abs(np.log(size / first)) > 0.05:
            return (layer, top) if size > first else (top, layer)
    return None


def _voxel_um(layer: Any) -> float | None:
    """Edge of a cube of a voxel's volume; None for what cannot be judged on."""
    try:
        volume = volume_from_layer(layer)
        if volume.ndim != 3 or volume.voxel_size_um is None:
            return None
        return float(abs(np.linalg.det(volume.world_affine()[:-1, :-1])) ** (1 / 3))
    except InputError:
        return None


def _unfollow(followed: list[Any], callback: Any) -> None:
    while followed:
        followed.pop().disconnect(callback)
