"""OME-Zarr of several versions and writers; chunks that are absent, cut or flipped."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_battery.errors import InputError
from napari_battery.io import describe_file, read_volume, write_volume
from napari_battery.io.read import open_volume
from napari_battery.volume import Volume

RNG = np.random.default_rng(0)
GREY = RNG.integers(100, 60_000, (20, 24, 28)).astype("u2")


def axes(letters, unit="micrometer"):
    kinds = {"t": "time", "c": "channel"}
    return [
        {"name": a, "type": kinds[a]}
        if a in kinds
        else {"name": a, "type": "space", **({"unit": unit} if unit else {})}
        for a in letters
    ]


def foreign(path, data=GREY, letters="zyx", version="0.5", steps=(), top=(), unit="micrometer"):
    """An OME-Zarr as another program would write it, chunks of fill value left out."""
    image = {
        "axes": axes(letters, unit),
        "datasets": [{"path": "s0", "coordinateTransformations": list(steps)}],
    }
    if top:
        image["coordinateTransformations"] = list(top)
    zarr_format = 3 if version == "0.5" else 2
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    array = group.create_array(
        "s0", shape=data.shape, chunks=(1,) * (data.ndim - 3) + (8, 8, 8), dtype=data.dtype
    )
    array[:] = data
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [{**image, "version": version}]
    return path


def chunk(path: Path, *corner):
    """File of one chunk, whatever the Zarr format."""
    array = zarr.open_group(path, mode="r")["s0" if (path / "s0").exists() else "0"]
    return path / array.path / array.metadata.encode_chunk_key(corner)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("letters", ["zyx", "czyx", "tczyx"])
def test_axes_scale_and_translation(tmp_path, version, letters):
    n = len(letters)
    data = GREY.reshape((1,) * (n - 3) + GREY.shape)
    steps = [
        {"type": "scale", "scale": [1] * (n - 3) + [4, 2, 2]},
        {"type": "translation", "translation": [0] * (n - 3) + [10, 0, 0]},
    ]
    top = [{"type": "scale", "scale": [1] * (n - 3) + [0.5, 0.25, 0.25]}]
    path = foreign(tmp_path / "a.zarr", data, letters, version, steps, top, "nanometer")
    volume = open_volume(path)
    assert volume.data.chunks == (8, 8, 8)
    np.testing.assert_array_equal(np.asarray(volume.data), GREY)
    np.testing.assert_allclose(volume.voxel_size_um, (2e-3, 5e-4, 5e-4), rtol=1e-12)
    np.testing.assert_allclose(volume.origin_um, (5e-3, 0, 0), rtol=1e-12)
    assert volume.voxel_size_source == "OME-Zarr scale"
    assert volume.metadata["format"] == f"OME-Zarr {version}"


def test_a_scale_without_unit_is_not_guessed(tmp_path):
    steps = [{"type": "scale", "scale": [2, 0.5, 0.5]}]
    volume = read_volume(foreign(tmp_path / "a.zarr", steps=steps, unit=None))
    assert volume.voxel_size_um is None
    assert (
        volume.voxel_size_source == "unknown (the OME-Zarr scale is 2 × 0.5 × 0.5, without a unit)"
    )


@pytest.mark.parametrize(
    ("shape", "letters", "message"),
    [
        ((2, 16, 16, 16), "czyx", "2 channels"),
        ((3, 1, 16, 16, 16), "tczyx", "time series of 3"),
        ((16, 16, 16), "xyz", "axes xyz"),
    ],
)
def test_other_axes_are_refused(tmp_path, shape, letters, message):
    path = foreign(tmp_path / "a.zarr", np.ones(shape, "u1"), letters)
    with pytest.raises(InputError, match=message):
        read_volume(path)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_lost_chunk_of_grey_levels_is_no_zeros(tmp_path, version):
    path = foreign(tmp_path / "a.zarr", version=version)
    lost = chunk(path, 1, 1, 2)
    lost.unlink()
    with pytest.raises(InputError, match="1 of its 36 chunks are missing") as refusal:
        read_volume(path)
    assert str(lost.relative_to(path / "s0")) in str(refusal.value)


def test_a_copy_that_was_interrupted_is_refused(tmp_path):
    path = foreign(tmp_path / "a.zarr")
    for z in (1, 2):
        for y in range(3):
            for x in range(4):
                chunk(path, z, y, x).unlink()
    with pytest.raises(InputError, match="24 of its 36"):
        read_volume(path)
    for file in (path / "s0" / "c").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(InputError, match="36 of its 36"):
        read_volume(path)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_chunks_left_out_because_they_are_empty_are_told(tmp_path, version):
    cut = GREY.copy()
    _, y, x = np.indices(cut.shape)
    cut[(y - 12) ** 2 + (x - 12) ** 2 > 9**2] = 0  # a reconstruction's cylinder
    cut[:, :, 20:] = 0
    path = foreign(tmp_path / "a.zarr", cut, version=version)
    assert not chunk(path, 0, 0, 3).exists()
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, cut)
    (note,) = volume.metadata["notes"]
    assert note.startswith("9 of 36 chunks are not stored; they are taken as empty (0)")
    assert describe_file(path)["notes"] == [note]


def test_our_own_files_have_every_chunk(tmp_path):
    path = tmp_path / "a.ome.zarr"
    write_volume(path, Volume(np.zeros((70, 70, 70), "u1")))
    assert chunk(path, 1, 1, 1).exists()  # of zeros, yet written
    chunk(path, 1, 1, 1).unlink()
    with pytest.raises(InputError, match="1 of its 8 chunks are missing"):
        read_volume(path)


def test_an_unfinished_file_of_ours_is_refused(tmp_path):
    path = tmp_path / "a.ome.zarr"
    write_volume(path, Volume(GREY))
    attributes = json.loads((path / "zarr.json").read_text())
    attributes["attributes"] = {"napari_battery": {"complete": False}}
    (path / "zarr.json").write_text(json.dumps(attributes))
    with pytest.raises(InputError, match="interrupted"):
        read_volume(path)


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_chunk_is_named(tmp_path, harm):
    path = tmp_path / "a.ome.zarr"
    noise = RNG.integers(0, 2**16, (70, 20, 20)).astype("u2")
    write_volume(path, Volume(noise))
    file = chunk(path, 1, 0, 0)
    raw = bytearray(file.read_bytes())
    if harm == "cut":
        raw = raw[: len(raw) // 2]
    else:
        raw[len(raw) // 2] ^= 1  # the checksum notices a single bit
    file.write_bytes(raw)
    with pytest.raises(InputError, match="chunk c/1/0/0 cannot be read"):
        read_volume(path)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data[3], noise[3])
    with pytest.raises(InputError, match="chunk c/1/0/0"):
        volume.data[66:70]


def test_damaged_metadata_and_missing_arrays(tmp_path):
    path = foreign(tmp_path / "a.zarr")
    (path / "s0").rename(tmp_path / "gone")
    with pytest.raises(InputError, match="names the array “s0”, which is missing"):
        read_volume(path)
    (path / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="metadata is damaged"):
        read_volume(path)


def test_nothing_outside_the_folder_is_opened(tmp_path):
    foreign(tmp_path / "secret.zarr")
    path = foreign(tmp_path / "a.zarr")
    meta = json.loads((path / "zarr.json").read_text())
    dataset = meta["attributes"]["ome"]["multiscales"][0]["datasets"][0]
    dataset["path"] = "../secret.zarr/s0"
    (path / "zarr.json").write_text(json.dumps(meta))
    with pytest.raises(InputError, match="outside of itself"):
        read_volume(path)


def test_groups_of_several_images_ask_which_one(tmp_path):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.create_array("one", data=GREY)
    assert read_volume(tmp_path / "a.zarr").shape == GREY.shape  # a single one needs no name
    root.create_array("two", data=GREY[:5])
    with pytest.raises(InputError, match="2 images: “one”, “two”"):
        read_volume(tmp_path / "a.zarr")
    assert read_volume(tmp_path / "a.zarr", dataset="two").shape == (5, 24, 28)
    with pytest.raises(InputError, match="no image or array “three”"):
        read_volume(tmp_path / "a.zarr", dataset="three")


def test_shards_are_read_and_lost_ones_noticed(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    array = group.create_array(
        "s0", shape=(16, 16, 32), chunks=(4, 4, 4), shards=(8, 8, 16), dtype="u2"
    )
    array[:] = GREY[:16, :16].repeat(2, axis=2)[:, :, :32]
    np.testing.assert_array_equal(read_volume(tmp_path / "a.zarr").data, array[:])
    (tmp_path / "a.zarr" / "s0" / "c" / "1" / "0" / "1").unlink()
    with pytest.raises(InputError, match="1 of its 8 chunks"):
        read_volume(tmp_path / "a.zarr")


@pytest.mark.parametrize(("kind", "expected"), [("image", "mean"), ("labels", "nearest")])
def test_smaller_copies(tmp_path, monkeypatch, kind, expected):
    monkeypatch.setattr("napari_battery.io.zarr_writer._SMALLEST", 16)
    monkeypatch.setattr("napari_battery.io.zarr_writer._CHUNK", 8)
    monkeypatch.setattr("napari_battery.io.zarr_writer._BLOCK_BYTES", 8 * 8 * 64 * 2)
    data = RNG.integers(0, 1000, (40, 37, 5)).astype("u2")
    volume = Volume(data, (1.0, 2.0, 4.0), (10, 20, 30), metadata={"kind": kind})
    write_volume(tmp_path / "a.ome.zarr", volume)
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    half = group["1"][:]
    if expected == "nearest":
        np.testing.assert_array_equal(half, data[::2, ::2])
        shift = 0.0
    else:
        pad = np.pad(data, ((0, 0), (0, 1), (0, 0)), mode="edge").astype(float)
        means = (pad[::2, ::2] + pad[1::2, ::2] + pad[::2, 1::2] + pad[1::2, 1::2]) / 4
        np.testing.assert_array_equal(half, np.rint(means))
        shift = 0.5
    assert half.shape == (20, 19, 5)  # the thin axis stays
    levels = group.attrs["ome"]["multiscales"][0]["datasets"]
    scale, translation = levels[1]["coordinateTransformations"]
    assert scale["scale"] == [2, 4, 4]
    assert translation["translation"] == [10 + shift * 1, 20 + shift * 2, 30]
    assert [level["path"] for level in levels] == ["0", "1", "2"]


def test_other_libraries_read_what_is_written(tmp_path):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader
    from ome_zarr_models import open_ome_zarr

    path = tmp_path / "a.ome.zarr"
    write_volume(path, Volume(GREY, (0.7, 0.325, 0.3), (1, 2, 3)), {"step": "x"})
    (node,) = Reader(parse_url(str(path)))()
    np.testing.assert_array_equal(np.asarray(node.data[0]), GREY)
    assert [a["unit"] for a in node.metadata["axes"]] == ["micrometer"] * 3
    (scale, translation), *_ = node.metadata["coordinateTransformations"]
    assert scale["scale"] == [0.7, 0.325, 0.3]
    assert translation["translation"] == [1, 2, 3]
    assert open_ome_zarr(zarr.open_group(path, mode="r")).ome_zarr_version == "0.5"


def test_what_ome_zarr_writes_is_read(tmp_path):
    from ome_zarr.writer import write_image

    path = tmp_path / "b.zarr"
    size = {"z": 0.7, "y": 0.3, "x": 0.3}
    write_image(
        GREY,
        zarr.open_group(path, mode="w"),
        axes="zyx",
        scale=size,
        axes_units=dict.fromkeys(size, "micrometer"),
    )
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, GREY)
    assert volume.voxel_size_um == (0.7, 0.3, 0.3)
