"""Phases of made-up images whose truth is known, in blocks, boxes and files."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_local, threshold_otsu

from napari_battery import blocks
from napari_battery.errors import InputError
from napari_battery.io import read_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.labelling import phases as module
from napari_battery.labelling.phases import segment_phases
from napari_battery.labelling.phases_model import prepare_phases
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.volume import Volume

PLAIN = {"denoise": "none", "smoothing_weight": 0.0}
GREY = np.array([60.0, 180.0, 110.0])  # of pore, active, binder


def made_up(shape=(30, 48, 52), noise=22.0, seed=0):
    """Synthetic: active blobs, binder clinging to some of them, pore; blurred and noisy."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape, np.uint8)
    truth[ndimage.gaussian_filter(rng.standard_normal(shape), 4, mode="wrap") > 0.01] = 2
    active = ndimage.gaussian_filter(rng.standard_normal(shape), 5, mode="wrap") > 0.004
    truth[active] = 1
    grey = ndimage.gaussian_filter(GREY[truth], 0.7) + noise * rng.standard_normal(shape)
    return truth, grey.clip(0, 255).astype(np.uint8)


def iou(codes, truth, code):
    a, b = codes == code, truth == code
    return (a & b).sum() / (a | b).sum()


def test_thresholds_alone_equal_skimages():
    _, grey = made_up()
    phases = segment_phases(Volume(grey), PhaseSettings(**PLAIN))
    assert np.array_equal(phases.data == 1, grey > threshold_otsu(grey))
    assert phases.dtype == np.uint8
    assert phases.metadata["kind"] == "phases"
    assert phases.metadata["phases"] == {"pore": 0, "active": 1}
    (level,) = phases.metadata["thresholds"]
    assert phases.metadata["made"]["found"]["thresholds"] == [level]


@pytest.mark.parametrize("active", ["brightest", "darkest"])
def test_manual_levels_part_three_phases(active):
    grey = np.array([[10, 20, 30, 40, 50, 60]], np.uint8)
    given = PhaseSettings(
        **PLAIN, n_phases=3, method="manual", level_1=30, level_2=45, active=active
    )
    codes = segment_phases(Volume(grey), given).data
    assert codes.tolist() == [[0, 0, 0, 2, 1, 1] if active == "brightest" else [1, 1, 1, 2, 0, 0]]


def test_local_threshold_equals_skimages_box_mean():
    _, grey = made_up()
    given = PhaseSettings(**PLAIN, method="local", local_radius=5, local_offset=3)
    codes = segment_phases(Volume(grey), given).data
    theirs = threshold_local(grey.astype(float), 11, "mean", offset=3)
    # sums of float32 and float64 may fall on either side of a tie
    assert np.mean(codes != (grey > theirs)) < 1e-4


@pytest.mark.parametrize("active", ["brightest", "darkest"])
def test_hysteresis_equals_skimages(active):
    _, grey = made_up()
    given = PhaseSettings(**PLAIN, method="hysteresis", level_1=90, level_2=150, active=active)
    codes = segment_phases(Volume(grey), given).data
    if active == "brightest":
        theirs = apply_hysteresis_threshold(grey.astype(int), 90, 150)
    else:
        theirs = apply_hysteresis_threshold(-grey.astype(int), -150.5, -90.5)
    assert np.array_equal(codes, theirs)


def test_smoothing_and_field_find_three_phases():
    truth, grey = made_up()
    volume = Volume(grey)
    raw = segment_phases(volume, PhaseSettings(n_phases=3, **PLAIN)).data
    smooth = segment_phases(volume, PhaseSettings(n_phases=3, smoothing_weight=0)).data
    field = segment_phases(volume, PhaseSettings(n_phases=3)).data
    for code, least in ((0, 0.85), (1, 0.9), (2, 0.7)):
        assert iou(raw, truth, code) < iou(smooth, truth, code) < iou(field, truth, code)
        assert iou(field, truth, code) > least


