"""Particles in the colour of what keeps them out of a series of states."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import ViewerModel
from qtpy.QtGui import QColor

from napari_battery.states.ledger import RULES
from napari_battery.widgets.layers import KEY, battery_metadata
from napari_battery.widgets.track_ledger import COLOURS, KEPT

__all__ = ["ReasonMap"]

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_KEPT_OPACITY = 0.45
"""Of what is kept: the grey levels beneath stay to be seen."""
_FAINT = 0.12


class ReasonMap:
    """A layer over the reference's labels (their data is shared, not copied)."""

    def __init__(self, viewer: ViewerModel) -> None:
        # held weakly, as a map outlives the dock that made it
        self._viewer = ref(viewer)
        self._layer: Any = lambda: None
        self._labels: Any = lambda: None

    @property
    def layer(self) -> Labels | None:
        """The map, while the viewer has it."""
        viewer, layer = self._viewer(), self._layer()
        return layer if viewer is not None and layer in viewer.layers else None

    def show(self, labels: Labels, reasons: pd.DataFrame, chosen: str | None, made: Any) -> None:
        """Colour every particle by the first rule that it breaks.

        Parameters
        ----------
        labels : Labels
            The reference's.
        reasons : DataFrame
            From `napari_battery.labelling.consistency.particle_reasons`.
        chosen : str or None
            The reason whose particles stand out, "" for the kept ones; None for all alike.
        made : dict
            How the table was made.
        """
        colormap = _colormap(reasons, chosen)
        layer = self.layer
        if layer is None or self._labels() is not labels:
            layer = self._add(labels, colormap)
        else:
            layer.colormap = colormap
        # a row for the background, as napari's own table takes rows for labels
        blank = pd.DataFrame({"label": [0], "kept": [""], "reason": [""], "states": [""]})
        rows = reasons.assign(kept=np.where(reasons["kept"], "kept", "left out"))
        features = pd.concat([blank, rows[list(blank)]], ignore_index=True)
        layer.features = features.rename(columns={"label": "index"})
        kept = battery_metadata(labels)
        layer.metadata[KEY] = {
            **{k: v for k, v in kept.items() if k in ("voxel_size_source", "region", "synthetic")},
            "kind": "map",
            "made": made,
            "column": "reason",
        }

    def refresh(self) -> None:
        """Draw anew after the labels were edited."""
        layer, labels = self.layer, self._labels()
        if layer is None or labels is None:
            return
        if layer.data is not labels.data:
            layer.data = labels.data
            layer.editable = False
        else:
            layer.refresh()

    def _add(self, labels: Labels, colormap: DirectLabelColormap) -> Labels:
        viewer = self._viewer()
        assert viewer is not None  # the dock asked for it in this window
        layers = viewer.layers
        if self.layer is not None:
            layers.remove(self.layer)
        layer = Labels(
            labels.data,
            name=f"Consistency of {labels.name}",
            colormap=colormap,
            opacity=0.8,
            multiscale=labels.multiscale,
            **{name: getattr(labels, name) for name in _PLACE},
        )
        layers.append(layer)
        layer.editable = False  # painting on it would change the labels themselves
        labels.visible = False
        layers.selection.active = layer
        self._layer, self._labels = ref(layer), ref(labels)
        return layer


def _colormap(reasons: pd.DataFrame, chosen: str | None) -> DirectLabelColormap:
    rule_of = {text: rule for rule, text in RULES.items()}
    colours: dict[int | None, Any] = {None: np.zeros(4), 0: np.zeros(4)}
    bright = {rule: np.array(QColor(colour).getRgbF()) for rule, colour in COLOURS.items()}
    bright[KEPT][3] = _KEPT_OPACITY
    faint = {rule: np.array([*rgba[:3], _FAINT]) for rule, rgba in bright.items()}
    rows = reasons[["label", "kept", "reason", "first_reason"]].to_numpy().tolist()
    for label, kept, reason, first in rows:
        stands_out = chosen is None or (kept if chosen == "" else chosen in reason.split("; "))
        # of several broken rules the chosen one gives its colour
        rule = rule_of.get(chosen if chosen and stands_out else first, KEPT)
        colours[label] = (bright if stands_out else faint)[rule]
    return DirectLabelColormap(color_dict=colours)
