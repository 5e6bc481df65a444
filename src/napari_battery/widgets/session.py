"""What one napari window knows: its analyses, which one is looked at, which labels are picked.

Docks never talk to each other. Each reads the `Session` of its viewer, changes it, and
listens to its signals; so any dock may be closed at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary, ref

import pandas as pd
from napari.layers import Labels, Layer
from napari.viewer import ViewerModel
from psygnal import Signal

from napari_battery.radial import RadialResult, core_table
from napari_battery.widgets.edit_history import EditHistory
from napari_battery.widgets.gl_guard import guard

if TYPE_CHECKING:
    from napari_battery.widgets.superres_shelf import Shelved

__all__ = ["EDITED", "Analysis", "Session"]

EDITED = "labels were edited"
"""Why tables are stale whose labels were changed since."""

_SPARSE = 5
"""Missing labels per label up to which the features hold a row for each."""

_CORE = ("core_mean", "core_std", "core_voxels")


@dataclass(eq=False)
class Analysis:
    """A radial analysis in this window, and the layers it came from.

    A layer that was deleted is None; the tables stay.
    """

    name: str
    result: RadialResult
    labels: Labels | None = None
    image: Layer | None = None
    state: str = ""
    """State of charge ("pristine", "4.4 V"), where it is known."""
    stale: str = ""
    """Why the tables no longer fit their layers; empty while they do."""
    exclude_layers: int = -1
    """Outer layers left out of the core now; starts as the settings had it."""
    particles: pd.DataFrame = field(init=False)
    """Particle table with the core columns of `exclude_layers`."""
    measured_version: int = field(init=False, default=-1)
    """`EditHistory.version` of the labels that the tables are of; -1 where none is known."""
    measured_state: object = field(init=False, default_factory=object)
    """`EditHistory.state` of those labels."""
    _added: pd.DataFrame | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.particles = self.result.particles
        if self.exclude_layers < 0:
            self.exclude_layers = self.result.settings.exclude_layers

    def recompute_core(self, exclude_layers: int) -> None:
        """Set the core columns for another number of outer layers, from the layer sums."""
        core = core_table(self.result.particles, self.result.layers, exclude_layers)
        self.exclude_layers = exclude_layers
        self.particles = self._with_added(
            self.result.particles.assign(**{name: core[name].to_numpy() for name in _CORE})
        )

    def add_columns(self, table: pd.DataFrame | None) -> None:
        """Let the particle table show columns of another table as well, by ``label``.

        They take the place of those added before, and last until the labels are measured anew.
        """
        if self._added is not None:
            self.particles = self.particles.drop(columns=list(self._added.columns))
        self._added = None if table is None else table.set_index("label")
        self.particles = self._with_added(self.particles)

    def _with_added(self, particles: pd.DataFrame) -> pd.DataFrame:
        return particles if self._added is None else particles.join(self._added, on="label")


class Session:
    """State shared by the docks of one viewer; get it with `Session.of`."""

    analyses_changed = Signal()
    """An analysis came, went, was renamed, lost a layer, or went stale."""
    current_changed = Signal()
    """Another analysis is looked at (or none)."""
    table_changed = Signal(object)
    """The particle table of this `Analysis` has other values (core columns)."""
    selection_changed = Signal(object)
    """Other labels are picked; carries who picked them (to break echo loops)."""
    focus_requested = Signal(int)
    """The view should go to this label."""
    editing_changed = Signal()
    """Another labels layer is being corrected (or none)."""
    models_changed = Signal()
    """A super-resolution model was written, or opened from a file."""

    _of_viewer: ClassVar[WeakKeyDictionary[Any, Session]] = WeakKeyDictionary()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = ref(viewer)  # the viewer owns its session, not the other way round
        self.analyses: list[Analysis] = []
        self.current: Analysis | None = None
        self.selection: tuple[int, ...] = ()
        self.editing: Labels | None = None
        """The labels layer being corrected; its particles can be picked without an analysis."""
        self.click_taker: Callable[[Any], None] | None = None
        """Gets the mouse events of clicks in the canvas while they do not pick particles."""
        self.keep_up: Callable[[Analysis], bool] = lambda _: False
        """Whether somebody brings this analysis, whose labels changed, up to date."""
        self.opened_models: list[Shelved] = []
        """Super-resolution models that were opened from files; see `superres_shelf`."""
        self._histories: WeakKeyDictionary[Labels, EditHistory] = WeakKeyDictionary()
        viewer.layers.events.removed.connect(self._layer_removed)
        if getattr(viewer, "window", None) is not None:
            guard(viewer)

    @property
    def viewer(self) -> Any:
        """The viewer, or None once it is gone."""
        return self._viewer()

    @classmethod
    def of(cls, viewer: ViewerModel) -> Session:
        """The session of a viewer; made at the first call."""
        viewer = getattr(viewer, "__wrapped__", viewer)  # a dock may hold a proxy
        if viewer not in cls._of_viewer:
            cls._of_viewer[viewer] = cls(viewer)
        return cls._of_viewer[viewer]

    def add(self, analysis: Analysis) -> None:
        """Add an analysis and look at it; one of the same layers and state is replaced."""
        same = [
            a
            for a in self.analyses
            if a.labels is analysis.labels
            and a.image is analysis.image
            and a.labels is not None
            and a.state == analysis.state
        ]
        for old in same:
            self.analyses.remove(old)
        self.analyses.append(analysis)
        if analysis.labels is not None:
            history = self.history(analysis.labels)
            if not analysis.stale:
                _measured_now(analysis, history)
        self.analyses_changed.emit()
        self.look_at(analysis)

    def remove(self, analysis: Analysis) -> None:
        """Forget an analysis; its layers stay. The one added last is looked at instead."""
        if analysis not in self.analyses:
            return
        self.analyses.remove(analysis)
        self.analyses_changed.emit()
        if analysis is self.current:
            self.look_at(self.analyses[-1] if self.analyses else None)

    @property
    def picked_layer(self) -> Labels | None:
        """The layer whose particles are picked: that of the analysis looked at, or being edited."""
        return self.editing if self.current is None else self.current.labels

    def history(self, layer: Labels) -> EditHistory:
        """What was changed by hand in a labels layer; kept from the first call on."""
        if layer not in self._histories:
            self._histories[layer] = EditHistory(layer)
            self._histories[layer].changed.connect(self._labels_edited)
        return self._histories[layer]

    def edit(self, layer: Labels | None) -> None:
        """Correct another labels layer, or none; its analysis is looked at, where it has one."""
        if layer is self.editing:
            return
        self.editing = layer
        if layer is not None:
            self.history(layer)
            self.look_at_layer(layer)
        elif self.current is None and self.analyses:
            self.look_at(self.analyses[-1])
        self.editing_changed.emit()

    def look_at_layer(self, layer: Labels) -> None:
        """Look at the analysis of a labels layer; at none where it has none."""
        if self.current is not None and self.current.labels is layer:
            return
        own = [analysis for analysis in self.analyses if analysis.labels is layer]
        self.look_at(own[-1] if own else None)

    def look_at(self, analysis: Analysis | None) -> None:
        """Make an analysis the current one."""
        if analysis is self.current:
            return
        before, self.current = self.picked_layer, analysis
        if analysis is None:
            self.selection = self.selection if self.picked_layer is before else ()
        elif self.selection:
            known = set(analysis.particles["label"])
            self.selection = tuple(label for label in self.selection if label in known)
        if analysis is not None:
            self.refresh_features(analysis)
        self.current_changed.emit()

    def select(self, labels: Iterable[int], source: object = None, *, focus: bool = False) -> None:
        """Pick labels; with `focus` the view goes to the first of them."""
        labels = tuple(dict.fromkeys(int(label) for label in labels))
        if labels != self.selection:
            self.selection = labels
            self.selection_changed.emit(source)
        if focus and labels:
            self.focus_requested.emit(labels[0])

    def set_exclude_layers(self, analysis: Analysis, exclude_layers: int) -> None:
        """Recompute the core columns of an analysis without touching voxels."""
        if exclude_layers == analysis.exclude_layers:
            return
        analysis.recompute_core(exclude_layers)
        self.refresh_features(analysis)
        self.table_changed.emit(analysis)

    def refresh_features(self, analysis: Analysis) -> None:
        """Mirror the particle table in ``labels.features``, keyed by ``index``.

        Of several analyses of the same labels it is the one looked at.
        napari's own table takes a row's place for its label, so there is a row (of NaN) for
        the background and, unless the labels are very sparse, for each label that is missing.
        """
        layer = analysis.labels
        if layer is None:
            return
        table = analysis.particles.set_index("label")
        last = int(table.index.max()) if len(table) else 0
        dense = last <= _SPARSE * len(table) + 1000
        rows = range(last + 1) if dense else [0, *table.index]
        layer.features = table.reindex(rows).rename_axis("index").reset_index()

    def mark_stale(self, layer: Layer, why: str) -> None:
        """Mark every analysis of `layer` as no longer fitting it."""
        self._say_stale([a for a in self.analyses if layer in (a.labels, a.image)], why)

    def mark_out_of_date(self, analysis: Analysis, why: str) -> None:
        """Mark one analysis as no longer fitting its layers."""
        self._say_stale([analysis], why)

    def update_result(
        self, analysis: Analysis, result: RadialResult, version: int, state: object
    ) -> None:
        """Give an analysis the tables of its labels as they are in a version of their history."""
        analysis.add_columns(None)  # they were of the labels as they had been
        analysis.result, analysis.particles = result, result.particles
        if analysis.exclude_layers != result.settings.exclude_layers:
            analysis.recompute_core(analysis.exclude_layers)
        analysis.measured_version, analysis.measured_state = version, state
        was_stale, analysis.stale = analysis.stale, ""
        if analysis is self.current or analysis.labels is not self.picked_layer:
            self.refresh_features(analysis)
        self.table_changed.emit(analysis)
        if was_stale:
            self.analyses_changed.emit()

    def _say_stale(self, analyses: Iterable[Analysis], why: str) -> None:
        touched = [a for a in analyses if a.stale != why]
        for analysis in touched:
            analysis.stale = why
        if touched:
            self.analyses_changed.emit()

    def _labels_edited(self, history: EditHistory) -> None:
        """Labels changed: their tables are stale, are being brought up to date, or fit again."""
        layer = history.layer
        for analysis in [a for a in self.analyses if layer is not None and a.labels is layer]:
            if analysis.measured_version < 0:
                continue  # they never fitted
            if analysis.measured_state is history.state:
                analysis.measured_version = history.version
                self._say_stale([analysis], "")
            elif analysis.measured_version < history.version and not self.keep_up(analysis):
                self._say_stale([analysis], EDITED)

    def _layer_removed(self, event: Any) -> None:
        layer = event.value
        touched = False
        for analysis in self.analyses:
            if analysis.labels is layer:
                analysis.labels, touched = None, True
            if analysis.image is layer:
                analysis.image, touched = None, True
        if touched:
            self.analyses_changed.emit()
        if layer is self.editing:
            self.edit(None)


def _measured_now(analysis: Analysis, history: EditHistory) -> None:
    analysis.measured_version, analysis.measured_state = history.version, history.state