def test_binder_shell_of_blurred_edges_goes():
    z, y, x = np.ogrid[:40, :40, :40]
    active = (z - 20) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 12**2
    truth = active.astype(np.uint8)
    truth[:, :, :6] = 2  # a slab of true binder
    grey = ndimage.gaussian_filter(GREY[truth], 1).astype(np.float32)
    given = {**PLAIN, "n_phases": 3, "method": "manual", "level_1": 85, "level_2": 145}
    kept = segment_phases(Volume(grey), PhaseSettings(**given)).data
    taken = segment_phases(Volume(grey), PhaseSettings(**given, binder_shell=2)).data
    away = np.s_[:, :, 8:]
    assert (kept[away] == 2).mean() > 0.02
    assert not (taken[away] == 2).any()
    assert iou(taken[away], truth[away], 1) > 0.95
    assert iou(taken, truth, 2) > 0.95


SETTINGS = [
    PhaseSettings(method="manual", level_1=90, smoothing_weight=0),
    PhaseSettings(n_phases=3, binder_shell=1.5),
    PhaseSettings(method="local", local_radius=4),
    PhaseSettings(denoise="median"),
]


@pytest.mark.parametrize("given", SETTINGS, ids=["manual", "field", "local", "median"])
def test_blocks_and_boxes_equal_the_whole(given, monkeypatch):
    _, grey = made_up((40, 44, 60))
    data = grey.astype(np.float32)
    data[3:5, 6, 7:9] = np.nan
    region = np.ones(data.shape, bool)
    region[:, :9] = False
    volume = Volume(data, voxel_size_um=(2, 1, 1), region=region)
    whole = segment_phases(volume, given).data
    model = prepare_phases(volume, given)
    box = (slice(10, 33), slice(None, 30), slice(21, 60))
    part = segment_phases(volume, given, box=box, model=model)
    assert np.array_equal(part.data, whole[box])
    assert part.origin_um == (20, 0, 21)
    monkeypatch.setattr(blocks, "_sides", lambda step, window: (16, 17, 18))
    assert np.array_equal(segment_phases(volume, given).data, whole)


def test_a_file_gets_the_same_phases(tmp_path):
    _, grey = made_up()
    lazy = LazyArray(grey.shape, grey.dtype, lambda window: grey[window])
    volume = Volume(lazy, voxel_size_um=(1, 1, 1), metadata={"state": "pristine"})
    for given in (PhaseSettings(), PhaseSettings(minimum_volume=20)):
        written = segment_phases(volume, given, out=tmp_path / "phases.tif")
        memory = segment_phases(Volume(grey, voxel_size_um=(1, 1, 1)), given)
        assert np.array_equal(np.asarray(written.data), memory.data)
        again = read_volume(tmp_path / "phases.tif")
        assert again.metadata["phases"] == {"pore": 0, "active": 1}
        assert again.metadata["state"] == "pristine"


def test_nothing_is_found_where_there_is_nothing_to_look_at():
    _, grey = made_up()
    data = grey.astype(np.float32)
    data[5, 5:9, 5] = np.nan
    region = np.zeros(data.shape, bool)
    region[:20] = True
    phases = segment_phases(Volume(data, region=region), PhaseSettings(active="darkest"))
    assert not phases.data[20:].any()
    assert not phases.data[5, 5:9, 5].any()
    assert not np.asarray(phases.region)[5, 5:9, 5].any()
    assert np.asarray(phases.region).sum() == region.sum() - 4
    assert "4 voxels" in phases.metadata["note"]


def test_lengths_in_um_are_those_in_voxels():
    _, grey = made_up()
    volume = Volume(grey, voxel_size_um=(0.5, 0.5, 0.5))
    voxels = PhaseSettings(n_phases=3, denoise_size=2, binder_shell=2, minimum_volume=40)
    um = PhaseSettings(
        length_unit="um", n_phases=3, denoise_size=1, binder_shell=1, minimum_volume=5
    )
    assert np.array_equal(segment_phases(volume, um).data, segment_phases(volume, voxels).data)
    with pytest.raises(InputError, match="The settings' lengths are in µm"):
        segment_phases(Volume(grey), um)


