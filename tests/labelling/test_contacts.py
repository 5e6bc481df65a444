"""Contacts: analytic faces, and a slow count of every pair of neighbouring voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.labelling import contacts_table
from napari_battery.volume import Volume


def slow_faces(labels: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """Faces across each axis between each ordered pair of different labels, voxel by voxel."""
    faces: dict[tuple[int, int], list[int]] = {}
    for axis in range(labels.ndim):
        here = labels[(slice(None),) * axis + (slice(None, -1),)].ravel()
        there = labels[(slice(None),) * axis + (slice(1, None),)].ravel()
        for a, b in zip(here.tolist(), there.tolist(), strict=True):
            if a and b and a != b:
                for pair in ((a, b), (b, a)):
                    faces.setdefault(pair, [0] * labels.ndim)[axis] += 1
    return faces


def test_two_cubes_share_one_face():
    """A 5 × 6 × 7 block beside another along x: 5 × 6 faces of 0.4 × 0.3 µm."""
    labels = np.zeros((9, 10, 20), np.uint16)
    labels[2:7, 2:8, 1:8] = 7
    labels[2:7, 2:8, 8:15] = 1200
    table = contacts_table(Volume(labels, (0.4, 0.3, 0.2)))
    assert table[["label", "neighbour", "contact_faces"]].to_numpy().tolist() == [
        [7, 1200, 30],
        [1200, 7, 30],
    ]
    # sums of products of three decimals: rounding only
    assert table["contact_area_um2"].to_numpy() == pytest.approx([30 * 0.4 * 0.3] * 2, rel=1e-12)
    for axis, area in ((0, 0.3 * 0.2), (1, 0.4 * 0.2)):
        turned = contacts_table(Volume(np.swapaxes(labels, axis, 2), (0.4, 0.3, 0.2)))
        assert turned["contact_area_um2"].to_numpy() == pytest.approx([30 * area] * 2, rel=1e-12)


def test_edges_and_corners_are_no_contact_and_one_wide_gaps_part():
    labels = np.zeros((6, 6, 6), np.int32)
    labels[:3, :3, :3] = 1
    labels[3:, 3:, :3] = 2  # shares an edge with 1
    labels[3:, 3:, 4:] = 3  # a gap of one voxel to 2
    assert contacts_table(Volume(labels)).empty


def test_without_a_voxel_size_there_is_no_area():
    labels = np.zeros((3, 4, 4), np.int32)
    labels[..., :2], labels[..., 2:] = 1, 2
    table = contacts_table(Volume(labels))
    assert list(table.columns) == ["label", "neighbour", "contact_faces"]
    assert table["contact_faces"].tolist() == [12, 12]


def test_in_two_dimensions_contacts_have_lengths():
    labels = np.zeros((4, 6), np.uint8)
    labels[:, :3], labels[:, 3:] = 1, 2
    table = contacts_table(Volume(labels, (0.5, 0.25)))
    assert table["contact_length_um"].tolist() == [2.0, 2.0]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(7, 8, 9), (1, 9, 11), (12, 13), (20, 1, 5)]),
    st.sampled_from([2, 5, 400]),
    st.sampled_from(["u1", "i4", ">u2", "i8"]),
)
def test_equals_a_count_of_every_pair_of_voxels(seed, shape, n, dtype):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, min(n, 255), shape).astype(dtype)
    size = (0.5, 0.25, 0.125)[-len(shape) :]  # powers of two: sums are exact
    table = contacts_table(Volume(labels, size))
    wanted = slow_faces(labels)
    assert list(zip(table["label"], table["neighbour"], strict=True)) == sorted(wanted)
    faces = np.array([wanted[key] for key in sorted(wanted)]).reshape(-1, len(shape))
    assert table["contact_faces"].tolist() == faces.sum(axis=1).tolist()
    assert table.iloc[:, 3].tolist() == (faces @ (np.prod(size) / np.array(size))).tolist()
