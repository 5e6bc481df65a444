"""The Correct labels dock: pick particles, merge, split, delete and redraw them, with undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.lengths import spacing_voxels
from napari_battery.progress import Progress
from napari_battery.widgets import picking
from napari_battery.widgets.background import Latest
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.edit_acts import (
    delete_act,
    merge_act,
    picked_in_words,
    pieces,
    split_act,
)
from napari_battery.widgets.edit_following import Following
from napari_battery.widgets.edit_history import Act, EditHistory
from napari_battery.widgets.edit_keys import BoundKeys
from napari_battery.widgets.edit_memory import copy_to_memory, use_copy, why_not_changed
from napari_battery.widgets.edit_modes import RedrawMode, SplitMode
from napari_battery.widgets.edit_panel import KEYS, EditPanel
from napari_battery.widgets.edit_places import Places
from napari_battery.widgets.edit_target import is_of_particles, labels_meant, let_go
from napari_battery.widgets.highlight import warm_up
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.session import Session

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["EditDock"]


class EditDock(QWidget):
    """Correct labels by hand; tables of their particles follow."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        self._viewer = viewer = session.viewer
        picking.install(session)
        self._following = Following.of(session)
        self._keys = BoundKeys()
        self._latest = Latest(self, self._not_found)
        self._mode: SplitMode | RedrawMode | None = None
        self._taken: Labels | None = None
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)
        self._problem = ""

        self.labels = LayerChooser(
            viewer, Labels, "Labels to correct: click its particles to pick them", is_of_particles
        )
        self.about = Notice()
        self.panel = EditPanel()
        self.runner = StepRunner("Copy into memory", "Read the labels; their file stays as it is")
        self._lay_out()

        for name, button in self.panel.buttons.items():
            button.clicked.connect(getattr(self, name))
        self.labels.layer_changed.connect(lambda: self._take())
        self.runner.clicked.connect(self._copy)
        self.runner.busy_changed.connect(self._refresh)
        listen(self, self._refresh, session.selection_changed, session.current_changed)
        listen(self, self._refresh, session.table_changed, session.analyses_changed)
        self.destroyed.connect(let_go(session, self._keys, self._state()))
        self.labels.choose(labels_meant(session))
        self._refresh()

    def _state(self) -> dict[str, Any]:
        """What must be put right once the dock is gone; shared with `let_go`."""
        self._kept: dict[str, Any] = {"mode": None, "history": None, "listener": None}
        return self._kept

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Labels", self.labels)
        column.addLayout(top)
        column.addWidget(self.about)
        column.addWidget(self.panel)
        column.addWidget(self.runner)
        column.addWidget(self.panel.made)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # the layer

    @property
    def history(self) -> EditHistory | None:
        """What was changed in the layer; None while none is being corrected."""
        return None if self._taken is None else self._session.history(self._taken)

    @property
    def picked(self) -> tuple[int, ...]:
        """Picked particles of this layer that are there."""
        session, history = self._session, self.history
        if history is None or session.picked_layer is not self._taken:
            return ()
        places = history.places
        return tuple(n for n in session.selection if places is None or n in places)

    @property
    def ready(self) -> bool:
        """Whether the labels can be corrected now."""
        history = self.history
        return history is not None and history.places is not None and not self.runner.busy

    def _take(self) -> None:
        """Correct the layer chosen, while the dock is seen; let go of the one before."""
        layer = self.labels.layer if self._on_screen.now else None
        if layer is not self._taken:
            self.leave_mode()
            self._latest.forget()
            if self.history is not None:
                self.history.changed.disconnect(self._changed)
            self._taken = layer
            self.runner.say("")
            history = self.history
            self._kept.update(history=history, listener=self._changed)
            if history is not None:
                history.changed.connect(self._changed)
        self._session.edit(layer)
        if layer is None:
            self._keys.release()
        elif not why_not_changed(layer):
            self._find_places()
            self._bind_keys()
        self._refresh()

    def _find_places(self) -> None:
        history, layer = self.history, self._taken
        if history is None or layer is None or history.places is not None:
            return
        self._problem = ""
        try:
            volume, version = volume_from_layer(layer), history.version
        except InputError as problem:
            self._not_found(problem)
            return

        def found(places: Places) -> None:
            if history.version == version and layer is self._taken:
                history.know_places(places)
                self._refresh()
            else:
                self._find_places()

        def find(progress: Progress) -> Places:
            places = Places(volume, progress)
            warm_up(volume.dtype)  # in this thread, so that the first pick does not wait
            return places

        self._latest.ask(find, found)

    def _not_found(self, error: BaseException) -> None:
        if not isinstance(error, InputError):
            raise error  # napari shows unexpected errors with their traceback
        self._problem = str(error)
        self._refresh()

    def _copy(self) -> None:
        """Put the labels into memory, where they can be changed."""
        layer = self._taken
        if layer is None:
            return
        data, name = layer.data[0] if layer.multiscale else layer.data, layer.name

        def done(copy: Any) -> None:
            self.runner.say("")
            if layer in self._viewer.layers:
                self.labels.choose(use_copy(self._session, layer, copy))
                self._take()

        self.runner.start(lambda progress: copy_to_memory(data, name, progress), done, "Copying")

    # acts

    def merge(self) -> None:
        """Make one particle of the picked ones."""
        history = self._ready_history()
        if history is None:
            return

        def act(data: Any, places: Places) -> Act:
            return merge_act(data, places, self.picked)

        done = self._do(act)
        if done is not None and history.places is not None and self._taken is not None:
            n = pieces(self._taken.data, history.places, done.picked_after[0])
            if n > 1:
                self.runner.say(f"{done.what}. They do not touch: it is in {n} separate pieces.")

    def delete(self) -> None:
        """Turn the picked particles into background."""
        self._do(lambda data, places: delete_act(data, places, self.picked))

    def halve(self) -> None:
        """Cut the picked particle at the neck between its two deepest centres."""
        label = self._one_picked("to split")
        if label is not None:
            self._split(label, None)

    def split(self) -> None:
        """Begin to place points in the picked particle, or stop that."""
        if isinstance(self._mode, SplitMode) or self._taken is None:
            self.leave_mode()
            return
        self._enter(SplitMode, "to split at points")

    def redraw(self) -> None:
        """Begin to paint the picked particle or a new one, or finish that."""
        if isinstance(self._mode, RedrawMode) or self._taken is None:
            self.leave_mode()
            return
        if not self.picked:
            self._enter(RedrawMode, "")
        else:
            self._enter(RedrawMode, "to redraw, or none for a new one")

    def undo(self) -> None:
        """Take back the latest change, whether made here or with napari's own tools."""
        if isinstance(self._mode, SplitMode):
            self._mode.remove_last()
            return
        history = self.history
        act = history.undo() if history is not None and not self.runner.busy else None
        if act is not None:
            self._after(act, f"Taken back: {act.what[0].lower()}{act.what[1:]}.", act.picked_before)

    def redo(self) -> None:
        """Do again what was taken back last."""
        history = None if isinstance(self._mode, SplitMode) else self.history
        act = history.redo() if history is not None and not self.runner.busy else None
        if act is not None:
            self._after(act, f"{act.what}.", act.picked_after)

    def _do(self, make: Callable[[Any, Places], Act]) -> Act | None:
        history, layer = self._ready_history(), self._taken
        if history is None or history.places is None or layer is None:
            return None
        try:
            act = make(layer.data, history.places)
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return None
        self._commit(history, act)
        return act

    def _commit(self, history: EditHistory, act: Act) -> None:
        history.do(act)
        self._after(act, f"{act.what}.", act.picked_after)

    def _after(self, act: Act, said: str, picked: tuple[int, ...]) -> None:
        if act.kind != "painted":  # a stroke moves no pick
            self._session.select(picked, self)
        self.runner.say(said)
        self._refresh()

    def _split(self, label: int, points: list[tuple[int, ...]] | None) -> None:
        history, layer = self._ready_history(), self._taken
        if history is None or history.places is None or layer is None:
            return
        new = history.highest + 1
        history.make_room(new + len(points or ()) + 1)
        data, places, version = layer.data, history.places, history.version
        spacing = spacing_voxels(volume_from_layer(layer))

        def step(progress: Progress) -> Act:
            return split_act(data, places, label, points, spacing, new, progress)

        def done(act: Act) -> None:
            if history.version != version or layer is not self._taken:
                raise InputError("The labels were changed meanwhile. Split again.")
            self.leave_mode()
            self._commit(history, act)

        self.runner.start(step, done, f"Splitting {label}")

    def _ready_history(self) -> EditHistory | None:
        return self.history if self.ready else None

    def _one_picked(self, what: str) -> int | None:
        if len(self.picked) == 1:
            return self.picked[0]
        self.runner.say(f"Pick one particle {what}.", error=True)
        return None

    # modes

    def _enter(self, mode: type[SplitMode] | type[RedrawMode], what: str) -> None:
        label = self._one_picked(what) if self.picked or mode is SplitMode else 0
        history, layer = self._ready_history(), self._taken
        self.leave_mode()
        if label is not None and history is not None and layer is not None:
            self.runner.say("")
            self._mode = mode(self._session, history, layer, label)
            self._kept["mode"] = self._mode
            self._mode.panel.finished.connect(self._finish_mode)
            self._mode.panel.cancelled.connect(self.leave_mode)
            self.panel.mode_box.addWidget(self._mode.panel)
            self._bind_keys()
        self._refresh()

    def _finish_mode(self) -> None:
        """Split at the points placed; or be done with painting."""
        mode = self._mode
        if isinstance(mode, SplitMode):
            self._split(mode.label, list(mode.points))
        else:
            self.leave_mode()

    def leave_mode(self) -> None:
        """Leave placing points, or painting; what was painted is one step then."""
        mode, self._mode, self._kept["mode"] = self._mode, None, None
        if mode is None:
            self._refresh()
            return
        act = mode.leave()
        mode.panel.hide()
        mode.panel.deleteLater()
        self._bind_keys()
        if act is not None:
            self._after(act, f"{act.what}.", act.picked_after)
        self._refresh()

    def _bind_keys(self) -> None:
        if self._taken is None:
            self._keys.release()
            return
        keys: dict[str, Callable[[], None]] = {
            "Control-Z": self.undo,
            "Control-Shift-Z": self.redo,
        }
        if isinstance(self._mode, RedrawMode):
            keys["R"] = self.redraw
        elif isinstance(self._mode, SplitMode):
            keys |= {"Enter": self._finish_mode, "Escape": self.leave_mode, "S": self.leave_mode}
            keys |= {key: self._remove_point for key in ("Backspace", "Delete")}
        else:
            keys |= {key: getattr(self, name) for name, key in KEYS.items()}
            keys["Backspace"] = self.delete
        self._keys.bind(keys, self._taken, self._viewer)

    def _remove_point(self) -> None:
        if isinstance(self._mode, SplitMode):
            self._mode.remove_last()

    # showing

    def _changed(self, history: EditHistory) -> None:
        if self._taken is not None and not why_not_changed(self._taken):
            self._find_places()
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        layer, history, picked = self._taken, self.history, self.picked
        why = "" if layer is None else why_not_changed(layer)
        self.runner.run_button.setVisible(bool(why) and not self.runner.busy)
        self.runner.cancel_button.setVisible(self.runner.busy)
        mode = "split" if isinstance(self._mode, SplitMode) else "redraw" if self._mode else ""
        self.panel.enable(len(picked), mode, free=self.ready)
        if history is None or layer is None:
            self.about.say("Open or make a Labels layer first." if self._on_screen.now else "")
        elif why:
            size = np.prod(layer.data.shape) * np.dtype(layer.data.dtype).itemsize / 2**30
            copy = f"a copy in memory ({size:.2g} GiB)" if size >= 0.01 else "a copy in memory"
            self.about.say(f"{why} Correcting it needs {copy}.", "warning")
        elif history.places is None:
            self.about.say(self._problem or "Looking…", "error" if self._problem else "plain")
        else:
            self.about.say(picked_in_words(layer.data, history.places, picked))
        done = [] if history is None else [act.what for act in history.done]
        undone = [] if history is None else [act.what for act in history.undone]
        self.panel.show_acts(done, undone, busy=self.runner.busy or mode == "split")

    def _came_or_went(self, seen: bool) -> None:
        """Take the layer while the dock is seen; give keys and clicks back while it is not."""
        if seen and self._session.current is not None:
            self.labels.choose(self._session.current.labels)
        self._take()