@pytest.mark.parametrize("shape", [(48, 52), (1, 48, 52)])
def test_flat_images(shape):
    truth, grey = made_up((8, 48, 52))
    given = PhaseSettings(minimum_volume=5)
    phases = segment_phases(Volume(grey[4].reshape(shape)), given)
    assert phases.shape == shape
    assert iou(phases.data.reshape(48, 52), truth[4], 1) > 0.8


def test_cleaning_gives_what_it_takes_to_the_phase_around():
    codes = np.zeros((20, 30, 30), np.uint8)
    codes[:, :, 15:] = 2
    codes[4:16, 4:16, 2:12] = 1
    codes[8:11, 8:11, 20:23] = 1  # an island in the binder
    codes[9, 25, 5] = 1  # and one in the pore
    codes[10, 10, 5] = 0  # a hole
    given = PhaseSettings(
        **PLAIN, n_phases=3, method="manual", level_1=85, level_2=145, minimum_volume=100,
        fill_holes=True,
    )  # fmt: skip
    cleaned = segment_phases(Volume(GREY[codes].astype(np.float32)), given).data
    expected = codes.copy()
    expected[8:11, 8:11, 20:23] = 2
    expected[9, 25, 5] = 0
    expected[10, 10, 5] = 1
    assert np.array_equal(cleaned, expected)


def test_a_model_is_looked_for_again_only_when_it_must(monkeypatch):
    _, grey = made_up()
    volume = Volume(grey)
    model = prepare_phases(volume, PhaseSettings())
    looked = []
    monkeypatch.setattr(
        "napari_battery.labelling.phases_model._histogram", lambda *a: looked.append(a)
    )
    other = prepare_phases(volume, PhaseSettings(n_phases=3, smoothing_weight=2), model=model)
    assert len(other.levels) == 2
    assert not looked
    with pytest.raises(TypeError):
        prepare_phases(volume, PhaseSettings(denoise_size=2), model=model)
    assert looked


def test_given_levels_need_no_second_look(monkeypatch):
    _, grey = made_up()
    monkeypatch.setattr("napari_battery.labelling.phases_model._measured_histogram", None)
    for given in (
        PhaseSettings(method="manual", level_1=110, smoothing_weight=0),
        PhaseSettings(method="hysteresis", level_1=90, level_2=150),
        PhaseSettings(method="local", smoothing_weight=0),
    ):
        share = (segment_phases(Volume(grey), given).data == 1).mean()
        assert 0.2 < share < 0.8
    with pytest.raises(TypeError):
        segment_phases(Volume(grey), PhaseSettings(method="manual", level_1=110))


def test_errors_say_what_to_do():
    _, grey = made_up()
    volume = Volume(grey, name="some")
    for values, words in (
        ({"method": "manual"}, "need level 1: give a grey level"),
        ({"method": "manual", "n_phases": 3, "level_1": 5}, "need level 2"),
        (
            {"method": "manual", "n_phases": 3, "level_1": 5, "level_2": 5},
            r"Level 1 \(5\) must be below level 2 \(5\)",
        ),
        ({"method": "yen", "n_phases": 3}, "“some”: the method yen parts two classes, not 3"),
        ({"method": "local", "n_phases": 3}, "The local threshold parts two phases, not 3"),
        ({"method": "hysteresis", "level_1": 250}, r"level 1 \(250\) is not below level 2"),
        ({"method": "classifier"}, "train or load one"),
    ):
        with pytest.raises(InputError, match=words):
            segment_phases(volume, PhaseSettings(**values))
    for data in (np.full((4, 5, 6), 7, np.uint8), np.full((4, 5, 6), 7, np.float32)):
        with pytest.raises(InputError, match="“flat”: it has the one grey level 7"):
            segment_phases(Volume(data, name="flat"))
    with pytest.raises(InputError, match="“some” holds labels, not grey levels"):
        segment_phases(Volume(grey, name="some", metadata={"kind": "labels"}))
    with pytest.raises(InputError, match="“holes” has no voxel with a grey level"):
        segment_phases(Volume(np.full((4, 5), np.nan), name="holes"))
    with pytest.raises(InputError, match="The box holds no voxel of “some”"):
        module.segment_phases(volume, box=(slice(5, 5), slice(None), slice(None)))
