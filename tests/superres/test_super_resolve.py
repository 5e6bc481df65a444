"""A model applied to a volume: however it is cut, the result is the whole's, and in its place."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.io import read_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.superres.card import Card
from napari_battery.superres.engine import Engine
from napari_battery.superres.greys import robust_greys
from napari_battery.superres.model_files import Model
from napari_battery.superres.networks import make_network, parameters
from napari_battery.superres.settings import SuperResolveSettings
from napari_battery.superres.super_resolve import super_resolve, target_voxel_size
from napari_battery.superres.upscale import grid_window, target_grid, upscaled
from napari_battery.volume import Volume

_SMALL = {
    "battery": {"blocks": 1, "features": 8},
    "edsr": {"blocks": 1, "features": 8},
    "paper-gan": {},
    "paper-cnn": {},
    "rcan": {"groups": 1, "blocks": 1, "features": 8},
    "esrgan": {"blocks": 1, "features": 8, "growth": 4},
}


def _model(name="battery", ratio=3.0, quiet=True, **options):
    torch.manual_seed(7)
    network = make_network(name, **{**_SMALL[name], **options}).eval()
    if quiet:  # of the size that a trained correction has
        with torch.no_grad():
            for weight in list(network.parameters())[-2:]:
                weight.mul_(0.3)
    card = Card(
        name=name,
        network=name,
        options=network.options,
        slices=network.slices,
        halo_px=network.halo,
        multiple=network.multiple,
        parameters=parameters(network),
        ratio=(ratio, ratio),
        weights_sha256="sha256:abc",
    )
    return Model(network, card)


def _untrained(ratio=3.0, **options):
    model = _model(ratio=ratio, **options)
    with torch.no_grad():
        for weight in model.network.body.parameters():
            weight.zero_()
    return model


def _image(shape=(5, 20, 24), dtype="u1", size=2.3, **kwargs):
    grey = np.random.default_rng(3).normal(100, 30, shape)
    grey = grey.clip(0, 255).astype(dtype)
    return Volume(grey, (size,) * len(shape), name="scan", **kwargs)


def _set(**kwargs):
    return SuperResolveSettings(precision="float32", device="cpu", **kwargs)


def _assert_same_levels(actual, expected):
    """Whole numbers alike but where a 1e-6 tips the rounding of what lies on a half."""
    off = np.abs(np.asarray(actual).astype(float) - np.asarray(expected))
    assert off.max() <= 1
    assert np.count_nonzero(off) <= 1 + 1e-4 * off.size


def _by_hand(image, model, target):
    """The whole image in one piece, by the published definition."""
    grid = target_grid(image, target)
    fine = robust_greys(image).normalise(np.asarray(upscaled(image, grid).data))
    network = model.network
    s, h = network.slices // 2, network.halo
    block = np.pad(fine, ((s, s), (h, h), (h, h)), mode="symmetric")
    result = Engine(network, "cpu", "float32").run(block)[:, h:-h, h:-h]
    return robust_greys(image).restore(result)


@settings(max_examples=6, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 4), st.integers(9, 20), st.integers(9, 20)),
    ratio=st.floats(1, 3.2),
    tile=st.integers(20, 50),
    name=st.sampled_from(["battery", "rcan", "esrgan", "paper-gan"]),
)
def test_tiled_is_whole_for_any_size_and_ratio(shape, ratio, tile, name):
    image = _image(shape, "f4", size=ratio)
    model = _model(name)
    expected = _by_hand(image, model, 1.0)
    result = super_resolve(image, model, _set(tile=tile, target_voxel_size=1.0))
    greys = result.metadata["made"]["greys"]
    off = np.abs(np.asarray(result.data) - expected).max() / (greys["high"] - greys["low"])
    # sums in another order, and grey levels scaled there and back in float32
    assert off <= 2e-6


# of 21 layers in a row, as in ESRGAN, float32 does not show the last pixel's share
@pytest.mark.parametrize("name", sorted(set(_SMALL) - {"esrgan"}))
def test_a_halo_one_short_is_found(name, monkeypatch):
    def cropped(engine, block):
        h = engine.halo
        return engine.run(block)[:, h : block.shape[1] - h, h : block.shape[2] - h]

    monkeypatch.setattr(Engine, "run_inside", cropped)
    image = _image((2, 30, 40), "f4", size=2.0)
    model = _model(name, ratio=2.0, quiet=False)
    good = super_resolve(image, model, _set(tile=32)).metadata["made"]["seam"]
    assert good["difference_normalised_grey"] <= good["allowed"]
    assert (good["axis"], good["voxel"]) == ("x", 33 if model.network.multiple == 3 else 32)
    model.network.halo -= model.network.multiple
    with pytest.raises(InputError, match="Two tiles do not meet"):
        super_resolve(image, model, _set(tile=32))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4", ">u2", "f2"])
def test_type_and_grey_levels_are_kept(dtype):
    image = _image(dtype=dtype)
    image.data[0, 0, :5] = [0, 3, 255, 40, 41]
    result = super_resolve(image, _untrained(), _set())
    assert result.dtype == np.dtype(dtype).newbyteorder("=")
    expected = np.asarray(upscaled(image, target_grid(image, 2.3 / 3)).data)
    if result.dtype.kind != "f":
        limits = np.iinfo(result.dtype)
        expected = np.rint(expected).clip(limits.min, limits.max)
    # half floats have 11 bits; whole numbers may round to the other side of a half
    off = np.abs(np.asarray(result.data).astype(float) - expected)
    assert off.max() <= {"f": 0.13 if dtype == "f2" else 1e-3}.get(result.dtype.kind, 1)
    assert (off > 0.5).mean() < 1e-3


@pytest.mark.parametrize("dtype", ["i4", "u4", "f8"])
def test_32_bit_grey_levels_far_from_zero_are_kept(dtype):
    small = _image(dtype="i4")
    far = replace(small, data=(np.asarray(small.data) + 2**30).astype(dtype))
    expected = np.asarray(super_resolve(small, _untrained(), _set()).data)
    actual = np.asarray(super_resolve(far, _untrained(), _set()).data)
    # float32 alone would leave steps of 64 levels
    assert np.abs(actual - float(2**30) - expected).max() <= (1 if dtype != "f8" else 0.51)


@pytest.mark.parametrize("position", [(15.0, 30.0, 33.0), (15.7, 25.5, 36.5)])
def test_a_blob_stays_put(position):
    z, y, x = np.indices((14, 24, 28)) * 2.3
    far = sum((a - p) ** 2 for a, p in zip((z, y, x), position, strict=True))
    grey = (20 + 200 * np.exp(-far / (2 * 3.0**2))).astype("f4")
    image = Volume(grey, (2.3,) * 3, origin_um=(5.0, -3.0, 100.0))
    result = super_resolve(image, _untrained(), _set(target_voxel_size=0.74, tile=32))
    weight = np.asarray(result.data) - 20.0
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        profile = weight.sum(axis=others)
        centre = (profile * np.arange(len(profile))).sum() / profile.sum()
        world = result.origin_um[axis] + 0.74 * centre
        # a tenth of a voxel is what is promised; 5 sigma of the blob lie inside
        assert world == pytest.approx(position[axis] + image.origin_um[axis], abs=0.074)


def test_a_box_is_that_part_of_the_whole_result():
    image = _image((6, 24, 30), region=np.random.default_rng(0).random((6, 24, 30)) > 0.5)
    model = _model()
    whole = super_resolve(image, model, _set(tile=24))
    box = (slice(1, 4), slice(5, 17), slice(8, 30))
    part = super_resolve(image, model, _set(tile=32), box=box)
    window = grid_window(image, target_grid(image, 2.3 / 3), box)
    _assert_same_levels(part.data, whole.data[window])
    np.testing.assert_array_equal(np.asarray(part.region), np.asarray(whole.region[window]))
    steps = [w.start * 2.3 / 3 for w in window]
    np.testing.assert_allclose(np.subtract(part.origin_um, whole.origin_um), steps, rtol=1e-9)


@pytest.mark.parametrize("name", ["out.tif", "out.ome.zarr"])
@pytest.mark.parametrize("shape", [(6, 24, 30), (24, 30)])
def test_from_a_lazy_file_to_a_file(name, shape, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_battery.superres.slabs._SLAB_BYTES", 40_000)
    monkeypatch.setattr("napari_battery.superres.slabs._HELD_BYTES", 3_000)
    image = _image(shape)
    model = _model()
    expected = super_resolve(image, model, _set(tile=30))
    lazy = replace(image, data=LazyArray(shape, "u1", lambda w: image.data[w]))
    counted = []
    progress = CallbackProgress(lambda *now: counted.append(now))
    result = super_resolve(lazy, model, _set(tile=30), progress, out=tmp_path / name)
    _assert_same_levels(result.data, expected.data)
    assert counted[-1][0] == counted[-1][1] > 2
    written = read_volume(tmp_path / name)
    assert written.voxel_size_um == pytest.approx(expected.voxel_size_um)
    assert written.origin_um == pytest.approx(expected.origin_um)
    made = json.loads((tmp_path / f"{name}.provenance.json").read_text())
    for told in (made, written.metadata["made"]):
        assert told["model"]["weights_sha256"] == "sha256:abc"
        assert told["seam"]["difference_normalised_grey"] <= told["seam"]["allowed"]
        assert told["tile_px"] == [30, 30]
        assert told["precision"] == "float32"


def test_gaps_stay_gaps_and_harm_nothing():
    image = _image((5, 24, 40), "f4")
    image.data[...] = 100 + np.arange(40)
    whole = np.asarray(super_resolve(image, _untrained(), _set()).data)
    image.data[:, :, 30:] = np.nan
    image.data[2, 4, 5] = np.inf
    result = np.asarray(super_resolve(image, _untrained(), _set(tile=24)).data)
    gone = np.repeat(np.repeat(np.repeat(~np.isfinite(image.data), 3, 0), 3, 1), 3, 2)
    np.testing.assert_array_equal(np.isnan(result), gone)
    # the ramp goes on flat where it was cut off: at most a voxel's step off beside the gap
    assert np.abs(result - whole)[~gone].max() < 1
    assert np.abs(result - whole)[:, :, :80][~gone[:, :, :80]].max() < 1e-3 + 1


def test_memory_that_runs_out_halves_the_tiles(monkeypatch):
    image = _image((4, 30, 40))
    model = _model()
    expected = super_resolve(image, model, _set(tile=96))
    run = Engine.run_inside
    refused = []

    def scarce(engine, block):
        if max(block.shape[1:]) > 30 + 2 * engine.halo:
            refused.append(block.shape)
            raise (MemoryError, RuntimeError("CUDA out of memory."))[len(refused) % 2]
        return run(engine, block)

    monkeypatch.setattr(Engine, "run_inside", scarce)
    seen = []
    progress = CallbackProgress(lambda *now: seen.append(now))
    result = super_resolve(image, model, _set(tile=96), progress)
    _assert_same_levels(result.data, expected.data)
    made = result.metadata["made"]
    assert made["tiles_halved"] == len(refused) == 2
    assert made["tile_px"] == [24, 24]
    assert seen[-1][0] == seen[-1][1]

    def none(engine, block):
        raise MemoryError

    monkeypatch.setattr(Engine, "run_inside", none)
    with pytest.raises(MemoryError, match="even for tiles"):
        super_resolve(image, model, _set(tile=96))


def test_cancel_leaves_nothing(tmp_path):
    calls = []

    def report(done, total, what):
        calls.append(done)

    progress = CallbackProgress(report, lambda: len(calls) > 2)
    with pytest.raises(Cancelled):
        super_resolve(_image(), _model(), _set(tile=16), progress, out=tmp_path / "out.tif")
    assert not list(tmp_path.iterdir())


def test_a_single_slice_and_too_few_slices_are_said():
    model = _model(slices=5)
    picture = super_resolve(_image((20, 24)), model, _set())
    assert picture.shape == (60, 72)
    assert "single slice and the network reads 5" in picture.metadata["made"]["notes"][0]
    one = super_resolve(_image((1, 20, 24)), model, _set())
    assert one.shape == (3, 60, 72)
    assert "has 3 slices on the target grid" in one.metadata["made"]["notes"][0]
    # three equal slices of a constant depth are the picture
    _assert_same_levels(one.data[1], picture.data)
    assert not super_resolve(_image(), model, _set()).metadata["made"]["notes"]


def test_affine_synthetic_and_assumed_are_carried():
    affine = np.eye(4)
    affine[1, 3] = 4
    image = _image(affine=affine, metadata={"synthetic": True}, voxel_size_source="assumed 1 µm")
    result = super_resolve(image, _model(), _set())
    np.testing.assert_array_equal(result.affine, affine)
    assert result.metadata["synthetic"]
    assert result.is_assumed
    corners = [
        v.world_affine() @ np.array([*[-0.5] * 3, 1]) for v in (image, result)
    ]  # outer faces
    np.testing.assert_allclose(*corners, atol=1e-9)
    assert any("assumed" in note for note in result.metadata["made"]["notes"])


def test_the_target_comes_from_the_card():
    image = _image()
    card = _model().card
    assert target_voxel_size(image, card) == pytest.approx(2.3 / 3, rel=1e-5)
    wide = card.model_copy(update={"ratio": (3.014, 3.108)})
    assert target_voxel_size(image.with_voxel_size(6.0, "typed in"), wide) == 2
    assert target_voxel_size(image, wide) == 0.75
    same = card.model_copy(update={"ratio": (1.0, 1.005)})
    assert target_voxel_size(image.with_voxel_size(1.996, "typed in"), same) <= 1.996
    sizes = card.model_copy(
        update={"ratio": None, "low_voxel_size_um": (2.3,) * 2, "high_voxel_size_um": (0.74,) * 2}
    )
    assert target_voxel_size(image, sizes) == pytest.approx(0.74, rel=1e-5)
    with pytest.raises(InputError, match="give the target voxel size"):
        target_voxel_size(image, card.model_copy(update={"ratio": None}))


def test_bad_input_is_named():
    model, image = _model(), _image()
    nan = replace(image, data=np.full(image.shape, np.nan, "f4"))
    for wrong, message in (
        (replace(image, voxel_size_um=None), "voxel size of “scan” is unknown"),
        (replace(image, data=np.full_like(image.data, 7)), "grey level 7"),
        (nan, "no grey levels"),
        (replace(image, metadata={"kind": "labels"}), "holds labels, not grey levels"),
        (replace(image, data=image.data > 3), "holds a mask"),
        (replace(image, data=image.data.astype(complex)), "no grey levels"),
        (replace(image, data=image.data[:0]), "no voxel"),
    ):
        with pytest.raises(InputError, match=message):
            super_resolve(wrong, model, _set())
    with pytest.raises(InputError, match="only makes voxels smaller"):
        super_resolve(image, model, _set(target_voxel_size=2.5))
    with pytest.raises(InputError, match="holds no voxel"):
        super_resolve(image, model, _set(), box=(slice(9, 12), slice(None), slice(None)))
