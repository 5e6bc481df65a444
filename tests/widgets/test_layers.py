from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_battery.errors import InputError
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, layer_kwargs, volume_from_layer


def test_a_volume_comes_back_from_its_layer() -> None:
    turn = np.eye(4)
    turn[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    turn[:3, 3] = [5, 6, 7]
    volume = Volume(
        np.zeros((3, 4, 5), np.int32),
        (0.5, 0.3, 0.3),
        (1, 2, 3),
        affine=turn,
        name="P",
        voxel_size_source="ImageJ tags",
        path=Path("scan.tif"),
        region=np.ones((3, 4, 5), bool),
        metadata={"state": "4.4 V"},
    )
    viewer = ViewerModel()
    layer = add_volume(viewer, volume, labels=True)
    assert isinstance(layer, Labels)
    assert [str(u) for u in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    back = volume_from_layer(layer)
    assert back.data is layer.data
    np.testing.assert_allclose(back.world_affine(), volume.world_affine(), atol=1e-12)
    for name in ("name", "voxel_size_source", "path", "region", "metadata"):
        assert getattr(back, name) is getattr(volume, name) or getattr(back, name) == getattr(
            volume, name
        )


@pytest.mark.parametrize(("unit", "scale"), [("nm", 325.0), ("um", 0.325), ("mm", 325e-6)])
def test_any_length_unit_becomes_um(unit: str, scale: float) -> None:
    layer = Image(np.zeros((3, 4, 5)), scale=(scale,) * 3, translate=(scale,) * 3, units=unit)
    volume = volume_from_layer(layer)
    assert volume.voxel_size_um == pytest.approx((0.325,) * 3)
    assert volume.origin_um == pytest.approx((0.325,) * 3)


def test_rotation_shear_and_affine_are_kept_in_um() -> None:
    affine = np.eye(4)
    affine[:3, 3] = [100, 0, 0]  # nm
    layer = Image(
        np.zeros((3, 4, 5)),
        scale=(500, 250, 250),
        rotate=(10, 20, 30),
        shear=(0.1, 0, 0),
        translate=(1000, 0, 0),
        affine=affine,
        units="nm",
    )
    volume = volume_from_layer(layer)
    for index in ((0, 0, 0), (2, 1, 3)):
        world = volume.world_affine() @ [*index, 1]
        np.testing.assert_allclose(world[:3], np.array(layer.data_to_world(index)) / 1000)


def test_pixels_are_an_unknown_voxel_size() -> None:
    volume = volume_from_layer(Image(np.zeros((3, 4)), name="slice"))
    assert volume.voxel_size_um is None
    assert layer_kwargs(volume)["units"] == ("pixel", "pixel")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Image(np.zeros((4, 5, 3), np.uint8), rgb=True, name="photo"), "“photo” is a colour"),
        (Image(np.zeros((2, 3, 4, 5)), name="series"), "“series” has 4 axes"),
        (Image(np.zeros((3, 4)), units=("um", "pixel"), name="odd"), "“odd” mixes units"),
    ],
)
def test_what_no_step_takes_is_named(layer: Image, message: str) -> None:
    with pytest.raises(InputError, match=message):
        volume_from_layer(layer)


def test_a_pyramid_gives_its_finest_level() -> None:
    levels = [np.zeros((8, 8)), np.zeros((4, 4))]
    assert volume_from_layer(Image(levels, multiscale=True)).shape == (8, 8)
