"""TIFFs of many writers, whole and cut off: the voxels, their size, or a refusal."""

import logging
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_battery.errors import InputError
from napari_battery.io import describe_file, read_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.io.read import open_volume

STACK = (np.random.default_rng(0).random((8, 33, 17)) * 60_000).astype("u2")
Z = {"compression": "zlib"}
IMAGEJ = {"imagej": True, "resolution": (1 / 0.3, 1 / 0.3)}


def save(path, data=STACK, **how):
    tifffile.imwrite(path, data, **how)
    return path


def save_pages(path, data=STACK):
    with tifffile.TiffWriter(path) as tif:
        for page in data:
            tif.write(page, metadata=None, contiguous=False)
    return path


def save_pillow(path, **how):
    first, *rest = [Image.fromarray(page) for page in STACK]
    first.save(path, save_all=True, append_images=rest, **how)
    return path


WRITERS = {
    "imagej": lambda p: save(p, **IMAGEJ, metadata={"axes": "ZYX", "spacing": 0.5, "unit": "nm"}),
    "imagej zlib": lambda p: save(p, **IMAGEJ, **Z, metadata={"axes": "ZYX", "unit": "um"}),
    "ome": lambda p: save(p, ome=True, metadata={"axes": "ZYX"}),
    "ome lzw": lambda p: save(p, ome=True, metadata={"axes": "ZYX"}, compression="lzw"),
    "tifffile": save,
    "tifffile zstd": lambda p: save(p, compression="zstd"),
    "big endian": lambda p: save(p, byteorder=">"),
    "bigtiff strips": lambda p: save(p, bigtiff=True, rowsperstrip=5, **Z),
    "predictor": lambda p: save(p, predictor=True, **Z),
    "tiled": lambda p: save(p, tile=(16, 16), **Z),
    "tiled plain": lambda p: save(p, tile=(16, 16)),
    "volume tiles": lambda p: save(p, tile=(4, 16, 16), volumetric=True, **Z),
    "bare": lambda p: save(p, metadata=None),
    "bare zlib": lambda p: save(p, metadata=None, **Z),
    "pages apart": save_pages,
    "pillow": save_pillow,
    "pillow lzw": lambda p: save_pillow(p, compression="tiff_lzw"),
}
MAPPED = {"imagej", "ome", "tifffile", "big endian", "bare", "pages apart", "pillow"}


@pytest.mark.parametrize("writer", WRITERS)
def test_voxels_are_those_of_the_file_and_nothing_is_loaded(tmp_path, writer):
    path = WRITERS[writer](tmp_path / "a.tif")
    volume = open_volume(path)
    assert isinstance(volume.data, np.memmap if writer in MAPPED else LazyArray)
    np.testing.assert_array_equal(np.asarray(volume.data), STACK)
    np.testing.assert_array_equal(volume.data[5], STACK[5])
    np.testing.assert_array_equal(volume.data[-1, 2:30:3, ::-1], STACK[-1, 2:30:3, ::-1])
    np.testing.assert_array_equal(read_volume(path).data, STACK)
    assert volume.dtype == (">u2" if writer == "big endian" else "u2")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path, writer):
    whole = WRITERS[writer](tmp_path / "a.tif").read_bytes()
    size = read_volume(tmp_path / "a.tif").voxel_size_um
    cut = tmp_path / "cut.tif"
    for n in [*range(0, len(whole), len(whole) // 23), *range(len(whole) - 20, len(whole), 3)]:
        cut.write_bytes(whole[:n])
        try:
            volume = read_volume(cut)
        except InputError:
            continue
        # only what comes after the voxels may be missing
        np.testing.assert_array_equal(volume.data, STACK)
        assert volume.voxel_size_um == size


def test_a_cut_imagej_stack_tells_how_much_is_missing(tmp_path, caplog):
    whole = WRITERS["imagej"](tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(InputError, match=r"declares 8 slices \(9\.0 kB\)"),
    ):
        read_volume(tmp_path / "a.tif")
    assert not caplog.records  # one clear message, not tifffile's log beside it


def test_a_header_that_declares_20_gb_is_refused_before_allocating(tmp_path):
    """186 bytes: 100,000 × 100,000 voxels of 16 bits in one strip of 20 GB."""
    side, n_tags = 100_000, 9
    tags = [
        (256, 4, side), (257, 4, side), (258, 3, 16), (259, 3, 1), (262, 3, 1),
        (273, 4, 122), (277, 3, 1), (278, 4, side), (279, 4, 64),
    ]  # fmt: skip
    ifd = struct.pack("<H", n_tags) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in tags)
    data = struct.pack("<2sHI", b"II", 42, 8) + ifd + struct.pack("<I", 0) + bytes(64)
    path = tmp_path / "bomb.tif"
    path.write_bytes(data)
    assert len(data) == 186
    with pytest.raises(InputError, match=r"20\.0 GB"):
        read_volume(path)
    path.write_bytes(
        data.replace(struct.pack("<HHII", 259, 3, 1, 1), struct.pack("<HHII", 259, 3, 1, 8))
    )
    with pytest.raises(InputError, match=r"20\.0 GB"):
        read_volume(path)


@pytest.mark.parametrize("eager", [True, False])
def test_a_corrupt_strip_names_its_page(tmp_path, eager):
    path = WRITERS["bare zlib"](tmp_path / "a.tif")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[5].dataoffsets[0], tif.pages[5].databytecounts[0]
    raw = bytearray(path.read_bytes())
    raw[offset : offset + count] = bytes(count)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="page 6 cannot be decoded"):
        if eager:
            read_volume(path)
        else:
            volume = open_volume(path)
            np.testing.assert_array_equal(volume.data[4], STACK[4])  # the others are fine
            volume.data[3:7]


