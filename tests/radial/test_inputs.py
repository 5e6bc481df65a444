from __future__ import annotations

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.progress import SILENT
from napari_battery.radial import radial_tables
from napari_battery.radial.inputs import match_inputs
from napari_battery.volume import Volume

DATA = np.zeros((4, 5, 6), np.uint8)
UNKNOWN = Volume(DATA, name="scan")
ASSUMED = Volume(DATA, (1, 1, 1), name="scan", voxel_size_source="assumed 1 µm")
KNOWN = Volume(DATA, (0.5, 0.3, 0.3), (1, 2, 3), name="scan", voxel_size_source="ImageJ tags")


@pytest.mark.parametrize(
    ("labels", "image", "note"),
    [
        (UNKNOWN, KNOWN, "The labels “scan” have no voxel size; that of the image “scan”"),
        (KNOWN, UNKNOWN, "The image “scan” has no voxel size; that of the labels “scan”"),
        (ASSUMED, KNOWN, "The labels “scan” have only an assumed voxel size; that of the image"),
        (KNOWN, ASSUMED, "The image “scan” has only an assumed voxel size; that of the labels"),
        (UNKNOWN, ASSUMED, "was used (1 × 1 × 1 µm, assumed 1 µm)"),
    ],
)
def test_the_better_known_voxel_size_serves_both(labels: Volume, image: Volume, note: str) -> None:
    better = image if labels in (UNKNOWN, ASSUMED) else labels
    a, b, notes = match_inputs(labels, image, SILENT)
    for placed in (a, b):
        assert placed.data is DATA  # nothing is resampled
        assert placed.voxel_size_um == better.voxel_size_um
        assert placed.origin_um == better.origin_um
        assert placed.is_assumed == better.is_assumed
    assert len(notes) == 1
    assert note in notes[0]


def test_one_grid_needs_no_note() -> None:
    assert match_inputs(KNOWN, KNOWN, SILENT) == (KNOWN, KNOWN, [])


def test_two_unknown_voxel_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="--voxel-size"):
        match_inputs(UNKNOWN, UNKNOWN, SILENT)


def test_a_region_is_resampled_with_its_image() -> None:
    region = np.zeros((8, 8, 8), bool)
    region[2:6] = True
    labels = np.arange(1, 17).repeat(16 * 16).reshape(16, 16, 16)
    coarse = Volume(np.ones((8, 8, 8), np.float32), (2, 2, 2), (0.5,) * 3, region=region)
    _, placed, notes = match_inputs(Volume(labels, (1, 1, 1)), coarse, SILENT)
    assert len(notes) == 1
    assert np.array_equal(placed.region, region.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    assert np.isfinite(placed.data).all()  # neighbours beyond the region are real voxels
    particles = radial_tables(Volume(labels, (1, 1, 1)), coarse).particles
    assert particles["label"].tolist() == list(range(5, 13))
