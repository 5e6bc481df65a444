from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.registration.rotations import rotation_matrix
from napari_battery.registration.transform import (
    KINDS,
    Kind,
    Transform,
    common_world,
    identity,
    kind_of,
    transform_between,
)
from napari_battery.volume import Volume


def a_matrix(kind: Kind, ndim: int, seed: int) -> Any:
    """A random matrix of a kind, and of none narrower."""
    random = np.random.default_rng(seed)
    linear = np.eye(ndim)
    if kind != "translation":
        angle = random.uniform(0.2, 0.9)
        axis = random.normal(size=3 if ndim == 3 else 1)
        linear = rotation_matrix(angle * axis / np.linalg.norm(axis))
    if kind == "similarity":
        linear = linear * random.uniform(1.1, 2.0)
    if kind == "affine":
        linear = linear @ (np.eye(ndim) + np.triu(random.uniform(0.1, 0.3, (ndim, ndim))))
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1] = linear
    matrix[:-1, -1] = random.uniform(-50, 50, ndim)
    return matrix


def volume(shape: tuple[int, ...] = (4, 5, 6), size: Any = 1.0, **more: Any) -> Volume:
    sizes = None if size is None else np.broadcast_to(size, len(shape))
    return Volume(np.zeros(shape, np.uint8), None if sizes is None else tuple(sizes), **more)


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    ndim=st.sampled_from([2, 3]),
    seed=st.integers(0, 10_000),
)
def test_composing_and_inverting_do_to_points_what_the_steps_do(
    kinds: tuple[Kind, Kind], ndim: int, seed: int
) -> None:
    outer = Transform(a_matrix(kinds[0], ndim, seed), kinds[0], (1.0,) * ndim, (2.0,) * ndim)
    inner = Transform(a_matrix(kinds[1], ndim, seed + 1), kinds[1], (2.0,) * ndim, (3.0,) * ndim)
    points = np.random.default_rng(seed).uniform(-100, 100, (7, ndim))
    both = outer.compose(inner)
    # Coordinates of some hundred µm, float64: 1e-10 leaves three digits for rounding.
    np.testing.assert_allclose(
        both.apply_points(points), outer.apply_points(inner.apply_points(points)), atol=1e-10
    )
    np.testing.assert_allclose(
        both.invert().apply_points(both.apply_points(points)), points, atol=1e-10
    )
    assert both.kind == max(kinds, key=KINDS.index)
    assert both.fixed_voxel_size_um == (1.0,) * ndim
    assert both.moving_voxel_size_um == (3.0,) * ndim
    assert both.invert().moving_voxel_size_um == (1.0,) * ndim
    assert kind_of(both.invert().matrix) == kind_of(both.matrix)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_a_matrix_is_the_narrowest(kind: Kind, ndim: int) -> None:
    matrix = a_matrix(kind, ndim, 3)
    assert kind_of(matrix) == kind
    for wider in KINDS[KINDS.index(kind) :]:
        assert Transform(matrix, wider).kind == wider
    for narrower in KINDS[: KINDS.index(kind)]:
        with pytest.raises(InputError, match=f"“{narrower}”, but its matrix is of the kind"):
            Transform(matrix, narrower)


