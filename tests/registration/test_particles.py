"""Particles followed one by one, against motion that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.progress import SILENT, CallbackProgress, Cancelled
from napari_battery.registration.particle_shifts import displacement_vectors, shift_outliers
from napari_battery.registration.particles import ParticleShiftSettings, register_particles
from napari_battery.synthetic import ElectrodeSettings
from napari_battery.synthetic.particles import pristine_particles
from napari_battery.synthetic.scan import scan
from napari_battery.tables import COLUMNS, PARTICLE_SHIFTS
from napari_battery.volume import Volume

CENTRES = np.stack(np.meshgrid(*[[14.0, 38.0, 62.0]] * 3, indexing="ij"), -1).reshape(-1, 3)
AXES = np.array([8.0, 9.5, 7.0])
SIZE = 0.5


def spheroids(
    centres: np.ndarray, angle_deg: float = 0, grey: float = 180, shape=(76, 76, 76)
) -> np.ndarray:
    """Soft-edged ellipsoids, turned about z (counter-clockwise in x, y)."""
    image = np.full(shape, 100.0)
    angle = np.radians(angle_deg)
    for centre in centres:
        z, y, x = (np.arange(n) - c for n, c in zip(shape, centre, strict=True))
        z, y, x = np.meshgrid(z, y, x, indexing="ij", sparse=True)
        y, x = y * np.cos(angle) - x * np.sin(angle), x * np.cos(angle) + y * np.sin(angle)
        r = np.sqrt((z / AXES[0]) ** 2 + (y / AXES[1]) ** 2 + (x / AXES[2]) ** 2)
        image += (grey - 100) / (1 + np.exp((r - 1) * 8 / 0.7))
    return image


def labelled(image: np.ndarray, centres: np.ndarray) -> np.ndarray:
    labels = np.zeros(image.shape, np.int32)
    inside = np.argwhere(image > 140)
    nearest = ((inside[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
    labels[tuple(inside.T)] = 10 * (nearest + 1)
    return labels


def volume(data: np.ndarray, name: str = "image", size: float | None = SIZE, **more) -> Volume:
    return Volume(data, None if size is None else (size,) * data.ndim, name=name, **more)


def noisy(image: np.ndarray, seed: int, sigma: float = 12) -> np.ndarray:
    noise = sigma * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def scene() -> tuple[Volume, Volume, np.ndarray]:
    image = spheroids(CENTRES)
    return volume(labelled(image, CENTRES), "labels"), volume(noisy(image, 1)), CENTRES


def shifts(table: pd.DataFrame, what: str = "shift") -> np.ndarray:
    return table[[f"{what}_{axis}_um" for axis in "zyx"]].to_numpy()


def test_independent_motion_is_found_with_its_uncertainty(scene):
    labels, fixed, centres = scene
    true = np.random.default_rng(5).normal(0, 1.5, centres.shape)
    # the particles darken, too: the fit has a gain and an offset of its own
    moving = volume(noisy(spheroids(centres + true, grey=170), 2))
    table = register_particles(labels, fixed, moving)
    assert table["label"].tolist() == [10 * k for k in range(1, 28)]
    assert (table["note"] == "").all()
    error = shifts(table) / SIZE - true
    distance = np.linalg.norm(error, axis=1)
    # a twentieth of a voxel is the aim; noise here is 15 % of the contrast
    assert np.median(distance) <= 0.05
    assert distance.max() <= 0.15
    # 81 errors over their own standard deviation: their rms is 1 ± .08, and the noise's
    # correlation is only estimated
    z = error / (shifts(table, "shift_sd") / SIZE)
    assert 0.7 < np.sqrt((z**2).mean()) < 1.4
    assert table["correlation"].min() > 0.95
    assert not table["touches_border"].any()
    centroid = shifts(table, "centroid") / SIZE
    assert np.abs(centroid - centres).max() < 0.15  # a rim of noise-free voxels is symmetric


def test_aligned_on_another_grid_is_the_same(scene):
    labels, fixed, centres = scene
    true = np.array([1.3, -0.6, 2.2])
    # the moving scan is coarser, begins elsewhere, and is turned by its affine
    angle = np.radians(6)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    size, origin = (0.6, 0.5, 0.55), (-2.0, -9.0, -4.0)
    grid = Volume(np.zeros((78, 110, 92), np.uint8), size, origin, affine=turn, name="moving")
    index = np.indices(grid.shape).reshape(3, -1)
    world = grid.world_affine()[:3, :3] @ index + grid.world_affine()[:3, 3:]
    from scipy import ndimage

    image = spheroids(centres + true)
    data = ndimage.map_coordinates(image, world / SIZE, order=3, mode="nearest")
    moving = grid.like(noisy(data.reshape(grid.shape), 3, 4), "moving")
    table = register_particles(labels, fixed, moving)
    # nothing of the resampling shows in the mean over 27 particles but interpolation's bias
    assert shifts(table).mean(0) / SIZE == pytest.approx(true, abs=0.03)


def test_neighbours_do_not_pull(scene):
    """Of two touching balls only one moves."""
    centres = np.array([[20.0, 20, 20], [20, 20, 36.5]])
    shape = (40, 40, 57)
    image = spheroids(centres, shape=shape)
    labels = volume(labelled(image, centres))
    moved = spheroids(centres + np.array([[0, 0, 0], [0, 2.0, 0]]), shape=shape)
    table = register_particles(labels, volume(image.astype(np.float32)), volume(moved))
    assert shifts(table)[0] / SIZE == pytest.approx([0, 0, 0], abs=0.05)
    assert shifts(table)[1] / SIZE == pytest.approx([0, 2, 0], abs=0.05)


def test_swelling_seen_from_one_side_is_no_shift():
    """The right half is hidden by a touching particle; growth by 3 % is no motion."""
    centres = np.array([[20.0, 20, 20], [20, 20, 33.0]])
    shape = (40, 40, 54)
    image = spheroids(centres[:1], shape=shape)
    labels = labelled(image, centres[:1])
    labels[:, :, 22:] = 0
    labels[4:36, 4:36, 22:] = 99
    index = np.indices(shape) - centres[0][:, None, None, None]
    from scipy import ndimage

    swollen = ndimage.map_coordinates(image, index / 1.03 + centres[0][:, None, None, None])
    table = register_particles(volume(labels), volume(image), volume(swollen.reshape(shape)))
    # .24 voxel along x if growth were not fitted, too; a linear term takes up most of it
    assert shifts(table)[0] / SIZE == pytest.approx([0, 0, 0], abs=0.1)


def test_a_turn_is_found_where_the_shape_shows_it(scene):
    labels, fixed, centres = scene
    moving = volume(noisy(spheroids(centres, angle_deg=4), 6))
    table = register_particles(labels, fixed, moving, ParticleShiftSettings(motion="rigid"))
    found = table["rotation_z_deg"].to_numpy()
    sd = table["rotation_sd_z_deg"].to_numpy()
    assert np.nanmedian(found) == pytest.approx(4, abs=0.3)  # 27 turns, each known to about .6°
    z = (found - 4) / sd
    assert 0.5 < np.sqrt(np.nanmean(z**2)) < 1.6
    assert set(table) == set(PARTICLE_SHIFTS) <= set(COLUMNS)


def test_two_dimensional_images_in_voxels():
    centres = CENTRES[:9] * [0, 1, 1]
    image = spheroids(centres, shape=(1, 76, 76))[0]
    labels = Volume(labelled(image[None], centres)[0])
    moved = spheroids(centres + np.array([0, 1.25, -2.5]), shape=(1, 76, 76))[0]
    table = register_particles(labels, volume(image, size=None), volume(moved, size=None))
    assert list(table)[:5] == [
        "label", "centroid_y_voxels", "centroid_x_voxels", "shift_y_voxels", "shift_x_voxels",
    ]  # fmt: skip
    # without noise only linear interpolation's error is left
    assert table["shift_y_voxels"].to_numpy() == pytest.approx(1.25, abs=0.02)
    assert table["shift_x_voxels"].to_numpy() == pytest.approx(-2.5, abs=0.02)


def test_what_cannot_be_followed_is_said(scene):
    labels, fixed, _ = scene
    data = fixed.data.astype(np.float32)
    data[:, :, :26] = np.nan  # outside the moving field of view
    data[:, :, 50:] = 100  # nothing there
    table = register_particles(labels, fixed, volume(data))
    column = table["centroid_x_um"].to_numpy() / SIZE
    notes = table["note"].to_numpy()
    assert (notes[column < 20] == "too few voxels with data in both states").all()
    assert (notes[column > 56] != "").all()
    middle = (column > 20) & (column < 56)
    assert (notes[middle] == "").all()
    assert np.isnan(shifts(table)[~middle]).all()
    constant = register_particles(labels, fixed, volume(np.full(fixed.shape, 100, np.uint8)))
    assert set(constant["note"]) == {"no grey-level structure to follow"}
    vectors, rows = displacement_vectors(table)
    assert vectors.shape == (9, 2, 3)
    assert (np.flatnonzero(middle) == rows).all()
    assert np.abs(vectors[:, 1]).max() < 1e-3 * SIZE  # the same data; that is when it settles


def test_files_are_read_in_parts_with_the_same_result(scene, monkeypatch):
    labels, fixed, centres = scene
    moving = volume(noisy(spheroids(centres + np.array([1.0, 2, -1.5])), 2))
    whole = register_particles(labels, fixed, moving)
    read: list[int] = []

    def lazy(image: Volume) -> Volume:
        def window(key):
            read.append(key[0].stop - key[0].start)
            return image.data[key]

        return image.like(LazyArray(image.shape, image.dtype, window), image.name)

    monkeypatch.setattr("napari_battery.registration.particle_crops._HELD_BYTES", 800_000)
    parts = register_particles(lazy(labels), lazy(fixed), lazy(moving))
    pd.testing.assert_frame_equal(parts, whole)
    assert max(read[1:]) < 60  # the first finds the particles in one slab


def test_outliers_are_unlike_their_neighbours():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 100, (300, 3))
    field = 0.05 * places + rng.normal(0, 0.2, places.shape)  # swelling, and drift
    field[17] += [4, 0, 0]
    field[40] = np.nan
    excess, outlier = shift_outliers(places, field, 12, 4.0, 1.0)
    assert outlier[17]
    assert outlier.sum() <= 3  # drift in three directions exceeds 2.6 σ-medians in 1 of 1000
    assert excess[17] == pytest.approx(4, abs=1.5)
    assert np.isnan(excess[40])
    assert not shift_outliers(places[:4], field[:4], 12, 4.0, 1.0)[1].any()


def test_no_particles_make_an_empty_table():
    empty = volume(np.zeros((20, 20, 20), np.uint16))
    table = register_particles(empty, volume(np.ones((20, 20, 20))), volume(np.ones((20, 20, 20))))
    assert len(table) == 0
    assert "shift_x_um" in table
    assert displacement_vectors(table)[0].shape == (0, 2, 3)


def test_bad_input_is_refused(scene):
    labels, fixed, _ = scene
    with pytest.raises(InputError, match="do not lie on the grid"):
        register_particles(volume(np.zeros((9, 9, 9), int)), fixed, fixed)
    with pytest.raises(InputError, match="unknown"):
        register_particles(labels, fixed, volume(fixed.data, "later", None))
    with pytest.raises(InputError, match="2-D"):
        register_particles(labels, fixed, volume(fixed.data[0]))
    with pytest.raises(InputError, match="negative"):
        register_particles(volume(-labels.data), fixed, fixed)


def test_it_stops_when_asked(scene):
    labels, fixed, _ = scene
    done: list[int] = []
    progress = CallbackProgress(lambda n, total, what: done.append(n), lambda: len(done) > 6)
    with pytest.raises(Cancelled):
        register_particles(labels, fixed, fixed, progress=progress)


def packed(seed: int, noise: float) -> tuple[Volume, Volume, Volume, np.ndarray]:
    """Touching rough particles that drift by 0.3 voxel each; labels, both scans, true shifts."""
    made = ElectrodeSettings(size_z=112, size_y=112, size_x=112, seed=seed, noise=noise)
    rng = np.random.default_rng(seed)
    before = pristine_particles(made, (112,) * 3, rng, SILENT)
    true = 0.3 * rng.standard_normal(before.centres.shape) + np.array([0.5, -1, 0.2])
    after = replace(before, centres=before.centres + true)
    fixed, labels, *_ = scan(made, before, (112,) * 3, 0, SILENT)
    moving, *_ = scan(made, after, (112,) * 3, 1, SILENT)
    return volume(labels, "labels"), volume(fixed), volume(moving), true


def whole_errors(
    data: tuple[Volume, Volume, Volume, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Errors of whole particles in voxels, and over their stated standard deviation."""
    labels, fixed, moving, true = data
    table = register_particles(labels, fixed, moving)
    table = table[~table["touches_border"]]
    error = shifts(table) / SIZE - true[table["label"].to_numpy() - 1]
    return error, error / (shifts(table, "shift_sd") / SIZE)


def test_errors_of_packed_particles_are_small_and_stated_honestly():
    errors, scores = zip(*(whole_errors(packed(seed, 14)) for seed in (31, 32, 33)), strict=True)
    # the aim, at the synthetic electrode's own noise
    assert np.median(np.linalg.norm(np.concatenate(errors), axis=1)) <= 0.05
    z = np.concatenate(scores).ravel()
    # about 100 numbers: their median deviation is known to a tenth
    assert 0.8 <= 1.4826 * np.median(np.abs(z)) <= 1.25


def test_neighbours_that_drift_otherwise_pull_little(monkeypatch):
    data = packed(31, 0.5)
    freed = np.linalg.norm(whole_errors(data)[0], axis=1)
    module = "napari_battery.registration.particles.free_of_neighbours"
    monkeypatch.setattr(module, lambda *_: None)
    pulled = np.linalg.norm(whole_errors(data)[0], axis=1)
    # what linear theory takes away; there is hardly any noise
    assert np.median(freed) < 0.75 * np.median(pulled)
    assert np.quantile(freed, 0.9) < 0.75 * np.quantile(pulled, 0.9)
