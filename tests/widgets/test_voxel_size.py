from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image, Labels

from napari_battery.errors import InputError
from napari_battery.widgets.layers import KEY, volume_from_layer
from napari_battery.widgets.voxel_size import (
    describe_voxel_size,
    disagreement,
    layer_voxel_size_um,
    needs_voxel_size,
    set_voxel_size,
)

DATA = np.zeros((4, 5, 6), np.uint8)


def state(layer: Any) -> tuple[Any, ...]:
    """Everything that an undo must bring back."""
    return (
        layer.scale.tolist(),
        layer.translate.tolist(),
        [str(unit) for unit in layer.units],
        tuple(layer.axis_labels),
        np.asarray(layer.affine.affine_matrix).tolist(),
        layer.metadata.get(KEY, {}).get("voxel_size_source"),
    )


@pytest.mark.parametrize(
    "layer",
    [
        Image(DATA, name="bare"),
        Image(DATA, scale=(325.0,) * 3, units="nm", translate=(650.0, 0, 325.0)),
        Image(DATA, scale=(2, 0.5, 0.5), units="um", metadata={KEY: {"voxel_size_source": "x"}}),
        Labels(DATA, scale=(1e-3,) * 3, units="mm"),
        Image(DATA[0], translate=(3, 4)),
        Image(DATA, units=("um", "pixel", "um")),
    ],
    ids=["bare", "nm", "um", "mm labels", "2-D", "mixed"],
)
def test_set_and_take_back(layer: Any) -> None:
    before = state(layer)
    restore = set_voxel_size(layer, (2.0, 0.5, 0.25), "typed in")
    volume = volume_from_layer(layer)
    assert volume.voxel_size_um == (2.0, 0.5, 0.25)[-layer.ndim :]
    assert volume.voxel_size_source == "typed in"
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert tuple(layer.axis_labels) == ("z", "y", "x")[-layer.ndim :]
    restore()
    assert state(layer) == before


def test_a_crop_stays_where_it_was_cut_from() -> None:
    whole, part = Image(DATA, name="whole"), Image(DATA[1:, 2:], translate=(1, 2, 0), name="part")
    for layer in (whole, part):
        set_voxel_size(layer, (0.3, 0.2, 0.1), "typed in")
    np.testing.assert_allclose(part.data_to_world((0, 0, 0)), whole.data_to_world((1, 2, 0)))
    np.testing.assert_allclose(part.translate, (0.3, 0.4, 0.0))


def test_an_alignment_moves_with_the_grid() -> None:
    shift = np.eye(4)
    shift[:3, 3] = (0, 3, 5)  # three and five voxels
    layer = Image(DATA, affine=shift)
    set_voxel_size(layer, (0.5,) * 3, "typed in")
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), (0, 1.5, 2.5))


@given(
    st.tuples(*[st.floats(1e-3, 1e3)] * 3),
    st.tuples(*[st.floats(-50, 50)] * 3),
    st.tuples(*[st.integers(0, 5)] * 3),
)
def test_positions_count_voxels(
    size: tuple[float, ...], translate: tuple[float, ...], index: tuple[int, ...]
) -> None:
    """World position / voxel size is the same before and after, whatever the size."""
    layer = Image(DATA, translate=translate)
    before = np.array(layer.data_to_world(index))
    set_voxel_size(layer, size, "typed in")
    after = np.array(layer.data_to_world(index)) / size
    # a few roundings in double precision of numbers up to 1e5
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [(0, 1, 1), (1, np.nan, 1), (-1, 1, 1), (1,)])
def test_a_wrong_size_changes_nothing(size: tuple[float, ...]) -> None:
    layer = Image(DATA, name="stack")
    before = state(layer)
    with pytest.raises(InputError, match="stack"):
        set_voxel_size(layer, size, "typed in")
    assert state(layer) == before


def test_four_axes_are_refused() -> None:
    with pytest.raises(InputError, match="4 axes"):
        set_voxel_size(Image(np.zeros((2, 2, 2, 2)), name="film"), (1, 1, 1), "typed in")


def test_undo_does_not_keep_a_layer_alive() -> None:
    import gc
    import weakref

    layer = Image(DATA)
    restore = set_voxel_size(layer, (1, 1, 1), "typed in")
    kept = weakref.ref(layer)
    del layer
    gc.collect()
    assert kept() is None
    restore()  # and is harmless afterwards


def test_what_is_known() -> None:
    bare, nm = Image(DATA, name="bare"), Image(DATA, name="nm", scale=(325,) * 3, units="nm")
    assert needs_voxel_size(bare)
    assert KEY not in bare.metadata  # looking changes nothing
    assert describe_voxel_size(bare) == "voxel size unknown"
    assert layer_voxel_size_um(nm) == pytest.approx((0.325,) * 3)
    assert describe_voxel_size(nm) == "0.325 µm (the layer's scale)"
    set_voxel_size(bare, (1, 1, 1), "assumed 1 µm")
    assert describe_voxel_size(bare) == "1 µm (assumed)"
    assert volume_from_layer(bare).is_assumed


def test_disagreement_names_both_and_their_numbers() -> None:
    one = Image(DATA, name="one", scale=(0.5,) * 3, units="um")
    same = Image(DATA, name="same", scale=(500.1,) * 3, units="nm")
    other = Image(DATA, name="other", scale=(0.25,) * 3, units="um")
    bare = Image(DATA, name="bare")
    assert disagreement([one, same]) == ""
    assert disagreement([one]) == ""
    for word in ("one", "other", "0.5", "0.25"):
        assert word in disagreement([one, other])
    assert "“bare” has none" in disagreement([bare, one])
