"""What is promised of the synthetic electrode is measured on its voxels."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.settings import field_specs
from napari_battery.synthetic import (
    STATES,
    TRUTH_COLUMNS,
    ElectrodeSettings,
    SyntheticElectrode,
    synthetic_electrode,
    write_truth,
)
from napari_battery.synthetic.packing import lognormal_diameters, pack_spheres
from napari_battery.synthetic.scan import noise_of
from napari_battery.tables import read_table

SMALL = ElectrodeSettings(size_z=40, size_y=48, size_x=56, median_diameter_um=4.0)
MIDDLE = ElectrodeSettings(size_z=128, size_y=224, size_x=224)


@pytest.fixture(scope="module")
def electrode() -> SyntheticElectrode:
    return synthetic_electrode(MIDDLE)


def of_state(electrode: SyntheticElectrode, name: str) -> pd.DataFrame:
    truth = electrode.truth
    return truth[truth.state == name].set_index("label")


def greys(electrode: SyntheticElectrode, state: int) -> np.ndarray:
    return electrode.states[state].image.data.astype(float)


def layers(labels: np.ndarray) -> np.ndarray:
    """GREAT2's layers, each particle apart from its neighbours: round(EDT)."""
    depth = np.zeros(labels.shape)
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is not None:
            mask = np.pad(labels[box] == label, 1)
            inner = ndimage.distance_transform_edt(mask)[1:-1, 1:-1, 1:-1]
            depth[box] = np.where(mask[1:-1, 1:-1, 1:-1], inner, depth[box])
    return np.rint(depth).astype(int)


def test_states_and_metadata(electrode):
    assert [(s.name, s.direction) for s in electrode.states] == list(STATES)
    for state in electrode.states:
        assert state.image.dtype == np.uint8
        assert state.labels.dtype == np.int32
        for volume in (state.image, state.labels):
            assert volume.shape == (128, 224, 224)
            assert volume.voxel_size_um == (0.325,) * 3
            assert volume.voxel_size_source == "synthetic setting"
            assert volume.metadata["synthetic"] is True
            assert volume.metadata["state"] == state.name
            assert "synthetic" in volume.name
            assert volume.metadata["made"]["settings"]["seed"] == MIDDLE.seed


def test_truth_has_its_documented_columns(electrode):
    assert list(electrode.truth.columns) == list(TRUTH_COLUMNS)
    n = electrode.truth.label.nunique()
    assert len(electrode.truth) == 4 * n
    assert n == max(int(s.labels.data.max()) for s in electrode.states)


def test_pristine_cores_have_the_papers_grey_levels(electrode):
    core = of_state(electrode, "pristine").core_grey.dropna()
    n = len(core)
    # Means of n draws scatter by σ/√n, their standard deviations by about σ/√(2n): 4 of each.
    assert abs(core.mean() - 174.41) < 4 * 11.08 / np.sqrt(n)
    assert abs(core.std() - 11.08) < 4 * 11.08 / np.sqrt(2 * n)


def test_noise_is_as_set_and_correlated(electrode):
    labels = electrode.states[0].labels.data
    # Deep in pristine particles the grey level is flat: what varies is noise.
    deep = layers(labels) > 8
    mean = of_state(electrode, "pristine").core_grey.reindex(range(labels.max() + 1)).to_numpy()
    residual = np.where(deep, greys(electrode, 0) - np.nan_to_num(mean)[labels], 0)
    std = residual[deep].std()
    # Rounding to whole levels adds a variance of 1/12. Some 5 · 10⁵ voxels, correlated in
    # eights: the standard deviation scatters by 0.3 %.
    assert std == pytest.approx(np.hypot(14, np.sqrt(1 / 12)), rel=0.01)
    both = deep[:, :, 1:] & deep[:, :, :-1]
    correlation = (residual[:, :, 1:] * residual[:, :, :-1])[both].mean() / std**2
    w = MIDDLE.noise_correlation
    assert correlation == pytest.approx(2 * w / (1 + 2 * w**2), abs=0.01)


def test_noise_of_a_slice_does_not_depend_on_its_slab():
    shape = (40, 48, 56)
    whole = noise_of(SMALL, shape, 1, 0, 10)
    assert np.array_equal(whole[6:8], noise_of(SMALL, shape, 1, 6, 2))
    assert not np.array_equal(whole, noise_of(SMALL, shape, 2, 0, 10))


