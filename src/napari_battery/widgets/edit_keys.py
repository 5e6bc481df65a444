"""Keys that do something for a while: bound to a layer and its viewer, then given back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["BoundKeys"]


class BoundKeys:
    """Bind keys to napari objects; whatever they did before comes back with `release`.

    napari asks the active layer first and the viewer last, so both must know them: the
    picture may be clicked on while another layer is the active one.
    """

    def __init__(self) -> None:
        self._bound: list[tuple[Any, str, Any]] = []

    def bind(self, keys: Mapping[str, Callable[[], None]], *to: Any) -> None:
        """Bind keys to all of `to`, instead of those bound before."""
        self.release()
        for target in to:
            for key, act in keys.items():
                before = target.bind_key(key, _ignoring_its_argument(act), overwrite=True)
                self._bound.append((target, key, before))

    def release(self) -> None:
        """Give the keys back."""
        for target, key, before in reversed(self._bound):
            target.bind_key(key, before, overwrite=True)
        self._bound.clear()


def _ignoring_its_argument(act: Callable[[], None]) -> Callable[[Any], None]:
    def pressed(_: Any) -> None:
        act()

    return pressed
