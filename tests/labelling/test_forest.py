"""The flattened forest against scikit-learn's, and against broken arrays."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from napari_battery.errors import InputError
from napari_battery.labelling.forest import flattened, forest_of, probabilities


def trained(n_classes=3, depth=None, seed=0, weights=False):
    rng = np.random.default_rng(seed)
    # few values each: many voxels lie exactly on a threshold's neighbours
    values = rng.integers(0, 40, (600, 5)).astype(np.float32) / 7
    classes = rng.integers(0, n_classes, 600) * (values[:, 0] > 1)
    forest = RandomForestClassifier(12, max_depth=depth, random_state=seed)
    return forest.fit(values, classes, rng.random(600) if weights else None), values


@pytest.mark.parametrize(
    ("n_classes", "depth", "weights"), [(2, None, False), (3, 4, True), (7, None, True)]
)
def test_probabilities_equal_sklearns(n_classes, depth, weights):
    theirs, values = trained(n_classes, depth, weights=weights)
    ours = forest_of(flattened(theirs.estimators_), 5, len(theirs.classes_))
    rng = np.random.default_rng(1)
    for x in (values, rng.random((1000, 5), np.float32) * 8, np.zeros((1, 5), np.float32)):
        assert np.abs(probabilities(ours, x) - theirs.predict_proba(x)).max() < 1e-6
    assert probabilities(ours, values[:0]).shape == (0, len(theirs.classes_))


def test_voxels_just_beside_a_threshold_go_the_same_way():
    theirs, _ = trained()
    ours = forest_of(flattened(theirs.estimators_), 5, 3)
    edges = np.concatenate([t.tree_.threshold for t in theirs.estimators_]).astype(np.float32)
    up = np.nextafter(edges, np.float32(np.inf))
    down = np.nextafter(edges, np.float32(-np.inf))
    x = np.repeat(np.concatenate([edges, up, down])[:, None], 5, axis=1)
    assert np.abs(probabilities(ours, x) - theirs.predict_proba(x)).max() < 1e-6


def test_a_forest_of_single_leaves():
    x = np.zeros((4, 2), np.float32)
    theirs = RandomForestClassifier(3, random_state=0).fit(x, [0, 1, 1, 1])
    ours = forest_of(flattened(theirs.estimators_), 2, 2)
    assert np.abs(probabilities(ours, x) - theirs.predict_proba(x)).max() < 1e-6


def broken(name, index, value):
    arrays = flattened(trained()[0].estimators_)
    arrays[name][index] = value
    return arrays


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("feature", 0, 5),
        ("feature", 3, -1),
        ("next", 0, 0),  # round and round
        ("next", 0, 10**6),
        ("next", -1, 0),
        ("leaf", -1, 10**6),
        ("leaf", 0, 0),  # a leaf that goes on
        ("leaf", -1, -1),  # no leaf at the end
        ("roots", 1, 0),
        ("roots", 0, 1),
        ("roots", -1, 10**6),
        ("shares", 0, np.nan),
        ("threshold", 0, np.nan),
    ],
)
def test_broken_trees_are_refused(name, index, value):
    with pytest.raises(InputError, match="trees are broken"):
        forest_of(broken(name, index, value), 5, 3)


def test_arrays_that_do_not_fit_are_refused():
    arrays = flattened(trained()[0].estimators_)
    for changed in (
        {"feature": arrays["feature"][:-1]},
        {"roots": arrays["roots"][:0]},
        {"shares": arrays["shares"][:, :2]},
        {"leaf": arrays["leaf"][None]},
    ):
        with pytest.raises(InputError, match="trees are broken"):
            forest_of({**arrays, **changed}, 5, 3)
