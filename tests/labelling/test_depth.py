"""Distance maps against scipy and edt; whole steps against floats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.labelling import LabelSettings, smoothed_distance
from napari_battery.labelling.depth import depth_map, quantised, squared_distance


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(7, 9, 40), (1, 8, 9), (13, 35), (1, 1, 1), (6, 1), (20, 3, 17)]),
    st.floats(0.0, 0.999),
    st.sampled_from([None, (2.5, 1.0, 1.5), (0.3, 1.0, 1.0)]),
)
def test_squared_distances_agree_with_scipy(seed, shape, density, spacing):
    spacing = spacing and spacing[-len(shape) :]
    mask = np.random.default_rng(seed).random(shape) < density
    found = squared_distance(mask, spacing)
    if mask.all():
        assert (found == np.float32(1e12)).all()
        return
    wanted = ndimage.distance_transform_edt(mask, spacing or 1) ** 2
    if spacing is None:
        assert np.array_equal(found, np.round(wanted))
    else:
        assert np.allclose(found, wanted, rtol=1e-5)  # a few roundings of float32


def test_deep_balls_are_exact():
    edt = pytest.importorskip("edt")
    grid = np.indices((90, 100, 110)) - 50
    mask = (grid**2).sum(0) < 42**2
    assert np.array_equal(squared_distance(mask), edt.edtsq(mask, black_border=False))


@pytest.mark.parametrize("shape", [(20, 24, 28), (50, 60), (1, 30, 40)])
@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.5])
def test_whole_steps_are_those_of_the_float_map(shape, sigma):
    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.standard_normal(shape), 2) > -0.02
    options = LabelSettings(distance_smoothing=sigma)
    distance = smoothed_distance(mask, options)
    depths, again = depth_map(mask, options), quantised(distance, mask)
    assert depths.per_voxel == again.per_voxel == 100
    assert np.array_equal(depths.levels, again.levels)
    assert np.array_equal(depths.inner > 0, mask)
    # half a step, and the roundings of float32
    assert np.abs(depths.distance() - distance)[mask].max() < 0.5 / 100 + 1e-4
