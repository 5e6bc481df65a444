"""HDF5 and NeXus, folders of slices, raw: what is found, and what is refused and how."""

import h5py
import numpy as np
import pytest
import tifffile

from napari_battery.errors import InputError
from napari_battery.io import describe_file, list_datasets, read_volume, readable
from napari_battery.io.lazy import LazyArray
from napari_battery.io.raw import RawSettings
from napari_battery.io.read import open_volume
from napari_battery.io.slices import natural_key

GREY = np.random.default_rng(0).integers(0, 60_000, (12, 13, 14)).astype("u2")

# HDF5 -------------------------------------------------------------------------------------


def hdf5(path, name="entry/data/data", data=GREY, **how):
    with h5py.File(path, "a") as file:
        file.create_dataset(name, data=data, **how)
    return path


@pytest.mark.parametrize(
    "how", [{}, {"chunks": (4, 4, 4)}, {"chunks": (1, 13, 14), "compression": 4}]
)
@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "f4", ">f8", "i8"])
def test_hdf5_comes_as_it_is(tmp_path, how, dtype):
    path = hdf5(tmp_path / "a.nxs", data=GREY.astype(dtype), **how)
    volume = open_volume(path)
    assert isinstance(volume.data, LazyArray)
    assert volume.dtype == dtype
    np.testing.assert_array_equal(volume.data[3:5, 2, ::-2], GREY.astype(dtype)[3:5, 2, ::-2])
    np.testing.assert_array_equal(read_volume(path).data, GREY.astype(dtype))
    assert volume.voxel_size_um is None
    assert volume.metadata["dataset"] == "entry/data/data"
    assert describe_file(path)["compression"] == ("gzip" if "compression" in how else "none")


def test_several_datasets_are_listed_and_picked(tmp_path):
    path = hdf5(tmp_path / "a.h5")
    hdf5(path, "entry/dark", GREY[0])
    hdf5(path, "entry/angles", np.arange(5.0))
    hdf5(path, "entry/many", np.zeros((2, 2, 2, 2)))
    hdf5(path, "entry/text", np.array([[b"x"]]))
    assert list_datasets(path) == [
        ("entry/dark", (13, 14), np.dtype("u2")),
        ("entry/data/data", (12, 13, 14), np.dtype("u2")),
    ]
    with pytest.raises(InputError, match="“entry/dark” .*“entry/data/data” .*Say which"):
        read_volume(path)
    assert read_volume(path, dataset="entry/dark").shape == (13, 14)
    with pytest.raises(InputError, match="no dataset “entry/nothing”; it has “entry/dark”"):
        read_volume(path, dataset="entry/nothing")
    with pytest.raises(InputError, match="4 axes"):
        read_volume(path, dataset="entry/many")
    with pytest.raises(InputError, match="type"):
        read_volume(path, dataset="entry/text")


def test_leading_axes_of_length_one_are_dropped(tmp_path):
    volume = read_volume(hdf5(tmp_path / "a.h5", data=GREY[None, None]))
    np.testing.assert_array_equal(volume.data, GREY)


