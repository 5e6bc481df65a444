"""Whole labelling: analytic shapes, the synthetic electrode, the sand, invariances."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings, label_particles, match_labels
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.samples import sand
from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode
from napari_battery.volume import Volume


def balls(shape, centres, radii, spacing=None) -> np.ndarray:
    """Bright balls (or discs) of grey 200 in 50; lengths in voxels of the shortest edge."""
    spacing = spacing or (1,) * len(shape)
    grid = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)],
                                indexing="ij"), axis=-1)  # fmt: skip
    image = np.full(shape, 50, np.uint8)
    for centre, radius in zip(centres, radii, strict=True):
        image[((grid - centre) ** 2).sum(-1) < radius**2] = 200
    return image


TWO = balls((40, 40, 70), [(20, 20, 20), (20, 20, 44)], [13, 13])


def test_one_sphere_stays_one():
    labels = label_particles(Volume(balls((40, 40, 40), [(20, 20, 20)], [15])))
    assert labels.dtype == np.int32
    assert np.unique(labels.data).tolist() == [0, 1]
    # A threshold midway moves a sphere's surface by a fraction of a voxel only.
    assert (labels.data > 0).sum() == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.05)


def test_touching_spheres_are_parted_at_their_neck():
    labels = label_particles(Volume(TWO)).data
    assert labels.max() == 2
    assert (labels[:, :, :31] <= 1).all()
    assert np.isin(labels[:, :, 34:], (0, 2)).all()


def test_anisotropic_voxels_are_measured_in_physical_lengths():
    """Two spheres that touch along a coarse z axis; counted in voxels they are flat discs."""
    spacing = (3.0, 1.0, 1.0)
    image = balls((24, 40, 40), [(22, 20, 20), (47, 20, 20)], [14, 14], spacing)
    labels = label_particles(Volume(image, (0.9, 0.3, 0.3))).data
    assert labels.max() == 2
    assert (labels[:11] <= 1).all()
    assert np.isin(labels[13:], (0, 2)).all()
    # One long ellipsoid in voxels that is a sphere in µm stays one.
    sphere = balls((20, 60, 60), [(30, 30, 30)], [25], spacing)
    assert label_particles(Volume(sphere, (3.0, 1.0, 1.0))).data.max() == 1


def test_two_dimensions():
    image = balls((60, 100), [(30, 30), (30, 62)], [17, 17])
    labels = label_particles(Volume(image, (0.5, 0.5), name="slice"))
    assert labels.ndim == 2
    assert labels.data.max() == 2
    assert labels.voxel_size_um == (0.5, 0.5)


def test_darker_particles():
    labels = label_particles(Volume(250 - TWO), LabelSettings(particles="darker")).data
    assert np.array_equal(labels, label_particles(Volume(TWO)).data)


def test_result_sits_where_the_image_sits_and_says_how_it_was_made():
    affine = np.eye(4)
    affine[0, 3] = 5
    image = Volume(
        TWO, (0.4, 0.3, 0.3), (1, 2, 3), affine, "grains", "typed in", metadata={"synthetic": True}
    )
    labels = label_particles(image)
    assert labels.same_grid(image)
    assert labels.voxel_size_source == "typed in"
    assert labels.name == "grains labels"
    assert labels.metadata["kind"] == "labels"
    assert labels.metadata["n_labels"] == 2
    assert labels.metadata["synthetic"] is True
    made = json.loads(json.dumps(labels.metadata["made"]))
    assert made["step"] == "label"
    assert made["settings"] == LabelSettings().model_dump()
    assert made["inputs"][0]["name"] == "grains"
    assert made["inputs"][0]["synthetic"] is True


def test_region_is_honoured():
    region = np.zeros(TWO.shape, bool)
    region[:, :, :32] = True
    labels = label_particles(Volume(TWO, region=region)).data
    assert labels.max() == 1
    assert not labels[~region].any()
    dropped = label_particles(Volume(TWO, region=region), LabelSettings(drop_border=True))
    assert dropped.metadata["n_labels"] <= 1


def test_why_there_is_no_particle():
    settings = LabelSettings(
        threshold="manual", manual_threshold=120, minimum_volume=10**6, drop_border=True
    )
    assert label_particles(Volume(TWO), settings).metadata["note"] == (
        "No particle brighter than 120 and of 1,000,000 voxels or more, cut ones left out, was "
        "found."
    )


def test_cut_particles_can_be_dropped():
    image = balls((50, 50, 60), [(4, 25, 15), (25, 25, 15), (25, 25, 57), (25, 25, 40)],
                  [9, 8, 8, 7])  # fmt: skip
    everything = label_particles(Volume(image))
    whole = label_particles(Volume(image), LabelSettings(drop_border=True)).data
    assert everything.data.max() == 4
    assert np.unique(whole).tolist() == [0, 1, 2]
    assert whole[25, 25, 15] == 1
    assert whole[25, 25, 40] == 2
    region = np.ones(image.shape, bool)
    region[:, :, 41:] = False
    inside = label_particles(Volume(image, region=region), LabelSettings(drop_border=True)).data
    assert np.unique(inside).tolist() == [0, 1]
    assert inside[25, 25, 15] == 1


def test_islands_below_the_minimum_are_left_out():
    image = balls((40, 40, 60), [(20, 20, 20), (20, 20, 50)], [13, 3.5])
    assert label_particles(Volume(image)).data.max() == 2
    few = label_particles(Volume(image), LabelSettings(minimum_volume=1000))
    assert few.data.max() == 1


def test_nothing_found_gives_empty_labels_and_says_so():
    manual = LabelSettings(threshold="manual", manual_threshold=250)
    labels = label_particles(Volume(TWO), manual)
    assert labels.shape == TWO.shape
    assert not labels.data.any()
    assert labels.metadata["note"] == (
        "No particle brighter than 250 and of 100 voxels or more was found."
    )
    assert labels.metadata["made"]["notes"] == [labels.metadata["note"]]


def test_no_contrast_and_no_grey_level_are_refused():
    with pytest.raises(InputError, match="one grey level"):
        label_particles(Volume(np.full((5, 6, 7), 3, np.uint16)))
    with pytest.raises(InputError, match="no voxel with a grey level"):
        label_particles(Volume(np.full((5, 6, 7), np.nan)))


def test_nan_voxels_are_left_out():
    image = TWO.astype(np.float32)
    image[:, :, :8] = np.nan
    labels = label_particles(Volume(image)).data
    assert labels.max() == 2
    assert not labels[:, :, :8].any()


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">u2", "i2", "i4", "u4", "i8", "f4", "f8"])
def test_any_type_of_grey_level_gives_the_same_labels(dtype):
    image = (TWO // 2).astype(dtype)
    assert np.array_equal(
        label_particles(Volume(image)).data, label_particles(Volume(TWO // 2)).data
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(16, 24, 20), (40, 36)]))
def test_8_bit_and_the_same_in_16_bit_give_the_same_labels(seed, shape):
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 2)
    grey = 100 + 40 * (field > 0) + 10 * rng.standard_normal(shape)
    image = np.clip(grey, 0, 255).astype(np.uint8)
    few = LabelSettings(minimum_volume=10)
    wide = image.astype(np.uint16) * 257
    a, b = label_particles(Volume(image), few), label_particles(Volume(wide), few)
    assert b.metadata["threshold"] == 257 * a.metadata["threshold"]
    assert np.array_equal(a.data, b.data)


def test_memory_mapped_and_chunked_images(tmp_path):
    import zarr

    path = tmp_path / "image.dat"
    mapped = np.memmap(path, np.uint8, "w+", shape=TWO.shape)
    mapped[:] = TWO
    chunked = zarr.array(TWO, chunks=(16, 16, 16))
    wanted = label_particles(Volume(TWO)).data
    for data in (mapped, chunked):
        assert np.array_equal(label_particles(Volume(data)).data, wanted)


def test_numbers_run_by_z_y_x_of_the_centres():
    labels = label_particles(sand()).data
    n = labels.max()
    assert np.array_equal(np.unique(labels), np.arange(n + 1))
    tops = [box[0].start for box in ndimage.find_objects(labels)]
    # Centres are sorted by z: tops rise with the number, but for the particles' sizes.
    assert np.corrcoef(tops, np.arange(n))[0, 1] > 0.95


def test_sand_has_about_as_many_grains_as_its_description_says():
    """840 grains of a median diameter of 15 voxels, 43 % pore."""
    labels = label_particles(sand()).data
    volumes = np.bincount(labels.ravel())[1:]
    assert 750 < len(volumes) < 930
    assert 13.5 < 2 * np.median(3 / 4 / np.pi * volumes) ** (1 / 3) < 16.5
    assert 0.40 < (labels == 0).mean() < 0.46


@pytest.mark.parametrize("seed", [2026, 7])
def test_synthetic_particles_are_found(seed):
    """At least 97 % of the true particles inside are found with an IoU above 0.7."""
    electrode = synthetic_electrode(
        ElectrodeSettings(size_z=128, size_y=208, size_x=208, seed=seed)
    )
    pristine = electrode.truth[electrode.truth.state == "pristine"]
    inside = pristine.label[~pristine.touches_border]
    assert len(inside) > 45
    first = electrode.states[0]
    table = match_labels(first.labels.data, label_particles(first.image).data)
    iou = table.set_index("label").iou.loc[inside]
    assert (iou > 0.7).mean() >= 0.97
    assert iou.median() > 0.9


def test_progress_and_cancel():
    seen: list[tuple[int, int, str]] = []
    label_particles(Volume(TWO), progress=CallbackProgress(lambda *a: seen.append(a)))
    titles = list(dict.fromkeys(what for _, _, what in seen))
    assert titles[0] == "Finding the threshold"
    assert titles[-2:] == ["Choosing markers", "Growing particles"]
    for title in titles:
        last = [(done, total) for done, total, what in seen if what == title][-1]
        assert last[0] == last[1]
    for stop_at in range(len(seen)):
        calls = iter(range(len(seen) + 1))
        stop = CallbackProgress(lambda *a: None, lambda calls=calls, at=stop_at: next(calls) >= at)
        with pytest.raises(Cancelled):
            label_particles(Volume(TWO), progress=stop)
