"""Two scans of one place at different voxel sizes, cut to what both show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.prepare import crop
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import describe_input
from napari_battery.registration.apply import placed
from napari_battery.registration.pyramid import Level, pyramid
from napari_battery.registration.quality import residual_shifts
from napari_battery.registration.register import register
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.transform import Kind, Transform, common_world
from napari_battery.volume import Volume

__all__ = ["AlignedPair", "cut_to_overlap", "mend", "place_by"]

_ROUNDS = 3
_MENDED = 0.02
"""Residual shift, in high-resolution voxels, below which nothing is left to mend."""
_ALIKE = 0.5
"""Share of the whole correlation that a block must reach for its shift to mean anything."""


@dataclass(frozen=True, eq=False)
class AlignedPair:
    """A low- and a high-resolution scan of the same place.

    Parameters
    ----------
    low, high : Volume
        Both cut to the box that both show; their world coordinates agree.
    residual_shift_um : tuple of float
        Where the low scan's detail lies relative to the high scan's, in µm along the world's
        axes, over the whole overlap.
    residuals : list of dict
        The same in blocks of the overlap: ``centre_um``, ``shift_um``, ``correlation``.
    correlation : float
        Of the two as they lie.
    notes : list of str
        What the person should know, warnings first.
    provenance : dict
        ``low`` and ``high``: what was read (see `provenance.describe_input`) and the ``box`` of
        its voxels that was kept; what was done to the alignment.
    """

    low: Volume
    high: Volume
    residual_shift_um: tuple[float, ...]
    residuals: list[dict[str, Any]]
    correlation: float
    notes: list[str]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def ratios(self) -> tuple[float, ...]:
        """High-resolution voxels along the edges of a low-resolution voxel."""
        low, high = (_edges(volume) for volume in (self.low, self.high))
        return tuple(float(v) for v in low / high)

    @property
    def residual_voxels(self) -> float:
        """Length of the residual shift in high-resolution voxels."""
        return float(np.linalg.norm(np.divide(self.residual_shift_um, _edges(self.high))))

    @property
    def block_residual_voxels(self) -> tuple[float, float] | None:
        """Median and 95th percentile of the blocks' shifts in high-resolution voxels."""
        if not self.residuals:
            return None
        edges = _edges(self.high)
        sizes = [np.linalg.norm(np.divide(row["shift_um"], edges)) for row in self.residuals]
        return float(np.median(sizes)), float(np.quantile(sizes, 0.95))


def cut_to_overlap(low: Volume, high: Volume, progress: Progress = SILENT) -> AlignedPair:
    """Cut two aligned scans to the box that both show, and measure how well they agree.

    Nothing is resampled or copied. Of turned scans the boxes also hold corners that only one
    of them shows.

    Parameters
    ----------
    low, high : Volume
        The coarser and the finer scan, of known voxel size, brought onto one another (see
        `register`, `placed`).
    progress : Progress
        Advanced per block read and compared.

    Returns
    -------
    AlignedPair
        Warns where the residual shift is above one high-resolution voxel.

    Raises
    ------
    InputError
        If both are the same image, the low scan's voxels are smaller, they do not overlap, one
        is 2-D and the other 3-D, a voxel size is unknown, or one has no contrast in the overlap.
    """
    for volume in (low, high):
        volume.known_voxel_size_um()
    world = common_world(high, low)
    edges = [float(np.prod(_edges(v))) ** (1 / v.ndim) for v in (low, high)]
    if edges[0] < edges[1] * (1 - 1e-6):
        raise InputError(
            f"The low-resolution scan “{low.name}” has voxels of {edges[0]:.4g} µm, smaller than "
            f"the {edges[1]:.4g} µm of “{high.name}”: exchange the two, or check the voxel sizes."
        )
    if low is high or low.data is high.data or _same(low, high):
        raise InputError(
            f"“{low.name}” and “{high.name}” are the same image; a pair needs two scans."
        )
    to_low = np.asarray(np.linalg.solve(world.moving, world.fixed), np.float64)
    to_high = np.asarray(np.linalg.inv(to_low), np.float64)
    low_box = _overlap(low.shape, high.shape, to_high)
    high_box = _overlap(high.shape, low.shape, to_low)
    if low_box is None or high_box is None:
        raise InputError(
            f"“{low.name}” and “{high.name}” do not overlap anywhere: align them first, or check "
            "their voxel sizes and positions."
        )
    sources = {
        name: {**describe_input(volume), "box": [list(ends) for ends in box]}
        for name, volume, box in (("low", low, low_box), ("high", high, high_box))
    }
    return _measured(_cropped(low, low_box), _cropped(high, high_box), sources, progress)


