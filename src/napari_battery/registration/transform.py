"""`Transform`: where a moving image lies in the world of a fixed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError
from napari_battery.volume import Volume

__all__ = [
    "KINDS",
    "Kind",
    "Transform",
    "Unit",
    "Worlds",
    "common_world",
    "identity",
    "kind_of",
    "transform_between",
]

Kind = Literal["translation", "rigid", "similarity", "affine"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""From the fewest to the most degrees of freedom; each holds those before it."""

Unit = Literal["um", "voxel"]

_FIT = 1e-6
"""How far the linear part may be from its kind: 1 nm over 1 mm, and a float32's rounding."""


@dataclass(frozen=True, eq=False)
class Transform:
    """A linear map from the moving image's world to the fixed one's.

    Parameters
    ----------
    matrix : (ndim + 1, ndim + 1) array
        "moving_to_fixed", homogeneous, axes z, y, x (or y, x), lengths in `unit`.
    kind : {"translation", "rigid", "similarity", "affine"}
        What the map is meant to be; the matrix must be of that kind.
    fixed_voxel_size_um, moving_voxel_size_um : tuple of float or None
        Voxel sizes of the pair it was found for; None where they are unknown.
    quality : mapping
        How well the pair agrees: figures and ``"warnings"``, fit for JSON.
    unit : {"um", "voxel"}, optional
        "voxel" where both voxel sizes are unknown, unless given.

    Raises
    ------
    InputError
        If the matrix is no such map: another shape, not finite, flat (it cannot be
        inverted), or not of its kind.
    """

    matrix: NDArray[np.float64]
    kind: Kind = "affine"
    fixed_voxel_size_um: tuple[float, ...] | None = None
    moving_voxel_size_um: tuple[float, ...] | None = None
    quality: Mapping[str, Any] = field(default_factory=dict)
    unit: Unit | None = None

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, np.float64)
        _check(matrix, self.kind)
        matrix[-1] = 0.0
        matrix[-1, -1] = 1.0
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)
        unknown = True
        for name in ("fixed_voxel_size_um", "moving_voxel_size_um"):
            size = getattr(self, name)
            if size is None:
                continue
            unknown = False
            size = tuple(float(v) for v in size)
            if len(size) != self.ndim or not all(np.isfinite(v) and v > 0 for v in size):
                raise InputError(
                    f"The transform has {self.ndim} axes, but its {name} is {size}; "
                    "one positive number per axis is needed."
                )
            object.__setattr__(self, name, size)
        if self.unit is None:
            object.__setattr__(self, "unit", "voxel" if unknown else "um")

    @property
    def ndim(self) -> int:
        return len(self.matrix) - 1

    @property
    def linear(self) -> NDArray[np.float64]:
        """Rotation, scale and shear: the matrix without its translation."""
        return self.matrix[:-1, :-1]

    def apply_points(self, points: ArrayLike) -> NDArray[np.float64]:
        """Take points from the moving world to the fixed one.

        Parameters
        ----------
        points : (n, ndim) array
            World coordinates, z, y, x.

        Returns
        -------
        (n, ndim) float64 array

        Raises
        ------
        InputError
            If the points have another number of axes.
        """
        given = np.asarray(points, np.float64)
        if given.ndim != 2 or given.shape[1] != self.ndim:
            raise InputError(
                f"The points have shape {given.shape}; the transform has {self.ndim} axes: "
                f"give an array of n × {self.ndim} world coordinates."
            )
        moved: NDArray[np.float64] = given @ self.linear.T + self.matrix[:-1, -1]
        return moved

    def invert(self) -> Transform:
        """The map from the fixed world to the moving one; what was measured is not kept."""
        return Transform(
            _exactly(np.linalg.inv(self.matrix), self.kind),
            self.kind,
            self.moving_voxel_size_um,
            self.fixed_voxel_size_um,
            unit=self.unit,
        )

    def compose(self, first: Transform) -> Transform:
        """`first`, then this one: from the world that `first` starts in to this one's fixed.

        Parameters
        ----------
        first : Transform
            Its fixed image is this one's moving image.

        Returns
        -------
        Transform
            Of the wider of both kinds.

        Raises
        ------
        InputError
            If one is 2-D and the other 3-D, or one is in µm and the other in voxels.
        """
        if first.ndim != self.ndim:
            raise InputError(
                f"Transforms of {first.ndim} and {self.ndim} axes cannot follow one another; "
                "both must be 2-D or both 3-D."
            )
        if first.unit != self.unit:
            raise InputError(
                f"One transform is in {_UNIT_NAMES[first.unit or 'um']}, the other in "
                f"{_UNIT_NAMES[self.unit or 'um']}: they cannot follow one another. Set the "
                "voxel sizes in the Prepare dock and align again."
            )
        kind = max(self.kind, first.kind, key=KINDS.index)
        return Transform(
            _exactly(self.matrix @ first.matrix, kind),
            kind,
            self.fixed_voxel_size_um,
            first.moving_voxel_size_um,
            unit=self.unit,
        )


_UNIT_NAMES = {"um": "µm", "voxel": "voxels"}


