"""Picking particles in the canvas; showing and going to those that are picked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from napari_battery.widgets.going import go_to
from napari_battery.widgets.highlight import Highlight
from napari_battery.widgets.label_layers import label_at, layers_to_click, shows_labels_of
from napari_battery.widgets.session import Analysis, Session

__all__ = ["install", "pick_at"]

_STILL_PX = 4
_LOOKING = ("pan_zoom", "pick")

_installed: WeakKeyDictionary[Session, Highlight] = WeakKeyDictionary()


def install(session: Session) -> Highlight:
    """Let clicks in the canvas pick particles, and picked particles stand out.

    Docks call this; the second call does nothing.

    Returns
    -------
    Highlight
        What draws the picked particles.
    """
    if session in _installed:
        return _installed[session]
    weakly = ref(session)  # the viewer must not keep its session from going

    def click(viewer: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or not _is_looking(viewer):
            return
        start, moved = np.array(event.pos), 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.array(event.pos) - start).max()))
            yield
        session = weakly()
        if session is None or moved > _STILL_PX:
            return
        if session.click_taker is not None:
            session.click_taker(event)
        else:
            add = any(key in event.modifiers for key in ("Control", "Shift"))
            pick_at(session, event.position, event.view_direction, event.dims_displayed, add=add)

    def go(label: int) -> None:
        session = weakly()
        if session is not None:
            go_to(session, label)

    session.viewer.mouse_drag_callbacks.append(click)
    session.focus_requested.connect(go)
    _installed[session] = Highlight(session)
    return _installed[session]


def pick_at(
    session: Session,
    position: Any,
    view_direction: Any,
    dims_displayed: Any,
    *,
    add: bool = False,
) -> None:
    """Pick the particle under the mouse; nothing under it picks nothing.

    Parameters
    ----------
    session : Session
        Whose analyses.
    position, view_direction, dims_displayed
        As an event of napari has them.
    add : bool
        Whether it is added to what is picked (or taken away, where it was picked).
    """
    on_background = False
    for layer, analysis in layers_to_click(session, in_3d=len(dims_displayed) == 3):
        label = label_at(layer, position, view_direction, dims_displayed)
        if label is None:
            continue
        if label == 0 or not _may_be_picked(session, layer, analysis, label):
            on_background = True
            continue
        if analysis is not session.current:
            session.look_at(analysis)
        picked = session.selection
        if not add:
            session.select((label,), install)
        elif label in picked:
            session.select((n for n in picked if n != label), install)
        else:
            session.select((*picked, label), install)
        return
    if on_background and not add:
        session.select((), install)


def _may_be_picked(session: Session, layer: Any, analysis: Analysis | None, label: int) -> bool:
    """Whether a label is a particle; in labels being corrected, each is."""
    if shows_labels_of(layer, session.editing):
        return True
    return analysis is not None and bool((analysis.particles["label"] == label).any())


def _is_looking(viewer: Any) -> bool:
    """Whether a click means looking, not drawing."""
    active = viewer.layers.selection.active
    return active is None or str(getattr(active, "mode", "pan_zoom")) in _LOOKING
