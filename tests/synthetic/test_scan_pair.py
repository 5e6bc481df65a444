import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.synthetic.scan_pair import ScanPairSettings, scan_pair

SMALL = ScanPairSettings(size_z=64, size_y=96, size_x=96)


@pytest.fixture(scope="module")
def scans():
    return scan_pair(SMALL)


def test_the_scans_have_their_voxel_sizes_and_share_a_corner(scans):
    assert scans.low.voxel_size_um == (2.3,) * 3
    assert scans.high.voxel_size_um == (0.74,) * 3
    assert scans.low.shape == tuple(int(n * 0.74 / 2.3) for n in scans.high.shape)
    corners = [
        np.subtract(v.origin_um, np.divide(v.voxel_size_um, 2)) for v in (scans.low, scans.high)
    ]
    np.testing.assert_allclose(corners[0], corners[1], atol=1e-12)
    for volume in vars(scans).values():
        assert volume.metadata["synthetic"] is True
        assert "synthetic" in volume.name


def test_contrast_and_noise_are_the_documented_ones(scans):
    noise = scans.high.data - scans.clean_high.data
    # .29 of rounding on top; 590,000 voxels
    assert noise.std() == pytest.approx(14, rel=0.02)
    at, on = noise[..., :-1].ravel(), noise[..., 1:].ravel()
    assert np.corrcoef(at, on)[0, 1] == pytest.approx(0.5 / 1.125, abs=0.02)
    void = (scans.labels.data == 0) & (np.abs(scans.clean_high.data - 100) < 0.5)
    assert void.mean() > 0.05
    solid = np.median(scans.clean_high.data[(scans.labels.data > 0) & (scans.cracks.data == 0)])
    assert solid == pytest.approx(174.4, abs=8)  # particles differ by 11


def test_the_low_scans_noise_is_its_own_and_as_strong():
    quiet = scan_pair(SMALL.model_copy(update={"low_psf": 0.6}))
    from napari_battery.superres.area import area_weights, averaged

    ratio = 2.3 / 0.74
    clean = averaged(
        quiet.clean_high.data,
        [
            area_weights(m, n, ratio, (ratio - 1) / 2, 0.6 * ratio)
            for m, n in zip(quiet.low.shape, quiet.high.shape, strict=True)
        ],
    )
    noise = quiet.low.data - clean
    assert noise.std() == pytest.approx(14, rel=0.04)
    at, on = noise[..., :-1].ravel(), noise[..., 1:].ravel()
    assert np.corrcoef(at, on)[0, 1] == pytest.approx(0.5 / 1.125, abs=0.04)


def test_cracks_are_dark_gaps_within_particles(scans):
    cracks = scans.cracks.data.astype(bool)
    inside = scans.labels.data > 0
    assert 0.005 < cracks[inside].mean() < 0.1
    assert not cracks[~inside].any()
    drop = scans.clean_high.data[inside & ~cracks].mean() - scans.clean_high.data[cracks].mean()
    assert drop > 35  # of the 74 levels between particles and void: gaps are about a voxel wide
    whole = scan_pair(SMALL.model_copy(update={"cracked_share": 0.0}))
    assert not whole.cracks.data.any()
    np.testing.assert_array_equal(whole.labels.data, scans.labels.data)


def test_the_same_settings_give_the_same_scans(scans):
    again = scan_pair(SMALL)
    for name in ("low", "high", "clean_high", "labels", "cracks"):
        np.testing.assert_array_equal(getattr(again, name).data, getattr(scans, name).data)
    other = scan_pair(SMALL.model_copy(update={"seed": 1}))
    assert not np.array_equal(other.labels.data, scans.labels.data)


def test_settings_that_make_no_pair_are_refused():
    with pytest.raises(InputError, match="exchange"):
        scan_pair(ScanPairSettings(low_voxel_size_um=0.5))
    with pytest.raises(InputError, match="larger"):
        scan_pair(ScanPairSettings(size_z=16, high_voxel_size_um=0.3))
