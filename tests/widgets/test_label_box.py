from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_battery.widgets.label_box import box_around, is_inside, view_centre
from napari_battery.widgets.slices import camera_of

axes = st.integers(2, 3)


@given(st.data())
def test_a_box_lies_in_the_volume_around_its_centre(data: st.DataObject) -> None:
    ndim = data.draw(axes)
    shape = data.draw(st.tuples(*[st.integers(1, 400)] * ndim))
    centre = data.draw(st.tuples(*[st.floats(0, n - 1) for n in shape]))
    size = data.draw(st.tuples(*[st.floats(0.2, 5)] * ndim))
    wanted = data.draw(st.integers(10_000, 10**6))
    box = box_around(shape, centre, wanted, size)
    lengths = np.array([part.stop - part.start for part in box])
    assert all(0 <= part.start < part.stop <= n for part, n in zip(box, shape, strict=True))
    assert is_inside(box, np.clip(np.round(centre), 0, np.array(shape) - 1))
    if (lengths == shape).all():
        return
    # rounding each free axis to whole voxels, of which there is at least one
    free = lengths < shape
    slack = np.prod((lengths[free] + 1) / np.maximum(lengths[free] - 1, 0.5))
    assert wanted / slack <= np.prod(lengths) <= wanted * slack + np.prod(lengths[~free])
    edges = (lengths * size)[free]
    assert np.ptp(edges) <= 1.01 * 2 * max(np.array(size)[free])  # half a voxel at either side


def test_a_thin_stack_gets_a_wide_box() -> None:
    box = box_around((10, 500, 500), (5, 250, 0), 10**6)
    assert box == (slice(0, 10), slice(92, 408), slice(0, 316))


@pytest.mark.parametrize(("order", "hidden"), [((0, 1, 2), 0), ((2, 0, 1), 2)])
def test_the_view_s_centre_is_where_slice_and_camera_are(
    order: tuple[int, ...], hidden: int
) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((20, 30, 40)), scale=(2, 0.5, 0.5), translate=(1, 2, 3))
    viewer.dims.order = order
    place = np.array([7, 11, 13])
    world = layer.data_to_world(place)
    viewer.dims.set_point(hidden, world[hidden])
    shown = [axis for axis in range(3) if axis != hidden]
    camera_of(viewer).center = (0, *(world[axis] for axis in shown))
    np.testing.assert_allclose(view_centre(viewer, layer), place)
    camera_of(viewer).center = (0, 1e6, -1e6)
    centre = view_centre(viewer, layer)
    ends = {0: (29, 0), 2: (19, 0)}[hidden]
    assert [centre[axis] for axis in shown] == list(ends)
    viewer.dims.ndisplay = 3
    world = layer.data_to_world((3, 4, 5))
    camera_of(viewer).center = tuple(world[axis] for axis in order)
    np.testing.assert_allclose(view_centre(viewer, layer), (3, 4, 5))
