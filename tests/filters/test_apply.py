"""What holds for every filter: exact in blocks, types, gaps, places, and clear answers."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery import blocks
from napari_battery.errors import InputError
from napari_battery.filters import (
    FILTERS,
    BilateralSettings,
    CuppingSettings,
    DiffusionSettings,
    GaussianSettings,
    MeanSettings,
    MedianSettings,
    NonLocalMeansSettings,
    RescaleSettings,
    RingSettings,
    TotalVariationSettings,
    UnsharpSettings,
    filter_image,
    filter_of,
    prepare_filter,
)
from napari_battery.io import read_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.volume import Volume

SMALL = {
    "non-local-means": NonLocalMeansSettings(patch_radius=1, search_distance=2, noise=9),
    "median": MedianSettings(radius=1),
    "gaussian": GaussianSettings(sigma=0.7),
    "anisotropic-diffusion": DiffusionSettings(iterations=3, noise=9),
    "unsharp": UnsharpSettings(sigma=0.8),
    "cupping": CuppingSettings(sigma=6, phase="all"),
    "mean": MeanSettings(radius=2),
    "total-variation": TotalVariationSettings(iterations=4, noise=9),
    "bilateral": BilateralSettings(sigma=0.9, noise=9),
    "rings": RingSettings(width=2),
    "rescale": RescaleSettings(),
}


def grey(shape, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    steps = np.indices(shape).sum(axis=0) // 4 % 2
    return (80 + 60 * steps + rng.normal(0, 9, shape)).astype(dtype)


def test_small_settings_cover_every_filter_in_order():
    assert list(SMALL) == list(FILTERS)
    for name, one in FILTERS.items():
        assert filter_of(SMALL[name]) is one
        assert one.name == name
        assert one.settings()  # every setting has a default


@st.composite
def cuts(draw):
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.integers(4 if axis else 1, 12)) for axis in range(ndim))
    sides = tuple(draw(st.integers(1, 8)) for _ in range(ndim))
    box = []
    for n in shape:
        start = draw(st.integers(0, n - 1))
        box.append(slice(start, draw(st.integers(start + 1, n))))
    dtype = draw(st.sampled_from(["uint8", "int16", ">u2", "int32", "float32", "float64"]))
    return shape, sides, tuple(box), dtype, draw(st.booleans()), draw(st.booleans())


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=12, deadline=None)
@given(case=cuts())
def test_any_cut_gives_the_same_bits(name, case):
    shape, sides, box, dtype, gaps, per_slice = case
    data = grey(shape, dtype)
    if gaps and data.dtype.kind == "f":
        data[tuple(n // 2 for n in shape)] = np.nan
        data[tuple(n // 3 for n in shape)] = np.inf
    chosen = SMALL[name]
    if "per_slice" in type(chosen).model_fields:
        chosen = chosen.model_copy(update={"per_slice": per_slice})
    image = Volume(data, voxel_size_um=(1.7, 1, 1)[-len(shape) :])
    whole = filter_image(image, chosen)
    with patch.object(blocks, "_sides", lambda step, part: sides):
        cut = filter_image(image, chosen)
        part = filter_image(image, chosen, box=box)
    np.testing.assert_array_equal(cut.data, whole.data)
    np.testing.assert_array_equal(part.data, whole.data[box])
    assert whole.shape == shape
    assert part.origin_um == tuple(
        b.start * s for b, s in zip(box, image.voxel_size_um, strict=True)
    )


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "uint64", "float32", "float64"])
def test_type_is_kept(name, dtype):
    image = Volume(grey((6, 10, 12), dtype))
    result = filter_image(image, SMALL[name])
    if name == "rescale":
        assert result.dtype == "uint8"
        return
    assert result.dtype == np.dtype(dtype).newbyteorder("=")
    exact = filter_image(Volume(image.data.astype("f8")), SMALL[name]).data
    if np.dtype(dtype).kind in "iu":
        exact = np.clip(exact, np.iinfo(dtype).min, np.iinfo(dtype).max)
        # half a level of rounding, and what float32 adds to it
        np.testing.assert_allclose(result.data, exact, atol=0.51)
    else:
        # a few roundings of float32 at 200 grey levels
        np.testing.assert_allclose(result.data, exact, atol=1e-3)


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"cupping", "rings", "rescale"}))
@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_gaps_stay_and_do_not_spread(name, gap):
    data = grey((9, 20, 20))
    before = filter_image(Volume(data), SMALL[name]).data
    holed = data.copy()
    holed[4, 10, 10:12] = gap
    after = filter_image(Volume(holed), SMALL[name]).data
    changed = after != before
    np.testing.assert_array_equal(after[4, 10, 10:12], [gap, gap])
    assert np.isfinite(after).sum() == data.size - 2
    reach = 5  # the largest margin of the settings above
    assert not changed[:, : 10 - reach].any()
    assert not changed[:, :, 12 + reach :].any()
    # neighbours still are where the image is: 60 is its contrast
    assert np.abs(after - before)[np.isfinite(after)].max() < 60


@pytest.mark.parametrize("name", FILTERS)
def test_one_slice_is_a_picture(name):
    picture = grey((15, 17))
    flat = filter_image(Volume(picture), SMALL[name]).data
    thin = filter_image(Volume(picture[None]), SMALL[name]).data
    np.testing.assert_array_equal(thin[0], flat)


@pytest.mark.parametrize(
    "name", [n for n in FILTERS if "per_slice" in FILTERS[n].settings.model_fields]
)
def test_per_slice_is_slice_by_slice(name):
    stack = grey((4, 15, 17))
    chosen = SMALL[name].model_copy(update={"per_slice": True})
    found = filter_image(Volume(stack), chosen).data
    if name == "cupping":  # the mean level that is kept is the whole stack's
        ratio = found / stack
        assert np.ptp(ratio, axis=0).max() > 0
        return
    for row in range(4):
        np.testing.assert_array_equal(found[row], filter_image(Volume(stack[row]), chosen).data)


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"rescale"}))
def test_constant_images_stay(name):
    image = Volume(np.full((5, 8, 9), 77, np.uint16))
    np.testing.assert_array_equal(filter_image(image, SMALL[name]).data, image.data)


@pytest.mark.parametrize(
    "name", [n for n in FILTERS if "length_unit" in FILTERS[n].settings.model_fields]
)
def test_lengths_in_um_are_of_the_shortest_edge(name):
    image = Volume(grey((6, 12, 12)), voxel_size_um=(0.8, 0.4, 0.4))
    chosen = SMALL[name]
    names = [n for n in ("sigma", "radius", "patch_radius", "search_distance", "width")
             if n in type(chosen).model_fields]  # fmt: skip
    scaled = {n: getattr(chosen, n) * 0.4 for n in names}
    in_um = chosen.model_copy(update={**scaled, "length_unit": "um"})
    np.testing.assert_array_equal(filter_image(image, in_um).data, filter_image(image, chosen).data)
    with pytest.raises(InputError, match="voxel size"):
        filter_image(Volume(image.data), in_um)


def test_result_knows_where_it_is_and_how_it_was_made():
    image = Volume(
        grey((5, 8, 9)),
        voxel_size_um=(2, 1, 1),
        origin_um=(5, 6, 7),
        name="scan",
        region=np.ones((5, 8, 9), bool),
        metadata={"synthetic": True, "state": "pristine", "format": "TIFF"},
    )
    result = filter_image(image, NonLocalMeansSettings(search_distance=1))
    assert result.same_grid(image)
    assert result.name == "scan non-local-means"
    assert result.region is image.region
    assert result.metadata["synthetic"] is True
    assert result.metadata["state"] == "pristine"
    assert "format" not in result.metadata
    made = result.metadata["made"]
    assert made["step"] == "filter non-local-means"
    assert made["settings"]["search_distance"] == 1
    assert made["inputs"][0]["name"] == "scan"
    sigma = result.metadata["filter"]["noise_sigma"]
    assert made["found"] == {"noise_sigma": sigma}
    assert sigma > 0


def test_what_was_found_serves_until_it_no_longer_does():
    reads = []

    def read(window):
        reads.append(window)
        return data[window]

    data = grey((20, 30, 30))
    image = Volume(LazyArray(data.shape, data.dtype, read))
    found = prepare_filter(image, NonLocalMeansSettings())
    assert reads
    reads.clear()
    assert prepare_filter(image, NonLocalMeansSettings(strength=2), context=found) is found
    assert reads == []
    box = (slice(10, 11), slice(0, 10), slice(0, 10))
    part = filter_image(image, NonLocalMeansSettings(), box=box, context=found)
    assert reads == [(slice(5, 16), slice(0, 15), slice(0, 15))]  # 3 + 2 voxels around the box
    np.testing.assert_array_equal(
        part.data, filter_image(Volume(data), NonLocalMeansSettings()).data[box]
    )
    given_noise = NonLocalMeansSettings(noise=5)
    assert prepare_filter(image, given_noise, context=found).findings.numbers == {"noise_sigma": 5}
    assert prepare_filter(Volume(data + 1), NonLocalMeansSettings(), context=found) is not found
    assert prepare_filter(image, GaussianSettings(), context=found) is not found


def test_into_a_file_and_cancel(tmp_path):
    image = Volume(grey((30, 20, 20), "uint16"), voxel_size_um=(1, 1, 1))
    told = []
    progress = CallbackProgress(lambda *a: told.append(a))
    path = tmp_path / "m.tif"
    written = filter_image(image, MedianSettings(), progress, out=path)
    np.testing.assert_array_equal(written.data, filter_image(image, MedianSettings()).data)
    assert told[-1][:2] == (1, 1)
    assert read_volume(path).metadata["made"]["step"] == "filter median"
    part = filter_image(image, MedianSettings(), out=tmp_path / "p.tif", box=(slice(3, 9),) * 3)
    np.testing.assert_array_equal(part.data, written.data[3:9, 3:9, 3:9])
    before = sorted(p.name for p in tmp_path.iterdir())
    stop = CallbackProgress(lambda *_: None, lambda: True)
    for out in (None, tmp_path / "c.tif"):
        with pytest.raises(Cancelled):
            filter_image(image, MedianSettings(), stop, out=out)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_clear_answers():
    scan = Volume(grey((4, 8, 8)), name="scan")
    few = GaussianSettings()
    with pytest.raises(InputError, match="“scan” holds labels, not grey levels"):
        filter_image(
            Volume(grey((4, 8, 8), "int32"), name="scan", metadata={"kind": "labels"}), few
        )
    with pytest.raises(InputError, match="holds a mask"):
        filter_image(Volume(np.ones((4, 8, 8), bool)), few)
    with pytest.raises(InputError, match="no finite grey level"):
        filter_image(Volume(np.full((4, 8, 8), np.nan)), few)
    with pytest.raises(InputError, match="region of “scan” is empty"):
        filter_image(Volume(scan.data, name="scan", region=np.zeros((4, 8, 8), bool)), few)
    with pytest.raises(InputError, match="no voxel"):
        filter_image(Volume(np.zeros((0, 8, 8))), few)
    with pytest.raises(InputError, match="box has 2 axes"):
        filter_image(scan, few, box=(slice(0, 1), slice(0, 1)))
    with pytest.raises(InputError, match="box holds no voxel"):
        filter_image(scan, few, box=(slice(9, 10),) * 3)
    with pytest.raises(InputError, match="shows no noise"):
        filter_image(Volume(np.full((4, 8, 8), 7, "u1")), NonLocalMeansSettings())
    with pytest.raises(InputError, match="single grey level"):
        filter_image(Volume(np.full((4, 8, 8), 7, "u1")), RescaleSettings())
