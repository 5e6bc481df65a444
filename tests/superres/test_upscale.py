"""Cubic interpolation onto a finer grid: against parabolas, another library, and itself cut up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.superres.greys import Greys
from napari_battery.superres.upscale import Upscaler, grid_window, target_grid, upscaled
from napari_battery.volume import Volume


def _volume(shape, size, seed=0, **kwargs):
    grey = np.random.default_rng(seed).random(shape).astype("f4")
    return Volume(grey, (size,) * len(shape) if isinstance(size, float) else size, **kwargs)


def _centres(volume):
    """World coordinates of the voxels' centres, per axis."""
    return [
        o + v * np.arange(n)
        for o, v, n in zip(volume.origin_um, volume.voxel_size_um, volume.shape, strict=True)
    ]


def _parabola(z, y, x):
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    return 2 + z - 0.3 * y + 0.1 * x + 0.02 * z * z - 0.03 * y * y + 0.05 * x * x - 0.04 * x * y


@pytest.mark.parametrize(("size", "target"), [((2.3,) * 3, 0.74), ((5.0, 2.0, 2.0), 0.9)])
def test_parabolas_are_reproduced(size, target):
    low = Volume(np.zeros((9, 10, 11)), size, origin_um=(3.0, -2.0, 7.0))
    low = replace(low, data=_parabola(*_centres(low)))
    fine = upscaled(low, target_grid(low, target))
    expected = _parabola(*_centres(fine))
    # all four taps lie inside from 1.5 voxels before the faces on
    inner = tuple(
        slice(int(np.ceil(1.5 * v / target)) + 1, -int(np.ceil(1.5 * v / target)) - 1) for v in size
    )
    # float32 sums of numbers up to 70
    np.testing.assert_allclose(np.asarray(fine.data)[inner], expected[inner], atol=1e-4)


def test_like_pillow_away_from_the_faces():
    from PIL import Image

    low = _volume((74, 37), 2.3)
    fine = upscaled(low, target_grid(low, 0.74))
    assert fine.shape == (230, 115)
    pillow = np.asarray(Image.fromarray(low.data).resize((115, 230), Image.Resampling.BICUBIC))
    # Pillow leaves taps beyond the faces out where the image is mirrored here
    inner = (slice(7, -7), slice(7, -7))
    np.testing.assert_allclose(np.asarray(fine.data)[inner], pillow[inner], atol=2e-6)


def test_mirrored_at_the_faces():
    low = _volume((8, 9, 10), 3.0)
    padded = replace(low, data=np.pad(low.data, 4, mode="symmetric"))
    whole = np.asarray(upscaled(padded, target_grid(padded, 1.0)).data)
    np.testing.assert_array_equal(
        np.asarray(upscaled(low, target_grid(low, 1.0)).data), whole[12:-12, 12:-12, 12:-12]
    )


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    ratio=st.tuples(*[st.floats(1, 5)] * 3),
    corner=st.tuples(*[st.floats(0, 1)] * 6),
    lacking=st.booleans(),
)
def test_any_window_is_that_part_of_the_whole(shape, ratio, corner, lacking):
    low = _volume(shape, tuple(float(r) for r in ratio))
    if lacking:
        low.data[np.random.default_rng(1).random(shape) < 0.3] = np.nan
    grid = target_grid(low, 1.0)
    scaler = Upscaler(low, grid, Greys(0.1, 0.8))
    fine = upscaled(low, grid).data
    ends = [sorted(int(c * n) for c in corner[2 * i : 2 * i + 2]) for i, n in enumerate(grid.shape)]
    window = tuple(slice(a, max(b, a + 1)) for a, b in ends)
    everything = tuple(slice(0, n) for n in grid.shape)
    np.testing.assert_array_equal(scaler.block(window), scaler.block(everything)[window])
    np.testing.assert_array_equal(fine[window], np.asarray(fine)[window])


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 400),
    size=st.floats(0.1, 10),
    ratio=st.floats(1, 8),
    origin=st.floats(-50, 50),
)
def test_the_grid_lies_on_the_image(n, size, ratio, origin):
    low = Volume(np.broadcast_to(np.float32(0), (n, n)), (size,) * 2, origin_um=(origin,) * 2)
    fine = target_grid(low, size / ratio)
    faces = [
        (v.origin_um[0] - v.voxel_size_um[0] / 2, v.origin_um[0] + (n - 0.5) * v.voxel_size_um[0])
        for v, n in ((low, n), (fine, fine.shape[0]))
    ]
    assert faces[0][0] == pytest.approx(faces[1][0], abs=1e-6 * size)
    # the far face is off by at most half a new voxel: their number is a whole one
    assert abs(faces[0][1] - faces[1][1]) <= 0.5001 * size / ratio


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 60), ratio=st.floats(1, 6), cut=st.floats(0.01, 0.99))
def test_boxes_that_touch_give_windows_that_touch(n, ratio, cut):
    low = Volume(np.broadcast_to(np.float32(0), (n, n)), (ratio,) * 2)
    grid = target_grid(low, 1.0)
    k = min(max(1, round(cut * n)), n - 1)
    first = grid_window(low, grid, (slice(0, k), slice(None)))
    second = grid_window(low, grid, (slice(k, n), slice(None)))
    assert (first[0].start, second[0].stop) == (0, grid.shape[0])
    assert first[0].stop == second[0].start
    assert first[1] == second[1] == slice(0, grid.shape[1])


def test_equal_voxels_change_nothing():
    low = _volume((4, 5, 6), 0.7)
    np.testing.assert_array_equal(np.asarray(upscaled(low, target_grid(low, 0.7)).data), low.data)


def test_a_gap_stays_where_it_is_and_spoils_nothing():
    low = _volume((6, 20, 20), 3.0)
    low.data[:] = 5
    low.data[:, :, 12:] = np.nan
    low = replace(low, region=np.isfinite(low.data))
    fine = upscaled(low, target_grid(low, 1.0))
    grey = np.asarray(fine.data)
    assert np.isnan(grey[:, :, 36:]).all()
    np.testing.assert_array_equal(np.asarray(fine.region), np.isfinite(grey))
    np.testing.assert_allclose(grey[:, :, :36], 5, rtol=1e-6)


def test_affine_and_integers():
    affine = np.eye(4)
    affine[0, 3] = 12
    low = replace(_volume((3, 4, 5), 2.0), affine=affine)
    low = replace(low, data=(low.data * 200).astype("u1"))
    fine = upscaled(low, target_grid(low, 1.0))
    np.testing.assert_array_equal(fine.affine, affine)
    as_float = upscaled(replace(low, data=low.data.astype("f4")), target_grid(low, 1.0))
    np.testing.assert_array_equal(np.asarray(fine.data), np.asarray(as_float.data))


def test_bad_input_is_named():
    low = _volume((3, 4, 5), 2.0, name="scan")
    with pytest.raises(InputError, match="3 µm along z, that of “scan” is 2 µm"):
        target_grid(low, 3.0)
    with pytest.raises(InputError, match="voxel size of “scan” is unknown"):
        target_grid(replace(low, voxel_size_um=None), 1.0)
    with pytest.raises(InputError, match="one positive number"):
        target_grid(low, (1.0, 1.0))
    with pytest.raises(InputError, match="not the target grid"):
        upscaled(low, replace(target_grid(low, 1.0), origin_um=(0.0, 0.0, 0.0)))
