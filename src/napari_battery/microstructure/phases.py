"""`Phases`: a segmented volume, and which code means which phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.volume import Volume

__all__ = ["ACTIVE", "BINDER", "PORE", "Phases", "parse_codes", "phases_of", "region_box"]

PORE, ACTIVE, BINDER = "pore", "active", "binder"
"""Names with a meaning: transport runs through the pores, particles are of the active material.
Phases of any other name are measured, too, where no such role is asked for."""

_MOST_CODES = 32
"""A volume of more different values holds particles' labels or grey levels, not phases."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Phases:
    """A segmented volume in memory.

    Parameters
    ----------
    data : integer array
        Codes, (z, y, x) or (y, x).
    codes : dict of str to int
        Code of each phase, as ``{"pore": 0, "active": 1}``.
    voxel_size_um : tuple of float
        µm per axis.
    name : str
        What messages call it.
    """

    data: NDArray[Any]
    codes: dict[str, int]
    voxel_size_um: tuple[float, ...]
    name: str = "volume"

    def mask(self, phase: str) -> Mask:
        """Where a phase is.

        Raises
        ------
        InputError
            If no code was given for it.
        """
        if phase not in self.codes:
            raise InputError(
                f"No phase of “{self.name}” is called “{phase}”, only {', '.join(self.codes)}: "
                f"name it with its code, as {phase}=0."
            )
        found: Mask = self.data == self.codes[phase]
        return found

    def part(self, box: tuple[slice, ...]) -> Phases:
        """The same phases within a box of voxels."""
        return replace(self, data=self.data[box])


def parse_codes(text: str) -> dict[str, int]:
    """Read ``pore=0,active=1,binder=2``.

    Raises
    ------
    InputError
        If it is written otherwise, or a name or a code is given twice.
    """
    codes: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, code = (piece.strip() for piece in part.partition("="))
        try:
            value = int(code)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise InputError(
                f"Phases: “{part}” is not NAME=CODE; write them as pore=0,active=1,binder=2."
            )
        if name in codes or value in codes.values():
            raise InputError(f"Phases: “{part}” gives a name or a code for the second time.")
        codes[name] = value
    if not codes:
        raise InputError("Phases: name at least one, as pore=0,active=1,binder=2.")
    return codes


def phases_of(volume: Volume, codes: Mapping[str, int] | None = None) -> Phases:
    """Read a segmented volume with its codes.

    Parameters
    ----------
    volume : Volume
        Integers or booleans. A region that is a box is cut out.
    codes : mapping of str to int, optional
        Code of each phase. None takes what the volume's own metadata say ("phases", as the
        phases step writes them), and for booleans pore = False, active = True; nothing is
        assumed about any other volume.

    Raises
    ------
    InputError
        If the volume holds labels of particles, grey levels, NaN or a code without a name;
        if no code is known; if its voxel size is unknown, or its region is no box.
    """
    if volume.metadata.get("kind") == "labels":
        raise InputError(
            f"“{volume.name}” holds labels of particles, not phases: give it as labels."
        )
    known = dict(codes) if codes is not None else _own_codes(volume)
    size = volume.known_voxel_size_um()
    data = _whole_numbers(volume, np.asarray(volume.data[region_box(volume)]))
    _check_codes(volume, data, known)
    return Phases(data, known, size, volume.name)


def _own_codes(volume: Volume) -> dict[str, int]:
    own = volume.metadata.get("phases")
    if isinstance(own, Mapping):
        return {str(name): int(code) for name, code in own.items()}
    if volume.dtype == np.bool_:
        return {PORE: 0, ACTIVE: 1}
    raise InputError(
        f"“{volume.name}” does not say which code means which phase: name them, as "
        "--phases pore=0,active=1,binder=2."
    )


def region_box(volume: Volume) -> tuple[slice, ...]:
    """The box that a volume's region is; the whole volume where it has none.

    Raises
    ------
    InputError
        If the region is empty or no box: transport and surfaces need flat faces.
    """
    if volume.region is None:
        return (slice(None),) * volume.ndim
    region = np.asarray(volume.region, np.bool_)
    spans = []
    for axis in range(region.ndim):
        others = tuple(i for i in range(region.ndim) if i != axis)
        inside = np.flatnonzero(region.any(axis=others))
        if not inside.size:
            raise InputError(f"The region of “{volume.name}” is empty: draw another one.")
        spans.append(slice(int(inside[0]), int(inside[-1]) + 1))
    box = tuple(spans)
    if not region[box].all():
        raise InputError(
            f"The region of “{volume.name}” is no box; microstructure is measured between flat "
            "faces. Draw a box inside the electrode."
        )
    return box


def _whole_numbers(volume: Volume, data: NDArray[Any]) -> NDArray[Any]:
    if data.size == 0:
        raise InputError(f"“{volume.name}” is empty (shape {volume.shape}).")
    if data.dtype == np.bool_:
        return data.view(np.uint8)
    if data.dtype.kind in "iu":
        return data
    bad = int(data.size - np.isfinite(data).sum())
    if bad:
        raise InputError(
            f"“{volume.name}” has {bad} voxels that are no numbers (NaN): crop them away, or "
            "give them a code of their own."
        )
    if not (data == np.round(data)).all():
        raise InputError(
            f"“{volume.name}” holds grey levels, not phases: part it first (phases step), or "
            "give thresholds."
        )
    return data.astype(np.int64)


def _check_codes(volume: Volume, data: NDArray[Any], codes: Mapping[str, int]) -> None:
    low, high = int(data.min()), int(data.max())
    if high - low < 65536:
        counts = np.bincount((data.ravel() - low).astype(np.int64, copy=False))
        values = np.flatnonzero(counts) + low
        counts = counts[values - low]
    else:
        values, counts = np.unique(data, return_counts=True)
    unnamed = [(v, n) for v, n in zip(values, counts, strict=True) if v not in codes.values()]
    if unnamed and len(values) > _MOST_CODES:
        raise InputError(
            f"“{volume.name}” holds {len(values)} different values ({low} … {high}): labels of "
            "particles or grey levels, not phases. Give it as labels, or part it first."
        )
    if unnamed:
        shares = ", ".join(f"{v} ({n / data.size:.1%} of the voxels)" for v, n in unnamed[:5])
        named = ",".join(f"{name}={code}" for name, code in codes.items())
        raise InputError(
            f"“{volume.name}” holds codes without a name: {shares}. Add them to {named}."
        )
