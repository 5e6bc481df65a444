"""Contacts against cubes and balls, and against the labelling's own count of faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_battery.errors import InputError
from napari_battery.labelling.contacts import contacts_table
from napari_battery.microstructure.contacts import contacts
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.volume import Volume


def test_cubes_in_a_row_touch_their_neighbours():
    labels = np.zeros((14, 14, 34), np.uint16)
    for k in range(3):
        labels[2:12, 2:12, 2 + 10 * k : 12 + 10 * k] = k + 1
    found = contacts(labels, (0.5, 0.5, 0.5))
    assert found.pairs[["label", "neighbour", "contact_faces"]].values.tolist() == [
        [1, 2, 100],
        [2, 3, 100],
    ]
    assert list(found.particles.coordination) == [1, 2, 1]
    assert found.mean_coordination == pytest.approx(4 / 3)


@pytest.mark.parametrize("normal", [(1, 1, 1), (0, 1, 1), (1, 2, 4)])
def test_the_area_of_a_slanted_contact_is_not_that_of_its_steps(normal):
    grid = np.indices((61, 61, 61)).reshape(3, -1).T - 30.2
    inside = (grid**2).sum(axis=1) < 25**2
    side = grid @ np.array(normal, float) > 0
    labels = (inside * (1 + side)).reshape(61, 61, 61).astype(np.uint8)
    pair = contacts(labels, (1, 1, 1)).pairs.iloc[0]
    assert pair.contact_area_um2 == pytest.approx(np.pi * 25**2, rel=0.1)
    assert pair.contact_faces > 1.2 * np.pi * 25**2


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, (4, 5, 6), elements=st.integers(0, 4)))
def test_faces_are_those_of_the_labelling(labels):
    table = contacts_table(Volume(labels))
    table = table[table.label < table.neighbour]
    found = contacts(labels, (1, 1, 1)).pairs
    columns = ["label", "neighbour", "contact_faces"]
    assert found[columns].values.tolist() == table[columns].values.tolist()


def test_blocks_make_no_difference(monkeypatch):
    from napari_battery.microstructure import contacts as module

    labels = np.random.default_rng(0).integers(0, 5, (7, 6, 5))
    whole = contacts(labels, (1, 1, 2))
    monkeypatch.setattr(module, "_SLAB_VOXELS", 60)
    assert contacts(labels, (1, 1, 2)).pairs.equals(whole.pairs)


def test_a_plane_has_contact_lengths():
    labels = np.zeros((12, 22), int)
    labels[1:11, 1:11], labels[1:11, 11:21] = 4, 9
    found = contacts(labels, (1, 1))
    assert found.pairs.contact_faces.item() == 10
    assert found.pairs.contact_length_um.item() == pytest.approx(10, rel=0.12)


def test_none_and_stopped():
    empty = contacts(np.zeros((3, 4, 5), int), (1, 1, 1))
    assert len(empty.pairs) == len(empty.particles) == 0
    assert np.isnan(empty.mean_coordination)
    alone = contacts(np.pad(np.ones((2, 2, 2), int), 1), (1, 1, 1))
    assert alone.mean_coordination == 0
    with pytest.raises(InputError, match="too large"):
        contacts(np.full((2, 2, 2), 1 << 40), (1, 1, 1))
    with pytest.raises(Cancelled):
        contacts(
            np.ones((2, 2, 2), int), (1, 1, 1), CallbackProgress(lambda *_: None, lambda: True)
        )
