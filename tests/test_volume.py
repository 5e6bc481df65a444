from __future__ import annotations

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.volume import Volume


def test_world_affine_places_voxels_in_um() -> None:
    turn = np.eye(4)
    turn[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    volume = Volume(np.zeros((4, 5, 6)), (2, 3, 4), (10, 20, 30), affine=turn)
    world = volume.world_affine() @ [1, 1, 1, 1]
    # (10 + 2, 20 + 3, 30 + 4), then y and z of the turn: (12, -34, 23)
    np.testing.assert_allclose(world, [12, -34, 23, 1])


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 2)])
def test_other_numbers_of_axes_are_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="“scan” has"):
        Volume(np.zeros(shape), name="scan")


@pytest.mark.parametrize("size", [(1, 2), (0, 1, 1), (np.nan, 1, 1), (-1, 1, 1)])
def test_a_voxel_size_that_is_none_is_refused(size: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="voxel size"):
        Volume(np.zeros((2, 2, 2)), size)


def test_region_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="region"):
        Volume(np.zeros((2, 2, 2)), region=np.ones((2, 2, 3), bool))


def test_unknown_voxel_size_asks_for_it() -> None:
    volume = Volume(np.zeros((2, 2)), name="slice")
    with pytest.raises(InputError, match="“slice” is unknown.*--voxel-size"):
        volume.known_voxel_size_um()
    assert volume.with_voxel_size(0.5, "typed in").known_voxel_size_um() == (0.5, 0.5)


def test_assumed_is_said() -> None:
    volume = Volume(np.zeros((2, 2)))
    assert volume.with_voxel_size(1, "assumed 1 µm").is_assumed
    assert not volume.with_voxel_size(1, "typed in").is_assumed


def test_same_grid_is_to_a_hundredth_of_a_voxel() -> None:
    data = np.zeros((100, 100, 100))
    one = Volume(data, (1, 1, 1))
    assert one.same_grid(Volume(data, (1, 1, 1), (0.009, 0, 0)))
    assert not one.same_grid(Volume(data, (1, 1, 1), (0.02, 0, 0)))
    # a voxel size off by 0.1 % is a tenth of a voxel after a hundred voxels
    assert not one.same_grid(Volume(data, (1.001, 1, 1)))
    assert not one.same_grid(Volume(data[:50], (1, 1, 1)))


def test_like_keeps_the_place_and_drops_the_file() -> None:
    from pathlib import Path

    volume = Volume(np.zeros((2, 2)), (1, 2), (3, 4), name="a", path=Path("a.tif"))
    other = volume.like(np.ones((2, 2)), "b")
    assert (other.voxel_size_um, other.origin_um) == ((1, 2), (3, 4))
    assert (other.name, other.path) == ("b", None)


def test_what_is_made_from_synthetic_data_stays_synthetic() -> None:
    volume = Volume(np.zeros((2, 2)), metadata={"synthetic": True, "made": {"step": "label"}})
    assert volume.like(np.ones((2, 2)), "b").metadata == {"synthetic": True}
    assert volume.like(np.ones((2, 2)), "b", metadata={"a": 1}).metadata == {"a": 1}
