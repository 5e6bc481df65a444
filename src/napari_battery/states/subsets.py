"""Subsets of a study's particles: by size, by place, by a condition, by a hand-drawn outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError
from napari_battery.expressions import matching
from napari_battery.states.frames import Frames
from napari_battery.tables import COLUMNS

__all__ = [
    "Plane",
    "Subset",
    "all_particles",
    "face_plane",
    "fitted_plane",
    "inside",
    "n_tiles",
    "plane_distance",
    "tiles_of",
    "unique_names",
    "where",
    "within",
]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

_TILES = {2: "H", 3: "T", 4: "Q", 5: "Q", 10: "D"}


@dataclass(frozen=True, eq=False)
class Subset:
    """Some particles of a study, under a name.

    Matched particles are in it in every state. Of populations that are not matched, a label
    stands for another particle in each state; `members` then differs from state to state.
    """

    name: str
    members: Mask
    """Which particles, (n,) or (n, states), in the order of `Frames.labels`."""
    how: str = ""
    """How it came about, for provenance and tooltips."""

    def mask(self, frames: Frames) -> Mask:
        """Which particles count in which state, (n, states): members that are kept."""
        if len(self.members) != len(frames.labels):
            raise InputError(
                f"The subset “{self.name}” is of {len(self.members)} particles, the study has "
                f"{len(frames.labels)}: make the subset anew."
            )
        members = self.members if self.members.ndim == 2 else self.members[:, np.newaxis]
        return frames.kept & members

    def labels(self, frames: Frames) -> NDArray[np.int64]:
        """Labels of the particles that are in it in any state, ascending."""
        found: NDArray[np.int64] = frames.labels[self.mask(frames).any(axis=1)]
        return found


@dataclass(frozen=True)
class Plane:
    """A plane in the world, such as the current collector."""

    point: tuple[float, ...]
    """A point of it, z y x, in µm (voxels while their size is unknown)."""
    normal: tuple[float, ...]
    """Unit vector across it; distances along it count positive."""
    name: str = "plane"


def unique_names(subsets: Sequence[Subset]) -> list[str]:
    """A name for each subset; no two alike."""
    names: list[str] = []
    for subset in subsets:
        name = subset.name
        while name in names:
            name += "′"
        names.append(name)
    return names


def all_particles(frames: Frames) -> Subset:
    """Every particle that is kept."""
    return Subset("all particles", np.ones(len(frames.labels), np.bool_), "all kept particles")


def n_tiles(frames: Frames, column: str, n: int = 4) -> list[Subset]:
    """Quartiles, deciles … of a column: equally many kept particles in each.

    Matched particles are ranked by their value in the reference, and stay together through
    all states. Populations that are not matched are ranked in each state.

    Parameters
    ----------
    frames : Frames
        The study.
    column : str
        Any column of numbers of the particle table.
    n : int
        How many parts, ≥ 2.

    Returns
    -------
    list of Subset
        In ascending order: Q1, Q2, … Equal values stay together, so parts may differ in size;
        particles without a value are in none.

    Raises
    ------
    InputError
        If the column is missing, or holds fewer different values than parts.
    """
    title = COLUMNS[column].title if column in COLUMNS else column
    unit = f" {COLUMNS[column].unit}" if column in COLUMNS and COLUMNS[column].unit else ""
    if frames.is_matched or len(frames.states) == 1:
        return tiles_of(frames, frames.first(column), n, title, unit)
    values = frames.values(column)
    places = np.stack(
        [
            _tile_numbers(np.where(frames.kept[:, s], values[:, s], np.nan), n, title)
            for s in range(len(frames.states))
        ],
        axis=1,
    )
    letter = _TILES.get(n, "P")
    return [
        Subset(
            f"{letter}{k + 1} {title}",
            places == k,
            f"part {k + 1} of {n} of {column} in each state",
        )
        for k in range(n)
    ]


def tiles_of(frames: Frames, values: Floats, n: int, title: str, unit: str = "") -> list[Subset]:
    """N-tiles of any value per particle (n,), such as the distance from a plane; see `n_tiles`."""
    values = np.where(frames.kept.any(axis=1), values, np.nan)
    numbers = _tile_numbers(values, n, title)
    letter = _TILES.get(n, "P")
    found = []
    for k in range(n):
        here = values[numbers == k]
        span = f"{here.min():.4g} to {here.max():.4g}{unit}" if here.size else "none"
        name = f"{letter}{k + 1} {title}"
        found.append(Subset(name, numbers == k, f"part {k + 1} of {n} of {title}: {span}"))
    return found


def _tile_numbers(values: Floats, n: int, title: str) -> NDArray[np.intp]:
    """Which part each value falls into, from 0; −1 where there is none.

    By the position of a value among all, as ``pandas.qcut`` has it: edges are linearly
    interpolated quantiles, and belong to the part below.
    """
    if n < 2:
        raise InputError(f"{n} part is no division: choose at least 2.")
    finite = np.isfinite(values)
    different = np.unique(values[finite]).size
    if different < n:
        raise InputError(
            f"“{title}” has {different} different values; {n} parts cannot be made of them."
        )
    edges = np.quantile(values[finite], np.arange(1, n) / n)
    numbers = np.full(len(values), -1, np.intp)
    numbers[finite] = np.searchsorted(edges, values[finite], side="left")
    return numbers


def where(frames: Frames, text: str, state: str | None = None, name: str = "") -> Subset:
    """Particles that fulfil a condition, such as ``volume_um3 > 50 and sphericity > 0.9``.

    Parameters
    ----------
    frames : Frames
        The study.
    text : str
        Condition over the columns; see `napari_battery.expressions`.
    state : str, optional
        State whose rows are asked; None is the reference. Of populations that are not matched
        every state is asked for its own particles.
    name : str
        Of the subset; the condition itself otherwise.

    Raises
    ------
    InputError
        If the condition cannot be understood, or there is no such state.
    """
    name = name or " ".join(text.split())
    if state is None and not frames.is_matched and len(frames.states) > 1:
        columns = [_in_table(frames, frames.table(s), text) for s in frames.states]
        return Subset(name, np.stack(columns, axis=1), f"{text} (in each state)")
    members = _in_table(frames, frames.table(state), text)
    return Subset(name, members, f"{text} (in {state or frames.reference})")


def _in_table(frames: Frames, table: pd.DataFrame, text: str) -> Mask:
    found = matching(text, table)
    return np.isin(frames.labels, table["label"].to_numpy()[found])


def face_plane(frames: Frames, axis: str, side: str, at: float | None = None) -> Plane:
    """The plane across an axis at one side of the electrode.

    Parameters
    ----------
    frames : Frames
        The study.
    axis : str
        "z", "y" or "x".
    side : str
        "low" or "high" end of the axis.
    at : float, optional
        Where it lies, in µm (voxels while their size is unknown); None puts it through the
        outermost kept particle's centroid.
    """
    names = _position_names(frames)
    if axis not in names:
        raise InputError(f"There is no axis {axis}; the positions are along {', '.join(names)}.")
    along = frames.first(names[axis])[frames.kept.any(axis=1)]
    along = along[np.isfinite(along)]
    if not along.size:
        raise InputError(f"No particle has a position along {axis}.")
    end = float(along.min() if side == "low" else along.max()) if at is None else at
    sign = 1.0 if side == "low" else -1.0
    return Plane(
        tuple(end if a == axis else 0.0 for a in names),
        tuple(sign if a == axis else 0.0 for a in names),
        f"the {side} {axis} face",
    )


def fitted_plane(points: ArrayLike, inside: ArrayLike | None = None) -> Plane:
    """The plane nearest to points in the least-squares sense, such as clicks on a collector.

    Parameters
    ----------
    points : (k, 3) array
        z, y, x in the world; at least three, not on one line.
    inside : (3,) array, optional
        A point on the side that counts positive (the middle of the electrode).

    Raises
    ------
    InputError
        If there are too few points, or they lie on a line.
    """
    found = np.asarray(points, np.float64)
    if found.ndim != 2 or found.shape[1] not in (2, 3) or len(found) < found.shape[1]:
        needed = found.shape[1] if found.ndim == 2 and found.shape[1] in (2, 3) else 3
        raise InputError(
            f"{len(found)} points are given; a plane needs {needed}: mark more points on it."
        )
    if not np.isfinite(found).all():
        raise InputError("A point of the plane has no position (NaN): mark it again.")
    middle = found.mean(axis=0)
    _, sizes, axes = np.linalg.svd(found - middle)
    if sizes[-2] <= 1e-9 * max(sizes[0], 1e-300):
        raise InputError("The points lie on one line: mark another point, away from it.")
    normal = axes[-1]
    if inside is not None and np.dot(np.asarray(inside, np.float64) - middle, normal) < 0:
        normal = -normal
    return Plane(tuple(middle.tolist()), tuple(normal.tolist()), "the fitted plane")


def plane_distance(frames: Frames, plane: Plane) -> Floats:
    """Signed distance of each particle's centroid (in the reference) from a plane, (n,).

    In µm; in voxels while their size is unknown.
    """
    positions = _positions(frames)
    if positions.shape[1] != len(plane.normal):
        raise InputError(
            f"The plane has {len(plane.normal)} axes, the particles' positions "
            f"{positions.shape[1]}: mark the plane on this study's images."
        )
    return np.asarray((positions - np.asarray(plane.point)) @ np.asarray(plane.normal))


def within(polygon: ArrayLike, x: ArrayLike, y: ArrayLike) -> Mask:
    """Which points lie inside a closed polygon of any shape (even–odd rule).

    Parameters
    ----------
    polygon : (k, 2) array
        Corners (x, y), k ≥ 3; the last is joined to the first.
    x, y : (n,) array
        The points; NaN is never inside.

    Returns
    -------
    (n,) array of bool
    """
    corners = np.asarray(polygon, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise InputError(
            f"An outline needs at least 3 corners; this one has {len(np.atleast_1d(corners))}."
        )
    px, py = np.asarray(x, np.float64), np.asarray(y, np.float64)
    result = np.zeros(px.shape, np.bool_)
    near = np.flatnonzero(
        (px >= corners[:, 0].min()) & (px <= corners[:, 0].max())
        & (py >= corners[:, 1].min()) & (py <= corners[:, 1].max())
    )  # fmt: skip
    qx, qy = px[near], py[near]
    odd = np.zeros(near.size, np.bool_)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if ay == by:
            continue
        crosses = (ay > qy) != (by > qy)
        odd ^= crosses & (qx < (bx - ax) * (qy - ay) / (by - ay) + ax)
    result[near] = odd
    return result


def inside(
    frames: Frames, polygon: ArrayLike, x: str | Floats, y: str | Floats, name: str, how: str = ""
) -> Subset:
    """Particles inside an outline drawn over two columns (of the reference), or two values.

    Parameters
    ----------
    frames : Frames
        The study.
    polygon : (k, 2) array
        Corners (x, y) in the units of the columns.
    x, y : str or (n,) array
        Columns, such as ``centroid_x_um``, or a value per particle.
    name, how : str
        As in `Subset`.
    """
    values = [frames.first(v) if isinstance(v, str) else v for v in (x, y)]
    columns = [v if isinstance(v, str) else "a value" for v in (x, y)]
    return Subset(name, within(polygon, *values), how or f"outline on {columns[0]}, {columns[1]}")


def _position_names(frames: Frames) -> dict[str, str]:
    for unit in ("um", "voxels"):
        names = {a: f"centroid_{a}_{unit}" for a in "zyx"}
        found = {a: name for a, name in names.items() if name in frames.particles}
        if found:
            return found
    raise InputError("The table of particles by state has no centroids: no distance can be told.")


def _positions(frames: Frames) -> Floats:
    return np.stack([frames.first(name) for name in _position_names(frames).values()], axis=1)
