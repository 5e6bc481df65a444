"""Zeiss .txm: no real file was at hand, so these tests build one from its description.

`compound_file` writes the OLE2 container as Microsoft specifies it ([MS-CFB], version 3),
with the streams that dxchange reads from .txm files (`read_txrm` in its reader.py). What
real files hold beyond those streams is not covered.
"""

import math
import struct
from itertools import count

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.io import describe_file, read_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.io.read import open_volume

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FAT_SECTOR, NOTHING = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF


def compound_file(streams):
    """Bytes of an OLE2 compound file with these streams ({"folder/name": bytes})."""
    sectors, fat = [], []

    def store(data):
        """Append a chain of sectors; number of the first."""
        pieces = [data[i : i + SECTOR].ljust(SECTOR, b"\0") for i in range(0, len(data), SECTOR)]
        first = len(sectors)
        sectors.extend(pieces)
        fat.extend([*range(first + 1, first + len(pieces)), END] if pieces else [])
        return first if pieces else END

    mini, mini_fat = b"", []
    tree = {}
    for path, data in streams.items():
        folder, name = path.split("/")
        if len(data) < CUTOFF:
            start, n = len(mini_fat), math.ceil(len(data) / MINI)
            mini += data.ljust(n * MINI, b"\0")
            mini_fat += [*range(start + 1, start + n), END]
        else:
            start = store(data)
        tree.setdefault(folder, {})[name] = (start, len(data))
    mini_start = store(mini)
    mini_fat_bytes = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    mini_fat_bytes += b"\xff" * (-len(mini_fat_bytes) % SECTOR)
    mini_fat_start = store(mini_fat_bytes)

    entries = [None]
    numbers = count(1)

    def place(name, kind, start=0, size=0, child=NOTHING):
        number = next(numbers)
        entries.append([name, kind, NOTHING, NOTHING, child, start, size])
        return number

    def search_tree(items):
        """Link siblings as a balanced tree, ordered by length and name; number of the root."""
        items = sorted(items, key=lambda i: (len(entries[i][0]), entries[i][0].upper()))
        if not items:
            return NOTHING
        middle = len(items) // 2
        entries[items[middle]][2] = search_tree(items[:middle])
        entries[items[middle]][3] = search_tree(items[middle + 1 :])
        return items[middle]

    folders = []
    for folder, files in tree.items():
        children = [place(n, 2, start, size) for n, (start, size) in files.items()]
        folders.append(place(folder, 1, child=search_tree(children)))
    entries[0] = ["Root Entry", 5, NOTHING, NOTHING, search_tree(folders), mini_start, len(mini)]
    directory = b""
    for name, kind, left, right, child, start, size in entries:
        text = (name + "\0").encode("utf-16-le")
        directory += text.ljust(64, b"\0") + struct.pack("<HBB", len(text), kind, 1)
        directory += struct.pack("<3I", left, right, child) + bytes(16 + 4 + 16)
        directory += struct.pack("<IQ", start, size)
    directory_start = store(directory)

    n_fat = 1
    while (len(fat) + n_fat) * 4 > n_fat * SECTOR:
        n_fat += 1
    first_fat = len(sectors)
    fat += [FAT_SECTOR] * n_fat
    fat += [FREE] * (n_fat * SECTOR // 4 - len(fat))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<4I", 0, n_fat, directory_start, 0)
    header += struct.pack("<5I", CUTOFF, mini_fat_start, len(mini_fat_bytes) // SECTOR, END, 0)
    difat = [*range(first_fat, first_fat + n_fat)] + [FREE] * (109 - n_fat)
    header += struct.pack("<109I", *difat)
    return header + b"".join(sectors) + struct.pack(f"<{len(fat)}I", *fat)


def txm(path, stack, pixel_um=0.325, **changes):
    """A .txm as described; `changes` replace or (None) remove streams."""
    codes = {"uint16": 5, "float32": 10}
    depth, height, width = stack.shape
    streams = {
        "ImageInfo/ImageWidth": struct.pack("<i", width),
        "ImageInfo/ImageHeight": struct.pack("<i", height),
        "ImageInfo/NoOfImages": struct.pack("<i", depth),
        "ImageInfo/DataType": struct.pack("<i", codes[stack.dtype.name]),
        "ImageInfo/PixelSize": struct.pack("<f", pixel_um),
    }
    for i, page in enumerate(stack, 1):
        streams[f"ImageData{math.ceil(i / 100)}/Image{i}"] = page.tobytes()
    streams.update(changes)
    path.write_bytes(compound_file({k: v for k, v in streams.items() if v is not None}))
    return path


def stack(depth=105, shape=(20, 21), dtype="u2"):
    return (np.random.default_rng(0).random((depth, *shape)) * 60_000).astype(dtype)


@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize("shape", [(20, 21), (50, 60)])  # in the mini stream and beside it
def test_voxels_size_and_type(tmp_path, dtype, shape):
    grey = stack(dtype=dtype, shape=shape)  # more than one folder of a hundred
    path = txm(tmp_path / "a.txm", grey)
    volume = open_volume(path)
    assert isinstance(volume.data, LazyArray)
    assert volume.dtype == dtype
    np.testing.assert_array_equal(np.asarray(volume.data), grey)
    np.testing.assert_array_equal(volume.data[98:103, 4], grey[98:103, 4])
    np.testing.assert_array_equal(read_volume(path).data, grey)
    # the file keeps it in 32 bits
    assert volume.voxel_size_um == pytest.approx((0.325,) * 3, rel=1e-7)
    assert volume.voxel_size_source == "Zeiss ImageInfo/PixelSize"
    assert describe_file(path)["format"] == "Zeiss .txm"


def test_without_pixel_size_it_is_unknown(tmp_path):
    path = txm(tmp_path / "a.txm", stack(3), **{"ImageInfo/PixelSize": None})
    assert read_volume(path).voxel_size_um is None
    assert read_volume(path).voxel_size_source == "unknown"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImageData1/Image3": None}, "declares 5 slices, but slice 3 is missing"),
        ({"ImageData1/Image3": bytes(100)}, "slice 3 has 100 bytes instead of 840 bytes"),
        ({"ImageInfo/DataType": struct.pack("<i", 3)}, "pixels of type 3"),
        ({"ImageInfo/ImageWidth": None}, "no ImageInfo/ImageWidth"),
        ({"ImageInfo/ImageWidth": b"\1"}, "damaged"),
        ({"ImageInfo/NoOfImages": struct.pack("<i", 0)}, "no voxels"),
        ({"ImageInfo/NoOfImages": struct.pack("<i", 10**6)}, "slice 6 is missing"),
    ],
)
def test_damaged_files_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_volume(txm(tmp_path / "a.txm", stack(5), **changes))


def test_a_cut_file_is_refused(tmp_path):
    path = txm(tmp_path / "a.txm", stack(12, (50, 60)))
    whole = path.read_bytes()
    for part in (0.001, 0.1, 0.5, 0.97):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(InputError, match=r"a\.txm"):
            read_volume(path)


def test_projections_are_refused(tmp_path):
    with pytest.raises(InputError, match="projections"):
        read_volume(txm(tmp_path / "a.txrm", stack(3)))
