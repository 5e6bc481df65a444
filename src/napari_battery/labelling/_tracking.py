"""Labels as runs along x: how large, where and in how many pieces, and which pairs meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["Runs", "Shapes", "check_labels", "count_pairs", "find_runs", "shapes", "touching"]

_BLOCK_VOXELS = 1 << 22


@dataclass(frozen=True, eq=False)
class Runs:
    """Labels of a volume, run by run.

    Parameters
    ----------
    shape : tuple of int
        Shape of the volume as z, y, x; z is 1 in 2-D.
    numbers : (m,) int64 array
        The labels that occur, ascending.
    rows : (nz·ny + 1,) int64 array
        First run of each row.
    starts, ends : (n,) int32 arrays
        First and past-last x of each run.
    index : (n,) int32 array
        Place of its label in `numbers`.
    """

    shape: tuple[int, int, int]
    numbers: NDArray[np.int64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    index: NDArray[np.int32]

    def volumes(self) -> NDArray[np.int64]:
        """Voxels of each label."""
        lengths = self.ends - self.starts
        voxels = np.bincount(self.index, weights=lengths, minlength=len(self.numbers))
        return voxels.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Shapes:
    """What each label of `Runs.numbers` is like; lengths in voxels."""

    volume: NDArray[np.int64]
    centroid: NDArray[np.float64]
    """(m, 3), z y x."""
    cut: NDArray[np.bool_]
    """Whether it reaches a face of the volume (axes of one voxel have none) or the region."""
    pieces: NDArray[np.int64]
    largest: NDArray[np.int64]
    """Voxels of the largest piece."""


def check_labels(labels: Volume) -> None:
    """Refuse what cannot be labels.

    Raises
    ------
    InputError
        If there is no voxel, or the type is no integer.
    """
    if 0 in labels.shape:
        raise InputError(f"The labels “{labels.name}” have no voxels (shape {labels.shape}).")
    if labels.dtype.kind not in "ui":
        raise InputError(
            f"“{labels.name}” holds {labels.dtype} numbers; labels are whole numbers. Choose a "
            "labels layer, or make one in the Label particles dock."
        )


def find_runs(labels: Volume, progress: Progress = SILENT) -> Runs:
    """Find the runs of a volume of labels, block by block.

    Parameters
    ----------
    labels : Volume
        Integers, 2-D or 3-D, 0 outside particles; read once.
    progress : Progress
        Advanced per block of planes.

    Raises
    ------
    InputError
        If they are no integers, or a label is negative.
    """
    from napari_battery.labelling._tracking_runs import count_runs, fill_runs

    check_labels(labels)
    data = labels.data if labels.ndim == 3 else labels.data[None]
    nz, ny, nx = (int(n) for n in data.shape)
    step = max(1, _BLOCK_VOXELS // max(1, ny * nx))
    counts = np.zeros(nz * ny + 1, np.int64)
    parts = []
    progress.begin(-(-nz // step), "Reading labels")
    for z in range(0, nz, step):
        block = np.ascontiguousarray(data[z : z + step])
        if not block.dtype.isnative:
            block = block.astype(block.dtype.newbyteorder("="))
        here = counts[1 + z * ny : 1 + (z + len(block)) * ny]
        if count_runs(block, here) < 0:
            raise InputError(
                f"“{labels.name}” holds the negative label {int(block.min())}; labels are 0 "
                "outside particles and positive inside."
            )
        n = int(here.sum())
        starts, ends = np.empty(n, np.int32), np.empty(n, np.int32)
        # the block's own type: numbers beyond int32 are as good as others here
        numbers = np.empty(n, block.dtype)
        fill_runs(block, 0, starts, ends, numbers)
        parts.append((starts, ends, numbers))
        progress.advance()
    numbers, index = _places(np.concatenate([part[2] for part in parts]))
    return Runs(
        (nz, ny, nx),
        numbers,
        np.cumsum(counts),
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        index,
    )


def _places(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Numbers that occur, ascending, and the place of each label among them."""
    top = int(labels.max(initial=0))
    if top > np.iinfo(np.int64).max:
        raise InputError(f"Label {top} is too large a number; renumber the labels.")
    if top < 8 * labels.size + 2**20:
        seen = np.zeros(top + 1, bool)
        seen[labels] = True
        numbers = np.flatnonzero(seen).astype(np.int64)
        place = np.cumsum(seen, dtype=np.int32) - 1
        return numbers, place[labels]
    numbers, index = np.unique(labels, return_inverse=True)
    return numbers.astype(np.int64), index.astype(np.int32)


