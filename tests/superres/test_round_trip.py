"""The round trip: a right result differs from the scan by the scan's noise, a wrong one by more."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.superres.card import Card
from napari_battery.superres.round_trip import round_trip
from napari_battery.superres.upscale import target_grid, upscaled
from napari_battery.volume import Volume

_CARD = Card(name="m", network="battery", slices=1, halo_px=1, parameters=1)
_SIGMA = 0.6
_TOLD = _CARD.model_copy(update={"degradation": {"psf_smallest": 0.5, "psf_largest": 0.7}})


def _scan(noise=3.0, ratio=3, shape=(10, 40, 44)):
    """A sample at high resolution, and its scan: blurred, averaged, noisy."""
    rng = np.random.default_rng(0)
    place = np.indices([n * ratio for n in shape])
    ball = sum((a - n * ratio / 2) ** 2 for a, n in zip(place, shape, strict=True)) < 14**2
    high = np.where(ball, 160.0, 60.0).astype("f4")
    low = gaussian_filter(high, _SIGMA * ratio, mode="reflect", truncate=6)
    for axis, n in enumerate(shape):
        low = low.reshape(*low.shape[:axis], n, ratio, *low.shape[axis + 1 :]).mean(axis + 1)
    low = Volume((low + rng.normal(0, noise, shape)).astype("f4"), (3.0,) * 3, name="scan")
    return low, replace(target_grid(low, 3.0 / ratio), data=high, name="result")


def test_the_true_sample_differs_by_the_noise():
    low, high = _scan()
    trip = round_trip(low, high, _TOLD)
    # the sampled Gaussian of scipy is not quite the one integrated over voxels
    assert trip.rms == pytest.approx(3.0, rel=0.03)
    assert trip.rms_over_noise == pytest.approx(1, abs=0.1)
    assert trip.psf_sigma == pytest.approx(_SIGMA)
    assert trip.map.shape == low.shape
    assert trip.map.same_grid(low)
    assert trip.map.data.mean() == pytest.approx(0, abs=0.1)


def test_invented_structure_shows_where_it_is():
    low, high = _scan()
    grey = np.asarray(high.data).copy()
    grey[9:15, 30:42, 60:72] += 80
    trip = round_trip(low, replace(high, data=grey), _TOLD)
    # 8 of 17,600 voxels are 80 grey levels off, less at the blurred faces
    assert trip.rms > 1.15 * round_trip(low, high, _TOLD).rms
    at = np.unravel_index(np.argmax(trip.map.data), trip.map.shape)
    assert np.abs(np.array(at) - [3.5, 11.5, 21.5]).max() <= 2


def test_blocks_do_not_matter(monkeypatch):
    low, high = _scan()
    whole = round_trip(low, high, _TOLD)
    monkeypatch.setattr("napari_battery.superres.round_trip._ROWS_BYTES", 1)
    rows = round_trip(low, high, _TOLD)
    # float32 sums of some hundred voxels
    np.testing.assert_allclose(rows.map.data, whole.map.data, atol=1e-3)


def test_of_a_result_in_a_file_little_is_held(monkeypatch):
    low, high = _scan()
    whole = round_trip(low, high, _TOLD)
    monkeypatch.setattr("napari_battery.superres.round_trip._ROWS_BYTES", 1)
    read = []

    def slices(window):
        read.append(window[0].stop - window[0].start)
        return np.asarray(high.data)[window]

    lazy = replace(high, data=LazyArray(high.shape, high.dtype, slices))
    trip = round_trip(low, lazy, _TOLD)
    # a slice of the scan: three of the result, and 4 sigma of 1.8 slices on either side
    assert max(read) <= 3 + 2 * 9
    assert not isinstance(trip.map.data, np.ndarray)
    assert trip.rms == pytest.approx(whole.rms, rel=1e-5)
    # float32 sums of some hundred voxels
    np.testing.assert_allclose(trip.map.data[2:5, 7:], whole.map.data[2:5, 7:], atol=1e-3)


def test_a_part_and_a_picture():
    low, high = _scan()
    part = replace(
        high, data=np.asarray(high.data)[6:20, 30:, 12:90], origin_um=(6 - 1.0, 30 - 1.0, 12 - 1.0)
    )
    trip = round_trip(low, part, _TOLD)
    assert trip.map.shape == (4, 30, 26)
    assert trip.map.origin_um == (6.0, 30.0, 12.0)
    picture = replace(low, data=low.data[4], voxel_size_um=(3.0,) * 2, origin_um=(0.0, 0.0))
    fine = upscaled(picture, target_grid(picture, 1.0))
    found = round_trip(picture, fine, _CARD)
    assert found.map.shape == picture.shape
    assert "no point spread" in found.notes[0]
    far = replace(high, origin_um=(999.0,) * 3)
    with pytest.raises(InputError, match="covers no whole voxel"):
        round_trip(low, far, _TOLD)


def test_gaps_are_left_out():
    low, high = _scan()
    low.data[:, :10] = np.nan
    grey = np.asarray(high.data).copy()
    grey[:, :30] = np.nan
    trip = round_trip(low, replace(high, data=grey), _TOLD)
    assert np.isnan(trip.map.data[:, :10]).all()
    assert np.isfinite(trip.map.data[:, 16:]).all()
    assert trip.rms == pytest.approx(3.0, rel=0.05)
