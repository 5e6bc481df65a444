"""Steps, gradients and directions against finite differences and exact motions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.registration.gauss_newton import (
    compare,
    directions,
    exponential,
    refine,
    samples_in_overlap,
)
from napari_battery.registration.pyramid import Level, pyramid
from napari_battery.volume import Volume


def waves(shape, matrix=None):
    """A smooth image whose grey level is known everywhere."""
    index = np.stack(np.indices(shape), axis=-1).reshape(-1, 3).astype(float)
    if matrix is not None:
        index = index @ matrix[:3, :3].T + matrix[:3, 3]
    z, y, x = index.T
    value = np.sin(z / 3.1) * np.cos(y / 2.7) + np.sin(x / 3.3 + y / 5)
    value = value + 0.3 * np.cos(z / 2 - x / 4)
    return value.reshape(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "flat", "number"),
    [
        ("translation", False, 3), ("rigid", False, 6), ("similarity", False, 7),
        ("affine", False, 12), ("translation", True, 2), ("rigid", True, 3),
        ("similarity", True, 4), ("affine", True, 6),
    ],
)  # fmt: skip
def test_each_kind_has_its_degrees_of_freedom(kind, flat, number):
    basis = directions(kind, flat)
    assert np.linalg.matrix_rank(basis) == basis.shape[1] == number
    if flat:  # nothing moves out of the plane
        assert not basis[[0, 3, 4, 5, 6, 9]].any()


@given(st.lists(st.floats(-2, 2), min_size=16, max_size=16))
@settings(max_examples=30, deadline=None)
def test_the_exponential_is_scipys(numbers):
    generator = np.array(numbers).reshape(4, 4)
    # both are exact to rounding, which the norm of the result scales
    wanted = expm(generator)
    np.testing.assert_allclose(exponential(generator), wanted, atol=1e-12 * np.abs(wanted).max())


def test_gradients_are_the_differences_of_the_values():
    level = Level(waves((20, 20, 20)), np.diag([2.0, 1.0, 0.5, 1]))
    rng = np.random.default_rng(0)
    samples = samples_in_overlap(level, level, np.eye(4), 500, rng)
    matrix = np.eye(4)
    matrix[:3, 3] = 0.1, -0.2, 0.05
    here = compare(samples, level, matrix)
    for axis in range(3):
        moved = matrix.copy()
        moved[axis, 3] += 1e-6
        there = compare(samples, level, moved)
        rise = (there.values - here.values) / 1e-6
        good = np.isfinite(rise)
        # linear between voxels: exact but where the step crosses into the next one
        close = np.abs(rise - here.gradients[:, axis])[good] < 1e-5
        assert close.mean() > 0.99


@pytest.mark.parametrize("metric", ["correlation", "mutual-information"])
def test_an_exact_motion_is_found(metric):
    truth = np.eye(4)
    truth[:3, :3] = expm(np.array([[0, -0.03, 0.02], [0.03, 0, 0.01], [-0.02, -0.01, 0]]))
    truth[:3, 3] = 0.9, -0.7, 0.8
    fixed, moving = Level(waves((32,) * 3, truth), np.eye(4)), Level(waves((32,) * 3), np.eye(4))
    samples = samples_in_overlap(fixed, moving, np.eye(4), 30_000, np.random.default_rng(0))
    trial = refine(samples, moving, np.eye(4), "rigid", metric, 40, 1e-5)
    corners = np.array([[3, 3, 3, 1], [28, 3, 28, 1], [28, 28, 3, 1]]).T
    # linear interpolation flattens these waves (period 20 voxels) by about one in a hundred
    assert np.abs((trial.matrix - truth) @ corners).max() < 0.05


def test_gain_and_offset_do_not_matter():
    fixed = Level(waves((24,) * 3), np.eye(4))
    shifted = np.eye(4)
    shifted[:3, 3] = 0.4, 0.3, -0.5
    data = waves((24,) * 3, shifted)
    found = []
    for gain, offset in ((1.0, 0.0), (250.0, 1000.0)):
        moving = Level((gain * data + offset).astype(np.float32), np.eye(4))
        samples = samples_in_overlap(fixed, moving, np.eye(4), 5000, np.random.default_rng(0))
        matrix = refine(samples, moving, np.eye(4), "translation", "correlation", 20, 1e-6).matrix
        found.append(matrix[:3, 3])
    # what float32 keeps of grey levels of 1000
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)
    np.testing.assert_allclose(found[0], [-0.4, -0.3, 0.5], atol=0.02)


def test_a_start_is_never_made_worse():
    rng = np.random.default_rng(0)
    fixed = Level(rng.random((16,) * 3, np.float32), np.eye(4))
    moving = Level(rng.random((16,) * 3, np.float32), np.eye(4))
    samples = samples_in_overlap(fixed, moving, np.eye(4), 2000, rng)
    before = compare(samples, moving, np.eye(4))
    after = refine(samples, moving, np.eye(4), "affine", "correlation", 20, 1e-3)
    assert after.metric >= before.metric
    assert after.overlap >= 0.5 * before.overlap


def test_cancelling_stops_at_the_next_step():
    level = Level(waves((16,) * 3), np.eye(4))
    shifted = np.eye(4)
    shifted[:3, 3] = 1.5
    samples = samples_in_overlap(level, level, shifted, 2000, np.random.default_rng(0))
    seen = []
    progress = CallbackProgress(lambda *_: None, lambda: len(seen) >= 2)
    with pytest.raises(Cancelled):
        refine(samples, level, shifted, "rigid", "correlation", 30, 0.0, progress,
               lambda i, trial: seen.append(i))  # fmt: skip
    assert len(seen) == 2


def test_noise_does_not_draw_the_shift_to_half_voxels():
    # interpolation takes noise off at half voxels, which would lift the correlation there
    truth = waves((40,) * 3)
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        first, second = (
            pyramid(Volume(truth + 0.5 * rng.standard_normal(truth.shape), (1.0,) * 3), [1.0])[0]
            for _ in range(2)
        )
        start = np.eye(4)
        start[:3, 3] = 0.3
        samples = samples_in_overlap(first, second, start, 60_000, rng)
        trial = refine(samples, second, start, "translation", "correlation", 50, 1e-4)
        found.append(trial.matrix[:3, 3])
    # measured 0.03; from samples on the voxels themselves 0.34
    assert np.abs(found).max() < 0.1
