from __future__ import annotations

import numpy as np
import pytest

from napari_battery.volume import Volume
from napari_battery.widgets.label_count import count_labels


@pytest.mark.parametrize("ndim", [2, 3])
def test_cut_labels_and_labels_in_pieces_are_counted(ndim: int) -> None:
    data = np.zeros((9, 9), np.int32)
    data[1:3, 1:3] = 1
    data[0, 5:8] = 2  # at a face
    data[4, 1:8] = 3
    data[4, 4] = 4  # parts 3 in two
    data[6, 6] = data[7, 7] = 5  # only the corners touch
    if ndim == 3:
        flat, data = data, np.zeros((3, 9, 9), np.int32)
        data[1] = flat
    count = count_labels(Volume(data))
    assert (count.n, count.n_cut, count.in_pieces) == (5, 1, (3, 5))
    assert count.text() == (
        "5 particles; 1 touches the border. 2 are in several pieces (label 3, 5)."
    )


def test_whole_labels_and_none() -> None:
    data = np.zeros((5, 5, 5), np.int32)
    assert count_labels(Volume(data)).text() == "0 particles; 0 touch the border."
    data[2, 2, 2] = 1
    assert count_labels(Volume(data)).text() == "1 particle; 0 touch the border."
