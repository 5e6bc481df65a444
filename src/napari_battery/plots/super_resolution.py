"""Figures of super-resolution: quality by method, grey-level histograms, training curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.plots.style import (
    PAPER,
    Plot,
    Style,
    as_text,
    axis_title,
    dress,
    legend_below,
    start,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["grey_histograms", "patch_comparison", "quality_plot", "training_curves"]

_LINES = ("-", "--", "-.", ":")
_CURVES = ("mse", "mae", "psnr", "ssim")
_TRUTH = "high scan"
_TITLES = {"mse": "MSE", "mae": "MAE", "psnr": "PSNR (dB)", "ssim": "SSIM"}


def quality_plot(
    quality: pd.DataFrame,
    metrics: Sequence[str] = ("psnr_db", "ssim"),
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Mean over regions of each metric by method, with its interval and its spread.

    Parameters
    ----------
    quality : DataFrame
        ``tables.SUPERRES_QUALITY``.
    metrics : sequence of str
        One set of axes each.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        A dot is the mean over regions, the thick bar its bootstrap interval, the thin one
        ± one standard deviation between regions. Data: the rows drawn.

    Raises
    ------
    InputError
        If there is no row of those metrics.
    """
    data = quality[quality["metric"].isin(metrics)].reset_index(drop=True)
    if data.empty:
        raise InputError(f"The table holds none of {', '.join(metrics)}: nothing can be drawn.")
    methods = list(dict.fromkeys(data["method"]))
    figure = start(figure, style, width_mm=170.0, height_mm=22.0 + 8.0 * len(methods))
    shown = [metric for metric in metrics if (data["metric"] == metric).any()]
    plots = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, metric in zip(plots, shown, strict=True):
        rows = data[data["metric"] == metric].set_index("method")
        for place, method in enumerate(methods):
            if method not in rows.index:
                continue
            row, colour = rows.loc[method], style.colour(place)
            axes.plot(row["value"], place, "o", color=colour, markersize=4)
            spread = (row["value"] - row["sd"], row["value"] + row["sd"])
            axes.plot(spread, (place, place), color=colour, linewidth=0.8)
            axes.plot(
                (row["ci_low"], row["ci_high"]),
                (place, place),
                color=colour,
                linewidth=4,
                alpha=0.5,
            )
        axes.set_xlabel(axis_title(metric))
        axes.margins(x=0.08)
    plots[0].set_yticks(range(len(methods)), [as_text(method) for method in methods])
    plots[0].set_ylim(len(methods) - 0.5, -0.5)
    for axes in plots:
        dress(axes, style, note if axes is plots[-1] else "")
    return Plot(figure, data)


