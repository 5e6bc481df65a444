from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_battery.errors import InputError
from napari_battery.registration.pairs import AlignedPair, cut_to_overlap
from napari_battery.superres.cubic import cubic_onto
from napari_battery.superres.degradation import DegradationSettings, degrade
from napari_battery.superres.fit_degradation import fit_degradation, fit_pair
from napari_battery.superres.greys import robust_greys
from napari_battery.superres.pairs import degraded_image, pair_image
from napari_battery.superres.part import part_of
from napari_battery.synthetic.scan_pair import ScanPairSettings, scan_pair
from napari_battery.volume import Volume

SMALL = ScanPairSettings(size_z=96, size_y=128, size_x=128)


@pytest.fixture(scope="module")
def scans():
    return scan_pair(SMALL)


@pytest.fixture(scope="module")
def pair(scans):
    return cut_to_overlap(scans.low, scans.high)


def test_blur_noise_and_grey_scale_of_the_low_scan_are_recovered(pair):
    fit = fit_pair(pair)
    # the scans were made with .6, 1, 0, 14 and .25; 50,000 voxels of 14 levels of noise each
    assert fit.psf == pytest.approx(0.6, abs=0.05)
    assert fit.gain == pytest.approx(1, abs=0.02)
    assert fit.gain * 140 + fit.offset == pytest.approx(140, abs=0.5)
    assert fit.noise == pytest.approx(14, rel=0.04)
    assert fit.noise_correlation == pytest.approx(0.25, abs=0.03)


def test_the_high_scans_noise_does_not_flatten_the_match(scans, pair):
    clean = replace(pair, high=replace(scans.clean_high, origin_um=pair.high.origin_um))
    first = [slice(*ends) for ends in pair.provenance["high"]["box"]]
    clean = replace(clean, high=replace(clean.high, data=clean.high.data[tuple(first)]))
    assert fit_pair(pair).gain == pytest.approx(fit_pair(clean).gain, rel=0.02)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 40.0), (200.0, -3000.0)])
def test_another_grey_scale_is_recovered(pair, gain, offset):
    data = np.asarray(pair.low.data) * np.float32(gain) + np.float32(offset)
    fit, plain = fit_pair(replace(pair, low=replace(pair.low, data=data))), fit_pair(pair)
    assert fit.gain == pytest.approx(gain * plain.gain, rel=1e-3)
    assert fit.offset == pytest.approx(gain * plain.offset + offset, abs=1e-3 * gain * 100)
    assert fit.noise == pytest.approx(gain * plain.noise, rel=1e-3)


def test_fitted_settings_make_the_same_scan_again(scans, pair):
    settings = fit_degradation(pair)
    assert settings.ratio == pytest.approx(2.3 / 0.74, rel=1e-6)
    again = degrade(scans.clean_high, settings.model_copy(update={"grey_jitter": 0}), seed=1)
    for share in (0.05, 0.5, 0.95):
        expected = np.quantile(scans.low.data, share)
        assert np.quantile(again.data, share) == pytest.approx(expected, abs=4)


def _turned_pair():
    """Low slices along the high scan's columns, voxels of unlike edges, both boxes of files."""
    rng = np.random.default_rng(5)
    texture = gaussian_filter(rng.standard_normal((40, 44, 60)), 3)
    grey = (120 + 40 * texture / texture.std()).astype("f4")
    high = Volume(grey, (1.0,) * 3, name="high")
    # z of the low scan is x of the world, y is z, x is y
    affine = np.eye(4)[[1, 2, 0, 3]]
    edges = (3.0, 2.5, 2.0)
    ends = [60 / 3.0, 40 / 2.5, 44 / 2.0]
    shape = [int(n) for n in ends]
    origin = tuple(e / 2 - 0.5 + 0.3 for e in edges)
    low = Volume(np.zeros(shape, "f4"), edges, origin, affine=affine, name="low")
    low.data[:] = cubic_onto(high, low).data + rng.normal(0, 2, shape)
    sources = {
        "low": {"name": "low", "box": [[7 + a, 7 + a + n] for a, n in enumerate(shape)]},
        "high": {"name": "high", "box": [[100, 140], [10, 54], [30, 90]]},
    }
    return AlignedPair(low, high, (0.0,) * 3, [], 0.9, [], sources)


def test_a_parts_box_of_the_low_file_is_all_that_it_was_interpolated_from():
    pair = _turned_pair()
    image = pair_image(pair)
    window = (slice(3, 30), slice(11, 40), slice(25, 47))
    part = part_of(image, window)
    assert part.provenance["high"]["box"] == [[103, 130], [21, 50], [55, 77]]
    box = [
        slice(a - start, b - start)
        for (a, b), (start, _) in zip(
            part.provenance["low"]["box"], pair.provenance["low"]["box"], strict=True
        )
    ]

    def changed(inside):
        """Whether other grey levels in the box, or outside of it, change the part."""
        other = np.array(pair.low.data)
        mask = np.zeros(other.shape, bool)
        mask[tuple(box)] = True
        other[mask == inside] += 1000
        before, after = (
            cubic_onto(replace(pair.low, data=data), pair.high).data[window]
            for data in (pair.low.data, other)
        )
        return not np.array_equal(before, after)

    assert changed(inside=True)
    assert not changed(inside=False)
    # and hardly more than it needs: a voxel of slack on either side
    needed = np.array([22 / 3.0, 27 / 2.5, 29 / 2.0])
    assert (np.array([b.stop - b.start for b in box]) <= needed + 6).all()


