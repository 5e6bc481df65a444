"""From one value per particle to colours: which range, which colour map, which of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.settings import Settings, setting
from napari_battery.tables import COLUMNS, label_column

__all__ = [
    "DIVERGING",
    "N_COLOURS",
    "SEQUENTIAL",
    "MapSettings",
    "ValueMap",
    "colour_table",
    "is_change",
    "mappable_columns",
    "paint",
    "quantise",
    "value_map",
]

SEQUENTIAL = ("viridis", "magma", "cividis")
DIVERGING = ("RdBu", "PuOr")

N_COLOURS = 245
"""Steps of a map. With the grey of "no value" and the background they fit into an 8-bit
texture (napari then moves one byte per voxel); odd, so that zero is the middle of a step."""

_NO_VALUE = (0.5, 0.5, 0.5, 1.0)


class MapSettings(Settings):
    """How the values of particles become colours."""

    colour_map: Literal["automatic", "viridis", "magma", "cividis", "RdBu", "PuOr"] = setting(
        "automatic",
        "Automatic is RdBu for changes (red darker, blue brighter, white unchanged) and "
        "viridis otherwise. RdBu and PuOr are always centred on zero.",
        title="Colour map",
    )
    low_percentile: float = setting(
        1.0,
        "The range starts at this percentile of the particles' values.",
        title="From percentile",
        unit="%",
        ge=0,
        le=100,
        step=0.5,
    )
    high_percentile: float = setting(
        99.0,
        "The range ends at this percentile of the particles' values.",
        title="To percentile",
        unit="%",
        ge=0,
        le=100,
        step=0.5,
    )
    low: float | None = setting(
        None, "Lower end of the range; automatic follows the percentile.", title="Low"
    )
    high: float | None = setting(
        None, "Upper end of the range; automatic follows the percentile.", title="High"
    )


_AUTOMATIC = MapSettings()


@dataclass(frozen=True, eq=False)
class ValueMap:
    """One value per label, and the range and colours that show it.

    Parameters
    ----------
    labels : (n,) int array
        Ascending, each once.
    values : (n,) float64 array
        NaN where a particle has no value (no core, say).
    column : str
        Column the values came from.
    title, unit : str
        What the values are, for legends ("ΔĪ_prist", "grey level").
    low, high : float
        Range of the colours; both NaN where no particle has a value.
    colour_map : str
        One of `SEQUENTIAL` or `DIVERGING`.
    """

    labels: NDArray[np.int64]
    values: NDArray[np.float64]
    column: str
    title: str
    unit: str
    low: float
    high: float
    colour_map: str

    @property
    def diverging(self) -> bool:
        """Whether the colours are centred on zero."""
        return self.colour_map in DIVERGING

    @property
    def n_below(self) -> int:
        """Particles below the range: they show its lowest colour."""
        return int((self.values < self.low).sum())

    @property
    def n_above(self) -> int:
        """Particles above the range: they show its highest colour."""
        return int((self.values > self.high).sum())

    @property
    def n_without(self) -> int:
        """Particles without a value: they are grey."""
        return int(np.isnan(self.values).sum())

    def steps(self) -> NDArray[np.int16]:
        """Row of `colour_table` of each label; −1 (its last row) where there is no value."""
        return quantise(self.values, self.low, self.high)

    def text(self, label: int) -> str:
        """What the colour of a label stands for: "label 17: ΔĪ_prist = −1.83"."""
        row = int(np.searchsorted(self.labels, label))
        if row == len(self.labels) or self.labels[row] != label:
            return f"label {label}: not in the table"
        value = float(self.values[row])
        if np.isnan(value):
            return f"label {label}: no value of {self.title}"
        unit = f" {self.unit}" if self.unit.startswith("µ") else ""
        return f"label {label}: {self.title} = {f'{value:.6g}'.replace('-', '−')}{unit}"

    def describe(self) -> dict[str, Any]:
        """What a layer's metadata and a file's provenance say about the map."""
        return {
            "column": self.column,
            "title": self.title,
            "unit": self.unit,
            "range": [self.low, self.high] if np.isfinite(self.low) else None,
            "colour_map": self.colour_map,
            "particles": len(self.labels),
            "below_range": self.n_below,
            "above_range": self.n_above,
            "without_value": self.n_without,
        }


def mappable_columns(table: pd.DataFrame) -> list[str]:
    """Columns of a particle table that a map can show: numbers and yes/no, but not `label`."""
    shown = table.select_dtypes(include=["number", "bool"]).columns
    return [str(name) for name in shown if name not in ("label", "layer")]


def is_change(column: str) -> bool:
    """Whether a column holds changes, whose colours are to be centred on zero."""
    return column.startswith(("delta", "change_mean")) or column in ("z", "volume_change")


def value_map(
    table: pd.DataFrame, column: str, settings: MapSettings = _AUTOMATIC, *, name: str = ""
) -> ValueMap:
    """Choose range and colours for one column of a particle table.

    Parameters
    ----------
    table : DataFrame
        One row per label, in any order.
    column : str
        A numeric column of `table`.
    settings : MapSettings
        Range and colour map.
    name : str
        What messages call the table.

    Raises
    ------
    InputError
        If the column is missing or holds no numbers, a label stands there twice, or the
        range is upside down.
    """
    name = name or "the table"
    labels = label_column(table, name).astype(np.int64)
    if column not in table:
        raise InputError(
            f"There is no column “{column}” in {name}; "
            f"choose one of {', '.join(mappable_columns(table))}."
        )
    if column not in mappable_columns(table):
        raise InputError(f"The column “{column}” of {name} holds no numbers to be mapped.")
    order = np.argsort(labels, kind="stable")
    labels = labels[order]
    if len(labels) > 1 and (twice := labels[1:][np.diff(labels) == 0]).size:
        raise InputError(f"Label {twice[0]} stands in {name} more than once; a map needs one row.")
    values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)[order]
    colour_map: str = settings.colour_map
    if colour_map == "automatic":
        colour_map = DIVERGING[0] if is_change(column) else SEQUENTIAL[0]
    low, high = _range(values, settings, colour_map in DIVERGING)
    known = COLUMNS.get(column)
    return ValueMap(
        labels=labels,
        values=values,
        column=column,
        title=known.title if known else column,
        unit=known.unit if known else "",
        low=low,
        high=high,
        colour_map=colour_map,
    )


def _range(
    values: NDArray[np.float64], settings: MapSettings, diverging: bool
) -> tuple[float, float]:
    """Range of the colours; of a diverging map the larger half counts on both sides."""
    finite = values[np.isfinite(values)]
    low, high = settings.low, settings.high
    if diverging:
        ends = [abs(end) for end in (low, high) if end is not None]
        if not ends and finite.size:
            percentiles = [settings.low_percentile, settings.high_percentile]
            ends = np.abs(np.percentile(finite, percentiles)).tolist()
        if not ends:
            return np.nan, np.nan
        half = max(ends) or 0.5  # nothing changed anywhere: any range shows that
        return -half, half
    if (low is None or high is None) and not finite.size:
        return np.nan, np.nan
    if low is None:
        low = float(np.percentile(finite, settings.low_percentile))
    if high is None:
        high = float(np.percentile(finite, settings.high_percentile))
    if low < high:
        return low, high
    if low == high and None in (settings.low, settings.high):
        pad = max(0.5, 1e-6 * abs(low))  # all particles alike: they show the middle colour
        return low - pad, high + pad
    raise InputError(
        f"The range of the map starts at {low:g} and ends at {high:g}; it must end above its start."
    )


def quantise(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.int16]:
    """Step 0 … `N_COLOURS` − 1 of each value between low and high; −1 for NaN.

    Values beyond the range get its first or last step. The middle of a value's step is
    within (high − low) / (2 · `N_COLOURS`) of the value; larger values never get a
    smaller step.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return np.full(values.shape, -1, np.int16)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.floor((values - low) / (high - low) * N_COLOURS)
        steps = np.clip(steps, 0, N_COLOURS - 1)
    return np.where(np.isnan(values), -1, steps).astype(np.int16)


