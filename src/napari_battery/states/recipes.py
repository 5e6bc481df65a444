"""How a subset is made, so that it can be made again of a study whose rules were changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.states.frames import Frames, position_column
from napari_battery.states.subsets import (
    Plane,
    Subset,
    n_tiles,
    plane_distance,
    tiles_of,
    where,
    within,
)

__all__ = ["SIGNIFICANCE", "Recipe", "all_parts", "point_values"]

SIGNIFICANCE = "-log10 q"
"""Name of the volcano plot's height, where a column's name could stand."""


@dataclass(frozen=True)
class Recipe:
    """How to make one subset."""

    kind: Literal["part", "distance", "condition", "outline", "region"]
    """Part of a column, part by distance from the collector, condition, outline on two
    columns, outline in the world."""
    name: str = ""
    """Given by the person; empty for one that tells what it is."""
    column: str = ""
    n: int = 4
    """Parts in all."""
    number: int = 1
    """Which part, from 1."""
    text: str = ""
    """Condition."""
    state: str = ""
    """State whose values are asked; empty is the reference."""
    x: str = ""
    y: str = ""
    """Columns of an outline, or axes of the world."""
    polygon: tuple[tuple[float, float], ...] = ()
    """Corners (x, y)."""

    def make(self, frames: Frames, plane: Plane | None = None) -> Subset:
        """Make the subset.

        Parameters
        ----------
        frames : Frames
            The study.
        plane : Plane, optional
            The current collector; only distances need it.

        Raises
        ------
        InputError
            If the study lacks what it needs.
        """
        subset = self._made(frames, plane)
        return replace(subset, name=self.name) if self.name else subset

    def as_json(self) -> dict[str, Any]:
        """Fit for provenance: what is not empty."""
        return {key: value for key, value in asdict(self).items() if value not in ("", ())}

    def _made(self, frames: Frames, plane: Plane | None) -> Subset:
        if self.kind == "part":
            parts = frames.kept_result(("parts", self.column, self.n), _column_parts)
            return parts[self.number - 1]
        if self.kind == "distance":
            if plane is None:
                raise InputError("The study holds no positions: no distance can be told.")
            parts = frames.kept_result(("parts by distance", plane, self.n), _distance_parts)
            return parts[self.number - 1]
        if self.kind == "condition":
            return where(frames, self.text, self.state or None)
        corners = np.array(self.polygon, np.float64).reshape(-1, 2)
        if self.kind == "outline":
            state = self.state or frames.reference
            values = [point_values(frames, name, state) for name in (self.x, self.y)]
            how = f"outline on {self.x} and {self.y} at {state}"
        else:
            values = [frames.first(position_column(frames, axis)) for axis in (self.x, self.y)]
            how = f"outline in the image along {self.x} and {self.y}"
        return Subset("outline", within(corners, *values), how)


def point_values(frames: Frames, name: str, state: str) -> NDArray[np.float64]:
    """A column of one state, (n,), or the height of the volcano plot (`SIGNIFICANCE`)."""
    place = frames.place(state)
    if name != SIGNIFICANCE:
        return np.asarray(frames.values(name)[:, place])
    q = frames.values("q_value")[:, place]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(-np.log10(np.maximum(q, 1e-300)))


def _column_parts(frames: Frames, key: Any) -> list[Subset]:
    return n_tiles(frames, key[1], key[2])


def _distance_parts(frames: Frames, key: Any) -> list[Subset]:
    _, plane, n = key
    unit = f" {frames.length_unit}"
    return tiles_of(frames, plane_distance(frames, plane), n, "distance", unit)


def all_parts(recipe: Recipe) -> list[Recipe]:
    """A recipe for each of the parts that `recipe` is one of.

    Raises
    ------
    InputError
        If there would be fewer than two.
    """
    if recipe.n < 2:
        raise InputError(f"{recipe.n} part is no division: choose at least 2.")
    return [replace(recipe, number=k + 1) for k in range(recipe.n)]
