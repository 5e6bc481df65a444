"""What is written comes back the same: values, type, byte order, place and history."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_battery.errors import InputError
from napari_battery.io import describe_file, read_volume, write_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.volume import Volume

WHOLE = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", ">u2", ">i4"]
DTYPES = [*WHOLE, "float16", "float32", "float64", ">f4", "bool"]
NAMES = ("a.tif", "a.ome.zarr")


def make(shape=(6, 7, 9), dtype="uint16", **changes):
    data = (np.random.default_rng(1).random(shape) * 100).astype(dtype)
    place = {
        "voxel_size_um": (0.7, 0.325, 0.3)[-len(shape) :],
        "voxel_size_source": "typed in",
        "origin_um": (1.5, -2.0, 3.0)[-len(shape) :],
    }
    return Volume(data, **{**place, **changes})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_keeps_values_type_and_place(tmp_path, name, dtype):
    volume = make(dtype=dtype, metadata={"kind": "labels", "synthetic": True})
    written = write_volume(tmp_path / name, volume, {"step": "label"})
    back = read_volume(tmp_path / name)
    for result in (written, back):
        np.testing.assert_array_equal(result.data, volume.data)
        assert result.voxel_size_um == volume.voxel_size_um
        assert result.voxel_size_source == "typed in"
        assert result.origin_um == volume.origin_um
        assert result.metadata["kind"] == "labels"
        assert result.metadata["synthetic"] is True
        assert result.metadata["made"] == {"step": "label"}
    native = name.endswith(".zarr")  # Zarr's types have no byte order
    assert back.dtype == (volume.dtype.newbyteorder("=") if native else volume.dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(9, 8), (1, 8, 9), (8, 1, 9), (8, 9, 1), (4, 5, 3), (3, 5, 4)])
def test_odd_shapes_stay(tmp_path, name, shape):
    volume = make(shape)
    back = write_volume(tmp_path / name, volume)
    assert back.shape == shape
    np.testing.assert_array_equal(back.data, volume.data)


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_shape_and_type_comes_back(tmp_path, name, data):
    shape = data.draw(st.lists(st.integers(1, 8), min_size=2, max_size=3))
    values = data.draw(arrays(data.draw(st.sampled_from(DTYPES)), tuple(shape)))
    back = write_volume(tmp_path / name, Volume(values))
    np.testing.assert_array_equal(back.data, values)  # NaN equals NaN here
    assert back.voxel_size_um is None
    assert back.voxel_size_source == "unknown"


@pytest.mark.parametrize("name", NAMES)
def test_unknown_and_assumed_voxel_sizes_stay_so(tmp_path, name):
    unknown = make(voxel_size_um=None, voxel_size_source="unknown")
    assert write_volume(tmp_path / name, unknown).voxel_size_um is None
    assumed = unknown.with_voxel_size(1.0, "assumed 1 µm")
    assert write_volume(tmp_path / name, assumed).is_assumed


@pytest.mark.parametrize("name", NAMES)
def test_affine_comes_back(tmp_path, name):
    affine = np.eye(4)
    affine[0, 3], affine[1, 2] = 4.5, 0.25
    np.testing.assert_array_equal(write_volume(tmp_path / name, make(affine=affine)).affine, affine)


@pytest.mark.parametrize("name", NAMES)
def test_provenance_stands_inside_and_beside(tmp_path, name):
    write_volume(tmp_path / name, make(), {"step": "label", "notes": ["µ – Ω"]})
    beside = tmp_path / f"{name}.provenance.json"
    assert json.loads(beside.read_text("utf-8")) == {"step": "label", "notes": ["µ – Ω"]}
    assert describe_file(tmp_path / name)["provenance"]["notes"] == ["µ – Ω"]


@pytest.mark.parametrize("name", NAMES)
def test_cancel_and_errors_leave_the_former_file(tmp_path, name):
    former = write_volume(tmp_path / name, make((2, 3, 4)), {"step": "one"})
    before = sorted(p.name for p in tmp_path.iterdir())
    cancelling = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        write_volume(tmp_path / name, make(), {"step": "two"}, cancelling)

    def unreadable(window):
        raise InputError("chunk 3 is damaged")

    broken = Volume(LazyArray((6, 7, 9), np.uint16, unreadable))
    with pytest.raises(InputError, match="chunk 3"):
        write_volume(tmp_path / name, broken)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert read_volume(tmp_path / name).metadata["made"] == {"step": "one"}
    np.testing.assert_array_equal(read_volume(tmp_path / name).data, former.data)


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_noticed_before_writing(tmp_path, name, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="1.0 kB are free"):
        write_volume(tmp_path / name, make())
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_while_writing_keeps_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    write_volume(path, make((2, 3, 4)))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_battery.io.tiff_writer._fill", full)
    with pytest.raises(InputError, match="disk is full"):
        write_volume(path, make())
    assert read_volume(path).shape == (2, 3, 4)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", NAMES)
def test_a_volume_can_replace_the_file_it_is_read_from(tmp_path, name):
    volume = make()
    opened = write_volume(tmp_path / name, volume)
    again = write_volume(tmp_path / name, opened)
    np.testing.assert_array_equal(again.data, volume.data)


@pytest.mark.parametrize(
    "name", ["Zelle µ 電池 é.tif", "Zelle µ 電池 é.ome.zarr", "a" * 180 + ".tif"]
)
def test_odd_and_long_names(tmp_path, name):
    folder = tmp_path / "ordner mit leerzeichen – ü"
    folder.mkdir()
    volume = make()
    back = write_volume(folder / name, volume, {"step": "x"})
    np.testing.assert_array_equal(back.data, volume.data)
    assert back.name == name.removesuffix(".ome.zarr").removesuffix(".tif")


def test_unknown_suffix_and_missing_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.tif, \.tiff or \.ome\.zarr"):
        write_volume(tmp_path / "a.png", make())
    with pytest.raises(InputError, match="does not exist"):
        write_volume(tmp_path / "no" / "a.tif", make())
    with pytest.raises(InputError, match="no voxels"):
        write_volume(tmp_path / "a.tif", Volume(np.zeros((0, 3, 4))))
    assert list(tmp_path.iterdir()) == []


def test_writing_reads_no_more_than_a_slab_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_battery.io.tiff_writer._SLAB_BYTES", 2 * 7 * 9 * 2)
    monkeypatch.setattr("napari_battery.io.zarr_writer._CHUNK", 2)
    monkeypatch.setattr("napari_battery.io.zarr_writer._BLOCK_BYTES", 2 * 7 * 9 * 2)
    values = make().data
    deepest = 0

    def read(window):
        nonlocal deepest
        deepest = max(deepest, values[window].size)
        return values[window]

    for name in NAMES:
        back = write_volume(Path(tmp_path / name), Volume(LazyArray(values.shape, "u2", read)))
        np.testing.assert_array_equal(back.data, values)
    assert deepest == 2 * 7 * 9
