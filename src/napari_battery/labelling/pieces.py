"""Whether each label is of one piece."""

from __future__ import annotations

import pandas as pd

from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["pieces"]


def pieces(labels: Volume, progress: Progress = SILENT) -> pd.DataFrame:
    """Count the pieces of each label: parts that no path through faces joins.

    Parameters
    ----------
    labels : Volume
        Integers, 2-D or 3-D, 0 outside.
    progress : Progress
        Advanced per block; cancels in between.

    Returns
    -------
    DataFrame
        One row per label, ascending: ``label``, ``pieces``, ``volume_voxels`` and
        ``largest_voxels``, those of its largest piece.

    Raises
    ------
    InputError
        If they are no integers, or a label is negative.
    """
    from napari_battery.labelling._tracking import find_runs, shapes

    runs = find_runs(labels, progress)
    found = shapes(runs)
    return pd.DataFrame(
        {
            "label": runs.numbers,
            "pieces": found.pieces,
            "volume_voxels": found.volume,
            "largest_voxels": found.largest,
        }
    )
