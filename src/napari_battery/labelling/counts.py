"""What to know of new labels at once: how many, how large, how many cut or in pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_battery.labelling._tracking import find_runs, shapes
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["LabelCount", "count_labels"]


@dataclass(frozen=True)
class LabelCount:
    """Numbers of labels.

    Parameters
    ----------
    n : int
        Labels that occur.
    n_cut : int
        Those cut by a face of the volume or by its region.
    in_pieces : tuple of int
        Those that fall into several pieces (joined by faces of voxels).
    median_diameter : float
        Median equivalent diameter of those that are not cut, in µm, or in voxels while the
        voxel size is unknown; NaN where all are cut.
    """

    n: int
    n_cut: int
    in_pieces: tuple[int, ...]
    median_diameter: float


def count_labels(labels: Volume, progress: Progress = SILENT) -> LabelCount:
    """Count labels, and find the cut ones, those in pieces, and their usual size.

    Parameters
    ----------
    labels : Volume
        Integers, 2-D or 3-D, 0 outside particles.
    progress : Progress
        Advanced per block of planes.

    Raises
    ------
    InputError
        If they are no integers, or a label is negative.
    """
    runs = find_runs(labels, progress)
    found = shapes(runs, labels.region)
    whole = found.volume[~found.cut] * float(np.prod(labels.voxel_size_um or 1.0))
    ball = 4 / np.pi if labels.ndim == 2 else 6 / np.pi
    diameters = (ball * whole) ** (1 / labels.ndim)
    return LabelCount(
        n=len(runs.numbers),
        n_cut=int(found.cut.sum()),
        in_pieces=tuple(runs.numbers[found.pieces > 1].tolist()),
        median_diameter=float(np.median(diameters)) if len(diameters) else float("nan"),
    )
