from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Points

from napari_battery.errors import InputError
from napari_battery.widgets.align_place import move_layers, moved_so_far, place_layers
from napari_battery.widgets.layers import volume_from_layer

QUARTER = np.array([[1.0, 0, 0, 7], [0, 0, -1, 2], [0, 1, 0, -3], [0, 0, 0, 1]])
SHIFT = np.eye(4)
SHIFT[:3, 3] = (1.5, -2, 4)
OWN = np.diag([1.0, 1, -1, 1])
# float64 sums of numbers up to some tens
EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def image(**more: Any) -> Image:
    kwargs = {"scale": (2, 0.5, 0.5), "translate": (1, 2, 3), "units": "um", "affine": OWN, **more}
    return Image(np.zeros((4, 5, 6)), name="scan", **kwargs)


def test_a_layer_moves_in_the_world_by_the_matrix_and_keeps_scale_and_data() -> None:
    layer = image()
    data, before = layer.data, volume_from_layer(layer).world_affine()
    place_layers([layer], QUARTER)
    assert np.allclose(volume_from_layer(layer).world_affine(), QUARTER @ before, **EXACT)
    assert layer.data is data
    assert tuple(layer.scale) == (2, 0.5, 0.5)
    assert tuple(layer.translate) == (1, 2, 3)


def test_micrometres_are_turned_into_the_units_of_the_layer() -> None:
    layer = image(units="mm", affine=np.eye(4))
    place_layers([layer], SHIFT)
    assert np.allclose(layer.affine.affine_matrix[:3, 3], np.array([1.5, -2, 4]) / 1000, **EXACT)


def test_placing_twice_is_placing_once_and_moving_adds_up() -> None:
    layer = image()
    before = volume_from_layer(layer).world_affine()
    place_layers([layer], SHIFT)
    place_layers([layer], QUARTER)
    place_layers([layer], QUARTER)
    assert np.allclose(volume_from_layer(layer).world_affine(), QUARTER @ before, **EXACT)
    move_layers([layer], SHIFT)
    assert np.allclose(volume_from_layer(layer).world_affine(), SHIFT @ QUARTER @ before, **EXACT)
    assert np.allclose(moved_so_far(layer), SHIFT @ QUARTER, **EXACT)


def test_each_move_is_taken_back_by_itself() -> None:
    layer = image()
    takes_back = [place_layers([layer], SHIFT), move_layers([layer], QUARTER)]
    takes_back[1]()
    assert np.allclose(moved_so_far(layer), SHIFT, **EXACT)
    takes_back[0]()
    assert np.array_equal(layer.affine.affine_matrix, OWN)
    assert np.array_equal(moved_so_far(layer), np.eye(4))


def test_a_layer_moved_by_other_means_starts_from_there() -> None:
    layer = image()
    place_layers([layer], SHIFT)
    layer.affine = QUARTER
    assert np.array_equal(moved_so_far(layer), np.eye(4))


def test_points_go_along() -> None:
    points = Points([[1.0, 2, 3]], units="um")
    place_layers([points], SHIFT)
    assert np.allclose(points.data_to_world((1, 2, 3)), (2.5, 0, 7), **EXACT)


def test_all_layers_stay_where_one_does_not_fit() -> None:
    layer, flat = image(), Image(np.zeros((5, 6)), name="flat", units="um")
    with pytest.raises(InputError, match="3 axes and “flat” 2"):
        place_layers([layer, flat], SHIFT)
    assert np.array_equal(layer.affine.affine_matrix, OWN)
    pixels = image(units="pixel")
    with pytest.raises(InputError, match="“scan” is in pixels, the transform in µm"):
        move_layers([layer, pixels], SHIFT)
    assert np.array_equal(layer.affine.affine_matrix, OWN)
    place_layers([pixels], SHIFT, "voxel")
    assert np.allclose(moved_so_far(pixels), SHIFT, **EXACT)


def test_undo_neither_keeps_a_layer_nor_needs_it() -> None:
    layer = image()
    take_back = place_layers([layer], SHIFT)
    del layer
    gc.collect()
    take_back()
