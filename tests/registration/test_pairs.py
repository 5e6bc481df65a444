from dataclasses import replace

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.registration.pair_files import read_pair, write_pair
from napari_battery.registration.pairs import cut_to_overlap, mend, place_by
from napari_battery.registration.register import register
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.transform import Transform
from napari_battery.samples import sandstone
from napari_battery.volume import Volume

RATIO = 2.4


def _pair(shift=(0.0, 0.0, 0.0), shape=(72, 84, 96), seed=0):
    """A random texture at 1 µm, and the same at 2.4 µm, its detail moved by `shift` (µm)."""
    from scipy.ndimage import affine_transform, gaussian_filter

    rng = np.random.default_rng(seed)
    fine = gaussian_filter(rng.standard_normal(shape), 2.0).astype(np.float32) * 100
    coarse = tuple(int(n / RATIO) for n in shape)
    # low voxel i lies at 2.4 i + .7 fine voxels: outer faces coincide
    low = affine_transform(
        gaussian_filter(fine, 0.8), [RATIO] * 3, (RATIO - 1) / 2 - np.array(shift), coarse, order=3
    )
    low = low + rng.normal(0, 0.02 * low.std(), low.shape).astype(np.float32)
    return (
        Volume(low, (RATIO,) * 3, ((RATIO - 1) / 2,) * 3, name="low"),
        Volume(fine, (1.0,) * 3, name="high"),
    )


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (1.3, -0.7, 0.4)])
def test_a_known_shift_is_found_overall_and_in_every_block(shift):
    pair = cut_to_overlap(*_pair(shift))
    # a fortieth of a high-resolution voxel; noise of 2 % over 10⁴ voxels leaves less
    np.testing.assert_allclose(pair.residual_shift_um, shift, atol=0.025)
    assert pair.ratios == pytest.approx((RATIO,) * 3)
    assert len(pair.residuals) >= 8
    blocks = np.array([row["shift_um"] for row in pair.residuals])
    assert np.abs(blocks - shift).max() < 0.2
    warned = any("shifted by" in note for note in pair.notes)
    assert warned == (np.linalg.norm(shift) > 1)


def test_mending_takes_a_shift_out_and_keeps_the_voxels():
    pair = cut_to_overlap(*_pair((1.3, -0.7, 0.4)))
    mended = mend(pair, "translation")
    assert mended.residual_voxels < 0.03
    assert mended.correlation > pair.correlation
    assert mended.low.affine is None  # a shift is an origin, so nothing is interpolated twice
    np.testing.assert_allclose(
        np.subtract(mended.low.origin_um, pair.low.origin_um), (-1.3, 0.7, -0.4), atol=0.03
    )
    assert mended.provenance["mended"]["before"]["correlation"] == pair.correlation
    box = mended.provenance["low"]["box"]
    np.testing.assert_array_equal(
        mended.low.data, _pair((1.3, -0.7, 0.4))[0].data[tuple(slice(*ends) for ends in box)]
    )


def test_the_real_sandstone_pair_is_mended():
    low, high = sandstone()
    pair = cut_to_overlap(low, high)
    # its residual of about a high-resolution voxel, as whole-volume registration measured it
    np.testing.assert_allclose(pair.residual_shift_um, (2.3, 1.7, 1.4), atol=0.3)
    assert any("still shifted" in note for note in pair.notes)
    for kind in ("translation", "affine"):
        mended = mend(pair, kind)
        assert mended.residual_voxels < 0.1
        assert mended.correlation > pair.correlation + 0.009
        assert mended.block_residual_voxels[0] < pair.block_residual_voxels[0] / 2


def test_boxes_are_what_both_show():
    low, high = _pair()
    # the high scan of the middle only, and reaching beyond the low one's end of x
    part = replace(high, data=high.data[20:50, 30:60], origin_um=(20.0, 30.0, 12.0))
    pair = cut_to_overlap(low, part)
    z, y, x = pair.provenance["low"]["box"]
    # high faces at 19.5 to 49.5, 29.5 to 59.5 and from 11.5 µm; low faces at −.5 + 2.4 i
    assert (z, y, x) == ([8, 21], [12, 25], [5, 40])
    assert pair.provenance["high"]["box"] == [[0, 30], [0, 30], [0, 84]]
    assert pair.low.origin_um == pytest.approx([0.7 + RATIO * k for k in (8, 12, 5)])


def test_a_transform_serves_in_either_direction():
    low, high = _pair((1.3, -0.7, 0.4))
    settings = RegisterSettings(kind="translation", start="current")
    for fixed, moving in ((low, high), (high, low)):
        found = register(fixed, moving, settings).transform
        pair = cut_to_overlap(place_by(low, high, found), high)
        assert pair.residual_voxels < 0.03
    matrix = np.array([[1, 0, 0, 0], [0, 0.8, -0.6, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1]])
    turned = Transform(matrix, unit="um")
    assert place_by(low, high, turned).affine is not None


def test_a_pair_comes_back_from_its_folder(tmp_path):
    pair = mend(cut_to_overlap(*_pair((1.3, -0.7, 0.4))), "rigid")
    written = write_pair(tmp_path / "pair", pair)
    again = read_pair(tmp_path / "pair")
    for other in (written, again):
        np.testing.assert_array_equal(np.asarray(other.low.data), pair.low.data)
        assert other.low.same_grid(pair.low)
        assert other.high.same_grid(pair.high)
        assert other.residual_shift_um == pair.residual_shift_um
        assert other.residuals == pair.residuals
        assert other.provenance == pair.provenance
    write_pair(tmp_path / "pair", pair)  # its own may be replaced
    (tmp_path / "pair" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="thesis"):
        write_pair(tmp_path / "pair", pair)
    with pytest.raises(InputError, match="no pair"):
        read_pair(tmp_path)


def test_two_dimensional_pairs():
    low, high = _pair(shape=(72, 120, 144))
    middle = 30
    slices = [
        Volume(v.data[z], v.voxel_size_um[1:], v.origin_um[1:], name=v.name)
        for v, z in ((low, int(middle / RATIO)), (high, middle))
    ]
    pair = cut_to_overlap(*slices)
    assert len(pair.residual_shift_um) == 2
    assert pair.residual_voxels < 0.3  # the slices are .1 voxels apart and a sixth as thick


def test_bad_pairs_are_refused():
    low, high = _pair()
    with pytest.raises(InputError, match="exchange"):
        cut_to_overlap(high, low)
    with pytest.raises(InputError, match="same image"):
        cut_to_overlap(low, replace(low, data=low.data.copy()))
    with pytest.raises(InputError, match="do not overlap"):
        cut_to_overlap(replace(low, origin_um=(500.0, 0.0, 0.0)), high)
    with pytest.raises(InputError, match="everywhere"):
        cut_to_overlap(replace(low, data=np.full(low.shape, 3.0)), high)
    with pytest.raises(InputError, match="voxel size"):
        cut_to_overlap(replace(low, voxel_size_um=None), high)
    with pytest.raises(InputError, match="2-D"):
        cut_to_overlap(low, Volume(high.data[0], (1.0, 1.0)))


def test_unrelated_scans_are_told():
    low, _ = _pair()
    _, high = _pair(seed=7)
    pair = cut_to_overlap(low, high)
    assert any("random shifts" in note for note in pair.notes)