def colour_table(colour_map: str) -> NDArray[np.float32]:
    """The `N_COLOURS` colours of a map in order, and a last one, grey, for "no value".

    Returns
    -------
    (N_COLOURS + 1, 4) float32 array
        RGBA between 0 and 1.
    """
    from matplotlib import colormaps

    middles = (np.arange(N_COLOURS) + 0.5) / N_COLOURS
    colours = colormaps[colour_map](middles)
    return np.vstack([colours, _NO_VALUE]).astype(np.float32)


def paint(labels: NDArray[np.integer[Any]], shown: ValueMap) -> NDArray[np.float32]:
    """Colour a slice of labels.

    Parameters
    ----------
    labels : integer array
        A slice of the labels.
    shown : ValueMap
        What to colour them by.

    Returns
    -------
    (..., 4) float32 array
        RGBA; transparent where there is no particle of the table.
    """
    table = np.vstack([colour_table(shown.colour_map), np.zeros(4, np.float32)])
    if not len(shown.labels):
        return np.broadcast_to(table[-1], (*labels.shape, 4)).copy()
    at = np.searchsorted(shown.labels, labels)
    at[at == len(shown.labels)] = 0
    found = (shown.labels[at] == labels) & (labels != 0)
    steps = shown.steps()[at]
    steps[steps < 0] = N_COLOURS  # the grey; the row after it is transparent
    return table[np.where(found, steps, N_COLOURS + 1)]
