from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.io import read_volume, write_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.registration import apply as module
from napari_battery.registration import sampling
from napari_battery.registration.apply import (
    Interpolation,
    apply_transform,
    lazily_applied,
    placed,
)
from napari_battery.registration.rotations import rotation_matrix
from napari_battery.registration.transform import Transform, common_world, transform_between
from napari_battery.registration.transform_files import to_itk
from napari_battery.volume import Volume

MODES = {"nearest": (0, "nearest"), "linear": (1, "nearest"), "cubic": (3, "mirror")}


def textured(shape: tuple[int, ...], seed: int = 0) -> Any:
    """Made-up grey levels around 128, smooth over some voxels."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return 128 + 25 * noise / noise.std()


def pair(ndim: int = 3, dtype: Any = np.float64, **more: Any) -> tuple[Volume, Volume, Transform]:
    """A moving image, a fixed grid of other voxels, and an affine transform between them."""
    moving = Volume(
        textured((26, 30, 34)[-ndim:]).astype(dtype),
        (0.5, 0.6, 0.7)[-ndim:],
        (1.0, 2.0, 3.0)[-ndim:],
        name="later",
        **more,
    )
    fixed = Volume(
        np.zeros((18, 20, 22)[-ndim:]),
        (0.7, 0.8, 0.7)[-ndim:],
        (0.5, 3.0, 4.0)[-ndim:],
        name="first",
    )
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1] = rotation_matrix([0.1, -0.2, 0.15][: 3 if ndim == 3 else 1]) * 1.03
    matrix[:-1, -1] = (0.8, 1.5, -1.0)[-ndim:]
    return fixed, moving, transform_between(fixed, moving, matrix, "affine")


def index_of(fixed: Volume, moving: Volume, transform: Transform) -> tuple[Any, Any]:
    """Where the fixed voxels lie in the moving array, and which of them inside it."""
    matrix = common_world(fixed, moving).fixed_to_moving_index(transform)
    at = np.einsum("ij,j...->i...", matrix[:-1, :-1], np.indices(fixed.shape).astype(float))
    at = at + matrix[:-1, -1].reshape(-1, *[1] * fixed.ndim)
    top = np.reshape(moving.shape, (-1, *[1] * fixed.ndim))
    return matrix, ((at > -0.5) & (at < top - 0.5)).all(axis=0)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("interpolation", list(MODES))
@pytest.mark.parametrize("block", [300, 1 << 21])
def test_it_is_what_scipy_makes_of_the_whole(
    ndim: int, interpolation: Interpolation, block: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sampling, "_BLOCK_VOXELS", block)
    monkeypatch.setattr(module, "_SLAB_VOXELS", 20 * block)
    fixed, moving, transform = pair(ndim)
    made = apply_transform(moving, transform, fixed, interpolation)
    matrix, inside = index_of(fixed, moving, transform)
    order, mode = MODES[interpolation]
    expected = ndimage.affine_transform(
        moving.data, matrix[:-1, :-1], matrix[:-1, -1], fixed.shape, order=order, mode=mode
    )
    assert 0.2 < inside.mean() < 0.95
    np.testing.assert_array_equal(made.region, inside)
    # float64 on levels around 128; the spline's margin leaves out shares below 1e-9.
    close = 1e-6 if interpolation == "cubic" else 1e-10
    np.testing.assert_allclose(made.data[inside], expected[inside], atol=close)
    assert np.isnan(made.data[~inside]).all()
    assert made.same_grid(fixed)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_it_is_what_itk_makes_of_it(ndim: int, interpolation: Interpolation) -> None:
    fixed, moving, transform = pair(ndim)
    made = apply_transform(moving, transform, fixed, interpolation)

    def itk(volume: Volume) -> Any:
        image = SimpleITK.GetImageFromArray(volume.data)
        image.SetSpacing(volume.voxel_size_um[::-1])  # type: ignore[index]
        image.SetOrigin(volume.origin_um[::-1])
        return image

    how = SimpleITK.sitkLinear if interpolation == "linear" else SimpleITK.sitkNearestNeighbor
    resampled = SimpleITK.Resample(itk(moving), itk(fixed), to_itk(transform), how, -1e9)
    theirs = SimpleITK.GetArrayFromImage(resampled)
    # ITK also goes on for half a voxel; its rounding decides only on the very edge.
    both = made.region & (theirs > -1e8)
    assert np.mean(made.region == (theirs > -1e8)) > 0.999
    np.testing.assert_allclose(made.data[both], theirs[both], atol=1e-8)


DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


@pytest.mark.parametrize("dtype", [*DTYPES, "float16", "float32", ">u2", ">f4"])
@pytest.mark.parametrize("interpolation", list(MODES))
def test_types_stay_and_whole_numbers_are_rounded_and_clipped(
    dtype: str, interpolation: Interpolation
) -> None:
    fixed, moving, transform = pair(2)
    # Jumps between the type's ends: a cubic spline overshoots both.
    kind = np.dtype(dtype)
    low, high = (0, 1) if kind.kind in "bf" else (np.iinfo(kind).min, np.iinfo(kind).max)
    data = np.where(moving.data > 128, high, low).astype(dtype)
    made = apply_transform(replace(moving, data=data), transform, fixed, interpolation)
    assert made.dtype == kind.newbyteorder("=")
    if kind == np.bool_:
        interpolation = "nearest"
    matrix, inside = index_of(fixed, moving, transform)
    order, mode = MODES[interpolation]
    source = data.astype(np.float64)
    smooth = ndimage.affine_transform(
        source, matrix[:-1, :-1], matrix[:-1, -1], fixed.shape, order=order, mode=mode
    )
    found = made.data[inside].astype(np.float64)
    if kind.kind == "f":
        # float32 and float16 keep 24 and 11 bits of numbers near 1.
        np.testing.assert_allclose(found, smooth[inside], atol=2e-3 if "2" in kind.str else 1e-6)
        assert np.isnan(made.data[~inside]).all()
    else:
        expected = np.rint(smooth[inside]).clip(float(low), float(high))
        # Exact, but for the last bits that float64 has not got of 64-bit numbers, and halves.
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1)
        assert np.mean(found == expected) > 0.99 or kind.itemsize == 8
        assert not made.data[~inside].any()


def test_labels_keep_their_numbers_whatever_is_asked_for() -> None:
    fixed, moving, transform = pair(3)
    numbers = np.random.default_rng(0).integers(2**53, 2**62, moving.shape)
    labels = replace(moving, data=numbers, metadata={"kind": "labels", "synthetic": True})
    made = apply_transform(labels, transform, fixed, "linear")
    matrix, inside = index_of(fixed, moving, transform)
    at = np.einsum("ij,j...->i...", matrix[:-1, :-1], np.indices(fixed.shape).astype(float))
    nearest = np.floor(at + matrix[:-1, -1].reshape(3, 1, 1, 1) + 0.5).astype(int)
    np.testing.assert_array_equal(made.data[inside], numbers[tuple(nearest[:, inside])])
    assert made.metadata["kind"] == "labels"
    assert made.metadata["synthetic"] is True
    assert made.metadata["made"]["interpolation"] == "nearest"


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(*[st.floats(0.3, 2.5)] * 3),
    vector=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    shift=st.tuples(*[st.floats(-2, 2)] * 3),
    block=st.sampled_from([100, 2000, 1 << 21]),
)
def test_levels_that_grow_with_place_are_exact_in_the_world(
    size: Any, vector: Any, shift: Any, block: int
) -> None:
    moving = Volume(np.zeros((11, 12, 13)), (1.0, 0.8, 1.1))
    slope = np.array([3.0, -2.0, 0.5])

    def plane(volume: Volume, through: Any) -> Any:
        matrix = through @ volume.world_affine()
        world = np.einsum("ij,j...->i...", matrix[:3, :3], np.indices(volume.shape).astype(float))
        return np.einsum("i,i...->...", slope, world) + slope @ matrix[:3, 3]

    matrix = np.eye(4)
    fixed = Volume(np.zeros((9, 10, 8)), size)
    # About the middle of both, so that they overlap.
    middles = [(np.array(v.shape) - 1) / 2 * v.known_voxel_size_um() for v in (fixed, moving)]
    matrix[:3, :3] = rotation_matrix(vector)
    matrix[:3, 3] = middles[0] - matrix[:3, :3] @ middles[1] + shift
    transform = transform_between(fixed, moving, matrix, "rigid")
    moving = replace(moving, data=plane(moving, matrix))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "_BLOCK_VOXELS", block)
        made = apply_transform(moving, transform, fixed)
    index = common_world(fixed, moving).fixed_to_moving_index(transform)
    at = np.einsum("ij,j...->i...", index[:3, :3], np.indices(fixed.shape).astype(float))
    at = at + index[:3, 3].reshape(3, 1, 1, 1)
    # several places per voxel where the grid is coarser, up to this far from its centre
    places = np.maximum(1, np.round(np.linalg.norm(index[:3, :3], axis=0)))
    reach = np.reshape(np.abs(index[:3, :3]) @ ((1 - 1 / places) / 2), (3, 1, 1, 1))
    top = np.reshape(moving.shape, (3, 1, 1, 1)) - 1
    between = ((at >= reach) & (at <= top - reach)).all(axis=0)
    np.testing.assert_allclose(made.data[between], plane(fixed, np.eye(4))[between], atol=1e-9)


def test_placing_and_resampling_agree_and_placing_copies_nothing() -> None:
    fixed, moving, transform = pair(3, affine=np.diag([1.0, 1.1, 0.9, 1.0]))
    there = placed(moving, transform)
    assert there.data is moving.data
    corners = np.array([[0.0, 0, 0, 1], [25, 29, 33, 1]])
    np.testing.assert_allclose(
        (there.world_affine() @ corners.T)[:3].T,
        transform.apply_points((moving.world_affine() @ corners.T)[:3].T),
        atol=1e-12,
    )
    nothing = transform_between(fixed, there, np.eye(4), "rigid")
    one = apply_transform(there, nothing, fixed)
    other = apply_transform(moving, transform, fixed)
    np.testing.assert_array_equal(one.region, other.region)
    np.testing.assert_allclose(one.data[one.region], other.data[one.region], atol=1e-10)


def test_there_and_back_is_the_image_again() -> None:
    """Whole-voxel shifts and quarter turns lose nothing."""
    data = np.random.default_rng(0).integers(0, 255, (9, 9, 9)).astype(np.uint8)
    moving = Volume(data, (0.5,) * 3)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[0, -1], [1, 0]]
    matrix[:3, 3] = [1.0, 4.0, 0.0]
    transform = transform_between(moving, moving, matrix, "rigid")
    made = apply_transform(moving, transform, moving)
    np.testing.assert_array_equal(made.data[2:], np.rot90(data, -1, (2, 1))[:-2])
    assert not made.region[:2].any()
    assert not made.data[:2].any()
    assert made.region[2:].all()


def test_without_a_fixed_image_all_of_the_moving_one_is_kept() -> None:
    data = np.random.default_rng(0).integers(1, 255, (5, 6, 7)).astype(np.uint8)
    moving = Volume(data, (0.5, 1.0, 1.0), (10.0, 0, 0))
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[0, -1], [1, 0]]
    matrix[:3, 3] = [100.25, 0, 3]
    made = apply_transform(moving, Transform(matrix, "rigid", (1, 1, 1), (0.5, 1, 1)))
    assert made.shape == (5, 7, 6)
    assert made.region.all()
    np.testing.assert_array_equal(made.data, np.rot90(data, -1, (2, 1)))
    assert made.origin_um[0] == pytest.approx(110.25)
    turned = np.eye(4)
    turned[:3, :3] = rotation_matrix([0.3, 0.2, 0.5])
    made = apply_transform(
        moving, Transform(turned, "rigid", (1, 1, 1), (0.5, 1, 1)), None, "linear"
    )
    volume = np.prod(moving.shape) * 0.5
    # Its voxels' volume: the boundary of so small a box weighs some per cent.
    assert made.region.sum() * 0.5 == pytest.approx(volume, rel=0.1)


def test_unknown_voxel_sizes_on_both_sides_are_voxels() -> None:
    moving, fixed = Volume(textured((9, 12))), Volume(np.zeros((9, 12)))
    matrix = np.eye(3)
    matrix[1, 2] = 2
    transform = transform_between(fixed, moving, matrix, "translation")
    made = apply_transform(moving, transform, fixed)
    np.testing.assert_allclose(made.data[:, 2:], moving.data[:, :-2])
    assert made.voxel_size_um is None
    assert placed(moving, transform).affine is not None
    assert apply_transform(moving, transform).origin_um == (0, 2)


@pytest.mark.parametrize("interpolation", list(MODES))
@pytest.mark.parametrize("block", [200, 1 << 21])
def test_nan_and_the_region_take_with_them_what_they_share(
    interpolation: Interpolation, block: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sampling, "_BLOCK_VOXELS", block)
    data = textured((20, 30))
    data[:, 24:] = np.nan
    data[:, 25:27] = [np.inf, -np.inf]
    region = np.ones((20, 30), bool)
    region[:5] = False
    moving = Volume(data, (1.0, 1.0), region=region)
    fixed = Volume(np.zeros((20, 30)), (1.0, 1.0))
    matrix = np.eye(3)
    matrix[:2, 2] = [0.25, 0.25]
    made = apply_transform(
        moving, transform_between(fixed, moving, matrix, "rigid"), fixed, interpolation
    )
    # Fixed (y, x) is moving (y - ¼, x - ¼): 24 rounds to 24, lies between 23 and 24, and a
    # cubic spline's support reaches two voxels to either side.
    last = {"nearest": 24, "linear": 24, "cubic": 23}[interpolation]
    inside = np.zeros((20, 30), bool)
    inside[5:, :last] = True
    np.testing.assert_array_equal(made.region, inside)
    assert np.isfinite(made.data[:, :last]).all()
    assert np.isnan(made.data[:, last:]).all()
    # What stood where there is no number does not ring through the rest.
    clean = replace(moving, data=np.where(np.isfinite(data), data, data[:, 23:24]))
    sane = apply_transform(
        clean, transform_between(fixed, moving, matrix, "rigid"), fixed, interpolation
    )
    np.testing.assert_allclose(made.data[:, :20], sane.data[:, :20], atol=0.2)


@pytest.mark.parametrize("suffix", [".tif", ".ome.zarr"])
def test_into_a_file_it_is_the_same_from_a_compressed_one(
    tmp_path: Path, suffix: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sampling, "_BLOCK_VOXELS", 500)
    fixed, moving, transform = pair(3, np.uint16)
    expected = apply_transform(moving, transform, fixed)
    lazy = write_volume(tmp_path / "moving.ome.zarr", moving)
    for held in (1 << 30, 10):  # decoded once, or block by block
        monkeypatch.setattr(module, "_HELD_BYTES", held)
        made = apply_transform(
            replace(lazy, name="later"), transform, fixed, out=tmp_path / f"made{suffix}"
        )
        np.testing.assert_array_equal(np.asarray(made.data), expected.data)
        np.testing.assert_array_equal(np.asarray(made.region), expected.region)
        assert made.path == tmp_path / f"made{suffix}"
        assert made.same_grid(fixed)
    back = read_volume(tmp_path / f"made{suffix}")
    assert back.metadata["made"]["transform"]["kind"] == "affine"
    assert (tmp_path / f"made{suffix}.provenance.json").exists()


def test_one_slice_is_computed_alone() -> None:
    fixed, moving, transform = pair(3)
    rows: list[int] = []

    def read(window: Any) -> Any:
        rows.append(window[0].stop - window[0].start)
        return moving.data[window]

    lazy = replace(moving, data=LazyArray(moving.shape, moving.dtype, read))
    applied = lazily_applied(lazy, transform, fixed)
    whole = apply_transform(moving, transform, fixed).data
    np.testing.assert_array_equal(applied[7], whole[7])
    np.testing.assert_array_equal(applied[3:5, 2, ::3], whole[3:5, 2, ::3])
    assert applied.shape == fixed.shape
    assert max(rows) < moving.shape[0]


@pytest.mark.parametrize("to_file", [False, True])
def test_cancel_stops_within_a_block_and_leaves_nothing(
    tmp_path: Path, to_file: bool, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sampling, "_BLOCK_VOXELS", 200)
    fixed, moving, transform = pair(3)
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 4

    progress = CallbackProgress(lambda *_: None, cancelled)
    out = tmp_path / "made.tif" if to_file else None
    with pytest.raises(Cancelled):
        apply_transform(moving, transform, fixed, out=out, progress=progress)
    assert not any(tmp_path.iterdir())


def test_progress_ends_at_its_total(monkeypatch: Any) -> None:
    monkeypatch.setattr(sampling, "_BLOCK_VOXELS", 300)
    monkeypatch.setattr(module, "_SLAB_VOXELS", 4000)
    fixed, moving, transform = pair(3)
    seen: list[tuple[int, int]] = []
    progress = CallbackProgress(lambda done, total, _: seen.append((done, total)))
    apply_transform(moving, transform, fixed, progress=progress)
    done, totals = zip(*seen, strict=True)
    assert set(totals) == {seen[-1][0]}
    assert list(done) == sorted(done)
    assert seen[-1][0] > 4


def test_bad_input_is_refused_in_words() -> None:
    fixed, moving, transform = pair(3)
    flat = Volume(np.zeros((5, 6)), (1.0, 1.0), name="slice")
    away = np.eye(4)
    away[0, 3] = 1e4
    cases: list[tuple[Any, str]] = [
        (lambda: apply_transform(flat, transform, fixed), "3 axes and “slice” 2"),
        (lambda: apply_transform(moving, transform, flat), "both must be 2-D or both 3-D"),
        (lambda: placed(flat, transform), "both must be 2-D"),
        (lambda: apply_transform(moving, transform, replace(fixed, voxel_size_um=None)), "“first”"),
        (lambda: apply_transform(replace(moving, voxel_size_um=None), transform, fixed), "unknown"),
        (lambda: placed(moving, Transform(np.eye(4))), "in voxels"),
        (lambda: apply_transform(moving, transform, fixed, "spline"), "no interpolation"),  # type: ignore[arg-type]
        (
            lambda: apply_transform(moving, Transform(away, unit="um"), fixed),
            "“later” lies outside “first”",
        ),
        (
            lambda: lazily_applied(moving, Transform(away, unit="um"), fixed),
            "do not overlap anywhere",
        ),
        (
            lambda: apply_transform(
                replace(moving, data=np.full(moving.shape, np.nan)), transform, fixed
            ),
            "no data anywhere",
        ),
        (
            lambda: apply_transform(
                replace(moving, region=np.zeros(moving.shape, bool)), transform, fixed
            ),
            "no data anywhere",
        ),
    ]
    for call, says in cases:
        with pytest.raises(InputError, match=says):
            call()


def test_boxes_that_miss_each_other_only_aslant_do_not_overlap() -> None:
    """Their bounding boxes meet, they do not: known before anything is written."""
    moving = Volume(np.ones((40, 40)), (1.0, 1.0))
    fixed = Volume(np.zeros((5, 5)), (1.0, 1.0))
    matrix = np.eye(3)
    matrix[:2, :2] = rotation_matrix([np.pi / 4])
    matrix[:2, 2] = [-1, 12]
    transform = transform_between(fixed, moving, matrix, "rigid")
    corners = transform.apply_points([[0, 0], [0, 39], [39, 0], [39, 39]])
    assert (corners.min(axis=0) < 4).all()
    with pytest.raises(InputError, match="do not overlap"):
        lazily_applied(moving, transform, fixed)


def waves(shape: tuple[int, ...], voxel: float, period: float) -> Any:
    """Means over voxels of a product of cosines about 100; voxel faces start at 0."""
    total = np.ones(shape)
    for axis, n in enumerate(shape):
        ends = np.sin(2 * np.pi * np.arange(n + 1) * voxel / period) * period / (2 * np.pi)
        total = total * np.diff(ends).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return 100 + 50 * total / voxel ** len(shape)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_on_a_coarser_grid_it_is_what_a_coarser_scan_would_be(
    ndim: int, interpolation: Interpolation
) -> None:
    """Of waves whose voxel means are known in closed form, from 0.5 µm to 1.5 µm voxels."""
    rng = np.random.default_rng(0)
    fine = waves((48,) * ndim, 0.5, 8.0) + rng.normal(0, 5, (48,) * ndim)
    moving = Volume(fine, (0.5,) * ndim, (0.25,) * ndim, name="fine")
    fixed = Volume(np.zeros((16,) * ndim), (1.5,) * ndim, (0.75,) * ndim, name="coarse")
    transform = transform_between(fixed, moving, np.eye(ndim + 1), "rigid")
    made = apply_transform(moving, transform, fixed, interpolation)
    assert made.region.all()
    left = made.data - waves((16,) * ndim, 1.5, 8.0)
    # the mean of 3 × 3 (× 3) voxels: places are voxel centres, and nothing is interpolated
    blocks = fine.reshape([16, 3] * ndim).mean(axis=tuple(range(1, 2 * ndim, 2)))
    np.testing.assert_allclose(made.data, blocks, atol=1e-6)
    # noise falls with the root of their number; single places would keep 5
    assert left.std() == pytest.approx(5 / 3 ** (ndim / 2), rel=0.15)
    note = made.metadata["made"]["notes"][0]
    assert f"{' × '.join('3' * ndim)} places within it" in note
    with_labels = replace(moving, data=fine.astype(np.int32), metadata={"kind": "labels"})
    made = apply_transform(with_labels, transform, fixed)
    np.testing.assert_array_equal(made.data, fine.astype(np.int32)[(slice(1, None, 3),) * ndim])
    assert made.metadata["made"]["notes"] == []


def test_off_the_voxels_the_mean_lies_where_it_should() -> None:
    """Half a fine voxel beside a whole number of them, against the same closed form."""
    moving = Volume(waves((52,) * 3, 0.5, 8.0), (0.5,) * 3, (0.25,) * 3)
    fixed = Volume(np.zeros((16,) * 3), (1.5,) * 3, (1.0,) * 3)  # faces from 0.25
    made = apply_transform(moving, transform_between(fixed, moving, np.eye(4), "rigid"), fixed)
    # the fixed voxels are means of six quarter steps each
    exact = waves((100,) * 3, 0.25, 8.0)[1:97, 1:97, 1:97].reshape([16, 6] * 3).mean((1, 3, 5))
    assert made.region.all()
    # halfway, linear interpolation takes 2 % per axis off waves of 16 voxels, of 50 levels
    np.testing.assert_allclose(made.data, exact, atol=3)
    assert np.abs(np.roll(exact, 1, 0) - exact).max() > 20  # which a wrong place would miss


@pytest.mark.parametrize("to_file", [False, True])
def test_the_result_counts_only_in_the_fixed_region(tmp_path: Path, to_file: bool) -> None:
    fixed, moving, transform = pair(3)
    region = np.zeros(fixed.shape, bool)
    region[4:, :15] = True
    out = tmp_path / "moved.tif" if to_file else None
    whole = apply_transform(moving, transform, fixed)
    made = apply_transform(moving, transform, replace(fixed, region=region), out=out)
    np.testing.assert_array_equal(np.asarray(made.region[:]), whole.region & region)
    np.testing.assert_array_equal(np.asarray(made.data[:]), whole.data)
    with pytest.raises(InputError, match="no data in the region of “first”"):
        apply_transform(moving, transform, replace(fixed, region=region & ~whole.region))


def test_another_voxel_size_than_the_transforms_is_noted() -> None:
    fixed, moving, transform = pair(3)
    other = replace(transform, moving_voxel_size_um=(1.0, 1.2, 1.4))
    notes = apply_transform(moving, other, fixed).metadata["made"]["notes"]
    assert len(notes) == 1
    assert "(1.0, 1.2, 1.4) µm; “later” has (0.5, 0.6, 0.7) µm" in notes[0]
    assert apply_transform(moving, transform, fixed).metadata["made"]["notes"] == []
