"""A linear model of two columns as a plane, and how it predicts samples it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_battery.plots.style import PAPER, Plot, Style, as_text, axis_title, dress, start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["regression_plot"]


def regression_plot(
    rows: pd.DataFrame,
    coefficients: pd.DataFrame,
    target: str,
    predictors: Sequence[str],
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Draw the fitted plane with its samples, and predictions against what was observed.

    Parameters
    ----------
    rows, coefficients : DataFrame
        As `microstructure.regression.Regression` has them.
    target : str
        Column that is explained.
    predictors : sequence of str
        Columns that explain it. With two there is a plane, with one a line; of more the
        predictions alone are drawn.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        Filled dots are fitted, open ones predicted by the model fitted without the sample. Data:
        `rows`.
    """
    wide = len(predictors) <= 2
    figure = start(figure, style, width_mm=170.0 if wide else 85.0, height_mm=75.0)
    values = coefficients["coefficient"].to_numpy(np.float64)
    if len(predictors) == 2:
        grid = figure.add_gridspec(1, 2, width_ratios=(1.15, 1))
        solid: Any = figure.add_subplot(grid[0], projection="3d")
        _plane(solid, rows, values, target, predictors, style)
        axes = figure.add_subplot(grid[1])
    elif wide:
        line, axes = figure.subplots(1, 2)
        _line(line, rows, values, target, predictors[0], style)
    else:
        axes = figure.add_subplot()
    _predictions(axes, rows, target, style)
    dress(axes, style, note)
    return Plot(figure, rows.reset_index(drop=True))


def _plane(
    solid: Any,
    rows: pd.DataFrame,
    values: np.ndarray,
    target: str,
    predictors: Sequence[str],
    style: Style,
) -> None:
    first, second = (rows[name].to_numpy(np.float64) for name in predictors)
    observed, fitted = rows["observed"].to_numpy(), rows["fitted"].to_numpy()
    ends = [np.linspace(v.min(), v.max(), 2) for v in (first, second)]
    x, y = np.meshgrid(*ends)
    solid.plot_surface(x, y, values[0] + values[1] * x + values[2] * y, alpha=0.25,
                       color=style.colour(0), linewidth=0)  # fmt: skip
    for a, b, seen, on in zip(first, second, observed, fitted, strict=True):
        solid.plot([a, a], [b, b], [on, seen], color=style.muted, linewidth=0.8)
    solid.scatter(first, second, observed, color=style.colour(1), s=18, depthshade=False)
    small = style.font_size - 1
    solid.set_xlabel(axis_title(predictors[0]), fontsize=small, color=style.foreground)
    solid.set_ylabel(axis_title(predictors[1]), fontsize=small, color=style.foreground)
    solid.set_zlabel(axis_title(target), fontsize=small, color=style.foreground)
    solid.tick_params(labelsize=small - 1, colors=style.foreground, pad=0)
    solid.set_facecolor(style.background)
    solid.view_init(elev=22, azim=-115)
    solid.locator_params(nbins=5)
    solid.set_box_aspect(None, zoom=0.95)


def _line(
    axes: Axes, rows: pd.DataFrame, values: np.ndarray, target: str, predictor: str, style: Style
) -> None:
    x = rows[predictor].to_numpy(np.float64)
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, values[0] + values[1] * ends, color=style.colour(0))
    axes.plot(x, rows["observed"], "o", color=style.colour(1), markersize=4)
    axes.set_xlabel(axis_title(predictor))
    axes.set_ylabel(axis_title(target))
    dress(axes, style)


def _predictions(axes: Axes, rows: pd.DataFrame, target: str, style: Style) -> None:
    observed = rows["observed"].to_numpy(np.float64)
    left_out = rows["loo_prediction"].to_numpy(np.float64)
    fitted = rows["fitted"].to_numpy(np.float64)
    every = np.concatenate([observed, fitted, left_out[np.isfinite(left_out)]])
    room = 0.1 * (np.ptp(every) or 1.0)
    ends = (every.min() - room, every.max() + room)
    axes.plot(ends, ends, color=style.muted, linewidth=0.8)
    axes.plot(observed, fitted, "o", color=style.colour(0), markersize=4, label="fitted")
    axes.plot(
        observed, left_out, "o", markerfacecolor="none", color=style.colour(1), markersize=6,
        label="predicted without it",
    )  # fmt: skip
    if len(rows) <= 12:
        _name_samples(axes, rows, style)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_xlabel(as_text(f"Observed {target}"))
    axes.set_ylabel(as_text(f"Predicted {target}"))
    legend = axes.legend(frameon=False, fontsize=style.font_size - 1, loc="upper left")
    for text in legend.get_texts():
        text.set_color(style.foreground)


def _name_samples(axes: Axes, rows: pd.DataFrame, style: Style) -> None:
    """Write the samples' names beside their dots, one above the other where dots are close."""
    ordered = rows.sort_values("observed")
    gap = 0.07 * (np.ptp(ordered["observed"]) or 1.0)
    last = -np.inf
    for row in ordered.to_dict("records"):
        right = float(row["observed"]) > ordered["observed"].mean()
        height = max(float(row["observed"]) - (0.0 if right else 1.2 * gap), last + gap)
        last = height
        axes.annotate(
            as_text(str(row["sample"])),
            (row["observed"], row["fitted"]),
            xytext=(row["observed"] + (-0.5 if right else 0.5) * gap, height),
            fontsize=style.font_size - 2,
            color=style.muted,
            ha="right" if right else "left",
        )
