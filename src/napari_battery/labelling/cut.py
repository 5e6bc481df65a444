"""Particles cut by a face of the volume, or of its region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["without_cut"]


def without_cut(labels: NDArray[np.int32], region: NDArray[np.bool_] | None) -> NDArray[np.int32]:
    """Labels without those at a face of the volume or of the region, numbered anew.

    Parameters
    ----------
    labels : int32 array
        2-D or 3-D; not changed.
    region : bool array, optional
        What was analysed.

    Returns
    -------
    int32 array
        Labels 1 … n in their old order.
    """
    cut = np.zeros(int(labels.max(initial=0)) + 1, bool)
    for axis in range(labels.ndim):
        for face in (0, -1):
            cut[labels.take(face, axis=axis)] = True
        if region is not None:
            here: tuple[slice, ...] = (slice(None),) * axis + (slice(None, -1),)
            there: tuple[slice, ...] = (slice(None),) * axis + (slice(1, None),)
            cut[labels[here][~region[there]]] = True
            cut[labels[there][~region[here]]] = True
    numbers = np.cumsum(~cut, dtype=np.int32)
    # cut[0] is True wherever background reaches a face; label 0 must stay 0 either way.
    numbers -= numbers[0]
    numbers[cut] = 0
    kept: NDArray[np.int32] = numbers[labels]
    return kept