def test_voxel_size_of_ilastik_and_fiji(tmp_path):
    path = hdf5(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["entry/data/data"].attrs["element_size_um"] = (0.7, 0.3, 0.2)
    volume = read_volume(path)
    assert volume.voxel_size_um == (0.7, 0.3, 0.2)
    assert volume.voxel_size_source == "HDF5 element_size_um"


@pytest.mark.parametrize(
    ("x", "unit", "known"),
    [
        (np.arange(14) * 2.0, "um", True),
        (np.arange(14) * 2.0, "deg", False),
        (np.arange(14) ** 2.0, "um", False),
        (np.arange(13) * 2.0, "um", False),
    ],
)
def test_voxel_size_of_nexus_axes_where_they_are_even(tmp_path, x, unit, known):
    path = hdf5(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        group = file["entry/data"]
        group.attrs["axes"] = ["z", "y", "x"]
        for name, values in {"z": np.arange(12) * 5.0, "y": np.arange(13) * 2.0, "x": x}.items():
            group[name] = values.astype("f4")
            group[name].attrs["units"] = "nm"
        group["x"].attrs["units"] = unit
    volume = read_volume(path, dataset="entry/data/data")
    assert volume.voxel_size_um == (pytest.approx((5e-3, 2e-3, 2.0)) if known else None)
    assert volume.voxel_size_source == ("NeXus axes" if known else "unknown")


def test_cut_and_unfinished_hdf5_are_refused(tmp_path):
    path = hdf5(tmp_path / "a.h5", chunks=(4, 4, 4), compression=4)
    whole = path.read_bytes()
    for part in (0.01, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(InputError, match=r"a\.h5"):
            read_volume(path)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        data = file.create_dataset("x", GREY.shape, "u2", chunks=(4, 13, 14))
        data[:8] = GREY[:8]
    with pytest.raises(InputError, match="1 of its 3 blocks were never written"):
        read_volume(tmp_path / "b.h5")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("x", GREY.shape, "u2")
    with pytest.raises(InputError, match="1 of its 1 blocks were never written"):
        read_volume(tmp_path / "c.h5")


def test_a_corrupt_block_is_an_error(tmp_path):
    path = hdf5(tmp_path / "a.h5", chunks=(4, 13, 14), compression=4)
    with h5py.File(path) as file:
        info = file["entry/data/data"].id.get_chunk_info(1)
    raw = bytearray(path.read_bytes())
    raw[info.byte_offset : info.byte_offset + info.size] = bytes(info.size)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="cannot be read"):
        read_volume(path)


def test_virtual_datasets_need_their_files(tmp_path):
    hdf5(tmp_path / "part.h5", "x")
    layout = h5py.VirtualLayout(GREY.shape, "u2")
    layout[:] = h5py.VirtualSource("part.h5", "x", GREY.shape)
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    np.testing.assert_array_equal(read_volume(tmp_path / "all.h5").data, GREY)
    (tmp_path / "part.h5").unlink()
    with pytest.raises(InputError, match=r"part\.h5 is missing"):
        read_volume(tmp_path / "all.h5")


# slices -----------------------------------------------------------------------------------


def slices(folder, numbers=range(12), pattern="slice_{}.tif", **how):
    folder.mkdir(exist_ok=True)
    for z, number in enumerate(numbers):
        tifffile.imwrite(folder / pattern.format(number), GREY[z], **how)
    return folder


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"byteorder": ">"}])
def test_slices_in_natural_order(tmp_path, how):
    folder = slices(tmp_path / "scan", **how)  # slice_10 sorts before slice_2 as text
    (folder / "log.txt").write_text("not a slice")
    (folder / ".hidden.tif").write_bytes(b"")
    volume = open_volume(folder)
    assert isinstance(volume.data, LazyArray)
    np.testing.assert_array_equal(np.asarray(volume.data), GREY)
    np.testing.assert_array_equal(volume.data[9:3:-2, 4], GREY[9:3:-2, 4])
    assert volume.name == "scan"
    assert volume.dtype == (">u2" if how.get("byteorder") else "u2")


def test_natural_key():
    names = ["s10", "s9", "S1", "s01b", "a"]
    assert sorted(names, key=natural_key) == ["a", "S1", "s01b", "s9", "s10"]


def test_png_slices(tmp_path):
    from PIL import Image

    for z, page in enumerate(GREY):
        Image.fromarray(page).save(tmp_path / f"{z}.png")
    np.testing.assert_array_equal(read_volume(tmp_path).data, GREY)
    Image.fromarray(np.zeros((13, 14, 3), "u1")).save(tmp_path / "12.png")
    with pytest.raises(InputError, match=r"12\.png is no 8- or 16-bit grey"):
        read_volume(tmp_path)
    whole = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"3\.png is incomplete"):
        read_volume(tmp_path)


def test_only_changed_slices_are_read(tmp_path):
    folder = slices(tmp_path / "scan")
    volume = open_volume(folder)
    (folder / "slice_7.tif").unlink()
    np.testing.assert_array_equal(volume.data[:7], GREY[:7])
    with pytest.raises(InputError, match=r"no file or folder .*slice_7\.tif"):
        volume.data[6:9]


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (GREY[0, :5], r"slice_0\.tif is 13 × 14 uint16, slice_5\.tif is 5 × 14 uint16"),
        (GREY[0].astype("f4"), r"slice_5\.tif is 13 × 14 float32"),
        (GREY, r"slice_5\.tif holds 12 slices"),
        (np.zeros((13, 14, 3), "u1"), r"slice_5\.tif is a colour"),
    ],
)
def test_a_slice_that_does_not_belong_is_named(tmp_path, odd, message):
    folder = slices(tmp_path / "scan")
    how = {"photometric": "rgb"} if odd.shape[-1] == 3 else {}
    tifffile.imwrite(folder / "slice_5.tif", odd, **how)
    with pytest.raises(InputError, match=message):
        read_volume(folder)


