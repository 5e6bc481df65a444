"""How much of a volume each phase takes: fractions, porosity, profiles along the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._checks import axis_number, binary, edges
from napari_battery.microstructure.percolation import connected_pieces
from napari_battery.volume import AXES

__all__ = ["Porosity", "fraction_profile", "phase_fractions", "porosity"]

_MOST_NAMED = 5


@dataclass(frozen=True)
class Porosity:
    """Fractions of the whole volume, 0 to 1; phases other than pores have them too."""

    total: float
    """All of the phase."""
    open: float
    """What leads to any face of the volume."""
    percolating: dict[str, float]
    """By axis: what leads to both faces across it."""

    @property
    def closed(self) -> float:
        """What leads to no face of the volume."""
        return self.total - self.open


def porosity(mask: NDArray[Any]) -> Porosity:
    """Total, open and percolating fraction of a phase.

    Voxels are joined through their faces. A pore cut by the volume's face counts as open
    though it may be closed outside: the smaller the volume, the more of them.

    Parameters
    ----------
    mask : (Z, Y, X) or (Y, X) array of bool
        The phase, pores as a rule.

    Raises
    ------
    InputError
        If the mask is not one.
    """
    mask = binary(mask)
    pieces = connected_pieces(mask)

    def share(which: NDArray[np.bool_]) -> float:
        return float(pieces.voxels[which].sum() / mask.size)

    names = AXES[-mask.ndim :]
    return Porosity(
        total=float(pieces.voxels.sum() / mask.size),
        open=share(pieces.open()),
        percolating={name: share(pieces.through(k)) for k, name in enumerate(names)},
    )


def phase_fractions(
    phases: NDArray[Any], codes: Mapping[str, int], region: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """Volume fraction of every phase.

    Parameters
    ----------
    phases : array of int
        Segmented volume.
    codes : mapping of str to int
        The number that stands for each phase: ``{"pore": 0, "active": 1, "binder": 2}``.
    region : array of bool, optional
        Where to count; everywhere by default.

    Returns
    -------
    dict
        Fraction, 0 to 1, by phase; 0 for a phase that does not occur. They add up to 1.

    Raises
    ------
    InputError
        If the volume holds numbers that stand for no phase, or the region is empty.
    """
    counts = _counts(np.asarray(phases), codes, region)
    total = sum(counts.values())
    if total == 0:
        raise InputError("The region holds no voxel: choose another.")
    return {name: n / total for name, n in counts.items()}


def _counts(
    phases: NDArray[Any], codes: Mapping[str, int], region: NDArray[np.bool_] | None
) -> dict[str, int]:
    inside = phases if region is None else phases[region]
    counts = {name: int(np.count_nonzero(inside == code)) for name, code in codes.items()}
    if sum(counts.values()) != inside.size:
        others = np.setdiff1d(np.unique(inside), list(codes.values()))
        shown = ", ".join(str(other) for other in others[:_MOST_NAMED])
        more = f" and {others.size - _MOST_NAMED} more" if others.size > _MOST_NAMED else ""
        named = ", ".join(f"{name}={code}" for name, code in codes.items())
        raise InputError(
            f"The volume holds {shown}{more}, which stand for no phase ({named}): "
            "name them, or give phases where labels were given."
        )
    return counts


def fraction_profile(
    phases: NDArray[Any],
    codes: Mapping[str, int],
    voxel_size_um: Sequence[float],
    axis: str = "z",
    region: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Fraction of every phase in each plane across an axis.

    Parameters
    ----------
    phases : array of int
        Segmented volume, 2 or 3 axes.
    codes : mapping of str to int
        The number that stands for each phase.
    voxel_size_um : sequence of float
        Edges of a voxel, one per axis.
    axis : str
        "z", "y" or "x".
    region : array of bool, optional
        Where to count; everywhere by default.

    Returns
    -------
    DataFrame
        One row per plane and phase: ``axis``, ``position_um`` (of the plane's centre, from
        the volume's face), ``phase``, ``fraction`` (NaN where the region has no voxel) and
        ``voxels`` counted in the plane.

    Raises
    ------
    InputError
        If there is no such axis, or a code stands for no phase.
    """
    phases = np.asarray(phases)
    number = axis_number(axis, phases.ndim)
    edge = edges(voxel_size_um, phases.ndim)[number]
    _counts(phases, codes, region)
    across = tuple(k for k in range(phases.ndim) if k != number)
    where = np.ones(phases.shape, bool) if region is None else np.asarray(region, bool)
    voxels = where.sum(axis=across)
    with np.errstate(invalid="ignore"):
        fractions = {
            name: ((phases == code) & where).sum(axis=across) / voxels
            for name, code in codes.items()
        }
    position = (np.arange(phases.shape[number]) + 0.5) * edge
    columns = {"axis": axis, "position_um": position}
    parts = [
        pd.DataFrame({**columns, "phase": name, "fraction": fraction, "voxels": voxels})
        for name, fraction in fractions.items()
    ]
    return pd.concat(parts, ignore_index=True)
