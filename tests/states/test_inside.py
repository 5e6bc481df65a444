"""Inside particles, against motion and change that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.states.inside import InsideParticle, inside_particle
from napari_battery.states.inside_all import InsideAll, inside_all
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.synthetic import ElectrodeSettings, SyntheticElectrode, synthetic_electrode
from napari_battery.tables import COLUMNS, INSIDE, INSIDE_PROFILE
from napari_battery.volume import Volume

CENTRES = np.array([[16.0, 18.0, 17.0], [16.0, 18.0, 54.0]])
RADIUS = 13.0


def balls(centres: np.ndarray, dent: float = 0.0, shape=(34, 36, 72)) -> np.ndarray:
    """Soft-edged balls of grey level 180; `dent` changes the middle of the second."""
    image = np.full(shape, 100.0)
    for k, centre in enumerate(centres):
        r = np.sqrt(sum((g - c) ** 2 for g, c in zip(np.indices(shape), centre, strict=True)))
        image += 80 / (1 + np.exp((r - RADIUS) / 0.7))
        if k == 1:
            image += dent * np.clip(1 - (r / RADIUS) ** 2, 0, None)
    return image


def labelled(image: np.ndarray) -> np.ndarray:
    labels, n = ndimage.label(image > 140)
    assert n == len(CENTRES)
    return labels.astype(np.int32) * 10


def volume(data: np.ndarray, name: str, size=0.5, **more) -> Volume:
    sizes = None if size is None else (size,) * data.ndim
    return Volume(data, sizes, name=name, metadata={"state": name}, **more)


def noisy(image: np.ndarray, seed: int, sigma: float = 8) -> np.ndarray:
    noise = sigma * np.random.default_rng(seed).standard_normal(image.shape)
    return (image + noise).astype(np.float32)


SHIFT = np.array([0.3, -0.8, 1.4])


@pytest.fixture(scope="module")
def scene() -> tuple[Volume, list[Volume]]:
    pristine = balls(CENTRES)
    darker, brighter = balls(CENTRES + SHIFT, -40), balls(CENTRES - SHIFT, 25)
    return volume(labelled(pristine), "labels", origin_um=(1.0, 2.0, 3.0)), [
        volume(noisy(image, seed), name, origin_um=(1.0, 2.0, 3.0))
        for seed, (name, image) in enumerate(
            (("pristine", pristine), ("4.4 V", darker), ("2.5 V", brighter))
        )
    ]


@pytest.fixture(scope="module")
def found(scene) -> InsideParticle:
    labels, images = scene
    return inside_particle(labels, images, 20)


@pytest.fixture(scope="module")
def table(scene) -> InsideAll:
    labels, images = scene
    return inside_all(labels, images)


def test_shift_sign_and_depth_of_the_change(found: InsideParticle) -> None:
    for row, state, sign, depth in ((0, "4.4 V", 1, -40), (1, "2.5 V", -1, 25)):
        shift = found.table.loc[row, [f"shift_{a}_um" for a in "zyx"]].to_numpy(float)
        np.testing.assert_allclose(shift / 0.5, sign * SHIFT, atol=0.08)
        part = found.profile[(found.profile["state"] == state) & found.profile["is_core"]]
        r = RADIUS - part["depth_um"] / 0.5
        true = depth * (1 - (r / RADIUS) ** 2)
        off = (part["change_mean"] - true) / part["change_se"]
        assert np.abs(off).max() < 4
        assert np.abs(part["change_mean"] - true).median() < 1.5
        assert found.table.loc[row, "fell_share" if depth < 0 else "rose_share"] > 0.9
        assert found.table.loc[row, "rose_share" if depth < 0 else "fell_share"] == 0


def test_crops_are_in_their_place_and_on_one_scale(found: InsideParticle, scene) -> None:
    labels, images = scene
    assert found.names == ("pristine", "4.4 V", "2.5 V")
    place = found.layers.world_affine()
    start = np.round((place[:3, 3] - [1, 2, 3]) / 0.5).astype(int)
    inside = found.layers.data > 0
    window = tuple(slice(a, a + n) for a, n in zip(start, inside.shape, strict=True))
    np.testing.assert_array_equal(inside, labels.data[window] == 20)
    smooth = ndimage.gaussian_filter(images[0].data, 1.0)[window]
    core = found.core
    np.testing.assert_allclose(found.greys[0].data[core], smooth[core], atol=0.5)
    every = np.concatenate([d.data[core] for d in found.differences])
    assert found.limit == pytest.approx(np.percentile(np.abs(every), 99.5))
    assert list(found.table) == list(INSIDE)
    assert list(found.profile) == list(INSIDE_PROFILE)
    assert set(INSIDE) | set(INSIDE_PROFILE) <= set(COLUMNS)


def test_layers_are_those_of_the_radial_analysis(found: InsideParticle, scene) -> None:
    labels, images = scene
    radial = radial_tables(labels, images[0], RadialSettings())
    counts = radial.layers.loc[radial.layers["label"] == 20, "n_voxels"].to_numpy()
    np.testing.assert_array_equal(np.bincount(found.layers.data.ravel())[1:], counts)


def test_one_and_all_agree(found: InsideParticle, table: InsideAll, scene) -> None:
    labels, images = scene
    again = inside_particle(labels, images, 20, noise=list(table.noise.values()))
    rows = table.table[table.table["label"] == 20].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.table, rows, rtol=1e-4)


def test_unchanged_particles_have_the_share_that_noise_has() -> None:
    """Electrodes scanned twice: k σ is passed as often as expected, and means are as sure."""
    still = ElectrodeSettings(
        size_z=72, size_y=96, size_x=96, drift_um=0.05, shift_um=0.05, swelling=0,
        darkening_4_0=0, darkening_4_4=0, darkening_2_5=0, change_scatter=0,
    )  # fmt: skip
    settings = InsideSettings(k_sigma=2)
    shares, z = [], []
    for seed in (1, 2):
        made = synthetic_electrode(still.model_copy(update={"seed": seed}))
        images = [state.image for state in made.states[:3]]
        table = inside_all(made.states[0].labels, images, settings).table
        table = table[table["change_voxels"] > 500]
        weight = table["change_voxels"]
        for name in ("fell_share", "rose_share"):
            shares.append(np.average(table[name] / table["expected_share"], weights=weight))
        z.append(table["change_mean"] / table["change_se"])
    assert np.mean(shares) == pytest.approx(1, abs=0.15)
    assert np.concatenate(z).std() == pytest.approx(1, abs=0.25)


@pytest.fixture(scope="module")
def electrode() -> SyntheticElectrode:
    return synthetic_electrode(
        ElectrodeSettings(
            size_z=80,
            size_y=112,
            size_x=112,
            seed=4,
            darkening_4_4=12,
            noise=8,
            median_diameter_um=8,
        )
    )


def test_cycled_electrode(electrode: SyntheticElectrode) -> None:
    states = [electrode.states[k] for k in (0, 2)]
    table = inside_all(states[0].labels, [state.image for state in states]).table
    truth = electrode.truth.set_index(["state", "label"])
    now, before = truth.loc["4.4 V"].loc[table["label"]], truth.loc["pristine"]
    table = table.assign(
        true=(now["core_grey"] - before["core_grey"]).loc[table["label"]].to_numpy(),
        shift=now["shift_x_um"].to_numpy(),
    )
    table = table[~table["touches_border"] & (table["change_voxels"] > 200)]
    assert len(table) >= 8
    off = (table["change_mean"] - table["true"]) / table["change_se"]
    assert np.abs(off).max() < 5
    assert np.corrcoef(table["change_mean"], table["true"])[0, 1] > 0.98
    assert (table["shift_x_um"] - table["shift"]).abs().median() < 0.1 * 0.325
    assert np.corrcoef(table["fell_share"], table["true"])[0, 1] < -0.6


def test_holes_the_border_and_what_is_missing(scene) -> None:
    labels, images = scene
    half = images[1].data.copy()
    half[:, :, 36:] = np.nan  # the second ball is not there
    half[14:20, 16:22, 15:21] = np.nan
    cut = volume(labels.data[:, 8:], "labels"), volume(images[0].data[:, 8:], "pristine")
    table = inside_all(labels, [images[0], replace(images[1], data=half)]).table.set_index("label")
    assert table.loc[20, "note"] == "too few voxels with data in both states"
    assert np.isnan(table.loc[20, ["fell_share", "change_mean", "shift_x_um"]].astype(float)).all()
    assert np.isfinite(table.loc[10, "change_mean"])
    assert (
        table.loc[10, "change_voxels"]
        < inside_all(labels, images[:2]).table.loc[0].at["change_voxels"]
    )
    at_border = inside_all(*[cut[0]], [cut[1], volume(images[1].data[:, 8:], "4.4 V")]).table
    assert at_border["touches_border"].all()
    assert np.isfinite(at_border["change_mean"]).all()
    lone = inside_particle(labels, [images[0], replace(images[1], data=half)], 20)
    assert np.isnan(lone.differences[0].data).all()
    assert np.isfinite(lone.greys[0].data).all()
    assert lone.limit > 0


def test_lazily_read_volumes_give_the_same(scene, table: InsideAll) -> None:
    labels, images = scene

    def lazy(v: Volume) -> Volume:
        data = np.asarray(v.data)
        return replace(v, data=LazyArray(data.shape, data.dtype, lambda key: data[key]))

    given = (lazy(image) for image in images)
    other = inside_all(lazy(labels), given).table
    pd.testing.assert_frame_equal(other, table.table)


def test_flat_images_and_unknown_voxel_sizes(scene) -> None:
    labels, images = scene
    flat = [volume(np.ascontiguousarray(v.data[16]), v.name, None) for v in (labels, *images)]
    one = inside_particle(flat[0], flat[1:], 20, InsideSettings(exclude_layers=3))
    assert one.greys[0].ndim == 2
    assert "shift_x_voxels" in one.table
    assert "shift_z_voxels" not in one.table
    assert "depth_voxels" in one.profile
    assert one.table.loc[0, "shift_x_voxels"] == pytest.approx(SHIFT[2], abs=0.15)
    assert one.table.loc[0, "change_mean"] < -10
    assert one.greys[1].voxel_size_um is None


def test_anisotropic_voxels_see_the_same_change() -> None:
    """Every second slice is left out: the change and the shift in µm stay what they are."""
    shape = (34, 36, 72)
    pristine, later = balls(CENTRES, 0, shape), balls(CENTRES + np.array([0, 0.6, 0]), -30, shape)
    sizes = (1.0, 0.5, 0.5)
    labels = Volume(labelled(pristine)[::2].copy(), sizes, name="labels")
    images = [
        Volume(noisy(image, seed, 4)[::2].copy(), sizes, name=f"state {seed}")
        for seed, image in enumerate((pristine, later))
    ]
    settings = InsideSettings(exclude_layers=2, smoothing=0.5, length_unit="um")
    one = inside_particle(labels, images, 20, settings)
    assert one.table.loc[0, "shift_y_um"] == pytest.approx(0.3, abs=0.04)
    core = one.profile[one.profile["is_core"]]
    r = RADIUS - core["depth_um"] / 0.5
    off = core["change_mean"] + 30 * (1 - (r / RADIUS) ** 2)
    assert np.abs(off).max() < 2.5


def test_a_state_on_another_grid(scene) -> None:
    labels, images = scene
    moved = replace(
        images[1], data=images[1].data[:, 2:, 3:], origin_um=(1.0 + 0.15, 2.0 + 1.0, 3.0 + 1.5)
    )
    one = inside_particle(labels, [images[0], moved], 10).table.loc[0]
    there = (SHIFT * 0.5 + [0.15, 0, 0]).tolist()
    assert [one[f"shift_{a}_um"] for a in "zyx"] == pytest.approx(there, abs=0.04)
    assert abs(one["change_mean"]) < 5 * one["change_se"]


def test_no_core_no_registration_given_noise(scene) -> None:
    labels, images = scene
    bare = inside_all(labels, images[:2], InsideSettings(exclude_layers=50)).table
    assert (bare["note"] == "no core left without the outer layers").all()
    assert bare["fell_share"].isna().all()
    kept = inside_particle(labels, images[:2], 20, InsideSettings(register_again=False, noise=2.5))
    assert (kept.table[["shift_z_um", "shift_y_um", "shift_x_um"]] == 0).all(axis=None)
    assert kept.table.loc[0, "change_sigma"] == 2.5
    assert kept.noise[0].source == "given"


def test_what_does_not_fit_is_refused(scene) -> None:
    labels, images = scene
    with pytest.raises(InputError, match="no particle 7 in “labels”"):
        inside_particle(labels, images, 7)
    for one in ([], images[:1]):
        with pytest.raises(InputError, match="at least one later state"):
            inside_all(labels, one)
    with pytest.raises(InputError, match="at least one later state"):
        inside_particle(labels, images[:1], 10)
    with pytest.raises(InputError, match="do not lie on the grid"):
        inside_all(labels, [volume(images[0].data[1:], "small"), images[1]])


def test_states_are_taken_one_at_a_time_and_cancel_stops(scene) -> None:
    labels, images = scene
    taken = []

    def opened():
        for image in images:
            taken.append(image.name)
            yield image

    stop = CallbackProgress(lambda done, total, what: None, lambda: len(taken) > 1)
    with pytest.raises(Cancelled):
        inside_all(labels, opened(), progress=stop)
    assert taken == ["pristine", "4.4 V"]


def test_states_of_one_name_are_told_apart(scene) -> None:
    labels, images = scene
    again = inside_all(labels, [images[0], images[1], images[1]])
    assert list(again.noise) == ["4.4 V", "4.4 V (2)"]
