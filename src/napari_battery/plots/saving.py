"""Save a figure, the numbers it shows, and how both were made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from napari_battery.errors import InputError
from napari_battery.files import atomic_path, write_json
from napari_battery.plots.style import Plot
from napari_battery.tables import write_table

__all__ = ["FORMATS", "save_plot"]

FORMATS = ("png", "svg", "pdf")


def save_plot(
    plot: Plot, path: str | os.PathLike[str], made: dict[str, Any], *, dpi: int = 300
) -> list[Path]:
    """Write a figure as PNG, SVG or PDF; beside it its data (CSV) and its provenance.

    Parameters
    ----------
    plot : Plot
        Figure and data.
    path : path
        Ends in .png, .svg or .pdf. ``NAME.csv`` and ``FILE.provenance.json`` stand beside it.
    made : dict
        How it was made, fit for JSON.
    dpi : int
        Dots per inch of a PNG.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the ending is another one, or the folder cannot be written to.
    """
    from matplotlib import rc_context

    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise InputError(
            f"Cannot save the figure as “{path.name}”: choose a name that ends in "
            ".png, .svg or .pdf."
        )
    data_path = path.with_suffix(".csv")
    made_path = path.with_name(f"{path.name}.provenance.json")
    # text stays text, so that a journal or a drawing program can still edit it
    with (
        atomic_path(path) as picture,
        atomic_path(data_path) as data,
        atomic_path(made_path) as how,
        rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}),
    ):
        face = plot.figure.get_facecolor()
        plot.figure.savefig(picture, format=kind, dpi=dpi, facecolor=face)
        write_table(data, plot.data)
        write_json(how, made)
    return [path, data_path, made_path]
