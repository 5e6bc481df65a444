"""The series last tracked in a window: its tables, its layers, and whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary, ref

import pandas as pd
from napari.layers import Labels

from napari_battery.labelling.consistency import ConsistencySettings, check_consistency
from napari_battery.labelling.propagate import Propagation
from napari_battery.widgets.edit_history import EditHistory
from napari_battery.widgets.session import Session
from napari_battery.widgets.track_map import ReasonMap

__all__ = ["LAST", "Series"]

_SHOWN = ("volume_change", "iou", "kept", "reason")


@dataclass(eq=False)
class Series:
    """What was tracked; it outlives the dock, but holds neither viewer nor voxels."""

    history: EditHistory
    """Of the reference's labels."""
    tracked_state: object
    """`EditHistory.state` of the labels that were tracked."""
    result: Propagation
    """Without its volumes: the layers have them."""
    map: ReasonMap
    layers: dict[str, Any] = field(default_factory=dict)
    """Weak reference to the Labels layer of each later state."""
    name: str = ""
    """Of the reference's layer."""
    table: pd.DataFrame = field(init=False)
    """Checked by the rules last given."""

    def __post_init__(self) -> None:
        self.result = replace(self.result, labels=[])
        self.table = self.result.table

    @property
    def reference(self) -> Labels | None:
        """The reference's layer, or None once it is gone."""
        return self.history.layer

    @property
    def stale(self) -> str:
        """Why the tables no longer fit the reference; empty while they do."""
        if self.history.state is self.tracked_state:
            return ""
        return f"“{self.name}” was corrected since: track again to bring this up to date."

    def add_layer(self, state: str, layer: Labels) -> None:
        """Keep the features of a state's layer in step with the rules."""
        self.layers[state] = ref(layer)

    def check(self, rules: ConsistencySettings) -> None:
        """Apply rules to the table, and to what napari shows of each label."""
        self.table = check_consistency(self.result.table, rules, self.result.contacts)
        for state, rows in self.table.groupby("state", sort=False):
            layer = self.layers.get(str(state), lambda: None)()
            if layer is not None:
                blank = pd.DataFrame({"index": [0]})  # napari takes the first for the background
                shown = rows[["label", *_SHOWN]].rename(columns={"label": "index"})
                layer.features = pd.concat([blank, shown], ignore_index=True)


LAST: WeakKeyDictionary[Session, Series] = WeakKeyDictionary()
"""The series of each window."""
