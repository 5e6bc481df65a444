"""The tables of a study as figures and subsets need them: one row per particle, fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["Frames", "position_column", "size_column"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
T = TypeVar("T")


class Frames:
    """Tables of one study; columns are turned into particle × state arrays once, when asked for.

    Parameters
    ----------
    particles : DataFrame
        Table particles_by_state, one row per label and state. Without a column ``kept`` every
        particle is kept.
    states : sequence of str, optional
        Names in their order; None is the order of the table. The first is the reference.
    directions : mapping of str to str
        "charge" or "discharge" of each state that has one.
    layers : DataFrame, optional
        ``state`` and the columns of the layers table.
    greys : DataFrame, optional
        ``state, grey, count``: grey-level histogram of each state.
    assumed : bool
        Whether the voxel size is only assumed.
    note : str
        What must be known about the numbers ("synthetic"); stands small above each figure.

    Raises
    ------
    InputError
        If there is no particle, or a needed column is missing.
    """

    def __init__(
        self,
        particles: pd.DataFrame,
        states: Sequence[str] | None = None,
        directions: Mapping[str, str] | None = None,
        layers: pd.DataFrame | None = None,
        greys: pd.DataFrame | None = None,
        *,
        assumed: bool = False,
        note: str = "",
    ) -> None:
        missing = [name for name in ("label", "state") if name not in particles]
        if missing:
            raise InputError(
                f"The table of particles by state lacks {' and '.join(missing)}; its columns "
                f"are {', '.join(map(str, particles.columns))}."
            )
        if not len(particles):
            raise InputError("The table of particles by state is empty: there is nothing to draw.")
        found = particles["state"].astype(str)
        self.states = list(dict.fromkeys(map(str, states))) if states else list(found.unique())
        self.directions = dict(directions or {})
        self.particles, self.layers, self.greys = particles, layers, greys
        self.assumed, self.note = assumed, note
        place = {state: number for number, state in enumerate(self.states)}
        column = found.map(place).to_numpy(dtype=np.float64, na_value=np.nan)
        self._used = np.isfinite(column)
        self._column = column[self._used].astype(np.intp)
        labels = particles["label"].to_numpy()[self._used]
        self.labels, self._row = np.unique(labels, return_inverse=True)
        """Labels of all particles, ascending, (n,)."""
        self._values: dict[str, Floats] = {}
        self._results: dict[Any, Any] = {}
        kept = self.values("kept") if "kept" in particles else np.ones(self._shape)
        there = np.zeros(self._shape, np.bool_)
        there[self._row, self._column] = True
        self.kept: Mask = there & (kept == 1)
        """Which particle counts in which state, (n, states)."""

    @classmethod
    def of(cls, study: Any) -> Frames:
        """The tables of a `Study`."""
        states = list(study.states)
        inputs = study.made.get("inputs", []) if isinstance(study.made, dict) else []
        is_synthetic = any(isinstance(i, dict) and i.get("synthetic") for i in inputs)
        made: Mapping[str, Any] = study.made if isinstance(study.made, dict) else {}
        return cls(
            study.particles,
            [state.name for state in states],
            {state.name: state.direction for state in states},
            study.layers,
            study.greys,
            assumed=bool(made.get("assumed_voxel_size", False)),
            note="synthetic data" if is_synthetic or made.get("synthetic") else "",
        )

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.labels), len(self.states)

    @property
    def reference(self) -> str:
        """Name of the state that changes are counted from."""
        return self.states[0]

    @property
    def is_matched(self) -> bool:
        """Whether the same label is the same particle in every state (else no ΔĪ is known)."""
        if len(self.states) < 2 or "delta_core_mean" not in self.particles:
            return False
        return bool(np.isfinite(self.values("delta_core_mean")[:, 1:]).any())

    @property
    def length_unit(self) -> str:
        """What positions are in: "µm", or "voxels" while their size is unknown."""
        has_um = any(f"centroid_{axis}_um" in self.particles for axis in "zyx")
        return "µm" if has_um else "voxels"

    def values(self, name: str) -> Floats:
        """A column as an array (n, states); NaN where a particle or its value is missing.

        Raises
        ------
        InputError
            If the table has no such column, or it holds text.
        """
        if name not in self._values:
            if name not in self.particles:
                raise InputError(
                    f"The table of particles by state has no column “{name}”; there are "
                    f"{', '.join(map(str, self.particles.columns))}."
                )
            try:
                series = pd.to_numeric(self.particles[name])
                flat = series.to_numpy(dtype=np.float64, na_value=np.nan)[self._used]
            except (ValueError, TypeError) as error:
                raise InputError(f"The column “{name}” holds text; a number is needed.") from error
            array = np.full(self._shape, np.nan)
            array[self._row, self._column] = flat
            array.flags.writeable = False
            self._values[name] = array
        return self._values[name]

    def first(self, name: str) -> Floats:
        """A column in the reference, (n,); of particles it lacks, in the next state with them."""
        values = self.values(name)
        begin = np.argmax(np.isfinite(values), axis=1)
        return np.asarray(values[np.arange(len(values)), begin])

    def table(self, state: str | None = None) -> pd.DataFrame:
        """Rows of the particles in one state (None: in the first that each of them has)."""
        rows = np.flatnonzero(self._used)
        if state is None:
            order = np.lexsort((self._column, self._row))
            chosen = rows[order[np.searchsorted(self._row[order], np.arange(len(self.labels)))]]
        else:
            here = self._column == self.place(state)
            chosen = rows[here][np.argsort(self._row[here])]
        table: pd.DataFrame = self.particles.iloc[chosen]
        return table

    def table_rows(self, mask: Mask) -> Mask:
        """Which rows of the particle table are of a mask (n, states), (rows,)."""
        rows: Mask = self._used.copy()
        rows[self._used] = mask[self._row, self._column]
        return rows

    def place(self, state: str) -> int:
        """Number of a state, from 0.

        Raises
        ------
        InputError
            If there is no such state.
        """
        if state not in self.states:
            raise InputError(
                f"There is no state “{state}”; the states are {', '.join(self.states)}."
            )
        return self.states.index(state)

    def layer_rows(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Particle and state (their places, from 0) of every row of the layers; −1: not known."""
        if self.layers is None or not len(self.layers):
            raise InputError("The study holds no radial layers, so no profile can be drawn.")
        return self.kept_result(("layer rows",), _layer_rows)

    def kept_result(self, key: tuple[Any, ...], make: Callable[[Frames, Any], T]) -> T:
        """What ``make(frames, key)`` gives; made once."""
        if key not in self._results:
            self._results[key] = make(self, key)
        result: T = self._results[key]
        return result


