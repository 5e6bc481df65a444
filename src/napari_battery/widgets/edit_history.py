"""Every change of a labels layer by hand, whoever made it, in one list to undo and redo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_battery.widgets.edit_notes import Corrections
from napari_battery.widgets.edit_patch import Patch, patches_of_stroke
from napari_battery.widgets.edit_places import Places

__all__ = ["Act", "EditHistory"]

_MOST_BYTES = 1 << 30
"""Memory for undoing; the oldest acts are forgotten beyond it."""


@dataclass(eq=False)
class Act:
    """One step to undo."""

    what: str
    """In words: "Merged 3 and 7 into 7"."""
    kind: str
    """What it counts as in the layer's provenance: "merged", "painted", …"""
    patches: Sequence[Patch]
    picked_before: tuple[int, ...] = ()
    picked_after: tuple[int, ...] = ()
    by_napari: bool = False
    """A stroke of napari's own tools; napari can undo it, too."""
    state: object = field(default_factory=object)
    """Stands for the labels as they are once it is done."""

    @property
    def labels(self) -> frozenset[int]:
        """Every label that won or lost a voxel."""
        return frozenset[int]().union(*(patch.labels for patch in self.patches))

    @property
    def nbytes(self) -> int:
        return sum(patch.nbytes for patch in self.patches)

    def write(self, data: Any, *, back: bool = False) -> None:
        """Write it, or with `back` what was before it."""
        for patch in reversed(self.patches) if back else self.patches:
            patch.write(data, back=back)

    def is_written(self, data: Any, *, back: bool = False) -> bool:
        """Whether the last (with `back` the first) of its voxels are as it leaves them."""
        patch = self.patches[0 if back else -1]
        return patch.is_written(data, back=back)


