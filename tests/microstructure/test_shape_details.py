"""Solidity and voids against shapes whose hull and holes are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from napari_battery.microstructure.shape_details import label_details
from napari_battery.progress import CallbackProgress, Cancelled


def test_hulls_and_voids_of_known_shapes():
    labels = np.zeros((50, 50, 50), np.uint16)
    distance = ((np.indices(labels.shape) - 20.3) ** 2).sum(axis=0)
    labels[distance < 16**2] = 1
    labels[distance < 6**2] = 2
    labels[40:48, 1:9, 1:9] = 7
    labels[42:48, 3:9, 1:9] = 0
    labels[40, 20:30, 40:45] = 9
    table = label_details(labels, (1, 1, 1)).set_index("label")
    n_void = (distance < 36).sum()
    assert table.loc[1, "void_voxels"] == n_void
    assert table.loc[1, "void_fraction"] == pytest.approx(n_void / (distance < 256).sum())
    assert table.loc[1, "solidity"] == pytest.approx(1)
    assert table.loc[2, "void_fraction"] == 0
    # an L of 28 of the 64 columns of a cube; the hull's corner runs from (1, 7) to (7, 1)
    hull = sum(1 for z in range(8) for y in range(8) if z <= 1 or y <= 1 or z + y <= 8)
    assert table.loc[7, "solidity"] == pytest.approx(28 / hull)
    assert np.isnan(table.loc[9, "solidity"])


@settings(max_examples=30, deadline=None)
@given(arrays(bool, (7, 9)))
def test_in_a_plane_it_is_scikit_images_hull(mask):
    from scipy import ndimage
    from skimage.morphology import convex_hull_image

    if not mask.any():
        return
    found = label_details(mask.astype(np.uint8), (1, 1)).iloc[0]
    filled = ndimage.binary_fill_holes(mask)
    assert found.void_voxels == filled.sum() - mask.sum()
    if np.isfinite(found.solidity):
        hull = convex_hull_image(filled, offset_coordinates=False, include_borders=True)
        assert found.solidity == pytest.approx(filled.sum() / hull.sum())


def test_it_stops_when_asked():
    asked = iter([False] * 4 + [True] * 9)
    progress = CallbackProgress(lambda *_: None, lambda: next(asked))
    with pytest.raises(Cancelled):
        label_details(np.arange(27).reshape(3, 3, 3), (1, 1, 1), progress)
