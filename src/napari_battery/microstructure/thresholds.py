"""Thresholds moved down and up: how far an answer hangs on the segmentation."""

from __future__ import annotations

import numpy as np

from napari_battery.microstructure.sample import Sample

__all__ = ["threshold_sets"]

_SHARE = 0.05
"""Of the grey distance between two phases: the automatic δ."""


def threshold_sets(sample: Sample, delta: float | None) -> list[tuple[float, tuple[float, ...]]]:
    """The shifted thresholds of a grey sample.

    Parameters
    ----------
    sample : Sample
        Of another than a grey one there is nothing to shift.
    delta : float, optional
        Grey levels. None takes 5 % of the distance between the mean grey levels on the two
        sides of the threshold, the smallest of several thresholds. 0 shifts nothing.

    Returns
    -------
    list of (shift, thresholds)
        −δ and +δ.
    """
    if sample.grey is None or delta == 0:
        return []
    step = _automatic(sample) if delta is None else delta
    return [(s, tuple(cut + s for cut in sample.thresholds)) for s in (-step, step)] if step else []


def _automatic(sample: Sample) -> float:
    grey, codes = sample.grey, sample.phases.data
    assert grey is not None
    counts = np.bincount(codes.ravel(), minlength=len(sample.thresholds) + 1)
    sums = np.bincount(codes.ravel(), weights=grey.ravel(), minlength=len(counts))
    means = sums[counts > 0] / counts[counts > 0]
    return float(_SHARE * np.diff(means).min()) if len(means) > 1 else 0.0
