"""Maps as Labels layers: made from a table, coloured anew when it changes, marked when stale.

They live with the viewer, not with a dock, so that a map is right or says that it is not,
whichever docks are open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, ref

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_battery.errors import InputError
from napari_battery.maps import MapSettings, ValueMap, colour_table, value_map
from napari_battery.provenance import provenance
from napari_battery.radial import delta_core_mean
from napari_battery.widgets.layers import KEY, battery_metadata
from napari_battery.widgets.session import Analysis, Session

__all__ = ["CHANGE", "LiveMap", "MapLayers", "label_colormap", "make_map", "map_table"]

CHANGE = "delta_core_mean"

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_STALE = " (out of date)"
_CLEAR = np.zeros(4, np.float32)


@dataclass(eq=False)
class LiveMap:
    """A map layer and what it shows."""

    layer: Labels
    analysis: Analysis
    reference: Analysis | None
    """The earlier state of a change; None for a column of the table."""
    column: str
    settings: MapSettings
    shown: ValueMap
    stale: str = ""
    """Why the map no longer fits; empty while it does."""


def map_table(analysis: Analysis, column: str, reference: Analysis | None) -> pd.DataFrame:
    """Labels and the column to be mapped; with a reference the change of the core mean.

    Raises
    ------
    InputError
        If no label stands in both analyses.
    """
    if reference is None:
        return analysis.particles
    change = delta_core_mean(reference.particles, analysis.particles)
    here, there = analysis.particles["label"], reference.particles["label"]
    if not np.isin(here, there).any():
        raise InputError(
            f"“{analysis.name}” ({len(here)} particles) and “{reference.name}” ({len(there)}) "
            "have no label in common; a change needs the same labels in both states."
        )
    return change[change["label"].isin(here)]


def make_map(
    analysis: Analysis, column: str, settings: MapSettings, reference: Analysis | None = None
) -> ValueMap:
    """Values, range and colours of a column, or of the change since `reference`.

    Raises
    ------
    InputError
        As `map_table` and `napari_battery.maps.value_map`.
    """
    column = column if reference is None else CHANGE
    table = map_table(analysis, column, reference)
    return value_map(table, column, settings, name=f"“{analysis.name}”")


def label_colormap(shown: ValueMap) -> DirectLabelColormap:
    """The map's colours by label; whatever has no row is transparent."""
    rows = list(colour_table(shown.colour_map))
    steps = shown.steps().tolist()
    colours: dict[int | None, Any] = {None: _CLEAR, 0: _CLEAR}
    for label, step in zip(shown.labels.tolist(), steps, strict=True):
        if label:
            colours[label] = rows[step]
    return DirectLabelColormap(color_dict=colours)