@pytest.mark.parametrize("index", [1, 2, 3])
def test_core_changes_are_found_in_the_voxels(electrode, index):
    """Measured ΔĪ_prist on true labels scatters about the truth by its standard error."""

    def core_means(state: int) -> tuple[pd.Series, pd.Series]:
        labels = electrode.states[state].labels.data
        core = layers(labels) > MIDDLE.core_layers
        n = labels.max() + 1
        count = np.bincount(labels[core], minlength=n)
        total = np.bincount(labels[core], greys(electrode, state)[core], minlength=n)
        with np.errstate(invalid="ignore"):
            return pd.Series(total / count), pd.Series(count)

    (before, n_before), (after, n_after) = core_means(0), core_means(index)
    pristine, cycled = of_state(electrode, "pristine"), of_state(electrode, STATES[index][0])
    inside = ~pristine.touches_border
    inside &= (n_before.reindex(inside.index) > 200) & (n_after.reindex(inside.index) > 200)
    labels = inside.index[inside]
    assert len(labels) > 40
    # The mean of correlated noise varies by the square of its kernel's sum, not of each weight.
    w = MIDDLE.noise_correlation
    per_voxel = (14**2 + 1 / 12) * ((1 + 2 * w) ** 2 / (1 + 2 * w**2)) ** 3
    error = np.sqrt(per_voxel * (1 / n_before[labels] + 1 / n_after[labels]))
    measured = (after - before)[labels]
    z = (measured - (cycled.core_grey - pristine.core_grey)[labels]) / error
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.6 < z.std() < 1.3
    # What was drawn is what stands noise-free in the voxels, but for the contact faces.
    drawn = cycled.core_change[labels]
    assert ((cycled.core_grey - pristine.core_grey)[labels] - drawn).abs().median() < 0.05


def test_darkening_follows_the_settings():
    settings = SMALL.model_copy(update={"darkening_spread": 0.0, "change_scatter": 0.0})
    made = synthetic_electrode(settings)
    pristine = of_state(made, "pristine")
    along = (pristine.centre_x_um / (56 * 0.325)).clip(0, 1)
    for name, mean in (("4.0 V", 1.41), ("4.4 V", 3.0), ("2.5 V", 2.0)):
        change = of_state(made, name).core_change
        assert np.allclose(change, -mean * (1 + 0.5 * (2 * along - 1)))
    assert (pristine.core_change == 0).all()


def test_darkening_at_4_0_v_spreads_as_in_the_paper():
    # Small particles make many at little cost; √(11.27² − 11.08²) = 2.06.
    made = synthetic_electrode(
        ElectrodeSettings(size_z=64, size_y=96, size_x=96, median_diameter_um=2.6)
    )
    change = of_state(made, "4.0 V").core_change
    assert len(change) > 800
    # The gamma law's long tail: the standard deviation of 1000 draws scatters by some 5 %.
    assert change.std() == pytest.approx(2.06, rel=0.15)
    assert change.mean() == pytest.approx(-1.41, abs=4 * 2.06 / np.sqrt(len(change)))


def test_particles_move_as_stated(electrode):
    for index in (1, 2, 3):
        pristine, moved = (of_state(electrode, STATES[i][0]) for i in (0, index))
        labels = pristine.index[~pristine.touches_border]
        before, after = (
            np.array(ndimage.center_of_mass(s.labels.data > 0, s.labels.data, labels)) * 0.325
            for s in (electrode.states[0], electrode.states[index])
        )
        shift = moved.loc[labels, ["shift_z_um", "shift_y_um", "shift_x_um"]].to_numpy()
        error = after - before - shift
        # Contact faces move by half of what neighbours move: a tenth of a voxel at the median.
        assert np.median(np.abs(error)) < 0.1 * 0.325
        centres = [f"centre_{a}_um" for a in "zyx"]
        assert np.allclose(moved[centres] - pristine[centres],
                           moved[["shift_z_um", "shift_y_um", "shift_x_um"]])  # fmt: skip


def test_true_centres_are_the_labels_centres(electrode):
    pristine = of_state(electrode, "pristine")
    labels = pristine.index[~pristine.touches_border]
    data = electrode.states[0].labels.data
    found = np.array(ndimage.center_of_mass(data > 0, data, labels)) * 0.325
    stated = pristine.loc[labels, ["centre_z_um", "centre_y_um", "centre_x_um"]].to_numpy()
    # The third-order bumps move the centre of mass by some percent of the radius of 5 µm.
    assert np.abs(found - stated).max() < 0.5


def test_void_fraction_and_contacts(electrode):
    labels = electrode.states[0].labels.data
    # One per cent is lost where pressed particles overlap, and the draw ends below its aim.
    assert (labels == 0).mean() == pytest.approx(0.45, abs=0.03)
    pairs = set()
    for axis in range(3):
        a, b = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        touch = (a != b) & (a > 0) & (b > 0)
        pairs |= set(zip(np.minimum(a, b)[touch], np.maximum(a, b)[touch], strict=True))
    n = electrode.truth.label.nunique()
    assert 2 * len(pairs) / n > 2.5


def test_volumes_and_sizes(electrode):
    pristine = of_state(electrode, "pristine")
    data = electrode.states[0].labels.data
    assert np.array_equal(np.bincount(data.ravel())[1:], pristine.volume_voxels)
    inside = pristine[~pristine.touches_border]
    sphere = 4 / 3 * np.pi * inside.radius_um**3
    # Contacts take a little; bumps of 5 % rms add 3 · 0.05² = 0.8 % on average, more for some.
    assert (inside.volume_um3 / sphere).between(0.85, 1.15).all()
    assert (inside.volume_um3 / sphere).mean() == pytest.approx(1, abs=0.02)


