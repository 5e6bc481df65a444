from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.settings import LENGTH, VOLUME, Settings, length_unit, setting
from napari_battery.volume import Volume


class _Model(Settings):
    length_unit: Literal["voxels", "um"] = length_unit()
    radius: float = setting(2.0, "Radius.", unit=LENGTH, ge=0)
    distance: float | None = setting(None, "Distance.", unit=LENGTH)
    least: float = setting(10.0, "Volume.", unit=VOLUME)
    share: float = setting(0.5, "No length.")


def _volume(size: tuple[float, ...] | None) -> Volume:
    return Volume(np.zeros((2, 2, 2)), size)


def test_voxels_stay_voxels_whatever_the_voxel_size():
    settings = _Model(radius=3)
    assert in_voxels(settings, _volume((2, 1, 1))) is settings
    assert in_voxels(settings, _volume(None)) is settings


def test_micrometres_count_shortest_edges_and_whole_voxels():
    settings = _Model(length_unit="um", radius=3, least=24, distance=1.5)
    found = in_voxels(settings, _volume((2.0, 0.5, 0.5)))
    assert found.length_unit == "voxels"
    assert found.radius == pytest.approx(6)
    assert found.distance == pytest.approx(3)
    assert found.least == pytest.approx(48)  # a voxel holds 0.5 µm³
    assert found.share == 0.5
    assert in_voxels(_Model(length_unit="um"), _volume((1, 1, 1))).distance is None


def test_micrometres_need_a_voxel_size():
    with pytest.raises(InputError, match="lengths are in µm.*voxel size.*unknown"):
        in_voxels(_Model(length_unit="um"), _volume(None))


def test_spacing_is_in_shortest_edges():
    assert spacing_voxels(_volume((2.0, 0.5, 1.0))) == (4, 1, 2)
    assert spacing_voxels(_volume(None)) == (1, 1, 1)
