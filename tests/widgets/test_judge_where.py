"""What models learnt from is left out, and the most likely pair is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_battery.files import fingerprint
from napari_battery.io import read_volume, write_volume
from napari_battery.superres.card import Card, TrainingData
from napari_battery.superres.judge_regions import check_unseen, unseen_box
from napari_battery.volume import Volume
from napari_battery.widgets.judge_pair import pair_meant
from napari_battery.widgets.layers import KEY, add_volume

RNG = np.random.default_rng(0)


def volume(shape: tuple[int, ...], size: float, name: str, **metadata: object) -> Volume:
    data = RNG.integers(0, 255, shape).astype(np.uint8)
    # outer faces on one another
    return Volume(data, (size,) * 3, (size / 2,) * 3, name=name, metadata=dict(metadata))


@pytest.fixture
def scans(tmp_path: Path) -> tuple[Volume, Volume]:
    both = volume((20, 20, 40), 2.3, "low"), volume((46, 46, 92), 1.0, "high")
    read = []
    for one in both:
        write_volume(tmp_path / f"{one.name}.tif", one)
        there = read_volume(tmp_path / f"{one.name}.tif")
        read.append(replace(there, name=one.name, origin_um=one.origin_um))
    return read[0], read[1]


def card(scan: Volume, box: tuple[tuple[int, int], ...] | None) -> Card:
    assert scan.path is not None
    used = TrainingData(name=scan.name, sha256=fingerprint(scan.path), box=box)
    return Card(
        name="m", network="battery", slices=1, halo_px=0, parameters=0, training=(used,)
    )  # fmt: skip


def test_nothing_is_left_out_of_what_nobody_saw(scans):
    assert unseen_box(*scans, []) == tuple(slice(0, n) for n in scans[1].shape)


@pytest.mark.parametrize("index", [0, 1])
def test_the_part_that_is_left_can_be_judged(scans, index):
    scan = scans[index]
    z, y, x = scan.shape
    trained = card(scan, ((0, z), (0, y), (0, x // 3)))
    box = unseen_box(*scans, [trained])
    assert box is not None
    high = scans[1]
    assert [(w.start, w.stop) for w in box[:2]] == [(0, 46), (0, 46)]
    assert box[2].stop == 92
    # no more is given away than the voxel at the border; 13 low voxels are 29.9 high ones
    assert {0: 30, 1: 30}[index] <= box[2].start <= 32
    assert check_unseen([box], high, scans, [trained]) == []  # raises where it was seen


def test_where_nothing_is_left_the_judge_says_so(scans):
    assert unseen_box(*scans, [card(scans[1], None)]) is None


def test_two_scans_of_different_voxels_are_meant():
    viewer = ViewerModel()
    assert pair_meant(viewer) is None
    high = add_volume(viewer, volume((8, 9, 10), 1.0, "high"))
    assert pair_meant(viewer) is None
    low = add_volume(viewer, volume((4, 5, 6), 3.0, "low"))
    assert pair_meant(viewer) == (low, high)
    made = {"made": {"step": "super-resolve"}}
    add_volume(viewer, volume((8, 9, 10), 1.0, "predicted", **made))
    viewer.add_image(RNG.random((9, 9)))
    assert pair_meant(viewer) == (low, high)
    viewer.layers.move(1, 0)
    assert pair_meant(viewer) == (low, high)


def test_a_pair_that_was_cut_goes_first():
    viewer = ViewerModel()
    both = [add_volume(viewer, volume((4, 5, 6), 3.0, "low")) for _ in range(2)]
    fine = [add_volume(viewer, volume((8, 9, 10), 1.0, "high")) for _ in range(2)]
    both[0].metadata[KEY]["scan_pair"] = {"role": "low"}
    fine[0].metadata[KEY]["scan_pair"] = {"role": "high"}
    assert pair_meant(viewer) == (both[0], fine[0])
