"""napari opens and saves through these: place, units and history survive the trip."""

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_battery.errors import InputError
from napari_battery.io import read_volume, write_volume
from napari_battery.volume import Volume
from napari_battery.widgets import readers
from napari_battery.widgets.layers import KEY
from napari_battery.widgets.readers import get_reader, write_image_layer, write_labels_layer

DATA = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)


def opened(path):
    """The layers that napari would make of a file."""
    from napari.layers import Layer

    return [Layer.create(*data) for data in get_reader(path)(path)]


@pytest.fixture
def tif(tmp_path):
    volume = Volume(DATA, (0.7, 0.325, 0.3), (1, 2, 3), voxel_size_source="typed in")
    write_volume(tmp_path / "a.tif", volume, {"step": "test"})
    return str(tmp_path / "a.tif")


def test_a_layer_sits_where_the_file_says(tif):
    (layer,) = opened(tif)
    assert isinstance(layer, Image)
    assert isinstance(layer.data, np.memmap)
    assert layer.name == "a"
    np.testing.assert_array_equal(layer.scale, (0.7, 0.325, 0.3))
    np.testing.assert_array_equal(layer.translate, (1, 2, 3))
    assert [str(u) for u in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    ours = layer.metadata[KEY]
    assert ours["voxel_size_source"] == "typed in"
    assert ours["path"] == tif
    assert ours["made"] == {"step": "test"}


def test_without_voxel_size_a_layer_is_in_pixels(tmp_path):
    write_volume(tmp_path / "a.tif", Volume(DATA))
    (layer,) = opened(str(tmp_path / "a.tif"))
    assert [str(u) for u in layer.units] == ["pixel"] * 3
    np.testing.assert_array_equal(layer.scale, 1)


@pytest.mark.parametrize("name", ["b.tif", "b.ome.zarr"])
@pytest.mark.parametrize(("unit", "in_um"), [("nm", 1e-3), ("um", 1), ("mm", 1e3)])
def test_images_are_saved_in_micrometres(tmp_path, name, unit, in_um):
    layer = Image(DATA, scale=(4, 2, 3), translate=(9, 8, 7), units=(unit,) * 3, name="scan")
    data, meta, _ = layer.as_layer_data_tuple()
    path = str(tmp_path / name)
    assert write_image_layer(path, data, meta) == [path]
    back = read_volume(path)
    np.testing.assert_allclose(back.voxel_size_um, np.array((4, 2, 3)) * in_um, rtol=1e-12)
    np.testing.assert_allclose(back.origin_um, np.array((9, 8, 7)) * in_um, rtol=1e-12)
    np.testing.assert_array_equal(back.data, DATA)
    assert back.metadata["made"]["step"] == "save"
    (again,) = opened(path)
    assert isinstance(again, Image)


@pytest.mark.parametrize("name", ["b.tif", "b.ome.zarr"])
def test_labels_come_back_as_labels_with_their_numbers(tmp_path, name):
    labels = DATA.astype(np.int32) * 70_000
    layer = Labels(labels, scale=(0.5,) * 3, units=("um",) * 3)
    layer.metadata[KEY] = {"made": {"step": "label"}, "voxel_size_source": "assumed 1 µm"}
    path = str(tmp_path / name)
    write_labels_layer(path, *layer.as_layer_data_tuple()[:2])
    (again,) = opened(path)
    assert isinstance(again, Labels)
    np.testing.assert_array_equal(again.data, labels)
    assert again.metadata[KEY]["made"] == {"step": "label"}
    assert again.metadata[KEY]["voxel_size_source"] == "assumed 1 µm"


def test_opened_labels_can_be_painted_and_the_file_stays(tmp_path):
    path = str(tmp_path / "l.tif")
    write_volume(path, Volume(DATA, metadata={"kind": "labels"}))
    (layer,) = opened(path)
    assert isinstance(layer.data, np.memmap)
    layer.data_setitem((np.array([2]), np.array([3]), np.array([4])), 999)
    assert layer.data[2, 3, 4] == 999
    np.testing.assert_array_equal(read_volume(path).data, DATA)


def test_integers_of_unknown_origin_are_an_image(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a_labels.tif", DATA.astype(np.int32))
    (layer,) = opened(str(tmp_path / "a_labels.tif"))
    assert isinstance(layer, Image)


def test_several_files_are_slices_in_natural_order(tmp_path):
    import tifffile

    files = [str(tmp_path / f"s{i}.tif") for i in (2, 10, 1)]
    for value, file in zip((2, 10, 1), files, strict=True):
        tifffile.imwrite(file, np.full((4, 5), value, np.uint8))
    ((data, _, _),) = get_reader(files)(files)
    np.testing.assert_array_equal(np.asarray(data)[:, 0, 0], (1, 2, 10))


def test_what_is_not_ours_is_left_to_others(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    for path in ("a.txt", "empty", "missing.png"):
        assert get_reader(str(tmp_path / path)) is None
    assert get_reader([]) is None
    assert get_reader([str(tmp_path / "a.txt")]) is None


def test_broken_files_leave_no_layer(tif):
    whole = Path(tif).read_bytes()
    Path(tif).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="incomplete"):
        get_reader(tif)(tif)


def test_colour_is_refused_both_ways(tmp_path):
    with pytest.raises(InputError, match="RGB"):
        write_image_layer(str(tmp_path / "a.tif"), np.zeros((4, 5, 3), "u1"), {"rgb": True})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def two_datasets(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/small"] = DATA[:2]
        file["entry/data"] = DATA
    return str(tmp_path / "a.h5")


def test_the_person_picks_the_dataset(two_datasets, qtbot, monkeypatch):
    from qtpy.QtWidgets import QInputDialog, QWidget

    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    asked = {}

    def pick(parent, title, label, lines, current, editable):
        asked.update(lines=lines, current=lines[current])
        return lines[0], True

    monkeypatch.setattr(QInputDialog, "getItem", pick)
    ((_, kwargs, _),) = get_reader(two_datasets)(two_datasets)
    assert asked["current"].startswith("entry/data   (5 × 6 × 7, uint16)")
    chosen = asked["lines"][0].split()[0]
    assert kwargs["metadata"][KEY]["dataset"] == chosen
    monkeypatch.setattr(QInputDialog, "getItem", lambda *a: ("", False))
    assert get_reader(two_datasets)(two_datasets) == readers.NOTHING


def test_without_a_window_the_datasets_are_listed(two_datasets, monkeypatch):
    monkeypatch.setattr(readers, "_window", lambda: None)
    with pytest.raises(InputError, match="“entry/data”"):
        get_reader(two_datasets)(two_datasets)


def test_raw_files_are_asked_about(tmp_path, monkeypatch):
    from napari_battery.io.raw import RawSettings
    from napari_battery.widgets import raw_form

    path = str(tmp_path / "a.raw")
    DATA.tofile(path)
    monkeypatch.setattr(readers, "_window", lambda: None)
    with pytest.raises(InputError, match="shape and type"):
        get_reader(path)(path)
    monkeypatch.setattr(readers, "_window", lambda: object())
    monkeypatch.setattr(readers, "_tell", lambda volume: None)
    answer = RawSettings(width=7, height=6, depth=5, voxel_size_um=2)
    monkeypatch.setattr(raw_form, "ask_raw_settings", lambda p, parent: answer)
    (layer,) = opened(path)
    np.testing.assert_array_equal(layer.data, DATA)
    np.testing.assert_array_equal(layer.scale, 2)
    monkeypatch.setattr(raw_form, "ask_raw_settings", lambda p, parent: None)
    assert get_reader(path)(path) == readers.NOTHING
