"""Hand corrections in a layer's provenance: how many of each kind, and what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from napari.layers import Labels

from napari_battery.provenance import provenance
from napari_battery.widgets.layers import battery_metadata

__all__ = ["Corrections"]

_KEY = "hand_corrections"
_LISTED = 200
"""Corrections told one by one; beyond that the latest are, and all are counted."""


class Corrections:
    """Keeps ``made["hand_corrections"]`` of a labels layer in step with what was done.

    It holds the number of each kind (``merged``, ``split``, ``deleted``, ``redrawn``,
    ``painted``) and ``acts``, what they were in words. Corrections that the layer came with
    (from a file) stay in front; where none is left, nothing is noted.
    """

    def __init__(self, layer: Labels) -> None:
        made = battery_metadata(layer).get("made")
        self._made: dict[str, Any] | None = deepcopy(made) if isinstance(made, dict) else None
        before = dict((self._made or {}).get(_KEY) or {})
        self._acts = [str(act) for act in before.pop("acts", [])]
        self._counts = Counter({kind: int(n) for kind, n in before.items()})

    def forget(self, kind: str, what: str) -> None:
        """Take over an act that can no longer be undone."""
        self._counts[kind] += 1
        self._acts.append(what)

    def write(self, layer: Labels, done: Sequence[tuple[str, str]]) -> None:
        """Write what stands now, kind and words of each act, into the layer's metadata."""
        counts = self._counts + Counter(kind for kind, _ in done)
        metadata = battery_metadata(layer)
        if not counts:
            if self._made is None:
                metadata.pop("made", None)
            else:
                metadata["made"] = deepcopy(self._made)
            return
        acts = [*self._acts, *(what for _, what in done)][-_LISTED:]
        made = deepcopy(self._made) or provenance("correct", None, [])
        metadata["made"] = {**made, _KEY: {**counts, "acts": acts}}
