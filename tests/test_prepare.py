"""Crop and conversion of type: same place in the world, nothing read that need not be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.io import read_volume, write_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.prepare import ConvertSettings, convert_dtype, crop, grey_limits
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.volume import Volume


def ramp(shape=(10, 12, 14), dtype="uint16", **more):
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return Volume(data, voxel_size_um=(2.0, 0.5, 0.5), origin_um=(1, 2, 3), name="ramp", **more)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6)), min_size=3, max_size=3))
def test_cropped_voxels_stay_where_they_are(pairs):
    volume = ramp()
    box = [(a, a + n) for a, n in pairs]
    small = crop(volume, box)
    np.testing.assert_array_equal(small.data, volume.data[tuple(slice(a, b) for a, b in box)])
    first = volume.world_affine() @ [*(a for a, _ in box), 1]
    np.testing.assert_allclose(small.world_affine() @ [0, 0, 0, 1], first)


def test_crop_keeps_memory_maps_and_reads_nothing(tmp_path):
    mapped = write_volume(tmp_path / "a.tif", ramp())
    small = crop(mapped, [(2, 5), (0, 12), (3, 4)])
    assert isinstance(small.data, np.memmap)
    assert np.shares_memory(small.data, mapped.data)

    windows = []

    def read(window):
        windows.append(window)
        return ramp().data[window]

    lazy = crop(Volume(LazyArray((10, 12, 14), "u2", read)), [(2, 9), (1, 12), (3, 14)])
    assert windows == []
    np.testing.assert_array_equal(lazy.data[1:3, 4, ::2], ramp().data[3:5, 5, 3:14:2])
    assert windows == [(slice(3, 5), slice(5, 6), slice(3, 14))]  # no more than was asked for


def test_crop_takes_region_affine_and_history_along():
    affine = np.diag([1, 2, 1, 1.0])
    region = np.zeros((10, 12, 14), bool)
    region[3:, 4:] = True
    volume = ramp(region=region, affine=affine, metadata={"synthetic": True, "format": "TIFF"})
    small = crop(volume, [(2, 6), (0, 99), (-5, 7)])
    assert small.shape == (4, 12, 7)
    np.testing.assert_array_equal(small.region, region[2:6, :, :7])
    np.testing.assert_array_equal(small.affine, affine)
    assert small.metadata["synthetic"] is True
    assert "format" not in small.metadata
    assert small.metadata["made"]["notes"] == ["Cropped to the voxels z 2–5, y 0–11, x 0–6."]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([(0, 5), (0, 5)], "2 axes"),
        ([(10, 12), (0, 5), (0, 5)], "no voxel"),
        ([(5, 5), (0, 5), (0, 5)], "no voxel"),
    ],
)
def test_boxes_without_voxels_are_refused(box, message):
    with pytest.raises(InputError, match=message):
        crop(ramp(), box)


@pytest.mark.parametrize("source", ["uint8", "int16", ">u2", "int32", "float32", "float64"])
@pytest.mark.parametrize("target", ["uint8", "uint16"])
def test_conversion_is_linear_clipped_and_rounded(source, target):
    grey = np.linspace(0, 120, 3 * 4 * 5).reshape(3, 4, 5).astype(source)
    done = convert_dtype(Volume(grey), ConvertSettings(dtype=target, low=20, high=100))
    largest = np.iinfo(target).max
    expected = np.clip((grey.astype("f8") - 20) / 80, 0, 1) * largest
    # half a step from rounding, and what float32 arithmetic adds to it
    np.testing.assert_allclose(done.data, expected, atol=0.5 + largest * 1e-6)
    assert done.dtype == target
    assert (done.data[grey <= 20] == 0).all()
    assert (done.data[grey >= 100] == largest).all()


def test_conversion_says_what_it_did():
    grey = np.full((4, 5, 6), 50.0)
    grey[0, 0, :3], grey[1, 1, 1], grey[2, 2, 2:4] = 10, np.nan, 300
    volume = Volume(grey, metadata={"synthetic": True})
    done = convert_dtype(volume, ConvertSettings(dtype="uint8", low=20, high=200))
    assert done.metadata["made"]["notes"] == [
        "Grey 20 … 200 became 0 … 255 (uint8).",
        "3 of 120 voxels lay below and were clipped.",
        "2 of 120 voxels lay above and were clipped.",
        "1 of 120 voxels are not a number.",
    ]
    assert done.metadata["grey_limits"] == [20, 200]
    assert done.metadata["synthetic"] is True
    assert done.data[1, 1, 1] == 0


def test_float32_keeps_grey_levels():
    volume = ramp(dtype="int32")
    np.testing.assert_array_equal(
        convert_dtype(volume, ConvertSettings(dtype="float32")).data, volume.data
    )
    clipped = convert_dtype(volume, ConvertSettings(dtype="float32", low=10, high=20))
    np.testing.assert_array_equal(clipped.data, np.clip(volume.data, 10, 20))


def test_automatic_limits_leave_out_a_thousandth_at_each_end():
    grey = np.random.default_rng(0).normal(1000, 50, (40, 50, 60))
    grey[3, 4, 5] = 1e6
    low, high = grey_limits(Volume(grey))
    # ±3.09 σ; 2 of them is the sampling error of a 0.1 % quantile of 120,000 (0.03 σ) × 3
    assert low == pytest.approx(1000 - 3.09 * 50, abs=0.1 * 50)
    assert high == pytest.approx(1000 + 3.09 * 50, abs=0.1 * 50)
    done = convert_dtype(Volume(grey), ConvertSettings())
    assert done.metadata["grey_limits"] == [low, high]


@pytest.mark.parametrize("shape", [(3, 5000), (2000, 2, 2), (1, 3000, 2000), (300, 200, 100)])
def test_limits_of_any_shape_are_seen(shape):
    grey = np.zeros(shape, "u1")
    grey[:, grey.shape[1] // 2 :] = 200
    assert grey_limits(Volume(grey)) == (0, 200)


def test_labels_and_useless_limits_are_refused():
    with pytest.raises(InputError, match="labels"):
        convert_dtype(ramp(metadata={"kind": "labels"}), ConvertSettings())
    with pytest.raises(InputError, match="lower grey limit of “ramp” is 9, the upper 5"):
        convert_dtype(ramp(), ConvertSettings(low=9, high=5))
    with pytest.raises(InputError, match=r"single grey level \(7\)"):
        convert_dtype(Volume(np.full((3, 3, 3), 7)), ConvertSettings())


def test_conversion_to_a_file_and_cancel(tmp_path):
    path = tmp_path / "b.tif"
    volume = ramp()
    stop = CallbackProgress(lambda *_: None, lambda: True)
    settings = ConvertSettings(low=0, high=1679)
    for out in (None, path):
        with pytest.raises(Cancelled):
            convert_dtype(volume, settings, stop, out=out)
    assert list(tmp_path.iterdir()) == []
    convert_dtype(volume, settings, out=path)
    back = read_volume(path)
    np.testing.assert_array_equal(back.data, convert_dtype(volume, settings).data)
    assert back.voxel_size_um == volume.voxel_size_um
    assert back.origin_um == volume.origin_um
    assert back.metadata["made"]["step"] == "convert"
