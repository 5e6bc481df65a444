from __future__ import annotations

import math

import pytest

from napari_battery.superres.engine_tiles import best_tile, feature_bytes
from napari_battery.superres.networks import make_network


def cost(plane: tuple[int, int], tile: tuple[int, int], halo: int) -> float:
    """Pixels computed per pixel of the plane."""
    tiles = math.prod(-(-n // side) for n, side in zip(plane, tile, strict=True))
    return tiles * math.prod(side + 2 * halo for side in tile) / math.prod(plane)


def test_a_plane_that_fits_stays_in_one_piece() -> None:
    assert best_tile((500, 400), 14, 1, 1e6) == (500, 400)
    assert best_tile((500, 400), 57, 3, 1e6) == (501, 402)


def test_no_other_cut_of_the_same_plane_costs_less() -> None:
    plane, halo, pixels = (1000, 700), 14, 2e5
    tile = best_tile(plane, halo, 1, pixels)
    assert math.prod(side + 2 * halo for side in tile) <= pixels
    for rows in range(1, 30):
        for columns in range(1, 30):
            other = (-(-plane[0] // rows), -(-plane[1] // columns))
            if math.prod(side + 2 * halo for side in other) <= pixels:
                assert cost(plane, tile, halo) <= cost(plane, other, halo)


def test_a_wide_margin_gets_larger_tiles_than_would_suit_the_memory() -> None:
    tile = best_tile((3000, 3000), 200, 1, 4e5)  # of which 400 × 400 are margin
    assert 4e5 < math.prod(side + 400 for side in tile) <= 16e5
    # the published ESRGAN: the margin alone is more than may be had
    tile = best_tile((1500, 1500), 1044, 3, 7e5)
    assert all(400 <= side <= 522 and side % 3 == 0 for side in tile)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("paper-cnn", 64 * 4), ("paper-gan", 128 * 4), ("battery", 27 * 4)],
)
def test_the_largest_features_are_known(name: str, expected: float) -> None:
    assert feature_bytes(make_network(name)) == pytest.approx(expected, abs=0)