def test_particles_are_not_perfect_spheres(electrode):
    data = electrode.states[0].labels.data
    pristine = of_state(electrode, "pristine")
    ratios = []
    for label in pristine.index[~pristine.touches_border][:20]:
        points = np.argwhere(data == label)
        axes = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)))
        ratios.append(axes[-1] / axes[0])
    assert 1.03 < np.median(ratios) < 1.4


def test_rim_is_bright_inside_and_dark_outside(electrode):
    labels = electrode.states[0].labels.data
    grey = greys(electrode, 0)
    layer = layers(labels)
    outside = np.rint(ndimage.distance_transform_edt(labels == 0))
    core = grey[layer > 6].mean()
    rim = max(grey[layer == k].mean() for k in (2, 3))
    fringe = min(grey[outside == k].mean() for k in (2, 3))
    far = grey[outside > 7].mean()
    # On curved surfaces with contacts the stated 25 levels of a flat one come out lower.
    assert 10 < rim - core < 26
    assert 8 < far - fringe < 26
    assert far == pytest.approx(100, abs=1)


def test_same_seed_same_voxels_other_seed_others():
    first, again = synthetic_electrode(SMALL), synthetic_electrode(SMALL)
    other = synthetic_electrode(SMALL.model_copy(update={"seed": 1}))
    for a, b, c in zip(first.states, again.states, other.states, strict=True):
        assert np.array_equal(a.image.data, b.image.data)
        assert np.array_equal(a.labels.data, b.labels.data)
        assert not np.array_equal(a.image.data, c.image.data)
    pd.testing.assert_frame_equal(first.truth, again.truth)


def test_without_noise_blur_and_rim_only_two_greys_remain():
    plain = SMALL.model_copy(
        update=dict(noise=0.0, psf_um=0.0, rim_grey=0.0, particle_grey_spread=0.0)
    )
    state = synthetic_electrode(plain).states[0]
    deep = layers(state.labels.data) > 2
    bare = ndimage.binary_erosion(state.labels.data == 0, iterations=2)
    assert (state.image.data[deep] == 174).all()
    assert (state.image.data[bare] == 100).all()


def test_lognormal_diameters():
    rng = np.random.default_rng(0)
    diameters = lognormal_diameters(4e6, 10.0, 0.3, rng)
    assert np.pi / 6 * (diameters**3).sum() == pytest.approx(4e6, rel=0.01)
    logs = np.log(diameters)
    # Standard errors of some 5000 draws; clipping at 2.5 σ costs 2 % of the spread.
    assert logs.mean() == pytest.approx(np.log(10), abs=4 * 0.3 / np.sqrt(len(logs)))
    assert logs.std() == pytest.approx(0.3, rel=0.06)


def test_packed_spheres_touch_and_hardly_overlap():
    rng = np.random.default_rng(0)
    radii = np.sort(rng.uniform(4, 8, 150))[::-1]
    box = (4 / 3 * np.pi * (radii**3).sum() / 0.55) ** (1 / 3)
    centres = pack_spheres(radii, (box,) * 3, rng)
    apart = centres[:, None] - centres[None]
    apart -= box * np.round(apart / box)
    gap = np.sqrt((apart**2).sum(-1)) / (radii[:, None] + radii[None]) - 1
    np.fill_diagonal(gap, 1)
    assert gap.min() > -0.01  # it stops at an overlap of 0.5 %
    assert ((gap < 0.01).sum(axis=1) >= 1).mean() > 0.9


def test_a_volume_smaller_than_a_particle_is_refused():
    with pytest.raises(InputError, match="32 voxels wide.*only 20"):
        synthetic_electrode(ElectrodeSettings(size_z=20))


def test_every_setting_says_where_its_default_comes_from():
    for spec in field_specs(ElectrodeSettings):
        said = spec.description
        assert spec.name == "seed" or any(w in said for w in ("our choice", "paper", "fig")) or (
            "see the spread" in said
        ), spec.name  # fmt: skip
    assert ElectrodeSettings().voxel_size_um == 0.325


def test_write_truth(tmp_path):
    made = synthetic_electrode(SMALL)
    write_truth(tmp_path / "truth.csv", made)
    back = read_table(tmp_path / "truth.csv")
    assert list(back.columns) == list(TRUTH_COLUMNS)
    assert np.array_equal(back.label, made.truth.label)
    assert np.allclose(back.core_grey, made.truth.core_grey, equal_nan=True)


def test_progress_counts_up_and_cancel_stops_it():
    seen: list[tuple[int, int, str]] = []
    synthetic_electrode(SMALL, CallbackProgress(lambda *a: seen.append(a)))
    titles = list(dict.fromkeys(what for _, _, what in seen))
    assert titles == ["Packing particles", *(f"Making the scan {name}" for name, _ in STATES)]
    for title in titles:
        done = [d for d, _, what in seen if what == title]
        assert all(a <= b for a, b in pairwise(done))
        assert done[-1] == next(t for _, t, what in seen if what == title)
    with pytest.raises(Cancelled):
        synthetic_electrode(
            SMALL, CallbackProgress(lambda *a: None, lambda: len(seen) > 0)
        )  # fmt: skip
