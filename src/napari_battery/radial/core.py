"""Core means: what is left of a particle without its outer layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["core_table", "delta_core_mean"]


def core_table(particles: pd.DataFrame, layers: pd.DataFrame, exclude_layers: int) -> pd.DataFrame:
    """Core mean, spread and size of each particle, from its layers alone.

    Parameters
    ----------
    particles : DataFrame
        One row per particle, with `label`.
    layers : DataFrame
        Columns `label, layer, n_voxels, mean, std`, sorted by label and layer.
    exclude_layers : int
        Number of outer layers to leave out; GREAT2 leaves out 5.

    Returns
    -------
    DataFrame
        `label, core_mean, core_std, core_voxels`, in the order of `particles`. A particle
        with no voxel left has NaN and 0 voxels.

    Notes
    -----
    The same numbers as from the voxels themselves: sums add up, and the spread about the
    core's mean is that within the layers plus that of the layers' means.
    """
    label = layers["label"].to_numpy()
    inside = (layers["layer"].to_numpy() > exclude_layers) & (layers["n_voxels"].to_numpy() > 0)
    rows = np.flatnonzero(inside)
    label = label[rows]
    n = layers["n_voxels"].to_numpy()[rows].astype(np.float64)
    mean = layers["mean"].to_numpy()[rows]
    std = layers["std"].to_numpy()[rows]
    begins = np.flatnonzero(np.concatenate([[True], label[1:] != label[:-1]])[: label.size])
    core_label = label[begins]
    if label.size:
        count = np.add.reduceat(n, begins)
        group = np.repeat(np.arange(begins.size), np.diff(np.append(begins, label.size)))
        # About the first layer's mean, so that large grey levels with small spread keep digits.
        about = mean[begins]
        core_mean = about + np.add.reduceat(n * (mean - about[group]), begins) / count
        squares = np.add.reduceat(n * (std**2 + (mean - core_mean[group]) ** 2), begins)
        core_std = np.sqrt(squares / count)
    else:
        count = core_mean = core_std = np.zeros(0)
    wanted = particles["label"].to_numpy()
    place = np.searchsorted(core_label, wanted)
    place[place == core_label.size] = 0
    has = core_label[place] == wanted if core_label.size else np.zeros(wanted.size, bool)
    place = place[has]
    table = pd.DataFrame(
        {
            "label": wanted,
            "core_mean": np.full(wanted.size, np.nan),
            "core_std": np.full(wanted.size, np.nan),
            "core_voxels": np.zeros(wanted.size, np.int64),
        },
        index=particles.index,
    )
    table.loc[has, "core_mean"] = core_mean[place]
    table.loc[has, "core_std"] = core_std[place]
    table.loc[has, "core_voxels"] = count[place].astype(np.int64)
    return table


def delta_core_mean(reference: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Change of each particle's core mean since the reference state (ΔĪ_prist of GREAT2).

    Parameters
    ----------
    reference, later : DataFrame
        Particle tables of two states; the same particle has the same label in both.

    Returns
    -------
    DataFrame
        `label, delta_core_mean`, one row per label in either table, ascending; NaN where
        it is missing in one or has no core there.
    """
    before = reference.set_index("label")["core_mean"]
    after = later.set_index("label")["core_mean"]
    delta = after.subtract(before).sort_index()
    return pd.DataFrame({"label": delta.index.to_numpy(), "delta_core_mean": delta.to_numpy()})