def mend(pair: AlignedPair, kind: Kind = "affine", progress: Progress = SILENT) -> AlignedPair:
    """Take the residual shift out of a pair by moving the low scan; nothing is resampled.

    Parameters
    ----------
    pair : AlignedPair
    kind : {"translation", "rigid", "similarity", "affine"}
        What else may be wrong besides the place. Two scans mostly differ a little in
        magnification, which "affine" allows for along each axis.
    progress : Progress
        Advanced per step of the alignment and block compared.

    Returns
    -------
    AlignedPair
        Cut to what both show now. The pair as it is where the correlation did not rise.
    """
    settings = RegisterSettings(kind=kind, start="current")
    mended, moved = pair, np.eye(pair.low.ndim + 1)
    for _ in range(_ROUNDS):
        transform = register(mended.high, mended.low, settings, progress).transform
        again = cut_to_overlap(_simply(placed(mended.low, transform)), mended.high, progress)
        if again.correlation <= mended.correlation:
            break
        moved = transform.matrix @ moved
        mended = again
        if mended.residual_voxels <= _MENDED:
            break
    if mended is pair:
        return replace(pair, notes=[*pair.notes, "Mending did not raise the correlation."])
    made = {
        **pair.provenance,
        **{name: _within(pair.provenance[name], mended.provenance[name]) for name in _SCANS},
        "mended": {"kind": kind, "low_moved_by": moved.tolist(), "before": _told(pair)},
    }
    return replace(mended, provenance=made)


def place_by(low: Volume, high: Volume, transform: Transform) -> Volume:
    """The low scan where a transform between the two says, whichever of them it moves.

    Parameters
    ----------
    low, high : Volume
    transform : Transform
        From `register`. Which scan was the moving one is told by the voxel sizes it was found
        with; without these (an ITK file), the low one.

    Returns
    -------
    Volume
        The low scan with another place; the same data.
    """

    def apart(of: tuple[float, ...] | None, volume: Volume) -> float:
        if of is None or len(of) != volume.ndim:
            return np.inf
        return float(np.abs(np.log(np.divide(of, volume.known_voxel_size_um()))).max())

    size = transform.moving_voxel_size_um
    if apart(size, high) < apart(size, low):
        transform = transform.invert()
    return _simply(placed(low, transform))


_SCANS = ("low", "high")


def _told(pair: AlignedPair) -> dict[str, Any]:
    return {"residual_shift_um": list(pair.residual_shift_um), "correlation": pair.correlation}


