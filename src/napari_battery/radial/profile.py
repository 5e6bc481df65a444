"""The mean radial profile of many particles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

__all__ = ["population_profile"]


def population_profile(
    layers: pd.DataFrame,
    labels: Iterable[int] | None = None,
    value: Literal["mean", "normalised_max", "normalised_surface"] = "mean",
    axis: Literal["depth_um", "relative_radius"] = "depth_um",
    bins: int = 20,
) -> pd.DataFrame:
    """Mean over particles, with its standard error, along the depth or the radius.

    Every particle counts once per point, whatever its size.

    Parameters
    ----------
    layers : DataFrame
        Layers table; `label` sorted.
    labels : iterable of int, optional
        Which particles; None is all.
    value : str
        Column to average.
    axis : {"depth_um", "relative_radius"}
        One point per layer, or one per bin of r/R; within a bin a particle's layers are
        averaged first.
    bins : int
        Number of bins over r/R from 0 to 1.

    Returns
    -------
    DataFrame
        The axis (bin centres for r/R), `mean`, `se` (standard deviation over particles,
        ddof 1, over √n; NaN for one particle) and `n`, ascending along the axis. Points
        without any particle are left out.
    """
    y = layers[value].to_numpy()
    keep = np.isfinite(y)
    label = layers["label"].to_numpy()
    if labels is not None:
        keep &= np.isin(label, np.fromiter(labels, label.dtype))
    y = y[keep]
    if axis == "depth_um":
        group = layers["layer"].to_numpy()[keep].astype(np.int64)
        places = np.zeros(group.max(initial=0) + 1)
        places[group] = layers["depth_um"].to_numpy()[keep]
    else:
        radius = layers["relative_radius"].to_numpy()[keep]
        group = np.clip((radius * bins).astype(np.int64), 0, bins - 1)
        places = (np.arange(bins) + 0.5) / bins
        label = label[keep]
        new = np.concatenate([[True], (label[1:] != label[:-1]) | (group[1:] != group[:-1])])
        begins = np.flatnonzero(new[: label.size])
        if begins.size:
            y = np.add.reduceat(y, begins) / np.diff(np.append(begins, label.size))
            group = group[begins]
    n = np.bincount(group, minlength=places.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(group, y, places.size) / n
        squares = np.bincount(group, (y - mean[group]) ** 2, places.size)
        se = np.sqrt(squares / (n - 1) / n)
    se[n < 2] = np.nan
    has = n > 0
    return pd.DataFrame({axis: places[has], "mean": mean[has], "se": se[has], "n": n[has]})