def _layer_rows(frames: Frames, key: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    assert frames.layers is not None
    found = frames.layers["label"].to_numpy()
    row = np.searchsorted(frames.labels, found)
    row[row == len(frames.labels)] = 0
    row[frames.labels[row] != found] = -1
    codes, names = pd.factorize(frames.layers["state"])
    known = {state: number for number, state in enumerate(frames.states)}
    places = np.array([*(known.get(str(name), -1) for name in names), -1], np.intp)
    return row, places[codes]


def size_column(frames: Frames) -> str:
    """The column that says how large a particle is."""
    wanted = ("volume_um3", "volume_voxels", "area_um2", "area_pixels", "equivalent_diameter_um")
    for name in wanted:
        if name in frames.particles and np.isfinite(frames.values(name)).any():
            return name
    raise InputError(
        f"The table of particles by state has none of the columns {', '.join(wanted)}: "
        "size classes cannot be told."
    )


def position_column(frames: Frames, axis: str) -> str:
    """The column of centroids along an axis ("z", "y" or "x"): in µm, or voxels without a size."""
    for name in (f"centroid_{axis}_um", f"centroid_{axis}_voxels"):
        if name in frames.particles:
            return name
    raise InputError(
        f"The table of particles by state has no centroids along {axis}: choose another axis."
    )