def grey_histograms(
    histograms: pd.DataFrame,
    methods: Sequence[str] = (),
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Grey levels of the low scan, the high scan and predictions (the paper's fig. 5 g, h).

    Parameters
    ----------
    histograms : DataFrame
        ``series, value_from, value_to, density``, as `superres.judge` makes it.
    methods : sequence of str
        Series to draw, in order; all by default.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        On the scale whose 0 and 1 are the high scan's robust range. Data: the rows drawn.

    Raises
    ------
    InputError
        If there is none of those series.
    """
    wanted = list(methods) or list(dict.fromkeys(histograms["series"]))
    data = histograms[histograms["series"].isin(wanted)].reset_index(drop=True)
    if data.empty:
        raise InputError("There is no grey-level histogram to draw.")
    is_new = figure is None
    figure = start(figure, style)
    axes = figure.add_subplot()
    for number, name in enumerate(wanted):
        rows = data[data["series"] == name]
        if rows.empty:
            continue
        edges = np.append(rows["value_from"], rows["value_to"].iloc[-1])
        is_truth = name == _TRUTH
        colour = style.foreground if is_truth else style.colour(number)
        axes.stairs(
            rows["density"],
            edges,
            color=colour,
            linestyle=_LINES[number % len(_LINES)],
            linewidth=1.4 if is_truth else 1.1,
            label=as_text(name),
        )
    filled = data[data["density"] > 0]
    axes.set_xlim(filled["value_from"].min(), filled["value_to"].max())
    axes.set_xlabel("Normalised grey level")
    axes.set_ylabel("Density")
    legend_below(figure, axes, style, grow=is_new)
    dress(axes, style, note)
    return Plot(figure, data)


def training_curves(
    history: pd.DataFrame,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """MSE, MAE, PSNR and SSIM against epochs, training and validation (the paper's fig. 4).

    Parameters
    ----------
    history : DataFrame
        As training writes it: ``epoch, train_mse, validation_mse, …``; of ``mse, mae, psnr,
        ssim`` those there are.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        Data: the columns drawn.

    Raises
    ------
    InputError
        If the table is no training history, or empty.
    """
    parts = ("train", "validation")
    curves = [c for c in _CURVES if any(f"{part}_{c}" in history for part in parts)]
    if "epoch" not in history or not curves or history.empty:
        raise InputError(
            "There is nothing to draw: a training history holds “epoch”, “train_mse”, "
            "“validation_mse” and the like, with a row per epoch."
        )
    is_new = figure is None
    figure = start(figure, style, width_mm=130.0, height_mm=95.0)
    n_rows = -(-len(curves) // 2)
    plots = figure.subplots(n_rows, min(2, len(curves)), sharex=True, squeeze=False).ravel()
    columns = ["epoch"]
    epochs = history["epoch"].to_numpy(np.float64)
    marker = "o" if len(epochs) == 1 else ""
    for axes, curve in zip(plots, curves, strict=False):
        for number, part in enumerate(parts):
            name = f"{part}_{curve}"
            if name not in history:
                continue
            columns.append(name)
            axes.plot(
                epochs,
                history[name].to_numpy(np.float64),
                color=style.colour(number),
                linestyle=_LINES[number],
                marker=marker,
                linewidth=1.2,
                label="training" if part == "train" else part,
            )
        axes.set_ylabel(_TITLES[curve])
        axes.margins(x=0.03)
    for axes in plots[len(curves) :]:
        axes.set_axis_off()
    for axes in plots[max(0, len(curves) - 2) : len(curves)]:
        axes.set_xlabel("Epoch")
    for place, axes in enumerate(plots[: len(curves)]):
        dress(axes, style, note if place == min(1, len(curves) - 1) else "")
    legend_below(figure, plots[0], style, grow=is_new)
    return Plot(figure, history[columns].reset_index(drop=True))


def patch_comparison(
    low: NDArray[np.float32],
    predicted: NDArray[np.float32],
    high: NDArray[np.float32],
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """A patch as the low scan has it, as it is predicted, and as the high scan has it.

    Parameters
    ----------
    low, predicted, high : (y, x) float32 arrays
        In normalised grey levels; all shown in the grey range of the high one.
    figure, style
        As in the other figures.

    Returns
    -------
    Plot
        Data: PSNR against the high patch (data range 1), one row per picture.
    """
    figure = start(figure, style, width_mm=130.0, height_mm=48.0)
    pictures = {"low": low, "predicted": predicted, "high": high}
    bottom, top = (float(v) for v in np.quantile(high, (0.005, 0.995)))
    psnr_db = {
        name: -10 * float(np.log10(max(float(np.mean((picture - high) ** 2)), 1e-30)))
        for name, picture in pictures.items()
        if name != "high"
    }
    plots = figure.subplots(1, len(pictures), squeeze=False)[0]
    for axes, (name, picture) in zip(plots, pictures.items(), strict=True):
        axes.imshow(picture, cmap="gray", vmin=bottom, vmax=top, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(
            f"{name}, {psnr_db[name]:.1f} dB" if name in psnr_db else name,
            fontsize=style.font_size,
            color=style.foreground,
        )
    data = pd.DataFrame({"picture": list(psnr_db), "psnr_db": list(psnr_db.values())})
    return Plot(figure, data)
