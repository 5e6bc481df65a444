from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_battery.labelling import LabelSettings, foreground_mask, threshold_value
from napari_battery.volume import Volume
from napari_battery.widgets.label_preview import TINT, PreviewLayer, slice_mask
from napari_battery.widgets.layers import add_volume, is_overlay, volume_from_layer

RNG = np.random.default_rng(0)
GREY = RNG.normal(100, 30, (17, 23, 29))


def image(**more: Any) -> Volume:
    place: dict[str, Any] = {"voxel_size_um": (0.5,) * 3, "origin_um": (1, 2, 3)}
    return Volume(GREY.clip(0, 255).astype(np.uint8), **{**place, **more}, name="scan")


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    "settings",
    [
        LabelSettings(),
        LabelSettings(denoise_size=2.5, particles="darker"),
        LabelSettings(denoise="median", denoise_size=2),
        LabelSettings(denoise="none", threshold="manual", manual_threshold=110),
    ],
    ids=["gaussian", "wide, darker", "median", "manual, none"],
)
@pytest.mark.parametrize("size", [(0.5, 0.5, 0.5), (2.0, 0.5, 0.5)], ids=["cubes", "thick"])
def test_it_is_the_step_s_own_mask(
    axis: int, settings: LabelSettings, size: tuple[float, ...]
) -> None:
    region = GREY < 150
    volume = image(voxel_size_um=size, region=region)
    threshold = threshold_value(volume, settings)
    whole = foreground_mask(volume, threshold, settings)
    for index in (0, 3, volume.shape[axis] - 1):
        look = slice_mask(volume, settings, threshold, axis, index)
        expected = whole.take([index], axis=axis)
        np.testing.assert_array_equal(look.volume.data, expected)
        inside = region.take(index, axis=axis).sum()
        assert look.fraction == expected.sum() / inside


def test_it_lies_on_its_slice() -> None:
    viewer = ViewerModel()
    turn = np.eye(4)
    turn[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    volume = image(affine=turn)
    layer = add_volume(viewer, volume)
    preview = PreviewLayer(viewer, TINT)
    for axis, index in ((0, 5), (2, 7)):
        preview.show(slice_mask(volume, LabelSettings(), 100, axis, index).volume)
        corner = [0, 0, 0]
        corner[axis] = index
        np.testing.assert_allclose(
            preview.layer.data_to_world((0, 0, 0)), layer.data_to_world(corner), atol=1e-9
        )
    assert preview.layer.units == layer.units


def test_two_axes() -> None:
    flat = Volume(GREY[0].clip(0, 255).astype(np.uint8), name="slice")
    look = slice_mask(flat, LabelSettings(), 100, None, 0)
    np.testing.assert_array_equal(look.volume.data, foreground_mask(flat, 100, LabelSettings()))


def test_the_layer_is_an_aid_that_leaves_the_selection_alone() -> None:
    viewer = ViewerModel()
    layer = add_volume(viewer, image())
    preview = PreviewLayer(viewer, TINT)
    preview.show(slice_mask(image(), LabelSettings(), 100, 0, 5).volume)
    assert is_overlay(preview.layer)
    assert viewer.layers.selection.active is layer
    made = preview.layer
    preview.show(slice_mask(image(), LabelSettings(), 90, 0, 6).volume)
    assert preview.layer is made
    assert len(viewer.layers) == 2
    preview.hide()
    preview.hide()
    assert list(viewer.layers) == [layer]
    assert volume_from_layer(layer).region is None


def test_an_unknown_voxel_size_is_fine() -> None:
    viewer = ViewerModel()
    volume = Volume(GREY.astype(np.float32), name="bare")
    layer = add_volume(viewer, volume)
    preview = PreviewLayer(viewer, TINT)
    preview.show(slice_mask(volume, LabelSettings(), 100, 1, 4).volume)
    assert preview.layer.units == layer.units
    assert preview.layer.translate.tolist() == [0, 4, 0]