class MapLayers:
    """The maps of one viewer; get it with `MapLayers.of`."""

    _of_session: ClassVar[WeakKeyDictionary[Session, MapLayers]] = WeakKeyDictionary()

    def __init__(self, session: Session) -> None:
        self._session = ref(session)
        self.maps: list[LiveMap] = []
        session.analyses_changed.connect(self._analyses_changed)
        session.table_changed.connect(self._table_changed)
        session.viewer.layers.events.removed.connect(self._layer_removed)

    @classmethod
    def of(cls, session: Session) -> MapLayers:
        """The maps of a session; made at the first call."""
        if session not in cls._of_session:
            cls._of_session[session] = cls(session)
        return cls._of_session[session]

    def add(
        self,
        analysis: Analysis,
        column: str,
        settings: MapSettings,
        reference: Analysis | None = None,
    ) -> LiveMap:
        """Add a map layer over the labels of an analysis; their data is shared, not copied.

        Raises
        ------
        InputError
            If the analysis lost its labels layer, or as `make_map`.
        """
        session, labels = self._session(), analysis.labels
        if session is None or session.viewer is None:
            raise InputError("The viewer is closed.")
        if labels is None:
            raise InputError(
                f"The labels layer of “{analysis.name}” was deleted; open it again and run "
                "the radial analysis to map its particles."
            )
        shown = make_map(analysis, column, settings, reference)
        layer = Labels(
            labels.data,
            name=_name(analysis, shown, reference),
            colormap=label_colormap(shown),
            opacity=1.0,
            iso_gradient_mode="smooth",  # in 3-D the light then changes colours least
            multiscale=labels.multiscale,
            **{name: getattr(labels, name) for name in _PLACE},
        )
        live = LiveMap(layer, analysis, reference, column, settings, shown)
        self._describe(live)
        self._follow(labels)
        layers = session.viewer.layers
        beneath = {analysis.image, labels}
        for earlier in self._on(labels):
            earlier.layer.visible = False  # in 3-D it would shine through
            beneath.add(earlier.layer)
        self.maps.append(live)
        above = [i for i, other in enumerate(layers) if other in beneath]
        layers.insert(max(above, default=len(layers) - 1) + 1, layer)
        layer.editable = False  # painting on it would change the labels themselves
        labels.visible = False
        layers.selection.active = layer
        return live

    def update(
        self,
        live: LiveMap,
        analysis: Analysis,
        column: str,
        settings: MapSettings,
        reference: Analysis | None = None,
    ) -> None:
        """Let a map show something else, or the same in other colours.

        Raises
        ------
        InputError
            As `make_map`; the map then stays as it was.
        """
        shown = make_map(analysis, column, settings, reference)
        renamed = (analysis, column, reference) != (live.analysis, live.column, live.reference)
        live.analysis, live.reference, live.column = analysis, reference, column
        live.settings, live.shown = settings, shown
        live.layer.colormap = label_colormap(shown)
        if renamed:
            live.layer.name = _name(analysis, shown, reference)
        self._describe(live)
        self._mark(live)

    def _describe(self, live: LiveMap) -> None:
        """Write values into the layer's features and the making into its metadata."""
        shown, layer = live.shown, live.layer
        # a row for the background, as napari's own table takes rows for labels
        layer.features = pd.DataFrame(
            {
                "index": np.concatenate([[0], shown.labels]),
                shown.column: np.concatenate([[np.nan], shown.values]),
            }
        )
        analyses = [a for a in (live.reference, live.analysis) if a is not None]
        made = provenance("map", live.settings, [])  # the inputs stand with the analyses
        made["map"] = shown.describe()
        made["analyses"] = [
            {**a.result.provenance, "name": a.name, "exclude_layers": a.exclude_layers}
            for a in analyses
        ]
        labels = live.analysis.labels
        kept = {} if labels is None else battery_metadata(labels)
        layer.metadata[KEY] = {
            **{k: v for k, v in kept.items() if k in ("voxel_size_source", "region", "synthetic")},
            "kind": "map",
            "made": made,
            "column": shown.column,
            "unit": shown.unit,
            "range": [shown.low, shown.high],
            "stale": live.stale,
        }

    def _mark(self, live: LiveMap, why: str = "") -> None:
        """Let name and metadata say whether the map is out of date."""
        live.stale = why or self._why_stale(live)
        battery_metadata(live.layer)["stale"] = live.stale
        name = live.layer.name.removesuffix(_STALE)
        name = name + _STALE if live.stale else name
        if live.layer.name != name:
            live.layer.name = name

    def _why_stale(self, live: LiveMap) -> str:
        session = self._session()
        known = [] if session is None else session.analyses
        reasons = []
        for analysis in (live.analysis, live.reference):
            if analysis is None:
                continue
            if analysis not in known:
                reasons.append(f"the analysis “{analysis.name}” was removed")
            elif analysis.stale:
                reasons.append(analysis.stale)
        return "; ".join(dict.fromkeys(reasons))

    def _analyses_changed(self) -> None:
        session = self._session()
        if session is None:
            return
        for live in list(self.maps):
            analysis = _successor(live.analysis, session.analyses)
            reference = live.reference and _successor(live.reference, session.analyses)
            if (analysis, reference) != (live.analysis, live.reference):
                self._recolour(live, analysis, reference)
            else:
                self._mark(live)

    def _table_changed(self, analysis: Analysis) -> None:
        for live in list(self.maps):
            if analysis in (live.analysis, live.reference):
                self._recolour(live, live.analysis, live.reference)

    def _recolour(self, live: LiveMap, analysis: Analysis, reference: Analysis | None) -> None:
        try:
            self.update(live, analysis, live.column, live.settings, reference)
        except InputError as error:  # a fixed end of the range that no longer goes, say
            self._mark(live, str(error).rstrip("."))

    def _follow(self, labels: Labels) -> None:
        """Show the labels as they are edited."""
        events = labels.events
        for emitter in (events.paint, events.labels_update, events.data):
            emitter.connect(self._labels_edited)

    def _labels_edited(self, event: Any) -> None:
        for live in self._on(event.source):
            if live.layer.data is not event.source.data:
                live.layer.data = event.source.data
                live.layer.editable = False
            else:
                live.layer.refresh()

    def _on(self, labels: Labels) -> Iterable[LiveMap]:
        return [live for live in self.maps if live.analysis.labels is labels]

    def _layer_removed(self, event: Any) -> None:
        self.maps = [live for live in self.maps if live.layer is not event.value]


def _successor(analysis: Analysis, known: list[Analysis]) -> Analysis:
    """The analysis itself, or the one that replaced it when it was run again."""
    if analysis in known or analysis.labels is None:
        return analysis
    same = (analysis.labels, analysis.image, analysis.state)
    for other in known:
        if (other.labels, other.image, other.state) == same:
            return other
    return analysis


def _name(analysis: Analysis, shown: ValueMap, reference: Analysis | None) -> str:
    if reference is None:
        return f"{shown.title}, {analysis.state or analysis.name}"
    before, after = (a.state or a.name for a in (reference, analysis))
    return f"{shown.title}, {after} − {before}"
