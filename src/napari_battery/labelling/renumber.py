"""Numbering labels anew: without those cut by a face, and with parts made one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress

__all__ = ["renumbered", "uncut_numbers"]


def uncut_numbers(
    labels: NDArray[np.int32], region: NDArray[np.bool_] | None, progress: Progress = SILENT
) -> NDArray[np.int32]:
    """Find which labels meet no face of the volume or of the region.

    Parameters
    ----------
    labels : int32 array
        Labels from 1, 2-D or 3-D, 0 outside.
    region : bool array, optional
        What was analysed.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    (n_labels + 1,) int32 array
        The new number of each label: 1 … n in their old order, 0 for those cut.
    """
    cut = np.zeros(int(labels.max(initial=0)) + 1, bool)
    for axis in range(labels.ndim):
        for face in (0, -1) if labels.shape[axis] > 1 else ():  # one slice has no faces
            cut[labels.take(face, axis=axis)] = True
    if region is not None:
        progress.begin(len(labels), "Finding cut particles")
        for k in range(len(labels)):
            _mark_cut(cut, labels[max(k - 1, 0) : k + 2], region[max(k - 1, 0) : k + 2])
            progress.advance()
    cut[0] = True  # what is outside stays so
    numbers = np.cumsum(~cut, dtype=np.int32)
    numbers[cut] = 0
    return numbers


def _mark_cut(cut: NDArray[np.bool_], labels: NDArray[np.int32], region: NDArray[np.bool_]) -> None:
    """Mark labels of a few planes with a neighbour outside the region."""
    for axis in range(labels.ndim):
        here: tuple[slice, ...] = (slice(None),) * axis + (slice(None, -1),)
        there: tuple[slice, ...] = (slice(None),) * axis + (slice(1, None),)
        cut[labels[here][~region[there]]] = True
        cut[labels[there][~region[here]]] = True


def renumbered(
    labels: NDArray[np.int32],
    numbers: NDArray[np.int32],
    in_place: bool = False,
    progress: Progress = SILENT,
) -> NDArray[np.int32]:
    """Give labels new numbers.

    Parameters
    ----------
    labels : int32 array
        Labels from 1, 0 outside.
    numbers : (n_labels + 1,) int32 array
        The new number of each; the first stays 0.
    in_place : bool
        Whether to write over `labels`.
    progress : Progress
        Advanced per plane; cancels in between.
    """
    result = labels if in_place else np.empty_like(labels)
    progress.begin(len(labels), "Numbering particles")
    for k in range(len(labels)):
        result[k] = numbers[labels[k]]
        progress.advance()
    return result