def test_a_pair_of_scans_becomes_a_training_image(scans, pair):
    image = pair_image(pair, group="electrode")
    assert image.shape == pair.high.shape
    assert image.low_voxel_size_um == pytest.approx((2.3,) * 3)
    assert image.high_voxel_size_um == pytest.approx((0.74,) * 3)
    assert image.provenance["synthetic"] is True
    assert image.residual_shift_um < 0.1
    assert image.provenance["fit"]["noise"] == pytest.approx(
        fit_degradation(pair).noise_largest / 1.1
    )
    greys, fit = robust_greys(pair.low), fit_pair(pair)
    expected = greys.normalise(fit.gain * np.asarray(pair.high.data) + fit.offset)
    valid = np.ones(image.shape, bool) if image.valid is None else image.valid
    assert valid.mean() > 0.95
    np.testing.assert_allclose(image.high[valid], expected[valid], atol=1e-4)

    # the low scan lies on the high one: moving it by a voxel makes it worse either way
    def apart(shift):
        return np.mean((np.roll(image.low, shift, 2) - image.high)[valid] ** 2)

    assert apart(0) < apart(1)
    assert apart(0) < apart(-1)


def test_a_turned_pair_is_interpolated_and_masked(scans):
    angle = 0.05
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    # both are turned back and forth: voxels lie as before, but only the affine says so
    low = replace(scans.low, affine=turn)
    high = replace(scans.high, affine=turn)
    straight, turned = (
        fit_pair(cut_to_overlap(*both)) for both in ((scans.low, scans.high), (low, high))
    )
    assert turned.psf == pytest.approx(straight.psf, abs=1e-3)
    # truly turned grids: the high scan resampled, so that it alone is straight again
    from napari_battery.superres.cubic import cubic_onto

    grid = Volume(np.empty((80, 100, 100)), (0.74,) * 3, (5.0, 10.0, 5.0), affine=turn)
    found = cubic_onto(scans.high, grid)
    other = replace(grid, data=np.where(found.valid, found.data, np.nan).astype(np.float32))
    pair = cut_to_overlap(scans.low, other)
    fit = fit_pair(pair)
    # interpolated twice, the high scan has lost some of its own noise and sharpness
    assert fit.psf == pytest.approx(0.6, abs=0.1)
    assert fit.gain == pytest.approx(1, abs=0.04)
    image = pair_image(pair)
    valid = np.ones(image.shape, bool) if image.valid is None else image.valid
    assert np.corrcoef(image.low[valid], image.high[valid])[0, 1] > 0.4


def test_a_pair_of_slices_is_matched_in_its_plane(scans):
    # the coarse slice shows what the fine one does only where both are of one thickness
    clean = scans.clean_high.data[40]
    settings = DegradationSettings(
        ratio_jitter=0, psf_smallest=0.6, psf_largest=0.6, noise_smallest=0.02,
        noise_largest=0.02, ring=0, gain_jitter=0, grey_jitter=0,
    )  # fmt: skip
    high = Volume(clean, (0.74, 0.74), name="high")
    pair = cut_to_overlap(degrade(high, settings), high)
    fit = fit_pair(pair)
    assert fit.psf == pytest.approx(0.6, abs=0.05)
    assert fit.gain == pytest.approx(1, abs=0.02)
    image = pair_image(pair)
    assert image.shape == (1, *pair.high.shape)


def test_inverted_contrast_and_small_overlaps_are_refused(pair):
    inverted = replace(pair.low, data=255 - np.asarray(pair.low.data))
    with pytest.raises(InputError, match="do not rise"):
        fit_pair(replace(pair, low=inverted))
    few = replace(pair.low, data=pair.low.data[:6, :6, :6])
    with pytest.raises(InputError, match="share only"):
        fit_pair(replace(pair, low=few))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_degraded_scan_becomes_a_training_image(ndim):
    data = np.full((64, 100, 110)[3 - ndim :], 100, np.uint16)
    data[..., 50:] = 180
    high = Volume(data, (0.74,) * ndim, name="high")
    settings = DegradationSettings(noise_smallest=0, noise_largest=0, ring=0, gain_jitter=0)
    image = degraded_image(high, settings, seed=1)
    assert image.shape[0] == (1 if ndim == 2 else image.shape[0])
    assert image.ratio == pytest.approx(image.provenance["drawn"]["ratio"])
    assert image.valid is None
    # without noise both have one grey scale: what is flat is equal in both
    assert np.median(np.abs(image.low - image.high)) < 1e-4
    assert np.abs(image.low - image.high).max() > 0.3  # the edge is not
    box = image.provenance["high"]["box"]
    assert [b - a for a, b in box] == list(image.shape[3 - ndim :])
    assert image.provenance["synthetic"] is False


def test_a_slice_without_a_voxel_size_counts_its_pixels():
    rng = np.random.default_rng(0)
    image = degraded_image(Volume(rng.random((60, 60)).astype(np.float32)), seed=0)
    assert image.high_voxel_size_um == (1.0,) * 3