def test_empty_strips_are_refused_not_zeros(tmp_path):
    path = WRITERS["bare zlib"](tmp_path / "a.tif")
    with tifffile.TiffFile(path) as tif:
        tag = tif.pages[2].tags["StripByteCounts"]
        at = tag.valueoffset
    raw = bytearray(path.read_bytes())
    raw[at : at + 4] = bytes(4)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="page 3 of 8 has parts without data"):
        open_volume(path)


@pytest.mark.parametrize(
    ("unit", "in_um"),
    [("nm", 1e-3), ("um", 1), ("\\u00B5m", 1), ("micron", 1), ("mm", 1e3), ("cm", 1e4)],
)
def test_imagej_voxel_size_in_any_unit(tmp_path, unit, in_um):
    metadata = {"axes": "ZYX", "spacing": 0.5, "unit": unit}
    save(tmp_path / "a.tif", imagej=True, resolution=(4, 5), metadata=metadata)
    volume = read_volume(tmp_path / "a.tif")
    # ratios of 32-bit integers in the tags
    np.testing.assert_allclose(volume.voxel_size_um, np.array([0.5, 0.2, 0.25]) * in_um, rtol=1e-6)
    assert volume.voxel_size_source == "ImageJ tags"


@pytest.mark.parametrize("unit", ["pixel", "", "inch per foot"])
def test_imagej_without_a_length_is_unknown(tmp_path, unit):
    save(tmp_path / "a.tif", imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": unit})
    volume = read_volume(tmp_path / "a.tif")
    assert volume.voxel_size_um is None
    assert volume.voxel_size_source == "unknown"


def test_a_missing_slice_spacing_is_not_guessed(tmp_path):
    save(tmp_path / "a.tif", **IMAGEJ, metadata={"axes": "ZYX", "unit": "um"})
    volume = read_volume(tmp_path / "a.tif")
    assert volume.voxel_size_um is None
    assert volume.voxel_size_source == (
        "unknown (the ImageJ tags give y 0.3 and x 0.3 µm, but no slice spacing)"
    )
    # ImageJ itself leaves out a spacing of 1
    save(tmp_path / "b.tif", imagej=True, resolution=(1, 1), metadata={"axes": "ZYX", "unit": "um"})
    assert read_volume(tmp_path / "b.tif").voxel_size_um == (1, 1, 1)


def test_ome_voxel_size(tmp_path):
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.2, "PhysicalSizeZ": 300.0}
    metadata = {"axes": "ZYX", **sizes, "PhysicalSizeZUnit": "nm"}
    save(tmp_path / "a.ome.tif", metadata=metadata)
    volume = read_volume(tmp_path / "a.ome.tif")
    np.testing.assert_allclose(volume.voxel_size_um, (0.3, 0.2, 0.1), rtol=1e-12)
    assert volume.voxel_size_source == "OME PhysicalSize"
    assert volume.name == "a"
    save(tmp_path / "b.ome.tif", metadata={"axes": "ZYX", "PhysicalSizeX": 0.1})
    volume = read_volume(tmp_path / "b.ome.tif")
    assert volume.voxel_size_um is None
    assert "only x 0.1 µm" in volume.voxel_size_source


@pytest.mark.parametrize("dpi", [72, 96, 300, 600, 1200, 2400])
def test_print_resolutions_are_no_voxel_size(tmp_path, dpi):
    image = Image.fromarray(STACK[0])
    image.save(tmp_path / "a.tif", dpi=(dpi, dpi))
    assert read_volume(tmp_path / "a.tif").voxel_size_um is None