def test_a_mirror_is_affine_only() -> None:
    mirror = np.diag([-1.0, 1, 1, 1])
    assert kind_of(mirror) == "affine"
    with pytest.raises(InputError, match="affine"):
        Transform(mirror, "rigid")


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (np.eye(5), "shape"),
        (np.eye(2), "shape"),
        (np.zeros((4, 3)), "shape"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.diag([1.0, 1, 0, 1]), "no inverse"),
        (np.zeros((4, 4)), "last row"),
        (np.diag([1.0, 1, 1, 2]), "last row"),
        (np.eye(4) + np.outer([0, 0, 0, 1], [0.1, 0, 0, 0]), "perspective"),
    ],
)
def test_what_is_no_such_map_is_refused(matrix: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Transform(matrix)


def test_other_fields_are_checked() -> None:
    with pytest.raises(InputError, match="no kind"):
        Transform(np.eye(4), "bent")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one positive number per axis"):
        Transform(np.eye(4), "rigid", (1.0, 1.0))
    with pytest.raises(InputError, match="one positive number per axis"):
        Transform(np.eye(4), "rigid", None, (1.0, 1.0, -1.0))
    with pytest.raises(InputError, match="shape"):
        Transform(np.eye(4)).apply_points(np.zeros((3, 2)))
    with pytest.raises(InputError, match="2-D"):
        Transform(np.eye(4)).compose(Transform(np.eye(3)))
    with pytest.raises(InputError, match="µm"):
        Transform(np.eye(4), unit="um").compose(Transform(np.eye(4)))


def test_it_cannot_be_changed_and_keeps_no_hold_of_what_it_was_given() -> None:
    matrix = np.eye(4)
    transform = Transform(matrix)
    matrix[0, 3] = 5
    assert transform.matrix[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        transform.matrix[0, 3] = 1


def test_the_unit_is_voxels_only_where_both_sizes_are_unknown() -> None:
    assert Transform(np.eye(4)).unit == "voxel"
    assert Transform(np.eye(4), "rigid", (1, 1, 1)).unit == "um"
    assert identity(volume(size=None), volume(size=None)).unit == "voxel"
    made = transform_between(volume(size=0.7), volume(size=2.3), np.eye(4), "rigid", {"a": 1})
    assert (made.unit, made.quality) == ("um", {"a": 1})
    assert made.fixed_voxel_size_um == (0.7,) * 3
    assert made.moving_voxel_size_um == (2.3,) * 3


def test_one_unknown_voxel_size_is_an_error_that_names_the_layer() -> None:
    low, high = volume(size=2.3, name="low"), volume(size=None, name="high")
    for pair in ((low, high), (high, low)):
        with pytest.raises(InputError, match="voxel size of “high” is unknown, that of “low”"):
            common_world(*pair)
    with pytest.raises(InputError, match="both must be 2-D or both 3-D"):
        common_world(volume((4, 5), 1.0), volume())


def test_indices_of_the_fixed_image_lead_to_those_of_the_moving_one() -> None:
    turn = a_matrix("rigid", 3, 1)
    fixed = volume(size=(0.5, 0.6, 0.7), origin_um=(1, 2, 3))
    moving = volume(size=2.0, origin_um=(-4, 0, 1), affine=turn)
    transform = transform_between(fixed, moving, a_matrix("affine", 3, 2), "affine")
    index = common_world(fixed, moving).fixed_to_moving_index(transform)
    at = index @ [1, 2, 3, 1]
    world_of_moving = turn @ [*(at[:3] * 2.0 + [-4, 0, 1]), 1]
    fixed_world = np.array([1, 2, 3]) * [0.5, 0.6, 0.7] + [1, 2, 3]
    np.testing.assert_allclose(
        transform.apply_points(world_of_moving[None, :3])[0], fixed_world, atol=1e-10
    )
    unknown = common_world(volume(size=None), volume(size=None, origin_um=(1, 0, 0)))
    assert unknown.unit == "voxel"
    np.testing.assert_array_equal(unknown.moving[:3, 3], [1, 0, 0])


@pytest.mark.parametrize("kind", ["translation", "rigid", "similarity"])
def test_a_long_chain_of_rounded_transforms_stays_of_its_kind(kind: Kind) -> None:
    """Matrices from files with seven digits, as states of a series follow one another."""
    steps = [
        Transform(a_matrix(kind, 3, seed).astype(np.float32), kind, unit="um") for seed in range(40)
    ]
    chain = steps[0]
    for step in steps[1:]:
        chain = step.compose(chain.invert().invert())
    assert chain.kind == kind
    assert kind_of(chain.matrix) == kind
