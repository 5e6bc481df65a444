"""Grey-level histograms of the states' images, with the peaks of empty space and of solid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.plots.states_common import LINES, joined_note, shared_legend, small_print
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, start
from napari_battery.states.frames import Frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["grey_histograms_by_state"]

_SMOOTH = 0.008
"""Width of the smoothing before peaks are sought, as a share of the grey range."""
_PROMINENT = 0.02
"""Least prominence of a peak, over the height of the highest."""


def grey_histograms_by_state(
    frames: Frames, *, figure: Figure | None = None, style: Style = PAPER
) -> Plot:
    """Share of voxels per grey level in every state; lines mark its two highest peaks.

    In scans of one session both peaks stay where they are; a drift between states changes
    every ΔĪ_prist.

    Parameters
    ----------
    frames : Frames
        With greys.
    figure, style
        As in the other figures.

    Returns
    -------
    Plot
        Data: ``state, grey, count, share, low_peak, high_peak``; peaks are empty where the
        histogram has fewer than two.

    Raises
    ------
    InputError
        If the study holds no histograms.
    """
    greys = frames.greys
    if greys is None or not len(greys):
        raise InputError(
            "The study holds no grey-level histograms: it was made from finished tables, not "
            "from images."
        )
    is_new = figure is None
    figure = start(figure, style, width_mm=110, height_mm=65)
    axes = figure.add_subplot()
    rows = []
    names = [s for s in frames.states if (greys["state"].astype(str) == s).any()]
    for number, state in enumerate(names):
        of_state = greys[greys["state"].astype(str) == state].sort_values("grey")
        grey = of_state["grey"].to_numpy(float)
        count = of_state["count"].to_numpy(float)
        width = float(np.median(np.diff(grey))) if len(grey) > 1 else 1.0
        share = count / max(count.sum(), 1) / width
        peaks = _known_peaks(greys, state) or _peaks(grey, count)
        colour = style.colour(number)
        said = ", ".join(f"{p:.4g}" for p in peaks if np.isfinite(p)) or "no two peaks"
        axes.plot(
            grey, share, color=colour, linewidth=1.0, linestyle=LINES[number % len(LINES)],
            label=as_text(f"{state}: peaks {said}"),
        )  # fmt: skip
        for peak in peaks:
            if np.isfinite(peak):
                axes.axvline(peak, color=colour, linewidth=0.6, linestyle=":", zorder=0)
        frame = {"state": state, "grey": grey, "count": of_state["count"].to_numpy()}
        rows.append(
            pd.DataFrame({**frame, "share": share, "low_peak": peaks[0], "high_peak": peaks[1]})
        )
    axes.set_ylim(bottom=0)
    data = pd.concat(rows, ignore_index=True)
    seen = data.loc[data["share"] > 1e-4 * data["share"].max(), "grey"]
    axes.set_xlim(seen.min(), seen.max())
    axes.set_xlabel("Grey level")
    axes.set_ylabel("Share of voxels per grey level")
    dress(axes, style)
    small_print(figure, style, joined_note("dotted: peaks", frames.note))
    shared_legend(figure, axes, style, grow=is_new, columns=2)
    return Plot(figure, data)


def _known_peaks(greys: pd.DataFrame, state: str) -> tuple[float, float] | None:
    """Peaks of empty space and of solid, where the study counted them apart."""
    if not {"empty", "solid"} <= set(greys):
        return None
    from napari_battery.states.comparability import grey_peaks

    found = grey_peaks(greys, [state]).iloc[0]
    return float(found["empty_peak"]), float(found["solid_peak"])


def _peaks(grey: NDArray[np.float64], count: NDArray[np.float64]) -> tuple[float, float]:
    """The two most prominent peaks of a histogram, ascending; NaN where there are not two.

    The ends of the range, where clipped grey levels pile up, are no peaks.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    if len(grey) < 5:
        return float("nan"), float("nan")
    inner: Any = count.copy()
    inner[0], inner[-1] = inner[1], inner[-2]
    smooth = gaussian_filter1d(inner, max(1.0, _SMOOTH * len(grey)), mode="nearest")
    found, about = find_peaks(smooth, prominence=_PROMINENT * smooth.max())
    if len(found) < 2:
        return float("nan"), float("nan")
    best = np.sort(found[np.argsort(about["prominences"])[-2:]])
    return tuple(float(_vertex(grey, smooth, int(i))) for i in best)  # type: ignore[return-value]


def _vertex(grey: NDArray[np.float64], smooth: NDArray[np.float64], i: int) -> float:
    """Where the parabola through a peak and its neighbours is highest."""
    a, b, c = smooth[i - 1 : i + 2]
    bend = a - 2 * b + c
    shift = 0.5 * (a - c) / bend if bend else 0.0
    return float(grey[i] + shift * (grey[i + 1] - grey[i]))
