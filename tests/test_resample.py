from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery import resample
from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.resample import onto_grid
from napari_battery.volume import Volume

SLOPE = np.array([3.0, -2.0, 0.5])


def plane(volume: Volume) -> Any:
    """A grey level that grows linearly in the world: linear interpolation is exact on it."""
    index = np.indices(volume.shape).reshape(volume.ndim, -1)
    index = np.vstack([index, np.ones(index.shape[1])])
    world = (volume.world_affine() @ index)[:-1]
    return (SLOPE[: volume.ndim] @ world).reshape(volume.shape)


def grid(shape: tuple[int, ...], size: Any, **place: Any) -> Volume:
    return Volume(np.zeros(shape, np.float32), size, **place)


@settings(max_examples=20, deadline=None)
@given(
    size=st.tuples(*[st.floats(0.4, 2.5)] * 3),
    origin=st.tuples(*[st.floats(-2, 6)] * 3),
    angle=st.floats(-0.6, 0.6),
    block=st.sampled_from([1, 300, 1 << 22]),
)
def test_linear_levels_are_exact_inside_and_absent_outside(
    size: Any, origin: Any, angle: float, block: int
) -> None:
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    source = grid((12, 14, 16), (1.0, 0.8, 1.1), affine=turn)
    source = Volume(plane(source), (1.0, 0.8, 1.1), affine=turn)
    target = grid((8, 9, 10), size, origin_um=origin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resample, "_BLOCK_VOXELS", block)
        made = onto_grid(source, target)
    index = np.linalg.solve(source.world_affine(), target.world_affine()) @ np.vstack(
        [np.indices(target.shape).reshape(3, -1), np.ones(target.data.size)]
    )
    index = index[:-1].reshape(3, *target.shape)
    last = np.reshape(source.shape, (3, 1, 1, 1)) - 1
    inside = ((index >= 0) & (index <= last)).all(axis=0)
    outside = ((index < -0.51) | (index > last + 0.51)).any(axis=0)
    # float32 results of levels up to about 60.
    np.testing.assert_allclose(made.data[inside], plane(target)[inside], atol=2e-5)
    assert np.isnan(made.data[outside]).all()
    assert np.isfinite(made.data[inside]).all()
    assert made.same_grid(target)


def test_same_grid_changes_nothing_and_keeps_the_edges() -> None:
    data = np.random.default_rng(0).integers(0, 255, (5, 6, 7)).astype(np.uint8)
    made = onto_grid(Volume(data, (2, 2, 2)), grid((5, 6, 7), (2, 2, 2)))
    np.testing.assert_array_equal(made.data, data)


def test_two_dimensions_and_nearest() -> None:
    data = np.arange(12).reshape(3, 4)
    made = onto_grid(Volume(data, (2, 2)), grid((6, 8), (1, 1), origin_um=(-0.5, -0.5)), order=0)
    np.testing.assert_array_equal(made.data, np.kron(data, np.ones((2, 2))))


def test_region_is_no_data() -> None:
    region = np.zeros((5, 6, 7), bool)
    region[:, :3] = True
    made = onto_grid(
        Volume(np.ones((5, 6, 7)), (1, 1, 1), region=region), grid((5, 6, 7), (1,) * 3)
    )
    np.testing.assert_array_equal(np.isfinite(made.data), region)


def test_refusals() -> None:
    image = Volume(np.ones((5, 6, 7)), (1, 1, 1), name="image")
    with pytest.raises(InputError, match="do not overlap"):
        onto_grid(image, grid((5, 6, 7), (1, 1, 1), origin_um=(50, 0, 0)))
    with pytest.raises(InputError, match="voxel size of “volume” is unknown"):
        onto_grid(image, grid((9, 6, 7), None))
    with pytest.raises(InputError, match="axes"):
        onto_grid(image, grid((6, 7), (1, 1)))


def test_can_be_stopped() -> None:
    image = Volume(np.ones((5, 6, 7)), (1, 1, 1))
    with pytest.raises(Cancelled):
        onto_grid(image, image, CallbackProgress(print, lambda: True))
