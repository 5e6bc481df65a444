"""A drop-down of the viewer's layers of some kind that follows the layer list."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_battery.widgets.layers import is_map, is_overlay, is_stage
from napari_battery.widgets.listening import listen
from napari_battery.widgets.seen import Seen

__all__ = ["LayerChooser"]


class LayerChooser(QComboBox):
    """Drop-down of layers; keeps its choice while other layers come, go or are renamed.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers.
    kind : type or tuple of types
        Layer classes offered.
    tooltip : str
        What the layer is for.
    accept : callable, optional
        Further condition on a layer.
    none : str, optional
        Text of an entry for no layer, where one is not needed; it comes first.
    """

    layer_changed = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        kind: type[Layer] | tuple[type[Layer], ...],
        tooltip: str = "",
        accept: Any = lambda layer: True,
        parent: QWidget | None = None,
        *,
        none: str = "",
    ) -> None:
        super().__init__(parent)
        self._viewer, self._kind, self._accept = viewer, kind, accept
        self._none = none
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._layers: list[Layer | None] = []
        self._by_hand: Layer | None = None
        events = viewer.layers.events
        listen(
            self, self.refresh, events.inserted, events.removed, events.reordered, events.renamed
        )
        self.activated.connect(self._chosen_by_hand)
        self.currentIndexChanged.connect(lambda _: self.layer_changed.emit())
        self.refresh()

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def choose(self, layer: Layer | None) -> None:
        """Choose a layer; one that is not offered is ignored."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))

    def follow_selection(self) -> None:
        """Choose napari's selected layer whenever this comes on the screen.

        A layer chosen here by hand stays; so does the choice while no fit layer is selected.
        """
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)

    def _chosen_by_hand(self, index: int) -> None:
        self._by_hand = self.layer

    def _came_or_went(self, seen: bool) -> None:
        selected = self._viewer.layers.selection.active
        kept = self._by_hand is not None and self._by_hand is self.layer
        if seen and selected is not None and not kept and not is_stage(selected):
            self.choose(selected)

    def refresh(self, event: Any = None) -> None:
        """Read the layer list again. The newest layer comes first."""
        before = self.layer
        layers: list[Layer | None] = [None] if self._none else []
        layers += [
            layer
            for layer in reversed(list(self._viewer.layers))
            if isinstance(layer, self._kind)
            and not (is_overlay(layer) or is_map(layer))
            and self._accept(layer)
        ]
        self.blockSignals(True)
        self.clear()
        self._layers = layers
        self.addItems([self._none if layer is None else layer.name for layer in layers])
        if before in layers:
            self.setCurrentIndex(layers.index(before))
        self.blockSignals(False)
        if self.layer is not before:
            self.layer_changed.emit()
