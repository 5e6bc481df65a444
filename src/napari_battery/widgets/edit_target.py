"""Which labels the Correct labels dock takes, and how it lets go of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_battery.widgets.edit_keys import BoundKeys
from napari_battery.widgets.layers import KEY
from napari_battery.widgets.session import Session

__all__ = ["is_of_particles", "labels_meant", "let_go"]


def let_go(session: Session, keys: BoundKeys, kept: dict[str, Any]) -> Callable[[], None]:
    """Return what gives back all that a dock took, once its widget is gone."""

    def stop() -> None:
        keys.release()
        if kept["mode"] is not None:
            kept["mode"].leave()
        if kept["history"] is not None:
            kept["history"].changed.disconnect(kept["listener"])
        if session.viewer is not None:
            session.edit(None)

    return stop


def is_of_particles(layer: Any) -> bool:
    """Whether a labels layer may hold particles: phases hold none."""
    return layer.ndim in (2, 3) and layer.metadata.get(KEY, {}).get("kind") != "phases"


def labels_meant(session: Session) -> Any:
    """The labels that the person most likely means: those looked at, else the active layer."""
    if session.current is not None and session.current.labels is not None:
        return session.current.labels
    return session.viewer.layers.selection.active