def test_missing_slices_and_two_series_are_refused(tmp_path):
    folder = slices(tmp_path / "gap", [1, 2, 3, 5, 6])
    with pytest.raises(
        InputError, match=r"between slice_3\.tif and slice_5\.tif .* by 2, else by 1"
    ):
        read_volume(folder)
    assert read_volume(slices(tmp_path / "even", [0, 10, 20])).shape[0] == 3
    slices(folder, [4])
    slices(folder, [1, 2], "mask_{}.tif")
    with pytest.raises(InputError, match=r"2 different series, such as mask_1\.tif and slice_1"):
        read_volume(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither slices"):
        read_volume(tmp_path / "empty")


def test_slices_know_no_spacing(tmp_path):
    how = {"imagej": True, "resolution": (2, 2), "metadata": {"unit": "um"}}
    volume = read_volume(slices(tmp_path / "scan", **how))
    assert volume.voxel_size_um is None
    assert "ImageJ tags give y 0.5 and x 0.5 µm, but no z" in volume.voxel_size_source


# raw --------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("header", [0, 37])
def test_raw(tmp_path, order, header):
    path = tmp_path / "a.raw"
    values = GREY.astype("<u2" if order == "little" else ">u2")
    path.write_bytes(bytes(header) + values.tobytes())
    shape = {"depth": 12, "height": 13, "width": 14}
    settings = RawSettings(**shape, byte_order=order, header_bytes=header, voxel_size_um=0.5)
    volume = read_volume(path, raw=settings)
    assert isinstance(volume.data, np.memmap)
    np.testing.assert_array_equal(volume.data, GREY)
    assert volume.voxel_size_um == (0.5, 0.5, 0.5)
    assert volume.voxel_size_source == "typed in"
    thick = settings.model_copy(update={"slice_spacing_um": 2.0})
    assert read_volume(path, raw=thick).voxel_size_um == (2, 0.5, 0.5)
    wrong = settings.model_copy(update={"depth": 11})
    need = header + 11 * 13 * 14 * 2
    with pytest.raises(InputError, match=f"has {path.stat().st_size} bytes, but .* make {need}"):
        read_volume(path, raw=wrong)


# all --------------------------------------------------------------------------------------


def test_missing_files_and_unknown_kinds(tmp_path):
    with pytest.raises(InputError, match=r"no file or folder .*no\.tif"):
        read_volume(tmp_path / "no.tif")
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read_volume(tmp_path / "a.tif")
    for name, message in {
        "a.tif": "called a TIFF, but is none",
        "a.jpg": r"a\.jpg is of no known format\. It must be TIFF",
        "a.h5": "cannot be opened as HDF5",
        "a.txm": "no Zeiss",
    }.items():
        (tmp_path / name).write_bytes(b"something else entirely")
        with pytest.raises(InputError, match=message):
            read_volume(tmp_path / name)


def test_the_content_counts_not_the_suffix(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    (tmp_path / "a.tif").rename(tmp_path / "scan.dat")
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.dat").data, GREY)


@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a.raw"])
def test_without_permission(tmp_path, monkeypatch, name):
    """The system administrator may read all, so the refusal is played."""
    path = tmp_path / name
    path.write_bytes(b"II*\0")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    monkeypatch.setattr("numpy.memmap", refuse)
    monkeypatch.setattr("pathlib.Path.stat", refuse) if name.endswith("raw") else None
    raw = RawSettings(depth=1, height=1, width=2) if name == "a.raw" else None
    with pytest.raises(InputError, match=f"No permission to read .*{name}"):
        read_volume(path, raw=raw)


def test_types_that_are_no_grey_levels(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros((3, 4, 5), complex)
    with pytest.raises(InputError, match="complex"):
        read_volume(tmp_path / "a.h5", dataset="x")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = np.zeros((0, 4, 5))
    with pytest.raises(InputError, match="no voxels"):
        read_volume(tmp_path / "b.h5", dataset="x")


def test_readable(tmp_path):
    hdf5(tmp_path / "a.h5")
    slices(tmp_path / "scan", [1, 2])
    (tmp_path / "empty").mkdir()
    found = {p.name for p in tmp_path.iterdir() if readable(p)}
    assert found == {"a.h5", "scan"}
    assert readable("not there.TIFF")
    assert not readable("picture.jpg")


@pytest.mark.parametrize(
    "key",
    [
        3, -1, slice(None), slice(9, 2, -3), slice(5, 5), (2, 3, 4), (..., 2), (1, ..., slice(2)),
        (slice(None), [1, 5, 2], 3), ([1, 2], [3, 4], [5, 6]), (np.int64(3),), None,
        np.array([7, 0]), (slice(-3, None), slice(None, None, 5), -2), ([],),
    ],
)  # fmt: skip
def test_lazy_arrays_are_indexed_like_arrays(key):
    lazy = LazyArray(GREY.shape, GREY.dtype, lambda window: GREY[window])
    expected, found = GREY[key], lazy[key]
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def test_lazy_arrays_refuse_what_arrays_refuse():
    lazy = LazyArray(GREY.shape, GREY.dtype, lambda window: GREY[window])
    for key in (12, -13, (0, 0, 0, 0), "x", 1.5):
        with pytest.raises(IndexError):
            lazy[key]
    np.testing.assert_array_equal(lazy[GREY > 50], GREY[GREY > 50])
    assert (len(lazy), lazy.ndim, lazy.size, lazy.nbytes) == (12, 3, 2184, 4368)
