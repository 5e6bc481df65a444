"""Regions lie in the valid overlap, and never in what a model was trained on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_battery.blocks import whole
from napari_battery.errors import InputError
from napari_battery.files import fingerprint
from napari_battery.io import read_volume, write_volume
from napari_battery.prepare import crop
from napari_battery.registration.pair_files import write_pair
from napari_battery.registration.pairs import cut_to_overlap
from napari_battery.superres.card import Card, TrainingData
from napari_battery.superres.judge_regions import (
    bounding_window,
    check_unseen,
    grid_of_regions,
    parse_region,
    unseen_part,
    window_in,
)
from napari_battery.volume import Volume

SHAPE = (32, 48, 160)


def card(name: str = "m", **data) -> Card:
    return Card(
        name=name, network="battery", slices=1, halo_px=0, parameters=1,
        training=(TrainingData(name="Sandstone", **data),),
    )  # fmt: skip


@pytest.fixture
def scans(tmp_path) -> tuple[Volume, Volume]:
    """A low and a high scan in files, the outer faces on one another."""
    rng = np.random.default_rng(0)
    found = []
    for name, ratio, origin in (("low", 4, 2.0), ("high", 1, 0.5)):
        shape = tuple(n // ratio for n in SHAPE)
        data = rng.integers(0, 255, shape, np.uint8)
        path = tmp_path / f"{name}.tif"
        write_volume(path, Volume(data, (float(ratio),) * 3, (origin,) * 3, name=name))
        found.append(read_volume(path))
    return found[0], found[1]


@given(
    st.tuples(*[st.integers(1, 90)] * 3), st.integers(16, 40),
)  # fmt: skip
def test_regions_fill_the_box_and_share_nothing(shape, size):
    regions = grid_of_regions([whole(shape)], size)
    count = np.zeros(shape, int)
    for region in regions:
        count[region] += 1
        for w, n in zip(region, shape, strict=True):
            assert min(size, n) <= w.stop - w.start < 2 * size
    assert (count == 1).all()


def test_what_is_not_wholly_valid_is_left_out():
    valid = np.ones((20, 40, 60), bool)
    valid[3, 5, 7] = False
    regions = grid_of_regions([whole(valid.shape)], 20, valid)
    assert len(regions) == 5
    assert (slice(0, 20), slice(0, 20), slice(0, 20)) not in regions


def test_boxes_that_overlap_do_not_count_twice():
    box = (slice(0, 20), slice(0, 40), slice(0, 40))
    again = (slice(0, 20), slice(0, 40), slice(30, 70))
    regions = grid_of_regions([box, again], 20)
    count = np.zeros((20, 40, 70), int)
    for region in regions:
        count[region] += 1
    assert count.max() == 1
    assert bounding_window(regions) == (slice(0, 20), slice(0, 40), slice(0, 70))


def test_a_region_is_read_as_it_is_written():
    assert parse_region("0:90, 0:135,280:420") == (slice(0, 90), slice(0, 135), slice(280, 420))
    for wrong in ("0:90,0:135", "90:0,0:1,0:1", "a:b,0:1,0:1", "0:9,0:9,:9"):
        with pytest.raises(InputError, match="is no region"):
            parse_region(wrong)


def test_a_window_is_found_in_the_other_scan(scans):
    low, high = scans
    window = (slice(0, 32), slice(16, 48), slice(20, 41))
    assert window_in(low, high, window) == (slice(0, 8), slice(4, 12), slice(5, 11))
    assert window_in(high, low, (slice(0, 8), slice(4, 12), slice(5, 11))) == (
        slice(0, 32), slice(16, 48), slice(20, 44),
    )  # fmt: skip


@pytest.mark.parametrize("which", ["low", "high"])
def test_a_planted_leak_is_refused_by_name_and_a_free_part_is_named(scans, which):
    low, high = scans
    scan, ratio = (low, 4) if which == "low" else (high, 1)
    trained = tuple((0, n // ratio) for n in (*SHAPE[:2], 64))
    seen = card("leaky", sha256=fingerprint(scan.path), box=trained)
    regions = grid_of_regions([whole(SHAPE)], 16)
    with pytest.raises(InputError) as error:
        check_unseen(regions, high, scans, [seen])
    text = str(error.value)
    assert "Region 1 (z 0 to 16, y 0 to 16, x 0 to 16 of “high”)" in text
    assert "“leaky”" in text
    assert "Sandstone" in text
    assert "give the region 0:32,0:48,64:160" in text
    # one voxel inside is a leak, the face next to it is none
    free = [parse_region("0:32,0:48,64:160")]
    assert check_unseen(free, high, scans, [seen]) == []
    with pytest.raises(InputError, match="Region 1"):
        check_unseen([parse_region("0:32,0:48,63:160")], high, scans, [seen])


def test_a_file_used_whole_leaves_nothing(scans):
    seen = card(sha256=fingerprint(scans[1].path))
    with pytest.raises(InputError, match="all of it .*take another pair of scans"):
        check_unseen([parse_region("0:16,0:16,0:16")], scans[1], scans, [seen])


def test_another_file_is_no_leak(scans):
    assert check_unseen([whole(SHAPE)], scans[1], scans, [card(sha256="sha256:00")]) == []
    assert check_unseen([whole(SHAPE)], scans[1], scans, [card()]) == []


def test_a_crop_written_to_another_file_is_still_known(scans, tmp_path):
    low, high = scans
    seen = card(sha256=fingerprint(high.path), box=((0, 32), (0, 48), (0, 64)))
    part = crop(crop(high, [(0, 32), (8, 48), (20, 160)]), [(0, 32), (0, 40), (30, 140)])
    path = tmp_path / "part.tif"
    write_volume(path, part, part.metadata["made"])
    part = read_volume(path)
    # the crop begins at 50 of the file: 14 of its voxels are training's
    with pytest.raises(InputError, match="give the region 0:32,0:40,14:110"):
        check_unseen([parse_region("0:32,0:40,13:60")], part, (low, part), [seen])
    assert check_unseen([parse_region("0:32,0:40,14:60")], part, (low, part), [seen]) == []


def test_what_was_resampled_cannot_be_placed_and_is_said(scans):
    low, high = scans
    source = {"fingerprint": fingerprint(high.path), "shape": list(high.shape)}
    moved = Volume(
        high.data, high.voxel_size_um, high.origin_um, name="moved",
        metadata={"made": {"step": "apply-transform", "inputs": [source]}},
    )  # fmt: skip
    seen = card("m", sha256=source["fingerprint"], box=((0, 32), (0, 48), (0, 64)))
    (note,) = check_unseen([parse_region("0:9,0:9,0:9")], moved, (low, moved), [seen])
    assert "“moved” was made from Sandstone" in note


def test_a_pair_cut_out_and_written_is_still_known(scans, tmp_path):
    low, high = scans
    seen = card(sha256=fingerprint(high.path), box=((0, 32), (0, 48), (0, 64)))
    cut = cut_to_overlap(low, crop(high, [(0, 32), (0, 48), (40, 160)]))
    pair = write_pair(tmp_path / "pair", cut)
    with pytest.raises(InputError, match="give the region 0:32,0:48,24:120"):
        check_unseen([parse_region("0:32,0:48,23:60")], pair.high, (pair.low, pair.high), [seen])
    free = [parse_region("0:32,0:48,24:60")]
    assert check_unseen(free, pair.high, (pair.low, pair.high), [seen]) == []


def test_the_unseen_part_is_the_largest_slab_beside_all_training(scans):
    _, high = scans
    sha = fingerprint(high.path)
    one = card("one", sha256=sha, box=((0, 32), (0, 48), (0, 60)))
    other = card("other", sha256=sha, box=((0, 32), (0, 48), (50, 90)))
    assert unseen_part(high, [one, other, card("far", sha256="x")]) == parse_region(
        "0:32,0:48,90:160"
    )
    assert unseen_part(high, []) == whole(SHAPE)
    assert unseen_part(high, [card("all", sha256=sha)]) is None
