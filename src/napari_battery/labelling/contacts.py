"""Which particles touch, and over what area."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_battery.labelling._tracking import Runs, find_runs, touching
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["contacts_of_runs", "contacts_table"]


def contacts_table(labels: Volume, progress: Progress = SILENT) -> pd.DataFrame:
    """Find the particles that share voxel faces.

    Parameters
    ----------
    labels : Volume
        Integers, 2-D or 3-D, 0 outside particles. Watershed labels meet without a line
        between them.
    progress : Progress
        Advanced per block of planes.

    Returns
    -------
    DataFrame
        Each contact twice, once from either side, sorted: ``label``, ``neighbour``,
        ``contact_faces`` (voxel faces between them; pixel edges in 2-D) and, where the
        voxel size is known, ``contact_area_um2`` (3-D) or ``contact_length_um`` (2-D): the
        sum of those faces, which is up to √3 (√2) times the area of a slanted flat contact.

    Raises
    ------
    InputError
        If they are no labels.
    """
    return contacts_of_runs(find_runs(labels, progress), labels)


def contacts_of_runs(runs: Runs, labels: Volume) -> pd.DataFrame:
    """Contacts of labels whose runs are known; see `contacts_table`."""
    first, second, faces = touching(runs)
    columns = {
        "label": runs.numbers[np.concatenate([first, second])],
        "neighbour": runs.numbers[np.concatenate([second, first])],
        "contact_faces": np.tile(faces.sum(axis=1), 2),
    }
    if labels.voxel_size_um is not None:
        size = np.array(labels.voxel_size_um)
        per_face = np.prod(size) / size
        if labels.ndim == 2:
            per_face = np.array([0.0, *per_face])
        name = "contact_area_um2" if labels.ndim == 3 else "contact_length_um"
        columns[name] = np.tile(faces @ per_face, 2)
    table = pd.DataFrame(columns)
    return table.sort_values(["label", "neighbour"], ignore_index=True)
