"""Transforms in files: our own JSON, and ITK's ``.tfm``."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.files import atomic_path, write_json
from napari_battery.registration.transform import Transform, kind_of

__all__ = ["FORMAT", "first_line", "from_itk", "read_transform", "to_itk", "write_transform"]

FORMAT = "napari-battery-transform/1"
_LARGEST_BYTES = 1 << 24
"""A linear transform takes a few hundred bytes; a deformation field takes millions."""
_EXACT = 1e-11
"""What of a matrix may be lost: 10 fm over 1 mm."""
_CLASSES = {
    ("rigid", 2): ("Euler2DTransform",),
    # Euler angles fail at quarter turns about x, versors near half turns
    ("rigid", 3): ("Euler3DTransform", "VersorRigid3DTransform"),
    ("similarity", 2): ("Similarity2DTransform",),
    ("similarity", 3): ("Similarity3DTransform",),
}


def write_transform(path: str | os.PathLike[str], transform: Transform) -> None:
    """Write a transform, whole or not at all.

    Parameters
    ----------
    path : path
        ``.json`` holds everything. ``.tfm`` (or ``.txt``) is for ITK, SimpleITK, elastix,
        3D Slicer: from fixed to moving, x, y, z, µm, without voxel sizes and quality.
    transform : Transform

    Raises
    ------
    InputError
        For another suffix, a transform in voxels as ``.tfm``, or a folder that is missing
        or may not be written to.
    """
    path = Path(path)
    suffix = _suffix(path, "write")
    if suffix == ".json":
        write_json(path, _to_json(transform))
        return
    import SimpleITK

    itk = to_itk(transform)
    with atomic_path(path) as temporary:
        try:
            SimpleITK.WriteTransform(itk, str(temporary))
        except RuntimeError as error:
            raise InputError(f"Cannot write {path}: {first_line(error)}") from None


def read_transform(path: str | os.PathLike[str]) -> Transform:
    """Read a transform that was written here, or by ITK.

    Parameters
    ----------
    path : path
        ``.json``, ``.tfm`` or ``.txt``.

    Returns
    -------
    Transform
        Of a ``.tfm`` the kind is the one its matrix is of, and lengths are taken for µm.

    Raises
    ------
    InputError
        If it is missing, is no such file, holds a deformation, or contradicts itself.
    """
    path = Path(path)
    suffix = _suffix(path, "read")
    if not path.is_file():
        raise InputError(f"There is no transform {path}.")
    size = path.stat().st_size
    if size > _LARGEST_BYTES:
        raise InputError(f"{path} has {size:,} bytes: that is no rigid or affine transform.")
    try:
        return _read_json(path) if suffix == ".json" else _read_itk(path)
    except PermissionError:
        raise InputError(f"Cannot read {path}: no permission.") from None


def to_itk(transform: Transform) -> Any:
    """The same map as a SimpleITK transform: fixed to moving, x, y, z, µm.

    Parameters
    ----------
    transform : Transform

    Returns
    -------
    SimpleITK.Transform
        TranslationTransform, Euler2D/3DTransform, Similarity2D/3DTransform or
        AffineTransform, centred on the origin; VersorRigid3DTransform or AffineTransform
        also for the rotations that the parameters of the others cannot hold.

    Raises
    ------
    InputError
        If it is in voxels.
    """
    import SimpleITK

    if transform.unit != "um":
        raise InputError(
            "The transform is in voxels, and ITK's are in µm: set the voxel sizes in the Prepare "
            "dock and align again, or save it as .json."
        )
    inverse = transform.invert().matrix
    linear = inverse[:-1, :-1][::-1, ::-1]
    offset = [float(v) for v in inverse[:-1, -1][::-1]]
    if transform.kind == "translation":
        return SimpleITK.TranslationTransform(transform.ndim, offset)
    scale = abs(float(np.linalg.det(linear))) ** (1 / transform.ndim)
    for name in _CLASSES.get((transform.kind, transform.ndim), ()):
        itk = getattr(SimpleITK, name)()
        # ITK refuses a matrix that is a rounding error off a rotation
        factor = 1.0 if transform.kind == "rigid" else scale
        wanted = factor * _nearest_rotation(linear / scale)
        itk.SetMatrix(wanted.ravel().tolist())
        itk.SetTranslation(offset)
        # files hold angles or versors, and those do not say every rotation exactly
        again = getattr(SimpleITK, name)()
        again.SetParameters(itk.GetParameters())
        if np.abs(np.reshape(again.GetMatrix(), linear.shape) - wanted).max() <= _EXACT:
            return itk
    itk = SimpleITK.AffineTransform(transform.ndim)
    itk.SetMatrix(linear.ravel().tolist())
    itk.SetTranslation(offset)
    return itk


def from_itk(itk: Any) -> Transform:
    """The `Transform` of any linear SimpleITK transform, a composite one too.

    Parameters
    ----------
    itk : SimpleITK.Transform
        Fixed to moving, x, y, z, µm.

    Raises
    ------
    InputError
        If it is not linear, has another number of axes, or has no inverse.
    """
    ndim = itk.GetDimension()
    if ndim not in (2, 3):
        raise InputError(f"The transform has {ndim} axes; 2 or 3 are needed.")
    if not itk.IsLinear():
        raise InputError(
            f"The transform is a deformation ({itk.GetName()}); only translations, rigid, "
            "similarity and affine transforms can be used."
        )
    # What it does to the origin and the unit points says all, whatever its class and centre.
    at = np.array(itk.TransformPoint([0.0] * ndim))
    columns = [np.array(itk.TransformPoint(unit.tolist())) - at for unit in np.eye(ndim)]
    inverse = np.eye(ndim + 1)
    inverse[:-1, :-1] = np.stack(columns, axis=1)[::-1, ::-1]
    inverse[:-1, -1] = at[::-1]
    # from fixed to moving, so its own inverse is ours
    found = Transform(inverse, "affine", unit="um").invert()
    return Transform(found.matrix, kind_of(found.matrix), unit="um")


def _nearest_rotation(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    u, _, v = np.linalg.svd(matrix)
    return np.asarray(u @ v, np.float64)


def _to_json(transform: Transform) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "unit": transform.unit,
        "axes": "zyx"[-transform.ndim :],
        "moving_to_fixed": transform.matrix.tolist(),
        "kind": transform.kind,
        "fixed_voxel_size_um": transform.fixed_voxel_size_um,
        "moving_voxel_size_um": transform.moving_voxel_size_um,
        "quality": _fit_for_json(transform.quality),
    }


def _fit_for_json(value: Any) -> Any:
    """Numbers as JSON knows them; null where there is none (NaN, infinity)."""
    if isinstance(value, Mapping):
        return {str(key): _fit_for_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _fit_for_json(value.tolist())
    if isinstance(value, list | tuple):
        return [_fit_for_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _read_json(path: Path) -> Transform:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise InputError(f"{path} is no JSON file, or a damaged one.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        said = content.get("format") if isinstance(content, dict) else None
        raise InputError(f"{path} is no transform: its format is {said!r}, not “{FORMAT}”.")
    missing = [
        key for key in ("unit", "axes", "moving_to_fixed", "kind") if content.get(key) is None
    ]
    if missing:
        raise InputError(f"{path} is incomplete: it has no {', '.join(missing)}.")
    if content["unit"] not in ("um", "voxel"):
        raise InputError(
            f"The lengths in {path} are in {content['unit']!r}; “um” (or “voxel”) is needed."
        )
    try:
        matrix = np.array(content["moving_to_fixed"], np.float64)
    except (TypeError, ValueError):
        raise InputError(f"“moving_to_fixed” in {path} is no matrix of numbers.") from None
    ndim = len(matrix) - 1 if matrix.ndim == 2 else 0
    if content["axes"] != "zyx"[-ndim:]:
        raise InputError(
            f"The axes in {path} are {content['axes']!r}, and its matrix has shape "
            f"{matrix.shape}; “zyx” with 4 × 4 or “yx” with 3 × 3 is needed."
        )
    quality = content.get("quality") or {}
    if not isinstance(quality, dict):
        raise InputError(f"“quality” in {path} is no object with figures.")
    fixed, moving = (_size(path, content, f"{w}_voxel_size_um") for w in ("fixed", "moving"))
    try:
        return Transform(matrix, content["kind"], fixed, moving, quality, content["unit"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _size(path: Path, content: dict[str, Any], key: str) -> tuple[float, ...] | None:
    given = content.get(key)
    if given is None:
        return None
    if isinstance(given, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in given
    ):
        return tuple(given)
    raise InputError(f"“{key}” in {path} is {given!r}; a list of numbers in µm is needed.")


def _read_itk(path: Path) -> Transform:
    import SimpleITK

    try:
        itk = SimpleITK.ReadTransform(str(path))
    except RuntimeError as error:
        raise InputError(f"{path} is no ITK transform: {first_line(error)}") from None
    try:
        return from_itk(itk)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def first_line(error: Exception) -> str:
    """What ITK means, without the addresses and source files that it puts before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].split("): ")[-1] if lines else "unknown reason"


def _suffix(path: Path, verb: str) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".tfm", ".txt"):
        raise InputError(f"Cannot {verb} the transform {path}: its name must end in .json or .tfm.")
    return suffix
