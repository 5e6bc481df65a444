"""All figures of a measured microstructure, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from napari_battery.plots.microstructure_bars import microstructure_bars
from napari_battery.plots.microstructure_curves import curves_overlaid
from napari_battery.plots.microstructure_error_bars import representative_plot, threshold_plot
from napari_battery.plots.microstructure_greys import grey_shift_plot
from napari_battery.plots.style import PAPER, Plot, Style

__all__ = ["microstructure_figures"]


def microstructure_figures(
    table: pd.DataFrame,
    curves: Mapping[str, pd.DataFrame],
    representative: pd.DataFrame,
    thresholds: pd.DataFrame,
    titles: Mapping[str, str],
    greys: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    wanted: float = 0.05,
    style: Style = PAPER,
    note: str = "",
) -> dict[str, Plot]:
    """Every figure for which there are numbers.

    Parameters
    ----------
    table, curves, representative, thresholds, titles
        As `microstructure.measure.Microstructure` has them.
    greys : tuple of DataFrame, optional
        Histograms and shifts of `microstructure.greys`.
    groups : mapping of str to sequence of str, optional
        Numbers that share a figure of bars; all share one by default.
    wanted : float
        Relative spread between volumes that is wanted.
    style, note
        As in the other figures.

    Returns
    -------
    dict of str to Plot
        By the name of the file, without ending: "bars" ("bars_GROUP"), each curve's name,
        "representative", "thresholds", "grey_levels".
    """
    found: dict[str, Plot] = {}
    shared = {"bars": list(dict.fromkeys(table["metric"]))}
    if groups is not None:
        shared = {f"bars_{name}": list(metrics) for name, metrics in groups.items()}
    for name, metrics in shared.items():
        if np.isfinite(table.loc[table["metric"].isin(metrics), "value"]).any():
            found[name] = microstructure_bars(table, metrics, titles, style=style, note=note)
    for name, data in curves.items():
        if np.isfinite(data.iloc[:, 4].to_numpy(np.float64)).any():
            found[name] = curves_overlaid(data, style=style, note=note)
    if len(representative) and (representative["relative_sd"] > 0).any():
        found["representative"] = representative_plot(
            representative, titles, wanted=wanted, style=style, note=note
        )
    if len(thresholds):
        found["thresholds"] = threshold_plot(thresholds, table, titles, style=style, note=note)
    if greys is not None:
        found["grey_levels"] = grey_shift_plot(*greys, style=style, note=note)
    return found
