"""A random forest as plain arrays, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["ARRAYS", "Forest", "flattened", "forest_of", "probabilities"]

ARRAYS = {
    "feature": np.int32,
    "threshold": np.float32,
    "next": np.int32,
    "leaf": np.int32,
    "roots": np.int32,
    "shares": np.float32,
}
"""The arrays that make a forest, and their types."""


@dataclass(frozen=True)
class Forest:
    """Trees one after the other; make it with `forest_of`, which checks the arrays.

    At a node, a voxel whose ``feature`` is at most the ``threshold`` goes on to node
    ``next``, another one to ``next + 1``. A leaf goes on to itself, whatever the voxel; its
    ``leaf`` is a row of ``shares`` (n_leaves, n_classes), -1 elsewhere. ``roots`` are the
    trees' first nodes.
    """

    arrays: dict[str, NDArray[Any]]
    depths: NDArray[np.int32]
    """Most steps from each root to a leaf."""

    @property
    def n_classes(self) -> int:
        return int(self.arrays["shares"].shape[1])


def forest_of(arrays: Mapping[str, NDArray[Any]], n_features: int, n_classes: int) -> Forest:
    """Check that every voxel finds a leaf, and make a forest of the arrays.

    Raises
    ------
    InputError
        If the arrays do not fit together: whatever file they came from is broken.
    """
    from napari_battery.labelling._forest import levels

    broken = InputError("The classifier's trees are broken: train it again.")
    if any(arrays[k].ndim != (2 if k == "shares" else 1) for k in ARRAYS):
        raise broken
    ours: dict[str, NDArray[Any]] = {
        k: np.ascontiguousarray(arrays[k], dtype) for k, dtype in ARRAYS.items()
    }
    n = len(ours["feature"])
    ends = np.append(ours["roots"][1:], n)
    if (
        any(len(ours[k]) != n for k in ("threshold", "next", "leaf"))
        or len(ours["roots"]) == 0
        or ours["roots"][0] != 0
        or np.any(ends <= ours["roots"])
        or ours["shares"].shape[1] != n_classes
        or not np.isfinite(ours["shares"]).all()
    ):
        raise broken
    index = np.arange(n)
    end = np.repeat(ends, ends - ours["roots"])
    leaf = ours["leaf"] >= 0
    after = ours["next"]
    fits = (
        (ours["feature"] >= 0)
        & (ours["feature"] < n_features)
        & (ours["leaf"] < len(ours["shares"]))
        & ~np.isnan(ours["threshold"])
        & np.where(leaf, (after == index) & (ours["threshold"] == np.inf), after > index)
        & (leaf | (after + 1 < end))
    )
    if not fits.all():
        raise broken
    level = np.zeros(n, np.int32)
    levels(after, leaf, level)
    return Forest(ours, np.maximum.reduceat(level, ours["roots"]))


def flattened(trees: list[Any]) -> dict[str, NDArray[Any]]:
    """Arrays of scikit-learn's trees, ``RandomForestClassifier.estimators_``."""
    feature: list[int] = []
    threshold: list[float] = []
    after: list[int] = []
    leaf: list[int] = []
    roots: list[int] = []
    shares: list[NDArray[np.float64]] = []

    def new_leaf() -> int:
        here = len(feature)
        feature.append(0)
        threshold.append(np.inf)
        after.append(here)
        leaf.append(-1)
        return here

    for estimator in trees:
        tree = estimator.tree_
        roots.append(new_leaf())
        waiting = [(0, roots[-1])]
        while waiting:
            node, here = waiting.pop()
            left, right = int(tree.children_left[node]), int(tree.children_right[node])
            if left < 0:
                leaf[here] = len(shares)
                value = tree.value[node, 0]
                shares.append(value / value.sum())
                continue
            feature[here] = int(tree.feature[node])
            threshold[here] = _float32_below(float(tree.threshold[node]))
            after[here] = new_leaf()
            waiting += [(right, new_leaf()), (left, after[here])]
    lists = (feature, threshold, after, leaf, roots, shares)
    return {
        k: np.array(part, dtype) for (k, dtype), part in zip(ARRAYS.items(), lists, strict=True)
    }


def _float32_below(value: float) -> float:
    """Largest float32 not above a number: features are float32, so that nothing changes."""
    rounded = np.float32(value)
    below = rounded if float(rounded) <= value else np.nextafter(rounded, np.float32(-np.inf))
    return float(below)


def probabilities(forest: Forest, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean share of each class in the leaves that voxels fall into.

    Parameters
    ----------
    forest : Forest
        From `forest_of`.
    values : (n, n_features) float32 array
        One row per voxel, no NaN.

    Returns
    -------
    (n, n_classes) float32 array
        As of scikit-learn's ``predict_proba``.
    """
    from napari_battery.labelling._forest import walk

    result = np.empty((len(values), forest.n_classes), np.float32)
    a = forest.arrays
    walk(
        a["feature"], a["threshold"], a["next"], a["leaf"], a["roots"], forest.depths, a["shares"],
        np.ascontiguousarray(values), result,
    )  # fmt: skip
    return result