def _within(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """The source as it was read, with the box of a box."""
    box = [[a[0] + b[0], a[0] + b[1]] for a, b in zip(outer["box"], inner["box"], strict=True)]
    return {**outer, "box": box}


def _edges(volume: Volume) -> NDArray[np.float64]:
    """Edges of a voxel in the world, in µm."""
    return np.asarray(np.linalg.norm(volume.world_affine()[:-1, :-1], axis=0))


def _same(low: Volume, high: Volume) -> bool:
    if low.shape != high.shape or low.dtype != high.dtype:
        return False
    rows = np.unique(np.linspace(0, low.shape[0] - 1, 8).astype(int))
    return all(
        np.array_equal(low.data[int(row)], high.data[int(row)], equal_nan=low.dtype.kind == "f")
        for row in rows
    )


def _cropped(volume: Volume, box: list[tuple[int, int]]) -> Volume:
    """Cut out under the same name, and without a note of a crop where all is kept."""
    whole = all(ends == (0, n) for ends, n in zip(box, volume.shape, strict=True))
    return volume if whole else replace(crop(volume, box), name=volume.name)


def _overlap(
    shape: tuple[int, ...], other: tuple[int, ...], to_other: NDArray[np.float64]
) -> list[tuple[int, int]] | None:
    """Box of the voxels that have a part in another box of voxels, however it is turned."""
    from scipy.optimize import linprog

    linear, offset = to_other[:-1, :-1], to_other[:-1, -1]
    limits = np.vstack([linear, -linear])
    bounds = np.concatenate([np.array(other) - 0.5 - offset, offset + 0.5])
    box = []
    for axis, n in enumerate(shape):
        ends = []
        for sign in (1.0, -1.0):
            aim = np.zeros(len(shape))
            aim[axis] = sign
            found = linprog(aim, limits, bounds, bounds=[(-0.5, m - 0.5) for m in shape])
            if found.status != 0:
                return None
            ends.append(sign * found.fun)
        # a thousandth of a voxel is rounding, not overlap
        first, last = int(np.floor(ends[0] + 0.501)), int(np.ceil(ends[1] + 0.499))
        if last <= first:
            return None
        box.append((max(0, first), min(n, last)))
    return box


def _simply(volume: Volume) -> Volume:
    """The same place without an affine, where voxel size and origin can say it."""
    if volume.affine is None:
        return volume
    matrix = volume.world_affine()
    sizes = np.diag(matrix)[:-1]
    if np.abs(matrix[:-1, :-1] - np.diag(sizes)).max() > 1e-9 or (sizes <= 0).any():
        return volume
    return replace(
        volume,
        voxel_size_um=tuple(float(v) for v in sizes),
        origin_um=tuple(float(v) for v in matrix[:-1, -1]),
        affine=None,
    )


def _measured(
    low: Volume, high: Volume, sources: dict[str, Any], progress: Progress
) -> AlignedPair:
    settings = RegisterSettings(kind="translation", start="current")
    found = register(high, low, settings, progress)
    first = 3 - high.ndim
    # the low scan's detail lies where moving it back would end
    shift = -found.transform.matrix[:-1, -1]
    correlation = float(found.quality["correlation_before"])
    spacing = float(np.prod(_edges(low))) ** (1 / low.ndim)
    still, other = (pyramid(volume, [spacing], None, progress)[0] for volume in (high, low))
    rows = _blocks(still, other, shift, first, settings, progress)
    rows = [row for row in rows if row["correlation"] >= _ALIKE * correlation]
    pair = AlignedPair(
        low, high, tuple(float(v) for v in shift), rows, correlation, list(found.notes), sources
    )
    warnings = [text for text in found.quality["warnings"] if "random shifts" in text]
    return replace(pair, notes=[*_warnings(pair), *warnings, *pair.notes])


def _blocks(
    still: Level, other: Level, shift: NDArray[np.float64], first: int,
    settings: RegisterSettings, progress: Progress,
) -> list[dict[str, Any]]:  # fmt: skip
    """Shifts in blocks, looked for around the shift of the whole."""
    matrix = np.eye(4)
    matrix[first:3, 3] = shift
    return [
        {
            "centre_um": [float(v) for v in centre[first:]],
            "shift_um": [float(v) for v in left[first:] + shift],
            "correlation": float(correlation),
        }
        for centre, left, correlation in residual_shifts(still, other, matrix, settings, progress)
    ]


def _warnings(pair: AlignedPair) -> list[str]:
    size = pair.residual_voxels
    if size > 1:
        shift = " × ".join(f"{v:.3g}" for v in pair.residual_shift_um)
        return [
            f"“{pair.low.name}” is still shifted by {size:.2f} high-resolution voxels "
            f"({shift} µm) from “{pair.high.name}”: mend the pair, or align again."
        ]
    blocks = pair.block_residual_voxels
    if blocks is not None and blocks[0] > 1:
        return [
            f"Blocks of the overlap are shifted by {blocks[0]:.2f} high-resolution voxels (median),"
            " though the whole is not: the scans differ in magnification or turn. Mend the pair "
            "with the kind “affine”."
        ]
    return []