def kind_of(matrix: ArrayLike) -> Kind:
    """The kind with the fewest degrees of freedom that a homogeneous matrix is of."""
    linear = np.asarray(matrix, np.float64)[:-1, :-1]
    return next(kind for kind in KINDS if _is(linear, kind))


def _is(linear: NDArray[np.float64], kind: Kind) -> bool:
    eye = np.eye(len(linear))
    if kind == "affine":
        return True
    if kind == "translation":
        return bool(np.abs(linear - eye).max() <= _FIT)
    determinant = float(np.linalg.det(linear))
    if determinant <= 0:
        return False
    scale = determinant ** (1 / len(linear))
    if kind == "rigid" and abs(scale - 1) > _FIT:
        return False
    return bool(np.abs(linear.T @ linear / scale**2 - eye).max() <= _FIT)


def _exactly(matrix: NDArray[Any], kind: Kind) -> NDArray[np.float64]:
    """The matrix of a kind next to one that is nearly of it: rounding does not add up."""
    nearest = np.array(matrix, np.float64)
    ndim = len(nearest) - 1
    if kind == "translation":
        nearest[:-1, :-1] = np.eye(ndim)
    elif kind != "affine":
        u, widths, v = np.linalg.svd(nearest[:-1, :-1])
        nearest[:-1, :-1] = (1.0 if kind == "rigid" else widths.mean()) * (u @ v)
    return nearest


def _check(matrix: NDArray[np.float64], kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"“{kind}” is no kind of transform; these are: {', '.join(KINDS)}.")
    if matrix.shape not in ((3, 3), (4, 4)):
        raise InputError(
            f"A transform's matrix has shape {matrix.shape}; it must be 4 × 4, or 3 × 3 in 2-D."
        )
    if not np.isfinite(matrix).all():
        raise InputError("The transform's matrix holds numbers that are not finite.")
    last = np.zeros(len(matrix))
    last[-1] = 1
    if np.abs(matrix[-1] - last).max() > _FIT:
        raise InputError(
            f"The last row of a transform's matrix must be {last.tolist()}, not "
            f"{matrix[-1].tolist()}: perspective is none of its kinds."
        )
    widths = np.linalg.svd(matrix[:-1, :-1], compute_uv=False)
    if widths[-1] <= 1e-9 * widths[0]:
        raise InputError("The transform flattens the image to a plane or less; it has no inverse.")
    if not _is(matrix[:-1, :-1], kind):
        raise InputError(
            f"The transform is said to be of the kind “{kind}”, but its matrix is of the kind "
            f"“{kind_of(matrix)}”."
        )


@dataclass(frozen=True, eq=False)
class Worlds:
    """How the voxels of a pair lie in the unit that both share."""

    fixed: NDArray[np.float64]
    """Matrix from voxel indices of the fixed image to its world."""
    moving: NDArray[np.float64]
    unit: Unit

    def fixed_to_moving_index(self, transform: Transform) -> NDArray[np.float64]:
        """Matrix from voxel indices of the fixed image to those of the moving one."""
        matrix = np.linalg.solve(transform.matrix @ self.moving, self.fixed)
        return np.asarray(matrix, np.float64)


def common_world(fixed: Volume, moving: Volume) -> Worlds:
    """How the voxels of two volumes lie in one world.

    Parameters
    ----------
    fixed, moving : Volume
        Of any shapes, voxel sizes and affines.

    Returns
    -------
    Worlds
        In µm; in voxels where both voxel sizes are unknown.

    Raises
    ------
    InputError
        If one is 2-D and the other 3-D, or only one voxel size is known.
    """
    if fixed.ndim != moving.ndim:
        raise InputError(
            f"“{fixed.name}” has {fixed.ndim} axes and “{moving.name}” {moving.ndim}; "
            "both must be 2-D or both 3-D."
        )
    if fixed.voxel_size_um is None and moving.voxel_size_um is None:
        one, other = (
            volume.with_voxel_size(1.0, "unknown").world_affine() for volume in (fixed, moving)
        )
        return Worlds(one, other, "voxel")
    for volume, known in ((fixed, moving), (moving, fixed)):
        if volume.voxel_size_um is None:
            raise InputError(
                f"The voxel size of “{volume.name}” is unknown, that of “{known.name}” is "
                f"{known.voxel_size_um} µm: set it in the Prepare dock, or give --voxel-size "
                "in µm."
            )
    return Worlds(fixed.world_affine(), moving.world_affine(), "um")


def transform_between(
    fixed: Volume,
    moving: Volume,
    matrix: NDArray[np.float64],
    kind: Kind,
    quality: Mapping[str, Any] | None = None,
) -> Transform:
    """A transform of a pair, with the pair's voxel sizes and unit.

    Raises
    ------
    InputError
        See `common_world` and `Transform`.
    """
    return Transform(
        matrix,
        kind,
        fixed.voxel_size_um,
        moving.voxel_size_um,
        dict(quality or {}),
        common_world(fixed, moving).unit,
    )


def identity(fixed: Volume, moving: Volume, kind: Kind = "rigid") -> Transform:
    """The transform of a pair that leaves everything where it is."""
    return transform_between(fixed, moving, np.eye(fixed.ndim + 1), kind)
