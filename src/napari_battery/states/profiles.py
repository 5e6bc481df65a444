"""Mean radial profiles of a subset in every state."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.states.frames import Frames

__all__ = ["state_profiles"]

_BINS = 20


class _Points(NamedTuple):
    """One value per particle, state and place along the axis."""

    row: NDArray[np.intp]
    group: NDArray[np.intp]
    """State × places + place."""
    state: NDArray[np.intp]
    value: NDArray[np.float64]
    places: NDArray[np.float64]
    begin: NDArray[np.intp]
    """Where each particle's points begin, and the end of the last: they stand together."""

    def of(self, members: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Places of the points of some particles (n,), without a look at the others."""
        chosen = np.flatnonzero(members)
        begin = self.begin[chosen]
        count = self.begin[chosen + 1] - begin
        gone = np.cumsum(count) - count
        return np.asarray(np.repeat(begin - gone, count) + np.arange(count.sum()))


def state_profiles(
    frames: Frames,
    mask: NDArray[np.bool_],
    value: str = "normalised_max",
    axis: str = "depth_um",
    bins: int = _BINS,
) -> pd.DataFrame:
    """Mean over particles with its standard error, along the depth or radius, in every state.

    Every particle counts once per point, as in `radial.population_profile`, of which this is
    the fast form for many subsets: layers are sorted into points once.

    Parameters
    ----------
    frames : Frames
        With layers.
    mask : (n, states) array of bool
        Which particles count in which state.
    value : str
        Column of the layers table to average.
    axis : {"depth_um", "relative_radius"}
        One point per layer, or one per bin of r/R.
    bins : int
        Bins over r/R from 0 to 1.

    Returns
    -------
    DataFrame
        ``state, <axis>, mean, se, n``; se is the standard deviation over particles (ddof 1)
        over √n.
    """
    points = frames.kept_result(("profile points", value, axis, bins), _points)
    near = points.of(np.asarray(mask.any(axis=1)))
    used = near[mask[points.row[near], points.state[near]]]
    group, y = points.group[used], points.value[used]
    n_places, n_states = len(points.places), len(frames.states)
    size = n_places * n_states
    n = np.bincount(group, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(group, y, size) / n
        squares = np.bincount(group, (y - mean[group]) ** 2, size)
        se = np.sqrt(squares / (n - 1) / n)
    se[n < 2] = np.nan
    has = n > 0
    return pd.DataFrame(
        {
            "state": np.repeat(np.array(frames.states, dtype=object), n_places)[has],
            axis: np.tile(points.places, n_states)[has],
            "mean": mean[has],
            "se": se[has],
            "n": n[has],
        }
    )


def _points(frames: Frames, key: Any) -> _Points:
    _, value, axis, bins = key
    row, state = frames.layer_rows()
    layers = frames.layers
    assert layers is not None
    missing = [name for name in (value, axis, "layer") if name not in layers]
    if missing:
        raise InputError(f"The table of layers by state lacks {' and '.join(missing)}.")
    y = layers[value].to_numpy(dtype=np.float64, na_value=np.nan)
    known = (row >= 0) & (state >= 0) & np.isfinite(y)
    y, row, state = y[known], row[known], state[known]
    if axis == "depth_um":
        place = layers["layer"].to_numpy()[known].astype(np.intp) - 1
        places = np.full(place.max(initial=0) + 1, np.nan)
        places[place] = layers["depth_um"].to_numpy()[known]
    else:
        radius = layers["relative_radius"].to_numpy()[known]
        place = np.clip((radius * bins).astype(np.intp), 0, bins - 1)
        places = (np.arange(bins) + 0.5) / bins
        # layers of a particle in one bin count together, once
        id_ = (row * len(frames.states) + state) * bins + place
        one, back = np.unique(id_, return_inverse=True)
        y = np.bincount(back, y) / np.bincount(back)
        row, rest = np.divmod(one, len(frames.states) * bins)
        state, place = np.divmod(rest, bins)
    order = np.argsort(row, kind="stable")
    row, state, place, y = row[order], state[order], place[order], y[order]
    begin = np.searchsorted(row, np.arange(len(frames.labels) + 1))
    return _Points(row, state * len(places) + place, state, y, places, begin)
