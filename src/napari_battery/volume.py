"""`Volume`: an image or labels, with its voxel size and where that came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["AXES", "Volume"]

AXES = ("z", "y", "x")


@dataclass(frozen=True, eq=False)
class Volume:
    """An image or labels in z, y, x (or y, x) with its place in the world.

    Parameters
    ----------
    data : array
        numpy, memmap, zarr or dask array with 2 or 3 axes. It is not copied.
    voxel_size_um : tuple of float or None
        Edge lengths of a voxel in µm, one per axis; None while it is unknown.
    origin_um : tuple of float
        World position, in µm, of the centre of voxel (0, 0, 0).
    affine : (ndim + 1, ndim + 1) array, optional
        Further transform, applied to ``index × voxel size + origin`` (an alignment,
        say). None is the identity.
    name : str
        What the person calls it: a layer's or a file's name.
    voxel_size_source : str
        Where the voxel size came from: "ImageJ tags", "typed in", "assumed 1 µm", …
    path : Path, optional
        The file it was read from, or is backed by.
    region : boolean array, optional
        Where it is to be analysed; same shape as `data`. None is everywhere.
    metadata : dict
        What else the file said, and how the volume was made.

    Raises
    ------
    InputError
        If `data` does not have 2 or 3 axes, or the voxel size does not fit it.
    """

    data: Any
    voxel_size_um: tuple[float, ...] | None = None
    origin_um: tuple[float, ...] = ()
    affine: NDArray[np.float64] | None = None
    name: str = "volume"
    voxel_size_source: str = "unknown"
    path: Path | None = None
    region: Any | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ndim not in (2, 3):
            raise InputError(
                f"“{self.name}” has {self.ndim} axes (shape {self.shape}); "
                "an image or labels of 2 or 3 axes are needed."
            )
        size = self.voxel_size_um
        if size is not None:
            size = tuple(float(v) for v in size)
            if len(size) != self.ndim or not all(np.isfinite(v) and v > 0 for v in size):
                raise InputError(
                    f"“{self.name}” has {self.ndim} axes, but its voxel size is {size} µm; "
                    "one positive number per axis is needed."
                )
            object.__setattr__(self, "voxel_size_um", size)
        origin = tuple(float(v) for v in self.origin_um) or (0.0,) * self.ndim
        object.__setattr__(self, "origin_um", origin)
        if self.region is not None and tuple(self.region.shape) != self.shape:
            raise InputError(
                f"The region of “{self.name}” has shape {tuple(self.region.shape)}, "
                f"the image {self.shape}; they must be equal."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def ndim(self) -> int:
        return len(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self.data.dtype)
        return dtype

    @property
    def axes(self) -> tuple[str, ...]:
        """Axis names, ("z", "y", "x") or ("y", "x")."""
        return AXES[-self.ndim :]

    @property
    def is_assumed(self) -> bool:
        """Whether the voxel size is only assumed; whatever is shown in µm must say so."""
        return self.voxel_size_source.startswith("assumed")

    def known_voxel_size_um(self) -> tuple[float, ...]:
        """Voxel size in µm per axis.

        Raises
        ------
        InputError
            If it is unknown.
        """
        if self.voxel_size_um is None:
            raise InputError(
                f"The voxel size of “{self.name}” is unknown: set it in the Prepare dock, "
                "or give --voxel-size in µm."
            )
        return self.voxel_size_um

    def with_voxel_size(self, voxel_size_um: float | tuple[float, ...], source: str) -> Volume:
        """The same data with another voxel size (one number serves all axes)."""
        if isinstance(voxel_size_um, int | float):
            voxel_size_um = (float(voxel_size_um),) * self.ndim
        return replace(self, voxel_size_um=voxel_size_um, voxel_size_source=source)

    def like(self, data: Any, name: str, **changes: Any) -> Volume:
        """A result on the same grid: other data and name, same place in the world.

        Of the metadata only ``synthetic`` is kept: what is made from made-up data stays so.
        """
        kept = {k: v for k, v in self.metadata.items() if k == "synthetic"}
        changes = {"metadata": kept, **changes}
        return replace(self, data=data, name=name, path=None, **changes)

    def world_affine(self) -> NDArray[np.float64]:
        """Matrix (ndim + 1 square) from voxel indices to world coordinates in µm.

        Raises
        ------
        InputError
            If the voxel size is unknown.
        """
        matrix = np.eye(self.ndim + 1)
        matrix[range(self.ndim), range(self.ndim)] = self.known_voxel_size_um()
        matrix[:-1, -1] = self.origin_um
        return matrix if self.affine is None else np.asarray(self.affine) @ matrix

    def same_grid(self, other: Volume) -> bool:
        """Whether voxel i of one lies on voxel i of the other (to 1 % of a voxel)."""
        if self.shape != other.shape:
            return False
        if self.voxel_size_um is None or other.voxel_size_um is None:
            return self.voxel_size_um == other.voxel_size_um
        corners = np.array(np.meshgrid(*[(0, n) for n in self.shape])).reshape(self.ndim, -1)
        corners = np.vstack([corners, np.ones(corners.shape[1])])
        apart = np.abs((self.world_affine() - other.world_affine()) @ corners).max()
        return bool(apart <= 0.01 * min(self.voxel_size_um))
