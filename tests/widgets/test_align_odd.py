from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_battery.registration.transform import Kind
from napari_battery.widgets.align_odd import odd_pairs

PLACES = np.array([[30, 60, 130], [60, 200, 300], [90, 90, 420], [120, 220, 600], [150, 50, 720]])
TURN = Rotation.from_rotvec([0.1, -0.05, 0.2]).as_matrix()


@pytest.mark.parametrize("wrong", range(5))
def test_one_wrong_pair_of_five_is_found_and_no_other(wrong: int) -> None:
    moving = PLACES @ TURN + (5, -9, 30)
    moving += np.random.default_rng(0).normal(0, 1, moving.shape)
    assert not odd_pairs(PLACES.astype(float), moving, "rigid", 6.0).any()
    moving[wrong] += (20, 0, 20)
    odd = odd_pairs(PLACES.astype(float), moving, "rigid", 6.0)
    assert np.flatnonzero(odd).tolist() == [wrong]


@pytest.mark.parametrize(("kind", "n"), [("translation", 2), ("rigid", 4), ("affine", 5)])
def test_too_few_pairs_say_nothing(kind: Kind, n: int) -> None:
    moving = PLACES[:n] + np.eye(5, 3)[:n] * 50.0
    assert not odd_pairs(PLACES[:n].astype(float), moving, kind, 1.0).any()
