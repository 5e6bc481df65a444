"""Noise and its correlation against noise whose correlation is known exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.states.background import Background, propose_background
from napari_battery.states.noise import measure_noise, repeat_floor
from napari_battery.states.statistics import sem_particle
from napari_battery.states.table import with_errors
from napari_battery.volume import Volume

WHOLE = Background((((0, 48), (0, 48), (0, 48)),))


def noise(weights, seed=0, sigma=10.0, shape=(48, 48, 48)):
    """White noise filtered along every axis; V is (Σw)²/Σw² per axis."""
    grey = np.random.default_rng(seed).normal(size=shape)
    for axis in range(len(shape)):
        grey = ndimage.correlate1d(grey, weights, axis=axis, mode="wrap")
    return Volume(100 + sigma * grey / np.sqrt(np.sum(np.square(weights)) ** len(shape)))


@pytest.mark.parametrize("weights", [(0, 1, 0), (0.25, 1, 0.25), (0.5, 1, 0.5), (1, 1, 1)])
def test_sigma_and_correlation_volume(weights):
    found = measure_noise(noise(weights), WHOLE)
    true = (np.sum(weights) ** 2 / np.sum(np.square(weights))) ** 3
    assert found.sigma == pytest.approx(10, rel=0.02)
    assert found.correlation_voxels == pytest.approx(true, rel=0.15)
    assert found.background_mean == pytest.approx(100, abs=0.5)


def test_error_of_a_core_mean_is_what_blocks_scatter_by():
    image = noise((0.5, 1, 0.5), seed=3, shape=(96, 96, 96))
    found = measure_noise(image, WHOLE)
    blocks = image.data.reshape(8, 12, 8, 12, 8, 12).mean(axis=(1, 3, 5))
    sem = sem_particle(found.sigma, 12**3, found.correlation_voxels)
    # blocks of finite size lose some of the correlation at their faces
    assert blocks.std() == pytest.approx(sem, rel=0.15)
    assert blocks.std() > 2 * sem_particle(found.sigma, 12**3)


def test_a_slow_trend_is_no_noise():
    image = noise((0.25, 1, 0.25), seed=1)
    ramp = np.linspace(0, 20, 48)[:, None, None]
    found = measure_noise(Volume(image.data + ramp), WHOLE)
    flat = measure_noise(image, WHOLE)
    assert found.sigma == pytest.approx(flat.sigma, rel=1e-3)
    assert found.correlation_voxels == pytest.approx(flat.correlation_voxels, rel=0.02)


def test_a_mask_counts_alone_and_nan_never():
    image = noise((0, 1, 0))
    image.data[:, :, 24:] = 1e6
    image.data[0] = np.nan
    mask = np.zeros(image.shape, bool)
    mask[:20, :30, :24] = True
    found = measure_noise(image, Background.of_mask(mask))
    assert found.sigma == pytest.approx(10, rel=0.05)
    assert found.n_voxels == 19 * 30 * 24


def test_too_small_a_background_is_refused():
    with pytest.raises(InputError, match="too few"):
        measure_noise(noise((0, 1, 0)), Background((((0, 4), (0, 4), (0, 4)),)))
    with pytest.raises(InputError, match="empty"):
        Background.of_mask(np.zeros((4, 4, 4), bool))


@pytest.mark.parametrize("shape", [(90, 80, 70), (200, 160)])
def test_proposed_boxes_are_empty_and_far_from_particles(shape):
    labels = np.zeros(shape, np.int32)
    places = np.random.default_rng(2).integers(0, min(shape) // 2, (12, len(shape)))
    labels[tuple(places.T)] = np.arange(1, 13)
    found = propose_background(Volume(labels))
    away = ndimage.distance_transform_cdt(labels == 0, "chessboard")
    taken = np.zeros(shape, int)
    for box in found.boxes:
        where = tuple(slice(a, b) for a, b in box)
        assert away[where].min() > 5
        taken[where] += 1
    assert taken.max() == 1
    assert found.mask is None


def test_a_dense_electrode_has_a_mask(cycled_electrode):
    state = cycled_electrode.states[0]
    found = propose_background(state.labels)
    assert len(found.boxes) == 1
    where = tuple(slice(a, b) for a, b in found.boxes[0])
    away = ndimage.distance_transform_edt(state.labels.data == 0)[where]
    assert (away[found.mask] > found.margin_voxels).all()
    sigma = measure_noise(state.image, found, state.labels)
    # the noise was made with 14 grey levels, and neighbours' weights of 0.25: V = 8
    assert sigma.sigma == pytest.approx(14, rel=0.03)
    assert sigma.correlation_voxels == pytest.approx(8, rel=0.35)


def test_no_room_is_said():
    with pytest.raises(InputError, match="no empty space"):
        propose_background(Volume(np.ones((20, 20, 20), np.uint8)))


def two_scans(extra, offset, n=4000):
    rng = np.random.default_rng(5)
    first = rng.normal(174, 11, n)
    cores = [first + rng.normal(0, 0.5, n), first + rng.normal(0, 0.5, n) + offset]
    cores[1] += rng.normal(0, 1, n) * extra
    return pd.concat(
        [
            pd.DataFrame({"state": name, "core_mean": core, "sem": 0.5, "touches_border": False})
            for name, core in zip("ab", cores, strict=True)
        ]
    )


@pytest.mark.parametrize("extra", [0.0, 1.0])
def test_floor_of_a_repeated_scan(extra):
    floor, offset = repeat_floor(two_scans(extra, 0.3), [("a", "b")], ["a", "b"])
    assert floor == pytest.approx(extra, abs=0.12)
    assert offset == pytest.approx(0.3, abs=0.05)


def test_floor_without_repeats_and_of_unknown_states():
    table = two_scans(0, 0)
    assert np.isnan(repeat_floor(table, [], ["a", "b"])).all()
    with pytest.raises(InputError, match="no state “c”"):
        repeat_floor(table, [("a", "c")], ["a", "b"])


def test_a_repeat_adds_to_the_errors_of_changes(cycled_study):
    table = with_errors(cycled_study.particles, cycled_study.noise, cycled_study.settings, 2.0)
    later = (table["state"] != "pristine").to_numpy()
    without = cycled_study.particles.loc[later, "sem_delta"]
    assert table.loc[later, "sem_delta"].to_numpy() == pytest.approx(
        np.hypot(without, 2.0).to_numpy(), nan_ok=True
    )
    z = table["delta_core_mean"] / table["sem_delta"]
    assert table.loc[later, "z"].to_numpy() == pytest.approx(z[later].to_numpy(), nan_ok=True)


def test_white_noise_as_published(cycled_study):
    published = cycled_study.settings.model_copy(update={"correlated_noise": False})
    table = with_errors(cycled_study.particles, cycled_study.noise, published)
    sigma = cycled_study.noise.set_index("state")["sigma"].loc[table["state"]].to_numpy()
    cores = table["core_voxels"].where(table["core_voxels"] > 0)
    assert table["sem"].to_numpy() == pytest.approx(sigma / np.sqrt(cores), nan_ok=True)
