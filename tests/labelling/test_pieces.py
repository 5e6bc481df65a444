"""Pieces of labels that were drawn in pieces."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.labelling import pieces
from napari_battery.volume import Volume


def test_pieces_of_each_label():
    labels = np.zeros((4, 6, 9), np.uint16)
    labels[0, 0, :3] = 5
    labels[1, 1, 3] = 5  # by an edge only
    labels[3, 5, 8] = 5
    labels[2, 2:5, 2:5] = 9
    table = pieces(Volume(labels))
    assert table.to_dict("list") == {
        "label": [5, 9],
        "pieces": [3, 1],
        "volume_voxels": [5, 9],
        "largest_voxels": [3, 9],
    }
    assert pieces(Volume(labels[0])).to_dict("list")["pieces"] == [1]
    assert pieces(Volume(np.zeros((3, 4), np.int32))).empty
    with pytest.raises(InputError, match="whole numbers"):
        pieces(Volume(labels.astype(float)))