def test_plain_resolution_tags_count_where_they_can_be_meant(tmp_path):
    micron = {"resolution": (1e4 / 0.325, 1e4 / 0.65), "resolutionunit": "CENTIMETER"}
    save(tmp_path / "a.tif", STACK[0], metadata=None, **micron)
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_allclose(volume.voxel_size_um, (0.65, 0.325), rtol=1e-6)
    assert volume.voxel_size_source == "TIFF resolution tags"
    save(tmp_path / "b.tif", metadata=None, **micron)
    volume = read_volume(tmp_path / "b.tif")
    assert volume.voxel_size_um is None
    assert "x 0.325 µm, but no z" in volume.voxel_size_source


@pytest.mark.parametrize(
    ("shape", "how", "message"),
    [
        ((33, 17, 3), {"photometric": "rgb"}, "colour"),
        ((8, 33, 17, 3), {"photometric": "rgb"}, "colour"),
        ((2, 33, 17), {"imagej": True, "metadata": {"axes": "CYX"}}, "2 channels"),
        ((5, 33, 17), {"ome": True, "metadata": {"axes": "TYX"}}, "time series of 5"),
        ((5, 33, 17), {"ome": True, "metadata": {"axes": "CYX"}}, "5 channels"),
        ((5, 4, 33, 17), {"ome": True, "metadata": {"axes": "TZYX"}}, "time series of 5"),
        ((2, 3, 33, 17), {"photometric": "minisblack"}, "4 axes"),
    ],
)
def test_what_is_no_grey_stack_is_refused(tmp_path, shape, how, message):
    save(tmp_path / "a.tif", np.zeros(shape, "u1"), **how)
    with pytest.raises(InputError, match=message):
        read_volume(tmp_path / "a.tif")


@pytest.mark.parametrize("how", [{}, {"metadata": {"axes": "TYX"}}])
def test_an_imagej_stack_without_slices_is_read_as_one(tmp_path, how):
    """What Python programs write with ``imagej=True`` and no axes: channels, they say."""
    tifffile.imwrite(tmp_path / "a.tif", STACK.astype(np.uint8), imagej=True, **how)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.shape == STACK.shape
    np.testing.assert_array_equal(volume.data, STACK.astype(np.uint8))
    assert "read as slices" in volume.metadata["notes"][0]


def test_images_of_two_sizes_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(STACK[0], metadata=None)
        tif.write(STACK[0, :20], metadata=None)
    with pytest.raises(InputError, match="2 images of different size"):
        read_volume(tmp_path / "a.tif")


def test_the_full_resolution_of_a_pyramid_is_opened(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        tif.write(STACK, subifds=1, metadata={"axes": "ZYX"})
        tif.write(STACK[:, ::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.ome.tif").data, STACK)


def test_written_imagej_files_are_read_by_imagej_rules(tmp_path):
    from napari_battery.io import write_volume
    from napari_battery.volume import Volume

    write_volume(tmp_path / "a.tif", Volume(STACK, (0.7, 0.325, 0.3)))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        meta = tif.imagej_metadata
        assert (meta["unit"], meta["spacing"], meta["slices"]) == ("um", 0.7, 8)
        x, y = (tif.pages[0].tags[f"{a}Resolution"].value for a in "XY")
        assert x[0] / x[1] == pytest.approx(1 / 0.3, rel=1e-6)
        assert y[0] / y[1] == pytest.approx(1 / 0.325, rel=1e-6)


def test_a_voxel_size_changed_in_another_program_counts(tmp_path):
    """Fiji carries our header along; its own, newer tags win."""
    from napari_battery.io import write_volume
    from napari_battery.volume import Volume

    volume = Volume(STACK, (0.7, 0.325, 0.3), (5, 5, 5), metadata={"kind": "labels"})
    write_volume(tmp_path / "a.tif", volume, {"step": "label"})
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        info = tif.imagej_metadata["Info"]
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um", "Info": info}
    save(tmp_path / "b.tif", imagej=True, resolution=(1, 1), metadata=metadata)
    assert read_volume(tmp_path / "b.tif").voxel_size_um == (2, 1, 1)
    save(tmp_path / "c.tif", STACK[:4], imagej=True, resolution=(1, 1), metadata=metadata)
    cropped = read_volume(tmp_path / "c.tif")  # not the image that was written
    assert cropped.origin_um == (0, 0, 0)
    assert "kind" not in cropped.metadata


def test_describe_reads_no_voxels(tmp_path, monkeypatch):
    path = WRITERS["tiled"](tmp_path / "a.tif")
    monkeypatch.setattr(LazyArray, "__array__", None)
    monkeypatch.setattr(LazyArray, "__getitem__", None)
    told = describe_file(path)
    assert told["format"] == "TIFF"
    assert told["shape"] == [8, 33, 17]
    assert told["dtype"] == "uint16"
    assert told["voxel_size_um"] is None
    assert told["voxels_bytes"] == STACK.nbytes
    assert told["file_bytes"] == path.stat().st_size
    assert told["compression"] == "adobe_deflate"
    assert told["lazy"] is False  # small enough to be read at once
