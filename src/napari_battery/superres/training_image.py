"""`TrainingImage`: what a network reads and what it should answer, voxel on voxel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["TrainingImage"]


@dataclass(frozen=True, eq=False)
class TrainingImage:
    """A pair of images on the high-resolution grid, in normalised grey levels.

    Parameters
    ----------
    name : str
        What the person calls it.
    group : str
        The sample it belongs to: what must not be in training and validation alike.
    low : (z, y, x) float32 array
        The low-resolution scan, cubic on the high-resolution grid.
    high : (z, y, x) float32 array
        The high-resolution scan on the low one's grey scale.
    low_voxel_size_um, high_voxel_size_um : tuple of float
        Voxel sizes of the two scans, z, y, x; `high_voxel_size_um` is the grid's.
    valid : (z, y, x) boolean array, optional
        Where both have data. None is everywhere.
    residual_shift_um : float
        What shift is left between the two; 0 where one was made from the other.
    provenance : dict
        Files, SHA-256, licence, ``synthetic``; fit for JSON.

    Raises
    ------
    InputError
        If the arrays differ in shape or are not 3-D (of a 2-D image one slice).
    """

    name: str
    group: str
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    low_voxel_size_um: tuple[float, ...]
    high_voxel_size_um: tuple[float, ...]
    valid: NDArray[np.bool_] | None = None
    residual_shift_um: float = 0.0
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {tuple(a.shape) for a in (self.low, self.high, self.valid) if a is not None}
        if len(shapes) > 1 or len(self.low.shape) != 3:
            raise InputError(
                f"The images of “{self.name}” have the shapes {sorted(shapes)}; both must be 3-D "
                "and equal."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self.low.shape
        return z, y, x

    @property
    def ratio(self) -> float:
        """Voxels of the high-resolution grid along the edge of a low-resolution one."""
        return max(
            a / b for a, b in zip(self.low_voxel_size_um, self.high_voxel_size_um, strict=True)
        )
