from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from napari_battery.errors import InputError
from napari_battery.registration.landmarks import fewest_pairs, fit_landmarks
from napari_battery.registration.rotations import rotation_matrix
from napari_battery.registration.transform import KINDS, Kind, kind_of


def moved(points: Any, kind: Kind, seed: int = 0) -> tuple[Any, Any]:
    """Points after a random transform of a kind, and its matrix."""
    random = np.random.default_rng(seed)
    ndim = points.shape[1]
    linear = np.eye(ndim)
    if kind != "translation":
        linear = rotation_matrix(random.uniform(-1, 1, 3 if ndim == 3 else 1))
    if kind == "similarity":
        linear = linear * random.uniform(0.5, 2)
    if kind == "affine":
        linear = linear @ (np.diag(random.uniform(0.6, 1.5, ndim)) + 0.1)
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1], matrix[:-1, -1] = linear, random.uniform(-90, 90, ndim)
    return points @ linear.T + matrix[:-1, -1], matrix


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    ndim=st.sampled_from([2, 3]),
    extra=st.integers(0, 6),
    seed=st.integers(0, 10_000),
)
def test_exact_pairs_give_the_exact_transform(kind: Kind, ndim: int, extra: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    # Corners of a simplex are never nearly on a line or plane; further points are anywhere.
    corners = np.vstack([np.eye(ndim) * 100, np.zeros(ndim)])[: max(2, fewest_pairs(kind, ndim))]
    moving = np.vstack([corners, random.uniform(0, 100, (extra, ndim))])
    fixed, matrix = moved(moving, kind, seed)
    fit = fit_landmarks(fixed, moving, kind)
    # 100 µm coordinates in float64, condition of a few hundred.
    np.testing.assert_allclose(fit.transform.matrix, matrix, atol=1e-9)
    assert fit.residuals_um.max() < 1e-9
    assert fit.inliers.all()
    assert (fit.transform.kind, fit.transform.unit) == (kind, "um")
    assert fit.transform.quality["landmarks"] == len(moving)
    just_enough = len(moving) <= fewest_pairs(kind, ndim)
    assert bool(fit.transform.quality["warnings"]) == just_enough


def cost(matrix: Any, fixed: Any, moving: Any) -> float:
    return float(((moving @ matrix[:-1, :-1].T + matrix[:-1, -1] - fixed) ** 2).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_noisy_pairs_give_the_least_squares(kind: Kind) -> None:
    """An optimiser that knows no closed form finds no better transform of the kind."""
    random = np.random.default_rng(4)
    moving = random.uniform(0, 100, (9, 3))
    fixed, _ = moved(moving, kind, 5)
    fixed = fixed + random.normal(0, 3, fixed.shape)
    fit = fit_landmarks(fixed, moving, kind)

    def matrix_of(p: Any) -> Any:
        linear = {
            "translation": lambda: np.eye(3),
            "rigid": lambda: Rotation.from_rotvec(p[3:6]).as_matrix(),
            "similarity": lambda: p[6] * Rotation.from_rotvec(p[3:6]).as_matrix(),
            "affine": lambda: np.reshape(p[3:12], (3, 3)),
        }[kind]()
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = linear, p[:3]
        return matrix

    no_turn = np.eye(3).ravel() if kind == "affine" else [0.1, 0.1, 0.1, 1]
    start = [0.0, 0.0, 0.0, *no_turn]
    found = least_squares(
        lambda p: (moving @ matrix_of(p)[:3, :3].T + matrix_of(p)[:3, 3] - fixed).ravel(),
        start,
        xtol=1e-14,
        ftol=1e-14,
    )
    best = cost(matrix_of(found.x), fixed, moving)
    assert cost(fit.transform.matrix, fixed, moving) <= best * (1 + 1e-9)
    assert kind_of(fit.transform.matrix) == kind
    np.testing.assert_allclose((fit.residuals_um**2).sum(), best, rtol=1e-6)
    assert fit.transform.quality["rms_residual_um"] == pytest.approx(np.sqrt(best / 9), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [12, 60])  # every subset, and a random choice of them
def test_wrong_pairs_are_left_out(kind: Kind, n: int) -> None:
    random = np.random.default_rng(n)
    moving = random.uniform(0, 100, (n, 3))
    fixed, matrix = moved(moving, kind, 6)
    wrong = np.zeros(n, bool)
    wrong[random.choice(n, n // 3, replace=False)] = True
    fixed[wrong] += random.choice([-1, 1], (wrong.sum(), 3)) * random.uniform(
        15, 40, (wrong.sum(), 3)
    )
    fixed += random.normal(0, 0.1, fixed.shape)
    fit = fit_landmarks(fixed, moving, kind, ransac=1.0)
    np.testing.assert_array_equal(fit.inliers, ~wrong)
    assert fit.residuals_um[~wrong].max() < 1
    assert fit.residuals_um[wrong].min() > 5
    assert fit.transform.quality["landmarks_left_out"] == wrong.sum()
    # 0.1 µm of noise on eight pairs over 100 µm: a corner moves by some 0.3 µm at most.
    corners = np.array([[0.0, 0, 0], [100, 100, 100]])
    away = corners @ matrix[:3, :3].T + matrix[:3, 3] - fit.transform.apply_points(corners)
    assert np.abs(away).max() < 0.5
    # With the wrong pairs in, the good ones fit visibly worse.
    assert fit_landmarks(fixed, moving, kind).residuals_um[~wrong].mean() > (
        2 * fit.residuals_um[~wrong].mean()
    )


LINE = np.arange(5)[:, None] * [[3.0, 2.0, 1.0]] + 1000
PLANE = np.array([[500.0, 0, 0], [500, 9, 0], [500, 0, 9], [500, 9, 9], [500, 3, 5]])


@pytest.mark.parametrize(
    ("points", "kind", "says"),
    [
        (np.full((4, 3), 7.0), "rigid", "on one line"),
        (np.full((4, 2), 7.0), "rigid", "on one point"),
        (LINE, "rigid", "on one line"),
        (LINE, "similarity", "on one line"),
        (LINE[:, 1:], "affine", "on one line"),
        (PLANE, "affine", "in one plane"),
    ],
)
def test_points_that_do_not_say_enough_are_refused(points: Any, kind: Kind, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_landmarks(points + 1.5, points, kind)


def test_points_in_a_plane_are_enough_to_turn_and_one_point_is_to_shift() -> None:
    fixed, matrix = moved(PLANE, "rigid", 2)
    found = fit_landmarks(fixed, PLANE, "rigid").transform.matrix
    np.testing.assert_allclose(found, matrix, atol=1e-9)
    shift = fit_landmarks([[1.0, 2, 3]], [[0.0, 0, 5]], "translation").transform.matrix
    np.testing.assert_array_equal(shift[:3, 3], [1, 2, -2])


@pytest.mark.parametrize("kind", ["rigid", "similarity", "affine"])
def test_mirrored_pairs_are_said_to_be(kind: Kind) -> None:
    moving = np.random.default_rng(1).uniform(0, 100, (8, 3))
    fixed, _ = moved(moving * [-1, 1, 1], "rigid", 3)
    with pytest.raises(InputError, match="mirrored"):
        fit_landmarks(fixed, moving, kind)


@pytest.mark.parametrize(
    ("fixed", "moving", "options", "says"),
    [
        (np.zeros((3, 3)), np.zeros((4, 3)), {}, "3 fixed landmarks and 4 moving"),
        (np.zeros((3, 3)), np.zeros((3, 2)), {}, "2-D"),
        (np.zeros((3, 4)), np.zeros((3, 4)), {}, "shape"),
        (np.zeros((2, 3)), np.zeros((2, 3)), {}, "at least 3"),
        (np.zeros((0, 3)), np.zeros((0, 3)), {"kind": "translation"}, "at least 1"),
        (np.eye(3) * [[1], [np.nan], [1]], np.eye(3), {}, "fixed landmark 2"),
        (np.eye(3), np.eye(3), {"kind": "bent"}, "no kind"),
        (np.eye(3), np.eye(3), {"ransac": 0.0}, "above 0"),
        (np.eye(3) * 9, np.eye(3) * 9, {"ransac": 1.0}, "No 4 of the 3 pairs"),
    ],
)
def test_bad_pairs_are_refused(fixed: Any, moving: Any, options: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_landmarks(fixed, moving, **options)


def test_pairs_that_agree_on_nothing_are_refused() -> None:
    fixed, moving = np.random.default_rng(2).uniform(0, 100, (2, 10, 3))
    with pytest.raises(InputError, match="agree to within 0.5 µm"):
        fit_landmarks(fixed, moving, "rigid", ransac=0.5)


def test_landmarks_of_stacks_without_voxel_sizes_count_voxels() -> None:
    assert fit_landmarks(PLANE, PLANE, "rigid", unit="voxel").transform.unit == "voxel"
    fixed, moving = np.random.default_rng(2).uniform(0, 100, (2, 10, 3))
    with pytest.raises(InputError, match="agree to within 0.5 voxels"):
        fit_landmarks(fixed, moving, "rigid", ransac=0.5, unit="voxel")