class EditHistory:
    """What was changed in a labels layer, by our docks and by napari's own tools.

    Strokes of napari's brush, fill and eraser are taken in as they happen, and so is their
    undoing by napari itself. Only changed voxels are kept.

    Attributes
    ----------
    done, undone : list of Act
        Acts that stand, oldest first, and those taken back, in the order to redo from its end.
    version : int
        Counts changes, undoing included.
    places : Places or None
        Where each label is, while that is known; kept up to date.
    is_writing : bool
        Whether events of the layer come from a change of ours.
    """

    changed = Signal(object)
    """The labels, or the list of acts, are not what they were; carries this history."""

    def __init__(self, layer: Labels) -> None:
        self._layer = ref(layer)
        self.done: list[Act] = []
        self.undone: list[Act] = []
        self.version = 0
        self.places: Places | None = None
        self.is_writing = False
        self._log: list[frozenset[int] | None] = []
        self._origin = object()
        self._group_start: int | None = None
        self._napari_has_strokes = False
        self._highest = 0
        self._corrections = Corrections(layer)
        layer.events.paint.connect(self._stroke)
        layer.events.data.connect(self._data_replaced)
        layer.events.set_data.connect(self._look)

    @property
    def layer(self) -> Labels | None:
        """The layer, or None once it is gone."""
        return self._layer()

    @property
    def state(self) -> object:
        """Stands for the labels as they are now: the same object, the same labels."""
        return self.done[-1].state if self.done else self._origin

    def changes_since(self, version: int) -> frozenset[int] | None:
        """Labels that won or lost a voxel since; None where that is not known."""
        some = self._log[version:]
        if any(labels is None for labels in some):
            return None
        return frozenset[int]().union(*(labels for labels in some if labels))

    def know_places(self, places: Places) -> None:
        """Take in where the particles are; it must have been found in the labels of now."""
        self.places = places
        self._highest = max(self._highest, places.highest)

    @property
    def highest(self) -> int:
        """The highest label that is there, or was before it was corrected away."""
        made = (max(act.labels, default=0) for act in self.done)
        return max(self._highest, max(made, default=0))

    # changing

    def do(self, act: Act) -> None:
        """Write an act's patches, and note it."""
        with self._write() as data:
            act.write(data)
            self._push(act)
            self._note(act.patches, data)
        self._tell()

    def undo(self) -> Act | None:
        """Take back the latest act; None where there is none."""
        if not self.done:
            return None
        act = self.done.pop()
        with self._write() as data:
            act.write(data, back=True)
            self.undone.append(act)
            self._note(act.patches, data, back=True)
        self._tell()
        return act

    def redo(self) -> Act | None:
        """Do again what was taken back last; None where nothing was."""
        if not self.undone:
            return None
        act = self.undone.pop()
        with self._write() as data:
            act.write(data)
            self.done.append(act)
            self._note(act.patches, data)
        self._tell()
        return act

    def begin_group(self) -> None:
        """From now on, until `end_group`, strokes are parts of one act."""
        self._group_start = len(self.done)

    def end_group(self, what: str, kind: str, picked: tuple[int, ...]) -> Act | None:
        """Make one act of the strokes since `begin_group`; None where there was none."""
        start, self._group_start = self._group_start, None
        if start is None or len(self.done) <= start:
            return None
        strokes = self.done[start:]
        patches = [patch for act in strokes for patch in act.patches]
        whole = Act(what, kind, patches, picked, picked, state=strokes[-1].state)
        self.done[start:] = [whole]
        self.undone.clear()
        self._forget_napari()  # it would undo a part of the act
        self._tell()
        return whole

    def replace_data(self, data: Any) -> None:
        """Give the layer the same labels in another array (wider numbers, in memory)."""
        layer = self.layer
        if layer is not None:
            self.is_writing = True
            try:
                layer.data = data
            finally:
                self.is_writing = False

    def make_room(self, label: int) -> None:
        """Widen the labels' type where it cannot hold a number."""
        layer = self.layer
        if layer is None or label <= np.iinfo(layer.data.dtype).max:
            return
        wider = np.int32 if label <= np.iinfo(np.int32).max else np.int64
        self.replace_data(layer.data.astype(wider))

    # what others change

    def _stroke(self, event: Any) -> None:
        layer = self.layer
        if self.is_writing or layer is None:
            return
        patches = patches_of_stroke(event.value, layer.data.shape)
        if not patches:
            return
        for patch in patches:  # napari may tell before it writes
            if isinstance(layer.data, np.ndarray):
                patch.write(layer.data)
        labels = sorted(frozenset[int]().union(*(patch.gained for patch in patches)))
        what = f"Painted {', '.join(map(str, labels))}" if labels else "Erased voxels"
        self._napari_has_strokes = True
        self._push(Act(what, "painted", patches, by_napari=True))
        self._note(patches, layer.data)
        self._tell()

    def _data_replaced(self, event: Any = None) -> None:
        if self.is_writing:
            return
        self.done.clear()
        self.undone.clear()
        self._origin, self._group_start, self.places = object(), None, None
        self.version += 1
        self._log.append(None)
        self._tell()

    def _look(self, event: Any = None) -> None:
        """Notice strokes that napari itself took back or did again; it tells nobody."""
        layer = self.layer
        if self.is_writing or layer is None or not self._napari_has_strokes:
            return
        moved = False
        while (
            self.done
            and self.done[-1].by_napari
            and self.done[-1].is_written(layer.data, back=True)
        ):
            act = self.done.pop()
            self.undone.append(act)
            self._note(act.patches, layer.data, back=True)
            moved = True
        while (
            not moved
            and self.undone
            and self.undone[-1].by_napari
            and self.undone[-1].is_written(layer.data)
        ):
            act = self.undone.pop()
            self.done.append(act)
            self._note(act.patches, layer.data)
            self._announce(layer)
        if moved:
            self._announce(layer)

    def _announce(self, layer: Labels) -> None:
        """Tell of a change that napari made in silence; maps and overlays are drawn anew."""
        self.is_writing = True
        try:
            layer.events.paint(value=[])
        finally:
            self.is_writing = False
        self._tell()

    # bookkeeping

    @contextmanager
    def _write(self) -> Iterator[Any]:
        """Write into the layer's data; then whoever shows them is told."""
        layer = self.layer
        if layer is None:
            raise RuntimeError("the labels layer is gone")
        self.is_writing = True
        try:
            self._forget_napari()
            yield layer.data
            layer.refresh(extent=False)
            layer.events.paint(value=[])
        finally:
            self.is_writing = False

    def _push(self, act: Act) -> None:
        self.undone.clear()
        self.done.append(act)
        used = sum(act.nbytes for act in self.done)
        while used > _MOST_BYTES and len(self.done) > 1:
            oldest = self.done.pop(0)
            used -= oldest.nbytes
            self._origin = oldest.state
            self._highest = max(self._highest, *oldest.labels)
            self._corrections.forget(oldest.kind, oldest.what)
            if self._group_start:
                self._group_start -= 1

    def _note(self, patches: Iterable[Patch], data: Any, *, back: bool = False) -> None:
        """Note which labels changed, and where they are now."""
        patches = list(patches)
        self.version += 1
        self._log.append(frozenset[int]().union(*(patch.labels for patch in patches)))
        if self.places is not None:
            self.places.take(patches, data, back=back)

    def _tell(self) -> None:
        if self._group_start is not None:
            self._group_start = min(self._group_start, len(self.done))
        layer = self.layer
        if layer is not None:
            self._corrections.write(layer, [(act.kind, act.what) for act in self.done])
        self.changed.emit(self)

    def _forget_napari(self) -> None:
        """Clear napari's own list of strokes; undoing them after an act of ours would mix both.

        napari clears it when a layer is made read-only, and has no other way in public.
        """
        layer = self.layer
        if layer is None or not (self._napari_has_strokes and layer.editable):
            return
        mode, was = layer.mode, self.is_writing
        self.is_writing = True
        try:
            layer.editable = False
            layer.editable = True
            layer.mode = mode
        finally:
            self.is_writing = was
        self._napari_has_strokes = False
        for act in (*self.done, *self.undone):
            act.by_napari = False