def shapes(runs: Runs, region: Any = None) -> Shapes:
    """Volume, centroid, cut by a face, and pieces of each label.

    Parameters
    ----------
    runs : Runs
        The labels.
    region : bool array, optional
        Labels next to a voxel outside it count as cut; needs the volume's shape.
    """
    from napari_battery.labelling._tracking_runs import at_edge, join_runs, sums

    nz, ny, nx = runs.shape
    m = len(runs.numbers)
    volume, position, cut = np.zeros(m, np.int64), np.zeros((m, 3)), np.zeros(m, bool)
    sums(
        runs.rows, ny, nz, nx, runs.starts, runs.ends, runs.index, volume, position, cut
    )  # fmt: skip
    if region is not None:
        inside = np.asarray(region, bool).reshape(runs.shape)
        at_edge(runs.rows, inside, runs.starts, runs.ends, runs.index, cut)
    pieces, largest = np.zeros(m, np.int64), np.zeros(m, np.int64)
    parent = np.empty(len(runs.starts), np.int64 if len(runs.starts) > 2**31 - 1 else np.int32)
    join_runs(runs.rows, ny, runs.starts, runs.ends, runs.index, parent, pieces, largest)
    return Shapes(volume, position / np.maximum(volume, 1)[:, None], cut, pieces, largest)


def count_pairs(a: Runs, b: Runs) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Voxels that labels of one volume have in common with labels of another.

    Returns
    -------
    tuple of int64 arrays
        Places in ``a.numbers``, places in ``b.numbers``, voxels in common (above 0);
        sorted by both places.
    """
    from napari_battery.labelling._tracking_pairs import pair_runs

    def step(row: int, *table: Any) -> Any:
        return pair_runs(
            row, a.rows, a.starts, a.ends, a.index, b.rows, b.starts, b.ends, b.index, *table
        )  # fmt: skip

    first, second, values = _tabulate(step, len(a.rows) - 1, 1)
    return first, second, values[:, 0]


def touching(runs: Runs) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Faces between touching labels.

    Returns
    -------
    tuple of int64 arrays
        Places of the two labels in ``runs.numbers``, the smaller first, sorted; and
        (n, 3) voxel faces across z, y and x between them.
    """
    from napari_battery.labelling._tracking_pairs import contacts

    def step(row: int, *table: Any) -> Any:
        return contacts(
            row, runs.rows, runs.shape[1], runs.starts, runs.ends, runs.index, *table
        )  # fmt: skip

    return _tabulate(step, len(runs.rows) - 1, 3)


def _tabulate(
    step: Callable[..., Any], n_rows: int, n_values: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Run a kernel over all rows with a hash table that doubles whenever it is half full."""
    from napari_battery.labelling._tracking_pairs import add_pairs

    bits, row, used = 15, 0, 0
    keys, values = np.zeros(1 << bits, np.uint64), np.zeros((1 << bits, n_values), np.int64)
    while True:
        row, used = step(row, keys, values, used, np.uint64(64 - bits))
        if row == n_rows:
            break
        bits += 1
        old = keys, values
        keys, values = np.zeros(1 << bits, np.uint64), np.zeros((1 << bits, n_values), np.int64)
        add_pairs(*old, keys, values)
    taken = np.flatnonzero(keys)
    taken = taken[np.argsort(keys[taken])]
    pairs = keys[taken]
    first = (pairs >> np.uint64(32)).astype(np.int64) - 1
    second = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return first, second, values[taken]
