"""Percentiles become the ends of a type's range."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.filters import RescaleSettings, filter_image
from napari_battery.volume import Volume

RAMP = np.linspace(-50, 150, 20 * 30 * 40).reshape(20, 30, 40)


@pytest.mark.parametrize(("dtype", "largest"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_percentiles_span_the_range(dtype, largest):
    chosen = RescaleSettings(dtype=dtype, low_percentile=10, high_percentile=90)
    found = filter_image(Volume(RAMP), chosen)
    assert found.dtype == dtype
    expected = np.clip((RAMP + 30) / 160, 0, 1) * largest
    # percentiles of a ramp of 24,000 steps are good to one of them, and then half a level
    np.testing.assert_allclose(found.data, expected, atol=0.5 * (largest > 1) + largest / 10_000)
    assert found.metadata["filter"]["low"] == pytest.approx(-30, abs=0.02)
    assert "became 0 …" in found.metadata["made"]["notes"][0]


def test_missing_voxels_become_0_or_stay():
    data = RAMP.copy()
    data[3, 4, 5] = np.nan
    assert filter_image(Volume(data), RescaleSettings()).data[3, 4, 5] == 0
    kept = filter_image(Volume(data), RescaleSettings(dtype="float32")).data
    assert np.isnan(kept[3, 4, 5])


def test_only_the_region_counts():
    region = RAMP > 50
    found = filter_image(Volume(RAMP, region=region), RescaleSettings(low_percentile=0))
    assert found.metadata["filter"]["low"] == pytest.approx(50, abs=0.1)


def test_percentiles_the_wrong_way_round():
    with pytest.raises(InputError, match="lower percentile is 60, the upper 40"):
        filter_image(Volume(RAMP), RescaleSettings(low_percentile=60, high_percentile=40))
