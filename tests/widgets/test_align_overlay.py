from __future__ import annotations

import numpy as np
import pytest

from napari_battery.widgets.align_overlay import (
    MODES,
    Grid,
    compose,
    grey,
    sample,
    slice_grid,
    tile_pixels,
)

RNG = np.random.default_rng(3)
SHAPE = (9, 14, 17)


def ramp(shape: tuple[int, ...], slope: np.ndarray, offset: float = 3.0) -> np.ndarray:
    """Linear interpolation reproduces it exactly."""
    return offset + np.tensordot(slope, np.indices(shape).astype(float), 1)


@pytest.mark.parametrize("plane", [(1, 2), (0, 2), (0, 1)])
def test_a_slice_of_its_own_grid_is_the_slice(plane: tuple[int, int]) -> None:
    data = RNG.integers(0, 60_000, SHAPE).astype(np.uint16)
    (hidden,) = {0, 1, 2} - set(plane)
    grid = slice_grid(SHAPE, SHAPE, np.eye(4), plane, 4, 2048)
    seen = sample(data, np.eye(4), grid, plane)
    assert grid.step == (1, 1, 1)
    np.testing.assert_array_equal(seen, np.take(data, 4, hidden))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f4", np.float16])
def test_a_tilted_slice_of_another_voxel_size_is_interpolated(dtype: str) -> None:
    slope = np.array([3.0, -2.0, 0.5])
    data = ramp(SHAPE, slope, 40.0).astype(dtype)
    to_moving = np.array(
        [[0.9, 0.2, -0.1, 0.4], [-0.2, 0.8, 0.3, 2], [0.1, -0.3, 0.9, 1.5], [0, 0, 0, 1]]
    )
    grid = slice_grid((10, 12, 20), SHAPE, to_moving, (1, 2), 5, 2048)
    seen = sample(data, to_moving, grid, (1, 2))
    pixels = np.indices(grid.shape).reshape(3, -1)
    fixed = np.array(grid.start)[:, None] + np.array(grid.step)[:, None] * pixels
    there = to_moving[:3, :3] @ fixed + to_moving[:3, 3:]
    last = np.array(SHAPE)[:, None] - 1
    half = 0.5 + 1e-6  # rounding errors of a pixel on the very edge
    inside = ((there >= -half) & (there <= last + half)).all(axis=0).reshape(seen.shape)
    np.testing.assert_array_equal(np.isfinite(seen), inside)
    truth = 40 + slope @ np.clip(there, 0, last)
    # float16 holds levels up to 64 to 1/32
    atol = 0.04 if dtype == np.float16 else 1e-4
    np.testing.assert_allclose(seen[inside], truth.reshape(seen.shape)[inside], atol=atol)
    assert inside.any()


def test_a_lazy_image_gives_only_the_part_that_is_seen() -> None:
    class Lazy:
        shape, dtype, read = (400, 50, 60), np.dtype(np.uint8), 0

        def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
            size = tuple(s.stop - s.start for s in box)
            Lazy.read += int(np.prod(size))
            return np.zeros(size, np.uint8)

    grid = slice_grid((400, 50, 60), (400, 50, 60), np.eye(4), (1, 2), 200, 512)
    sample(Lazy(), np.eye(4), grid, (1, 2))
    assert Lazy.read <= 2 * 50 * 60


def test_the_picture_reaches_to_where_the_moving_image_lies_but_not_for_ever() -> None:
    beside = np.eye(4)
    beside[2, 3] = 10  # the moving image begins 10 voxels before the fixed one
    grid = slice_grid((4, 40, 40), (4, 40, 40), beside, (1, 2), 0, 2048)
    assert grid.start == (0, 0, -10)
    assert grid.shape == (1, 40, 50)
    beside[2, 3] = 1000
    assert slice_grid((4, 40, 40), (4, 40, 40), beside, (1, 2), 0, 2048).shape == (1, 40, 80)


def test_a_finer_moving_image_is_seen_finely_and_a_huge_one_coarsely() -> None:
    finer = np.diag([3.1, 3.1, 3.1, 1.0])
    grid = slice_grid((4, 40, 50), (12, 124, 155), finer, (1, 2), 0, 2048)
    assert grid.shape == (1, 120, 150)
    np.testing.assert_allclose(np.array(grid.start)[1:], -1 / 3)
    grid = slice_grid((4, 4000, 1000), (4, 4000, 1000), np.eye(4), (1, 2), 0, 400)
    assert grid.shape == (1, 400, 100)
    # pixels fill the slice from edge to edge
    np.testing.assert_allclose(grid.start[1] - grid.step[1] / 2, -0.5)
    np.testing.assert_allclose(grid.start[1] + grid.step[1] * 399.5, 3999.5)


def test_what_does_not_meet_the_slice_is_not_there() -> None:
    away = np.eye(4)
    away[0, 3] = 50
    grid = slice_grid(SHAPE, SHAPE, away, (1, 2), 0, 512)
    assert np.isnan(sample(np.zeros(SHAPE, np.uint8), away, grid, (1, 2))).all()


def test_2d_images() -> None:
    data = RNG.random((8, 9)).astype(np.float32)
    grid = slice_grid((8, 9), (8, 9), np.eye(3), (0, 1), 0, 512)
    np.testing.assert_array_equal(sample(data, np.eye(3), grid, (0, 1)), data)


def test_brightness_is_that_of_the_layer() -> None:
    levels = np.array([[10.0, 20, 30, np.nan, 99]], np.float32)
    np.testing.assert_allclose(grey(levels, (10, 30))[0], [0, 0.5, 1, np.nan, 1])
    np.testing.assert_allclose(grey(levels, (10, 30), 2)[0], [0, 0.25, 1, np.nan, 1])


ONE = np.array([[0.0, 1.0, 0.5, np.nan]], np.float32)
OTHER = np.array([[0.0, 0.0, 0.5, 1.0]], np.float32)


def test_blend_is_grey_where_both_agree() -> None:
    seen = compose("blend", ONE, OTHER)[0].tolist()
    assert seen == [[0, 0, 0, 255], [255, 0, 255, 255], [128, 128, 128, 255], [0, 255, 0, 255]]


def test_difference_is_middle_grey_where_both_agree_and_nothing_where_one_ends() -> None:
    seen = compose("difference", ONE, OTHER)[0].tolist()
    assert seen[0] == seen[2] == [128, 128, 128, 255]
    assert seen[1] == [255, 255, 255, 255]
    assert seen[3][3] == 0


def test_swipe_and_checkerboard_take_each_pixel_from_one_image() -> None:
    one, other = np.zeros((4, 6), np.float32), np.ones((4, 6), np.float32)
    left = np.arange(6)[None] < 2
    seen = compose("swipe", one, other, left=left)[..., 0]
    np.testing.assert_array_equal(seen, np.broadcast_to(np.where(left, 0, 255), (4, 6)))
    tiles = compose("checkerboard", one, other, tiles=(2, 3))[..., 0]
    assert tiles.tolist() == [[0] * 3 + [255] * 3] * 2 + [[255] * 3 + [0] * 3] * 2


@pytest.mark.parametrize("mode", MODES)
def test_where_nothing_is_the_picture_is_clear(mode: str) -> None:
    nothing = np.full((3, 4), np.nan, np.float32)
    assert not compose(mode, nothing, nothing)[..., 3].any()  # type: ignore[arg-type]


def test_tiles_keep_their_size_at_any_pixel_size() -> None:
    fine = Grid((0, 0, 0), (1, 0.5, 0.25), (1, 1, 1))
    assert tile_pixels(fine, (5, 120, 60), (1, 2)) == (20, 40)
