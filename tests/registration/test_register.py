"""Alignment of pairs with known truth."""

import json

import numpy as np
import pytest
from scipy.linalg import expm

from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.registration.register import register
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.transform import Transform
from napari_battery.volume import Volume

UNIT = (1.0, 1.0, 1.0)


def spheres(n, pitch, seed=0):
    """Centres, radii and grey levels of spheres in and around a box of n voxels."""
    rng = np.random.default_rng(seed)
    number = int((1.6 * n / pitch) ** 3 * 1.2)
    centres = rng.uniform(-0.3 * n, 1.3 * n, (number, 3))
    return centres, rng.uniform(0.3, 0.5, number) * pitch, rng.uniform(0.7, 1.0, number)


def render(shape, pack, moving_to_fixed=None, voxel=1.0):
    """An image of the spheres, analytically where a map puts them: nothing is interpolated."""
    centres, radii, levels = pack
    back = np.eye(4) if moving_to_fixed is None else np.linalg.inv(moving_to_fixed)
    centres = (centres @ back[:3, :3].T + back[:3, 3]) / voxel
    radii = radii * abs(np.linalg.det(back[:3, :3])) ** (1 / 3) / voxel
    image = np.zeros(shape, np.float32)
    for centre, radius, level in zip(centres, radii, levels, strict=True):
        low = np.maximum(np.floor(centre - radius - 4).astype(int), 0)
        high = np.minimum(np.ceil(centre + radius + 4).astype(int) + 1, shape)
        if (low >= high).any():
            continue
        axes = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        far = np.sqrt(sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True))) - radius
        part = image[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        np.maximum(part, level / (1 + np.exp(far / 0.45)), out=part)
    return image


def motion(degrees, shift, centre, scale=1.0, axis=(1.0, -2.0, 0.5)):
    """Turn about a centre, magnify, then shift: a map from the moving world to the fixed one."""
    z, y, x = np.array(axis) / np.linalg.norm(axis) * np.radians(degrees)
    linear = scale * expm(np.array([[0, -x, y], [x, 0, -z], [-y, z, 0]]))
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre - linear @ centre + shift
    return matrix


def error(found, truth, low, high):
    """Mean target registration error over what of a box of the moving world maps into it."""
    points = np.random.default_rng(1).uniform(low, high, (2000, 3))
    goal = points @ truth[:3, :3].T + truth[:3, 3]
    inside = ((goal > low) & (goal < high)).all(axis=1)
    points, goal = points[inside], goal[inside]
    return np.linalg.norm(points @ found[:3, :3].T + found[:3, 3] - goal, axis=1).mean()


@pytest.fixture(scope="module")
def pair():
    pack = spheres(64, 9)
    truth = motion(4, (3.3, -4.1, 2.7), np.full(3, 32.0))
    return render((64,) * 3, pack), render((64,) * 3, pack, truth), truth


def test_a_turned_and_shifted_pair_is_found_from_nothing(pair):
    fixed, moving, truth = pair
    result = register(Volume(fixed, UNIT, name="a"), Volume(moving, UNIT, name="b"))
    # measured 0.003 to 0.005; what remains is linear interpolation's
    assert error(result.transform.matrix, truth, 0, 63) < 0.01
    assert result.quality["warnings"] == []
    assert result.quality["correlation_after"] > 0.99 > result.quality["correlation_before"]


def test_the_same_data_twice_are_refused(pair):
    with pytest.raises(InputError, match="the same data"):
        register(Volume(pair[0], UNIT), Volume(pair[0], UNIT))


def test_simpleitk_finds_the_same(pair):
    fixed, moving, truth = pair
    settings = RegisterSettings(engine="SimpleITK")
    result = register(Volume(fixed, UNIT), Volume(moving, UNIT), settings)
    # half of what is asked of the alignment as a whole (0.05 voxel)
    assert error(result.transform.matrix, truth, 0, 63) < 0.025


def test_a_fine_field_inside_a_coarse_one_is_found_both_ways():
    low, high = 2.3, 0.74
    pack = spheres(64 * low, 26)
    truth = motion(6, 0, np.full(3, 35.0), scale=1.015)
    truth[:3, 3] += 38, 20, 52
    coarse = Volume(render((64,) * 3, pack, voxel=low), (low,) * 3)
    fine = Volume(render((96,) * 3, pack, truth, voxel=high), (high,) * 3)
    settings = RegisterSettings(kind="similarity")
    there = register(coarse, fine, settings).transform
    # 0.1 fine voxel is asked; measured 0.02, and 0.055 where the coarse one is interpolated
    assert error(there.matrix, truth, 0, 95 * high) < 0.1 * high
    scale = np.linalg.det(there.linear) ** (1 / 3)
    assert scale == pytest.approx(1.015, rel=1e-3)
    back = register(fine, coarse, settings).transform.invert()
    assert error(back.matrix, truth, 0, 95 * high) < 0.1 * high


def test_inverted_contrast_is_found_by_mutual_information(pair):
    fixed, moving, truth = pair
    settings = RegisterSettings(metric="mutual-information")
    bent = (1 - moving) ** 2
    result = register(Volume(fixed, UNIT), Volume(bent, UNIT), settings)
    # measured 0.005
    assert error(result.transform.matrix, truth, 0, 63) < 0.02
    assert result.quality["correlation_after"] < -0.5
    assert result.quality["mutual_information_after"] > 0.5


def test_noise_drift_and_swelling_leave_a_fifth_of_a_voxel():
    pack = spheres(72, 9)
    rng = np.random.default_rng(0)
    truth = motion(6, (6.0, -8.0, 5.0), np.full(3, 36.0))
    moved = pack[0] + rng.normal(0, 0.5, pack[0].shape), pack[1] * 1.02, pack[2] * 0.9
    fixed = render((72,) * 3, pack) + 0.36 * rng.standard_normal((72,) * 3)
    moving = render((72,) * 3, moved, truth) + 0.36 * rng.standard_normal((72,) * 3)
    result = register(Volume(fixed, UNIT), Volume(moving, UNIT))
    # what is asked; the particles' own motion is on average about 0.87 / √(particles)
    assert error(result.transform.matrix, truth, 0, 71) < 0.2
    assert result.quality["warnings"] == []


def test_images_that_have_nothing_in_common_are_warned_about(pair):
    other = render((64,) * 3, spheres(64, 9, seed=5))
    warnings = register(Volume(pair[0], UNIT), Volume(other, UNIT)).quality["warnings"]
    assert any("random shifts" in text for text in warnings)
    for axis in range(3):
        mirrored = np.flip(pair[1], axis).copy()
        warnings = register(Volume(pair[0], UNIT), Volume(mirrored, UNIT)).quality["warnings"]
        assert warnings  # a few spheres may fit by chance; then their blocks do not


def test_a_wrong_voxel_size_is_warned_about(pair):
    settings = RegisterSettings(kind="similarity")
    result = register(Volume(pair[0], UNIT), Volume(pair[1], (1.2,) * 3), settings)
    assert result.quality["scale"] == pytest.approx(1 / 1.2, rel=1e-3)
    assert any("magnification of 0.833" in text for text in result.quality["warnings"])


def test_what_is_outside_the_field_of_view_does_not_count(pair):
    fixed, moving, truth = pair
    y, x = np.ogrid[:64, :64]
    seen = np.broadcast_to(np.hypot(y - 31.5, x - 31.5) < 30, fixed.shape)
    outside = np.random.default_rng(0).random(fixed.shape, np.float32)
    by_mask = register(
        Volume(np.where(seen, fixed, outside), UNIT), Volume(np.where(seen, moving, 5), UNIT),
        fixed_mask=seen, moving_mask=seen,
    )  # fmt: skip
    by_nan = register(
        Volume(np.where(seen, fixed, np.nan), UNIT), Volume(np.where(seen, moving, np.nan), UNIT)
    )
    assert error(by_mask.transform.matrix, truth, 0, 63) < 0.02
    np.testing.assert_allclose(by_mask.transform.matrix, by_nan.transform.matrix, atol=1e-9)


def test_a_start_that_does_not_overlap_is_refused_and_a_search_finds_it(pair):
    fixed, moving, truth = pair
    away = Volume(moving, UNIT, (500.0, 0.0, 0.0))
    with pytest.raises(InputError, match="share next to nothing where the alignment starts"):
        register(Volume(fixed, UNIT), away, RegisterSettings(start="current"))
    found = register(Volume(fixed, UNIT), away).transform.matrix.copy()
    found[:3, 3] += found[:3, :3] @ [500, 0, 0]
    assert error(found, truth, 0, 63) < 0.02


@pytest.mark.parametrize("degrees", [40, 110])
@pytest.mark.parametrize("side", ["whole", "part in whole", "whole in part"])
def test_any_turn_is_found_where_no_smaller_one_fits(degrees, side):
    pack = spheres(64, 9)
    rng = np.random.default_rng(degrees)
    truth = motion(degrees, rng.normal(size=3) * 3, np.full(3, 32.0), axis=rng.normal(size=3))
    images = [render((64,) * 3, pack, t) for t in (None, truth)]
    low = np.zeros(3)
    if side != "whole":
        # a cube of two thirds of the edge, of the fixed or of the moving image
        which = int(side == "part in whole")
        images[which] = images[which][12:54, 10:52, 11:53].copy()
        low = np.array([12.0, 10, 11])
    pair = [Volume(images[0], UNIT, tuple(low) if side == "whole in part" else ()),
            Volume(images[1], UNIT, tuple(low) if side == "part in whole" else ())]  # fmt: skip
    found = register(*pair)
    if side != "whole" and found.quality["warnings"]:
        return  # of so few particles one turn in ten or so is missed, but never silently
    assert error(found.transform.matrix, truth, 20, 44) < 0.03
    assert found.quality["rotation_deg"] == pytest.approx(degrees, abs=0.2)
    assert found.quality["warnings"] == []


def test_turns_are_searched_for_only_as_far_as_asked():
    pack = spheres(48, 9)
    truth = motion(90, (2.0, 1.0, -3.0), np.full(3, 24.0))
    pair = [Volume(render((48,) * 3, pack, t), UNIT) for t in (None, truth)]
    for largest in (0, 40):
        found = register(*pair, RegisterSettings(rotation_search_deg=largest))
        assert any("random shifts" in text for text in found.quality["warnings"])
    assert error(register(*pair).transform.matrix, truth, 0, 47) < 0.03


def test_a_slice_is_turned_all_the_way():
    pack = spheres(160, 16)
    flat = pack[0] * [0, 1, 1], *pack[1:]
    truth = motion(130, (0, 4, -6), np.array([0, 80.0, 80]), axis=(1, 0, 0))
    images = [render((1, 160, 160), flat, t)[0] for t in (None, truth)]
    found = register(*[Volume(image, UNIT[1:]) for image in images]).transform
    points = np.random.default_rng(0).uniform(40, 120, (50, 2))
    goal = points @ truth[1:3, 1:3].T + truth[1:3, 3]
    assert np.abs(found.apply_points(points) - goal).max() < 0.05


def test_a_mirrored_image_is_told(pair):
    mirrored = Volume(pair[1][:, ::-1].copy(), UNIT, name="b")
    quality = register(Volume(pair[0], UNIT), mirrored).quality
    assert quality["warnings"][0].startswith("“b” fits once it is mirrored (correlation 0.9")
    other = Volume(render((64,) * 3, spheres(64, 9, seed=5)), UNIT)
    warnings = register(Volume(pair[0], UNIT), other).quality["warnings"]
    assert warnings
    assert not any("mirrored (" in text for text in warnings)


def test_a_slice_is_aligned_in_its_plane():
    image = render((1, 160, 160), (spheres(160, 16)[0] * [0, 1, 1], *spheres(160, 16)[1:]))[0]
    shift = np.array([7, -5])
    moved = image[20 + 7 : 140 + 7, 20 - 5 : 140 - 5]
    result = register(
        Volume(image, (2.0, 2.0)), Volume(moved.copy(), (2.0, 2.0), (40.0, 40.0)),
        RegisterSettings(kind="similarity"),
    )  # fmt: skip
    assert result.transform.matrix.shape == (3, 3)
    corner = np.array([[100.0, 150.0]])
    moved_by = result.transform.apply_points(corner) - corner
    # a whole shift is exact up to the stopping rule
    np.testing.assert_allclose(moved_by, [2.0 * shift], atol=0.02)


def test_steps_are_seen_and_a_known_start_is_kept(pair):
    fixed, moving, truth = Volume(pair[0], UNIT), Volume(pair[1], UNIT), pair[2]
    seen = []
    first = register(fixed, moving, watch=seen.append)
    assert seen == first.history
    assert [step.level for step in seen] == sorted(step.level for step in seen)
    np.testing.assert_allclose(seen[-1].matrix, first.transform.matrix)
    for level in (1, 2, 3):
        metrics = [step.metric for step in seen if step.level == level]
        assert metrics == sorted(metrics)
    again = register(fixed, moving, RegisterSettings(start="transform"), start=first.transform)
    assert error(again.transform.matrix, truth, 0, 63) < 0.01
    with pytest.raises(InputError, match="No transform was given"):
        register(fixed, moving, RegisterSettings(start="transform"))


def test_voxel_sizes_are_known_of_both_or_of_neither(pair):
    fixed, moving, truth = pair
    with pytest.raises(InputError, match="voxel size of “b” is unknown"):
        register(Volume(fixed, UNIT, name="a"), Volume(moving, name="b"))
    result = register(Volume(fixed), Volume(moving))
    assert result.transform.unit == "voxel"
    assert "in voxels" in result.notes[0]
    assert error(result.transform.matrix, truth, 0, 63) < 0.02


@pytest.mark.parametrize("engine", ["own", "SimpleITK"])
def test_cancel_stops_either_engine(pair, engine):
    count = []
    progress = CallbackProgress(
        lambda done, total, what: count.append(what), lambda: len(count) > 12
    )
    settings = RegisterSettings(engine=engine, start="current")
    with pytest.raises(Cancelled):
        register(Volume(pair[0], UNIT), Volume(pair[1], UNIT), settings, progress)
    assert len(count) < 16


def test_residual_shifts_show_what_the_transform_leaves(pair):
    fixed, moving, _ = pair
    settings = RegisterSettings(kind="translation")
    quality = register(Volume(fixed, UNIT), Volume(moving, UNIT), settings).quality
    # 4° leave up to 4 voxels at the corners
    assert quality["residual_shift_p95_um"] > 1
    assert any("Blocks are still shifted" in text for text in quality["warnings"])
    quality = register(Volume(fixed, UNIT), Volume(moving, UNIT)).quality
    assert quality["residual_shift_p95_um"] < 0.1
    assert json.dumps(quality)


@pytest.mark.parametrize("kind", ["translation", "affine"])
@pytest.mark.parametrize("engine", ["own", "SimpleITK"])
def test_both_engines_know_every_kind(kind, engine):
    pack = spheres(40, 8)
    truth = motion(0, (1.3, -2.1, 0.7), np.full(3, 20.0))
    fixed, moving = (Volume(render((40,) * 3, pack, t), UNIT) for t in (None, truth))
    found = register(fixed, moving, RegisterSettings(kind=kind, engine=engine)).transform
    assert found.kind == kind
    # as for the rigid pair above; an affine map has twice the freedom
    assert error(found.matrix, truth, 0, 39) < 0.05


def test_seeds_agree_to_what_is_promised(pair):
    fixed, moving = Volume(pair[0], UNIT), Volume(pair[1], UNIT)
    found = [register(fixed, moving, RegisterSettings(seed=s)).transform.matrix for s in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert error(found[0], found[2], 0, 63) < 0.01


def test_zeros_around_a_field_of_view_do_not_pull(pair):
    fixed, _, truth = pair
    y, x = np.ogrid[:64, :64]
    seen = np.broadcast_to(np.hypot(y - 31.5, x - 31.5) < 28, fixed.shape)
    cut = [np.rint(np.where(seen, 50 + 150 * image, 0)).astype(np.uint8) for image in pair[:2]]
    found = register(Volume(cut[0], UNIT, name="a"), Volume(cut[1], UNIT, name="b"))
    # as for the whole pair; 0.3 to 0.6 with the zeros
    assert error(found.transform.matrix, truth, 0, 63) < 0.01
    assert [note.split("(")[0] for note in found.notes] == [
        "The constant around the field of view of “a” ",
        "The constant around the field of view of “b” ",
    ]
    assert found.quality["warnings"] == []


@pytest.mark.parametrize(("offset", "factor"), [(1e9, 1.0), (0.0, 1e60), (0.0, 1e-30)])
def test_large_and_tiny_grey_levels_are_as_good(pair, offset, factor):
    fixed, moving = (offset + factor * image.astype(np.float64) for image in pair[:2])
    found = register(Volume(fixed, UNIT), Volume(moving, UNIT)).transform
    assert error(found.matrix, pair[2], 0, 63) < 0.01


def test_thin_stacks_are_placed_but_not_a_slice(pair):
    image = pair[0]
    for first, last in ((20, 22), (30, 35)):
        found = register(Volume(image, UNIT), Volume(image[first:last].copy(), UNIT)).transform
        # nothing is interpolated; what turns of a few slices leave at their corners
        np.testing.assert_allclose(
            found.apply_points([[0.0, 10, 10], [0, 50, 50]]), [[first, 10, 10], [first, 50, 50]],
            atol=0.1,
        )  # fmt: skip
    with pytest.raises(InputError, match="“b” is a single slice and “a” has 64"):
        register(Volume(image, UNIT, name="a"), Volume(image[20:21], UNIT, name="b"))


def test_what_cannot_be_aligned_is_refused_in_words(pair):
    fixed, moving, _ = pair
    with pytest.raises(InputError, match="“b” is 64 µm wide, and a voxel of “a” has 1000 µm"):
        register(Volume(fixed, (1000.0,) * 3, name="a"), Volume(moving, UNIT, name="b"))
    with pytest.raises(InputError, match="“a” .0, 64, 64. holds no voxel"):
        register(Volume(fixed[:0], UNIT, name="a"), Volume(moving, UNIT))
    little = np.zeros(fixed.shape, bool)
    little[:3, :3, :3] = True
    with pytest.raises(InputError, match="next to nothing"):
        register(Volume(fixed, UNIT), Volume(moving, UNIT), fixed_mask=little)
    microns = Transform(np.eye(4), "rigid", UNIT, UNIT)
    with pytest.raises(InputError, match="is in µm, and the images in voxels"):
        register(Volume(fixed), Volume(moving), RegisterSettings(start="transform"), start=microns)


def test_a_copy_is_told(pair):
    found = register(Volume(pair[0], UNIT, name="a"), Volume(pair[0].copy(), UNIT, name="b"))
    assert found.notes == ["“a” and “b” hold the same grey levels: one is a copy."]
    np.testing.assert_allclose(found.transform.matrix, np.eye(4), atol=1e-6)


@pytest.mark.parametrize("engine", ["own", "SimpleITK"])
def test_neither_engine_starts_apart(pair, engine, capfd):
    fixed, moving = Volume(pair[0], UNIT), Volume(pair[1], UNIT, (75.0, 0.0, 0.0))
    with pytest.raises(InputError, match="next to nothing"):
        register(fixed, moving, RegisterSettings(start="current", engine=engine))
    assert capfd.readouterr().err == ""


def test_simpleitks_own_words_are_put_into_ours(pair, monkeypatch):
    import SimpleITK as sitk  # noqa: N813

    def fails(*_):
        raise RuntimeError(
            'Exception thrown in SimpleITK Execute: /tmp/x.hxx:86:\nITK ERROR: Sampler(0x5): No '
            "samples."
        )  # fmt: skip

    monkeypatch.setattr(sitk.ImageRegistrationMethod, "Execute", fails)
    with pytest.raises(InputError, match=r"could not align the images: No samples\. Check"):
        register(Volume(pair[0], UNIT), Volume(pair[1], UNIT), RegisterSettings(engine="SimpleITK"))


def test_before_is_where_the_images_lay(pair):
    fixed, moving = Volume(pair[0], UNIT), Volume(pair[1], UNIT)
    first = register(fixed, moving)
    again = register(fixed, moving, RegisterSettings(start="transform"), start=first.transform)
    # other voxels are compared, 30,000 of them
    assert again.quality["correlation_before"] == pytest.approx(
        first.quality["correlation_before"], abs=0.03
    )
