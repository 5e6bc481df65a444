"""A mask that somebody else made, as the labelling needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["on_one_grid", "phase_mask"]


def phase_mask(
    mask: Volume,
    image: Volume,
    phase: int | str | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.bool_]:
    """Where a mask or one phase of a segmentation is, on an image's grid.

    Parameters
    ----------
    mask : Volume
        Truth values, or whole numbers (of any type): 0 outside, or codes of phases. Where it
        lies on another grid than the image, its nearest voxels are taken.
    image : Volume
        Whose grid and region to use; its data are not read.
    phase : int or str, optional
        Code of the phase, or its name in the mask's ``metadata["phases"]``. By default the
        phase ``active`` of a volume that has one, else all that is not 0.
    progress : Progress
        Advanced while it is brought onto the image's grid.

    Returns
    -------
    bool array

    Raises
    ------
    InputError
        If the grids cannot be brought together, the mask holds other than whole numbers, or
        it lacks the phase.
    """
    if not on_one_grid(mask, image):
        from napari_battery.resample import onto_grid

        metadata = mask.metadata
        mask = onto_grid(mask, image, progress, order=0)
        mask.metadata.update({k: metadata[k] for k in ("phases",) if k in metadata})
    code = _code(mask, phase)
    found = np.empty(mask.shape, bool)
    for k in range(len(found)):
        plane = np.asarray(mask.data[k])
        if plane.dtype.kind == "f":
            plane = _whole(plane, mask.name)
        found[k] = plane != 0 if code is None else plane == code
        for region in (mask.region, image.region):
            if region is not None:
                found[k] &= np.asarray(region[k], bool)
    if code is not None and not found.any():
        raise InputError(
            f"“{mask.name}” has no voxel of phase {phase if phase is not None else code}; "
            "choose one that it has."
        )
    return found


def on_one_grid(mask: Volume, image: Volume) -> bool:
    """Whether voxels lie on each other, as far as their sizes are known."""
    if mask.voxel_size_um is None or image.voxel_size_um is None:
        return mask.shape == image.shape
    return mask.same_grid(image)


def _code(mask: Volume, phase: int | str | None) -> int | None:
    phases: dict[str, int] = mask.metadata.get("phases") or {}
    if phase is None:
        return phases.get("active")
    if isinstance(phase, int):
        return phase
    if phase in phases:
        return phases[phase]
    try:
        return int(phase)
    except ValueError:
        there = ", ".join(phases) or "none by name; give its code"
        raise InputError(f"“{mask.name}” has no phase “{phase}”; it has {there}.") from None


def _whole(plane: NDArray[Any], name: str) -> NDArray[Any]:
    finite = np.where(np.isfinite(plane), plane, 0)
    rounded: NDArray[Any] = np.round(finite)
    if (rounded != finite).any():
        raise InputError(
            f"“{name}” is to be a mask or phases, but holds {finite[rounded != finite][0]:g}; "
            "whole numbers are needed. Is it the grey-level image?"
        )
    return rounded
