from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_battery.widgets.slices import current_slice, displayed_axes, hidden_axis


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_slice_counts_the_layer_s_own_voxels(axis: int) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((50, 50, 50)))
    layer = viewer.add_image(np.zeros((8, 9, 10)), scale=(2, 1, 0.5), translate=(4, 5, 6))
    order = [axis, *[a for a in range(3) if a != axis]]
    viewer.dims.order = order
    assert hidden_axis(viewer, layer) == axis
    assert displayed_axes(viewer, layer) == tuple(order[1:])
    index = [3, 4, 5]
    viewer.dims.point = layer.data_to_world(index)
    assert current_slice(viewer, layer, axis) == index[axis]
    viewer.dims.point = (49, 49, 49)
    assert current_slice(viewer, layer, axis) == min(layer.data.shape[axis] - 1, 49)


def test_two_axes_and_three_dimensions_have_no_slice() -> None:
    viewer = ViewerModel()
    flat = viewer.add_image(np.zeros((8, 9)))
    assert hidden_axis(viewer, flat) is None
    solid = viewer.add_image(np.zeros((4, 8, 9)))
    assert hidden_axis(viewer, flat) is None
    assert hidden_axis(viewer, solid) == 0
    viewer.dims.ndisplay = 3
    assert hidden_axis(viewer, solid) is None
