"""What the person should know about a radial analysis as a whole."""

from __future__ import annotations

import pandas as pd

from napari_battery.radial.smoothing import looks_smoothed
from napari_battery.radial.voxels import Voxels
from napari_battery.volume import Volume

__all__ = ["smoothing_notes", "table_notes"]

_IN_PIECES = "separate pieces"


def table_notes(
    labels: Volume, image: Volume, particles: pd.DataFrame, layers: pd.DataFrame, exclude: int
) -> list[str]:
    """What the tables themselves tell: no core, left-out voxels, cut and split particles.

    Parameters
    ----------
    labels, image : Volume
        For their names.
    particles, layers : DataFrame
        The tables.
    exclude : int
        Outer layers left out of the core.
    """
    n = len(particles)
    if n == 0:
        return [f"“{labels.name}” holds no particles: every voxel is 0. The tables are empty."]
    notes = []
    coreless = particles.loc[particles["core_voxels"] == 0, "label"]
    if len(coreless):
        notes.append(
            f"{len(coreless)} of {n} particles have no core with {exclude} outer "
            f"layers excluded: {_named(coreless)}."
        )
    size = particles["volume_voxels" if labels.ndim == 3 else "area_pixels"]
    lost = int(size.sum() - layers["n_voxels"].sum())
    if lost:
        notes.append(
            f"{lost} voxels of particles have no grey level (NaN or infinite) in "
            f"“{image.name}” and were left out of grey statistics."
        )
    cut = particles.loc[particles["touches_border"], "label"]
    if len(cut):
        notes.append(
            f"{len(cut)} of {n} particles are cut by a face of the volume or the edge of the "
            "region (touches_border): their layers count from the cut, too."
        )
    split = particles.loc[particles["note"].str.contains(_IN_PIECES, regex=False), "label"]
    if len(split):
        notes.append(f"{len(split)} of {n} labels are in separate pieces: {_named(split)}.")
    return notes


def smoothing_notes(
    image: Volume, voxels: Voxels, particles: pd.DataFrame, is_resampled: bool
) -> list[str]:
    """Whether the image was smoothed, or looks it."""
    made = image.metadata.get("made")
    was_filtered = isinstance(made, dict) and made.get("step") == "filter"
    if was_filtered:
        sign = "was made by a filter"
    elif not is_resampled and looks_smoothed(voxels, particles):  # resampling alone smooths
        sign = "looks smoothed: neighbouring voxels are more alike than unfiltered noise is"
    else:
        return []
    return [
        f"“{image.name}” {sign}. The method wants unsmoothed grey levels, as smoothing carries "
        "the surroundings into the outer layers. Use the image as it was reconstructed."
    ]


def _named(which: pd.Series, most: int = 10) -> str:
    names = ", ".join(str(label) for label in which.iloc[:most])
    return f"label{'s' if len(which) > 1 else ''} {names}{', …' if len(which) > most else ''}"
